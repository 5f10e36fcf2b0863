/* From lines to attempts.
 *
 * A line passes three tests, cheapest first: is it a syslog line, does a rule know its
 * program and message, is its date a date. Most lines of a log end at the second, so the
 * time is only read for those that an incident may be built on. What remains goes to the
 * sessions, which know what the lines of one connection make together. */
#include "attempts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rules.h"
#include "sessions.h"

/* syslogd counts on until another line comes, so the number can grow large where a text
 * has no port; but a second has only so many refusals, and a number beyond that is made
 * up. */
#define REPEAT_MAX 1000000

struct attempts {
    struct attempts_counters counters;
    struct rules *rules;
    struct sessions *sessions;
    uint64_t mark;
    struct moment_cache hour;
    int64_t latest; /* what is stamped later is wrong */
    int64_t time;   /* of the last line */
};

DEFINE_CLEANUP(struct attempts *, attempts_free)

int attempts_new(const struct attempts_params *params, struct attempts **ret)
{
    static const struct attempts_params plain;
    _cleanup_(attempts_freep) struct attempts *a = NULL;
    int r;

    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    if (!params)
        params = &plain;
    a->latest = INT64_MAX;
    a->time = MOMENT_NONE;
    r = sessions_new(params->publickey, params->hash_key, &a->sessions);
    if (r == 0)
        r = rules_new(&a->rules);
    for (size_t i = 0; r == 0 && i < rules_n_builtin; i++)
        r = attempts_add_rules(a, rules_builtin[i], 1);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

int attempts_add_rules(struct attempts *a, const struct rule_service *services, size_t n)
{
    struct rule_error error;
    size_t row;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = rules_add(a->rules, &services[i], &row, &error);
    return r > 0 ? -EINVAL : r; /* of a built-in one, the tests say which is wrong */
}

struct attempts *attempts_free(struct attempts *a)
{
    if (!a)
        return NULL;
    rules_free(a->rules);
    sessions_free(a->sessions);
    free(a);
    return NULL;
}

/* Takes "message repeated 3 times: [ MSG]" off MSG (rsyslog, $RepeatedMsgReduction), and
 * leaves any other message as it is. Returns false when it begins like that but is cut or
 * counts what cannot be. */
static bool unfold(struct slice *message, uint64_t *ret_count)
{
    static const char head[] = "message repeated ", middle[] = " times: [ ";
    struct slice s = *message;
    uint64_t n = 0;

    *ret_count = 1;
    if (!slice_starts(s, head))
        return true;
    s = (struct slice){s.p + sizeof(head) - 1, s.n - (sizeof(head) - 1)};
    if (s.n == 0 || s.p[0] == '0')
        return false;
    while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9') {
        n = n * 10 + (uint64_t)(s.p[0] - '0');
        if (n > REPEAT_MAX)
            return false;
        s = (struct slice){s.p + 1, s.n - 1};
    }
    if (n == 0 || !slice_starts(s, middle) || s.p[s.n - 1] != ']')
        return false;
    *message = (struct slice){s.p + sizeof(middle) - 1, s.n - sizeof(middle)};
    *ret_count = n;
    return true;
}

/* Everything but the time and what the session makes of it. False after counting why. */
static bool recognise(struct attempts *a, const struct logline *line,
                      struct rules_result *result, struct session_line *ret)
{
    struct slice message = line->message;
    uint64_t repeats;

    if (!unfold(&message, &repeats)) {
        a->counters.ignored++;
        return false;
    }
    switch (rules_match(a->rules, line->program, message, result)) {
    case 0: break;
    case RULE_E_TRUNCATED: a->counters.truncated++; return false;
    case RULE_E_AMBIGUOUS: a->counters.ambiguous++; return false;
    default: a->counters.ignored++; return false;
    }
    *ret = (struct session_line){
        .result = result,
        .host = line->host,
        .pid = line->pid,
        .attempt =
            {
                .time = line->time,
                .source = result->match.source,
                .port = result->match.port,
                .user = result->match.user,
                .unknown_user = result->unknown_user,
                .service = result->service,
                .outcome =
                    result->meaning == RULE_SUCCESS ? ATTEMPT_SUCCESS : ATTEMPT_FAILURE,
                .count = repeats * result->match.count,
                .line = line->line,
                .mark = a->mark,
            },
    };
    return true;
}

static int take(struct attempts *a, const struct session_line *line, struct attempt *ret)
{
    int r = sessions_take(a->sessions, line, ret);

    if (r == 0)
        a->counters.ignored++;
    return r;
}

static bool in_time(struct attempts *a, const struct session_line *known)
{
    a->time = known->attempt.time.usec;
    if (a->time <= a->latest)
        return true;
    a->counters.future++;
    return false;
}

int attempts_line(struct attempts *a, const char *text, size_t n, int64_t reference,
                  bool live, struct attempt *ret)
{
    struct rules_result result;
    struct session_line known;
    struct logline line;
    struct slice time;

    a->time = MOMENT_NONE;
    a->counters.lines++;
    if (logline_split(text, n, &line, &time) != 0) {
        a->counters.garbage++;
        return 0;
    }
    if (!recognise(a, &line, &result, &known))
        return 0;
    if (!logline_time(time, &a->hour, reference, live, &known.attempt.time)) {
        a->counters.garbage++;
        return 0;
    }
    return in_time(a, &known) ? take(a, &known, ret) : 0;
}

int attempts_parsed(struct attempts *a, const struct logline *line, struct attempt *ret)
{
    struct rules_result result;
    struct session_line known;

    a->time = MOMENT_NONE;
    a->counters.lines++;
    if (!recognise(a, line, &result, &known) || !in_time(a, &known))
        return 0;
    return take(a, &known, ret);
}

static const char *meaning_words(const struct rules_result *result)
{
    switch (result->meaning) {
    case RULE_REFUSED: return "a refused credential";
    case RULE_SUCCESS: return "a login that succeeded";
    case RULE_REFUSED_KEY: return "a refused key, which counts only where configured";
    case RULE_OWN: return "a refusal in the program's words, paired with PAM's";
    case RULE_PAM: return "a refusal in PAM's words, paired with the program's";
    case RULE_UNKNOWN_USER:
        return "a name that does not exist, which counts when its session ends without a "
               "refused credential";
    case RULE_BEGIN: return "the beginning of a session";
    case RULE_END: return "the end of a session";
    case RULE_BLOCKED: return "a connection that was dropped, a figure of its own";
    case RULE_NOISE: return "no attempt, but it names the session's source";
    }
    return "";
}

static void explain_rule(const struct rules_result *result,
                         struct attempts_explanation *ret)
{
    ret->fate = ATTEMPTS_RULE;
    ret->template = result->template;
    ret->service = result->service;
    ret->meaning = meaning_words(result);
    ret->source = result->match.source_text;
    ret->port = result->match.port_text;
    ret->user = result->match.user;
}

void attempts_explain(const struct attempts *a, const char *text, size_t n,
                      int64_t reference, struct attempts_explanation *ret)
{
    struct rules_result result;
    struct moment_cache cache = {0};
    struct logline line;
    struct slice time, message;

    *ret = (struct attempts_explanation){.fate = ATTEMPTS_GARBAGE, .repeats = 1};
    ret->why = logline_garbage(text, n, &ret->at);
    if (ret->why || logline_split(text, n, &line, &time) != 0)
        return;
    ret->program = line.program;
    ret->message = message = line.message;
    if (!unfold(&message, &ret->repeats)) {
        ret->fate = ATTEMPTS_REPEAT;
        return;
    }
    switch (rules_match(a->rules, line.program, message, &result)) {
    case 0: break;
    case RULE_E_TRUNCATED: ret->fate = ATTEMPTS_TRUNCATED; return;
    case RULE_E_AMBIGUOUS: ret->fate = ATTEMPTS_AMBIGUOUS; return;
    default:
        ret->fate = rules_know(a->rules, line.program) ? ATTEMPTS_NONE : ATTEMPTS_PROGRAM;
        return;
    }
    if (!logline_time(time, &cache, reference, false, &line.time)) {
        ret->why = "its date does not exist";
        ret->at = (size_t)(time.p - text);
        return;
    }
    explain_rule(&result, ret);
}

void attempts_mark(struct attempts *a, uint64_t mark)
{
    a->mark = mark;
}

int attempts_expire(struct attempts *a, int64_t now, attempts_fn fn, void *userdata)
{
    return sessions_expire(a->sessions, now, fn, userdata);
}

int attempts_finish(struct attempts *a, attempts_fn fn, void *userdata)
{
    return sessions_finish(a->sessions, fn, userdata);
}

int64_t attempts_next(const struct attempts *a)
{
    return sessions_next(a->sessions);
}

int64_t attempts_held(const struct attempts *a)
{
    return sessions_held(a->sessions);
}

uint64_t attempts_held_mark(const struct attempts *a)
{
    return sessions_held_mark(a->sessions);
}

bool attempts_changed(const struct attempts *a)
{
    return sessions_changed(a->sessions);
}

int attempts_save(const struct attempts *a, char **ret)
{
    return sessions_save(a->sessions, ret);
}

void attempts_saved(struct attempts *a)
{
    sessions_saved(a->sessions);
}

int attempts_restore(struct attempts *a, const char *text)
{
    return sessions_restore(a->sessions, text);
}

struct moment_cache *attempts_clock(struct attempts *a)
{
    return &a->hour;
}

void attempts_limit(struct attempts *a, int64_t latest)
{
    a->latest = latest;
}

int64_t attempts_time(const struct attempts *a)
{
    return a->time;
}

const struct attempts_counters *attempts_counters(struct attempts *a)
{
    a->counters.sessions = sessions_count(a->sessions);
    a->counters.evicted = sessions_evicted(a->sessions);
    return &a->counters;
}
