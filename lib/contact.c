/* Which mailbox a report goes to.
 *
 * Registries publish several addresses for one network and mean different things by it.
 * The weights below reproduce the right choice on the recorded answers that they were
 * tried on; the order of importance is: who is named for abuse only, what RIPE marks as
 * the abuse mailbox, what is called abuse@, what stands nearest to the network, what the
 * registry has checked, what the record itself prefers. A doubt of the registry
 * ("Unvalidated POC") lowers the rank and never more: large operators' working mailboxes
 * bear it.
 *
 * Only entities with the role abuse and remarks that speak of abuse are looked at. A
 * technical or administrative contact is a person who did not offer to read reports; such
 * addresses are not even listed among the rejected ones. */
#include "contact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "contact-internal.h"
#include "mailaddr.h"

#define CANDIDATES_MAX 200
#define DOUBTED_MAX    50

/* Quarters of a point, because a preference of 1 to 100 counts a quarter each. */
#define SCORE_ONLY_ABUSE  80
#define SCORE_NAMED_ABUSE 80
#define SCORE_TYPE_ABUSE  120
#define SCORE_NEAREST     40
#define SCORE_VALIDATED   40
#define SCORE_DOUBTED     (-80)
#define SCORE_NETWORK     200 /* a remark of the network itself: more than all below */

struct candidate {
    char mail[MAILADDR_MAX + 1];
    int score;
    const char *why; /* must not be chosen, for this reason; or NULL */
};

struct choice {
    const struct rdap_network *net;
    const struct contact_rules *rules;
    struct contact_result *result;
    struct candidate *candidates; /* each address once, in the order of the answer */
    size_t n_candidates;
    char (*doubted)[MAILADDR_MAX + 1]; /* addresses that a remark calls invalid */
    size_t n_doubted;
    bool placeholder; /* at least one was refused that is an address or stands for one */
    const char *mailless; /* handle of an abuse entity without any mail address */
};

static bool has(const char *s, const char *words)
{
    return s && strcasestr(s, words);
}

static bool is_abuse(const struct rdap_entity *entity, bool *ret_only)
{
    size_t n = 0;
    bool found = false;

    for (; entity->roles && entity->roles[n]; n++)
        found = found || strcmp(entity->roles[n], "abuse") == 0;
    if (ret_only)
        *ret_only = n == 1;
    return found;
}

/* ---- doubts about single addresses ---- */

static void doubt_line(struct choice *choice, const char *line)
{
    size_t pos = 0;

    while (choice->n_doubted < DOUBTED_MAX &&
           contact_next_mail(line, &pos, choice->doubted[choice->n_doubted]))
        choice->n_doubted++;
}

static bool says_invalid(const char *line)
{
    return has(line, "is invalid") || has(line, "reported to be invalid");
}

/* APNIC writes "x@y is invalid" into the remarks of the entity; RIPE writes "Abuse
 * contact for 'NET' is 'x@y'" and that its validation failed into those of the network.
 */
static void collect_doubts(struct choice *choice)
{
    const struct rdap_network *net = choice->net;
    bool failed = false;

    for (unsigned i = 0; i < net->n_entities; i++)
        for (char **line = net->entities[i].remarks; line && *line; line++)
            if (says_invalid(*line))
                doubt_line(choice, *line);
    for (char **line = net->remarks; line && *line; line++)
        failed = failed || has(*line, "validation failed");
    for (char **line = net->remarks; line && *line; line++)
        if (says_invalid(*line) || (failed && has(*line, "abuse contact for")))
            doubt_line(choice, *line);
}

static bool is_doubted(const struct choice *choice, const char *mail)
{
    for (size_t i = 0; i < choice->n_doubted; i++)
        if (mailaddr_equal(choice->doubted[i], mail))
            return true;
    return false;
}

/* ---- candidates ---- */

/* Adds an address, or joins it with the one that is already there: the best rank counts,
 * and one reason against it anywhere is enough. */
static int add_candidate(struct choice *choice, const char *mail, int score,
                         const char *why)
{
    struct candidate *c = NULL, *grown;

    for (size_t i = 0; i < choice->n_candidates && !c; i++)
        if (mailaddr_equal(choice->candidates[i].mail, mail))
            c = &choice->candidates[i];
    if (!c) {
        if (choice->n_candidates >= CANDIDATES_MAX)
            return 0;
        grown =
            reallocarray(choice->candidates, choice->n_candidates + 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        choice->candidates = grown;
        c = &grown[choice->n_candidates++];
        *c = (struct candidate){.score = INT32_MIN};
        memcpy(c->mail, mail, strlen(mail) + 1);
        c->why = contact_refusal(choice->net, mail, choice->rules);
    }
    if (!c->why)
        c->why = why;
    if (score > c->score)
        c->score = score;
    if (!c->why)
        return 0;
    choice->placeholder = true;
    return contact_reject(choice->result, c->mail, c->why);
}

static int add_mail(struct choice *choice, const struct rdap_mail *mail)
{
    const struct rdap_entity *entity = &choice->net->entities[mail->entity];
    char addr[MAILADDR_MAX + 1];
    bool only;
    int score = 0;

    if (!is_abuse(entity, &only))
        return 0;
    if (!mailaddr_parse(mail->value, strlen(mail->value), addr)) {
        if (!contact_is_stand_in(mail->value))
            return contact_reject(choice->result, mail->value, "not a mail address");
        choice->placeholder = true;
        return contact_reject(choice->result, mail->value,
                              "a placeholder, not a mail address");
    }
    score += only ? SCORE_ONLY_ABUSE : 0;
    score += contact_speaks_of_abuse(addr) ? SCORE_NAMED_ABUSE : 0;
    score += mail->type_abuse ? SCORE_TYPE_ABUSE : 0;
    score += entity->depth == 0 ? SCORE_NEAREST : 0;
    score += entity->validated ? SCORE_VALIDATED : 0;
    score += entity->doubted || is_doubted(choice, addr) ? SCORE_DOUBTED : 0;
    score += 100 - (int)mail->pref;
    return add_candidate(choice, addr, score,
                         contact_is_registry_team(entity->handle)
                             ? "a national registry's contact, not the holder's"
                             : NULL);
}

static int collect_abuse(struct choice *choice)
{
    const struct rdap_network *net = choice->net;
    int r = 0;

    for (unsigned i = 0; i < net->n_mails && r == 0; i++)
        r = add_mail(choice, &net->mails[i]);
    for (unsigned i = 0; i < net->n_entities && !choice->mailless; i++) {
        bool any = false;

        for (unsigned j = 0; j < net->n_mails && !any; j++)
            any = net->mails[j].entity == i;
        if (!any && is_abuse(&net->entities[i], NULL) && net->entities[i].handle)
            choice->mailless = net->entities[i].handle;
    }
    return r;
}

/* ---- remarks ---- */

/* "do not send abuse reports to x@y": prose that denies something is not for a program.
 */
static bool denies(const char *line)
{
    static const char *const words[] = {"not", "never", "don't", "cannot"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        for (const char *p = line; (p = strcasestr(p, words[i])); p++) {
            char before = p == line ? ' ' : p[-1], after = p[strlen(words[i])];

            if (strchr(" \t*(\"'-", before) &&
                (after == '\0' || strchr(" \t*,.!:;", after)))
                return true;
        }
    return false;
}

static int read_remark_line(struct choice *choice, const char *line, int score)
{
    char addr[MAILADDR_MAX + 1];
    size_t pos = 0;
    int r = 0;

    /* These lines tell about the checks of an address, not where to write. */
    if (has(line, "was validated on") || says_invalid(line) ||
        !(has(line, "abuse") || has(line, "spam")))
        return 0;
    while (r == 0 && contact_next_mail(line, &pos, addr)) {
        int s = score;

        s += contact_speaks_of_abuse(addr) ? SCORE_NAMED_ABUSE : 0;
        s += is_doubted(choice, addr) ? SCORE_DOUBTED : 0;
        r = add_candidate(choice, addr, s,
                          denies(line) ? "in a remark that says \"not\"" : NULL);
    }
    return r;
}

static int collect_remarks(struct choice *choice)
{
    const struct rdap_network *net = choice->net;
    int r = 0;

    for (char **line = net->remarks; line && *line && r == 0; line++)
        r = read_remark_line(choice, *line, SCORE_NETWORK);
    for (unsigned i = 0; i < net->n_entities && r == 0; i++)
        for (char **line = net->entities[i].remarks; line && *line && r == 0; line++)
            r = read_remark_line(choice, *line, 0);
    return r;
}

/* ---- web forms ---- */

static char *form_in_lines(char **lines, bool of_abuse_entity)
{
    static const char *const words[] = {"abuse", "spam", "report", "form", "complain"};
    size_t n_words = of_abuse_entity ? sizeof(words) / sizeof(words[0]) : 2;

    for (; lines && *lines; lines++) {
        _cleanup_(cleanup_free) char *url = NULL, *host = NULL;
        bool telling = false;

        for (size_t i = 0; i < n_words; i++)
            telling = telling || has(*lines, words[i]);
        if (!telling || !(url = contact_find_url(*lines)))
            continue;
        host = rdap_url_host(url);
        if (host && !contact_is_registry_domain(host))
            return TAKE_PTR(url);
    }
    return NULL;
}

static char *find_form(const struct rdap_network *net)
{
    char *form;

    for (unsigned i = 0; i < net->n_entities; i++) {
        const struct rdap_entity *entity = &net->entities[i];

        if (!is_abuse(entity, NULL) || contact_is_registry_team(entity->handle))
            continue;
        form = entity->form ? strdup(entity->form) : form_in_lines(entity->remarks, true);
        if (form)
            return form;
    }
    return form_in_lines(net->remarks, false);
}

/* ---- the choice ---- */

static struct candidate *best(struct choice *choice)
{
    struct candidate *found = NULL;

    for (size_t i = 0; i < choice->n_candidates; i++) {
        struct candidate *c = &choice->candidates[i];

        if (!c->why && (!found || c->score > found->score))
            found = c;
    }
    return found;
}

static int set_found(struct choice *choice, const struct candidate *chosen,
                     const char *source)
{
    struct contact_result *result = choice->result;
    char why[MAILADDR_MAX + 32];
    int r = 0;

    snprintf(why, sizeof(why), "lower rank than %s", chosen->mail);
    for (size_t i = 0; i < choice->n_candidates && r == 0; i++)
        if (!choice->candidates[i].why && &choice->candidates[i] != chosen)
            r = contact_reject(result, choice->candidates[i].mail, why);
    if (r < 0)
        return r;
    result->outcome = CONTACT_FOUND;
    result->contact = strdup(chosen->mail);
    result->source = strdup(source);
    return result->contact && result->source ? 0 : -ENOMEM;
}

static int set_not_found(struct choice *choice)
{
    struct contact_result *result = choice->result;
    const char *cut = choice->net->truncated ? "; the registry has cut the answer" : "";
    _cleanup_(cleanup_free) char *handle = NULL;
    int n;

    if (result->form) {
        result->outcome = CONTACT_FORM_ONLY;
        n = asprintf(&result->detail, "there is a web form, but no mailbox%s", cut);
    } else if (choice->placeholder) {
        result->outcome = CONTACT_PLACEHOLDER_ONLY;
        n = asprintf(&result->detail,
                     "there are only addresses that must not be mailed%s", cut);
    } else if (result->n_rejected > 0) {
        result->outcome = CONTACT_NONE_PUBLISHED;
        n = asprintf(&result->detail,
                     "what the registry gives for abuse is no mail address%s", cut);
    } else if (choice->mailless) {
        result->outcome = CONTACT_NONE_PUBLISHED;
        handle = text_escape(choice->mailless, strlen(choice->mailless), 64);
        if (!handle)
            return -ENOMEM;
        n = asprintf(&result->detail,
                     "the abuse contact %s comes without a mail address%s", handle, cut);
    } else {
        result->outcome = CONTACT_NONE_PUBLISHED;
        n = asprintf(&result->detail, "the registry names no abuse mailbox%s", cut);
    }
    if (n >= 0)
        return 0;
    result->detail = NULL;
    return -ENOMEM;
}

static int decide(struct choice *choice)
{
    const char *source = "rdap-abuse";
    struct candidate *chosen;
    int r;

    collect_doubts(choice);
    r = collect_abuse(choice);
    if (r < 0)
        return r;
    chosen = best(choice);
    if (!chosen) {
        source = "rdap-remarks";
        r = collect_remarks(choice);
        if (r < 0)
            return r;
        chosen = best(choice);
    }
    choice->result->form = find_form(choice->net);
    return chosen ? set_found(choice, chosen, source) : set_not_found(choice);
}

int contact_choose(const struct rdap_network *net, const struct addr *query,
                   const struct contact_rules *rules, struct contact_result *ret)
{
    struct contact_result result = {.start = net->start, .end = net->end};
    struct choice choice = {.net = net, .rules = rules, .result = &result};
    int r = -ENOMEM;

    choice.doubted = calloc(DOUBTED_MAX, sizeof(*choice.doubted));
    if (net->start.family != 0)
        result.network = rdap_range_text(net, query);
    if (choice.doubted && (result.network || net->start.family == 0))
        r = decide(&choice);
    free(choice.candidates);
    free(choice.doubted);
    if (r < 0) {
        contact_result_done(&result);
        return r;
    }
    *ret = result;
    return 0;
}

int contact_judge(const char *body, size_t n, const struct addr *query,
                  const struct contact_rules *rules, struct contact_result *ret)
{
    _cleanup_(cleanup_free) char *detail = NULL;
    struct rdap_network *net = NULL;
    int r = rdap_parse(body, n, query, &net, &detail);

    if (r < 0)
        return r;
    if (r == RDAP_E_NO_DATA)
        return contact_result_make(CONTACT_NONE_PUBLISHED, detail, false, ret);
    /* An answer about somebody else is no accident that time would mend. */
    if (r > 0)
        return contact_result_make(CONTACT_LOOKUP_FAILED, detail,
                                   r != RDAP_E_OTHER_NETWORK, ret);
    r = contact_choose(net, query, rules, ret);
    rdap_network_free(net);
    return r;
}
