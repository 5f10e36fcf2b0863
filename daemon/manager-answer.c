/* The operator's requests, a table of verbs. Verbs that change something are logged with
 * who asked. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cleanup.h"
#include "config.h"
#include "desk.h"
#include "host.h"
#include "log.h"
#include "manager-internal.h"
#include "store.h"
#include "view.h"

DEFINE_CLEANUP(struct incident *, incident_free)
DEFINE_CLEANUP(struct message *, message_free)

struct request {
    struct manager *manager;
    FILE *out;
    bool json;
    char *args[CONTROL_WORDS_MAX]; /* without the verb and the options */
    unsigned n_args;
    int state;          /* incidents --state, -1 for all */
    struct addr source; /* incidents --source, {0} for all */
};

static int store_trouble(FILE *out, int r)
{
    fprintf(out, "the state cannot be read: %s\n",
            r > 0 ? store_error_text(r) : strerror(-r));
    return EX_IOERR;
}

static int answer_status(struct request *q)
{
    struct manager *m = q->manager;
    struct view_status s = {
        .mode = policy_mode_name(m->config->policy.mode),
        .lab = m->config->reportable.n > 0,
        .state_path = m->state,
        .started = m->started,
        .now = host_now(),
        .intake = m->intake,
    };
    int r = store_incident_counts(m->store, s.incidents);

    if (r != 0)
        return store_trouble(q->out, r);
    desk_counters(m->desk, &s.desk);
    view_status(q->out, &s, q->json);
    return EX_OK;
}

static int print_row(void *userdata, const struct incident *inc)
{
    struct request *q = userdata;

    view_incident_row(q->out, inc, q->json);
    return 0;
}

static int answer_incidents(struct request *q)
{
    struct store_incident_filter filter = {
        .state = q->state, .source = q->source.family ? &q->source : NULL};
    int r;

    if (!q->json)
        view_incident_header(q->out);
    r = store_incident_each(q->manager->store, &filter, print_row, q);
    return r == 0 ? EX_OK : store_trouble(q->out, r);
}

/* "17", or the reference "AR-17-9f86d081" that the mail shows. */
static int parse_id(struct request *q, int64_t *ret)
{
    const char *text = q->n_args == 1 ? q->args[0] : "";
    char reference[INCIDENT_REFERENCE_MAX], *rest;
    bool named = strncasecmp(text, "AR-", 3) == 0;
    long long id;

    errno = 0;
    id = strtoll(named ? text + 3 : text, &rest, 10);
    if (id <= 0 || errno != 0)
        return -EINVAL;
    if (named) {
        incident_reference(id, store_secret(q->manager->store), reference);
        if (strcasecmp(reference, text) != 0)
            return -EINVAL;
    } else if (*rest != '\0') {
        return -EINVAL;
    }
    *ret = id;
    return 0;
}

static int need_id(struct request *q, int64_t *ret)
{
    if (parse_id(q, ret) == 0)
        return EX_OK;
    fprintf(q->out, "an incident's number or reference is needed, such as 17; "
                    "`abuse-reporterctl incidents` lists them\n");
    return EX_USAGE;
}

static int no_such(struct request *q, int64_t id)
{
    fprintf(q->out, "there is no incident %" PRId64 "\n", id);
    return EX_DATAERR;
}

static int answer_show(struct request *q)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    _cleanup_(message_freep) struct message *m = NULL;
    struct report report = {0};
    bool preview = false;
    int64_t id;
    int r = need_id(q, &id);

    if (r != EX_OK)
        return r;
    r = store_incident_get(q->manager->store, id, &inc);
    if (r == STORE_E_MISSING)
        return no_such(q, id);
    if (r == 0)
        r = store_message_of(q->manager->store, id, &m);
    if (r != 0 && r != STORE_E_MISSING)
        return store_trouble(q->out, r);
    if (!m)
        preview = desk_compose(q->manager->desk, inc, host_now(), &report) == 0;
    view_incident(q->out, inc, m, preview ? &report : NULL, q->json);
    if (preview)
        report_done(&report);
    return EX_OK;
}

static int judge(struct request *q, int64_t id, const char *verb,
                 int (*fn)(struct desk *, int64_t))
{
    int r = fn(q->manager->desk, id);

    if (r == STORE_E_MISSING)
        return no_such(q, id);
    if (r == -EPERM) {
        fprintf(q->out, "the mode is observe, which sends nothing: choose `mode: hold` "
                        "or `mode: send` first\n");
        return EX_NOPERM;
    }
    if (r == -EINVAL) {
        fprintf(q->out,
                "incident %" PRId64 " does not wait for a decision: "
                "see `abuse-reporterctl show %" PRId64 "`\n",
                id, id);
        return EX_DATAERR;
    }
    if (r != 0)
        return store_trouble(q->out, r);
    fprintf(q->out, "incident %" PRId64 ": %s\n", id, verb);
    return EX_OK;
}

static int answer_approve(struct request *q)
{
    int64_t id;
    int r = need_id(q, &id);

    return r == EX_OK ? judge(q, id, "approved, it goes its way now", desk_approve) : r;
}

static int answer_drop(struct request *q)
{
    int64_t id;
    int r = need_id(q, &id);

    return r == EX_OK ? judge(q, id, "dropped, it will not be reported", desk_drop) : r;
}

static void say_to_client(void *userdata, const char *line)
{
    fprintf(userdata, "%s\n", line);
    settings_say_log(NULL, line);
}

static int answer_reload(struct request *q)
{
    int r = manager_reload(q->manager, say_to_client, q->out);

    if (r != 0) {
        fprintf(q->out, "the old configuration stays in force\n");
        return EX_CONFIG;
    }
    fprintf(q->out, "%s is in force now\n", q->manager->config_path);
    return EX_OK;
}

struct verb {
    const char *name;
    int (*fn)(struct request *q);
    bool changes;
};

static const struct verb verbs[] = {
    {"status", answer_status, false}, {"incidents", answer_incidents, false},
    {"show", answer_show, false},     {"approve", answer_approve, true},
    {"drop", answer_drop, true},      {"reload", answer_reload, true},
};

/* --json, --state STATE, --source ADDRESS; the rest are arguments. */
static int parse_words(const struct control_request *request, struct request *q)
{
    q->state = -1;
    for (int i = 1; i < request->argc; i++) {
        const char *word = request->argv[i];
        const char *value = i + 1 < request->argc ? request->argv[i + 1] : "";

        if (strcmp(word, "--json") == 0) {
            q->json = true;
        } else if (strcmp(word, "--state") == 0) {
            q->state = incident_state_parse(value);
            if (q->state < 0) {
                fprintf(q->out, "--state needs one of open, lookup, waiting, held, "
                                "queued, sent, observed, dropped\n");
                return EX_USAGE;
            }
            i++;
        } else if (strcmp(word, "--source") == 0) {
            struct net net;

            if (!net_parse(value, strlen(value), &net)) {
                fprintf(q->out, "--source needs an address, such as 203.0.113.5, or a "
                                "source as it is listed\n");
                return EX_USAGE;
            }
            q->source = net.addr;
            i++;
        } else if (strncmp(word, "--", 2) == 0) {
            fprintf(q->out, "there is no such option; see abuse-reporterctl(8)\n");
            return EX_USAGE;
        } else {
            q->args[q->n_args++] = request->argv[i];
        }
    }
    return EX_OK;
}

int manager_answer(void *userdata, const struct control_request *request, FILE *out)
{
    struct request q = {.manager = userdata, .out = out};
    int r;

    for (size_t i = 0; request->argc > 0 && i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (strcmp(verbs[i].name, request->argv[0]) != 0)
            continue;
        r = parse_words(request, &q);
        if (r != EX_OK)
            return r;
        if (verbs[i].changes)
            log_notice("%s%s%s: asked for by uid %u, process %d", verbs[i].name,
                       q.n_args == 1 ? " " : "",
                       q.n_args == 1 && parse_id(&q, &(int64_t){0}) == 0 ? q.args[0] : "",
                       request->uid, request->pid);
        return verbs[i].fn(&q);
    }
    fprintf(out, "the daemon does not know this request; see abuse-reporterctl(8)\n");
    return EX_USAGE;
}
