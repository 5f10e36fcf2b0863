/* An incident's way: LOOKUP -> (contact) -> decision -> QUEUED, WAITING, HELD, OBSERVED
 * or DROPPED; WAITING comes back to the decision. Each arrow is one write in the ledger's
 * transaction, made before anything is done about it, so a restart takes every incident
 * up where the store says it stands. Nothing about an incident is remembered here but
 * which look-ups are under way. */
#include "desk-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "mailaddr.h"
#include "moment.h"
#include "store.h"
#include "text.h"

#define SWEEP_EVERY (600 * USEC_PER_SEC)
#define LOOK_EVERY  (60 * USEC_PER_SEC)

DEFINE_CLEANUP(struct incident *, incident_free)

/* ---- look-ups ---- */

static int copy_text(char **to, const char *from)
{
    char *copy = from ? strdup(from) : NULL;

    if (from && !copy)
        return -ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

static int note_contact(struct incident *inc, const struct contact_result *result)
{
    int r = copy_text(&inc->contact, result->contact);

    if (r == 0)
        r = copy_text(&inc->contact_source, result->source);
    if (r == 0)
        r = copy_text(&inc->network, result->network);
    return r;
}

/* Nobody could be asked: the back-off, or longer where a server said so. When the report
 * would be too old by then, the policy says so at that moment. */
static int lookup_failed(struct desk *d, struct incident *inc,
                         const struct contact_result *result)
{
    int64_t wait = policy_backoff(++inc->attempts, (uint64_t)inc->id);
    char text[MOMENT_TEXT_MAX];
    int r;

    if (result->retry_after > wait)
        wait = result->retry_after;
    r = desk_put(d, inc, INCIDENT_LOOKUP, REASON_LOOKUP, result->detail,
                 host_now() + wait);
    if (r == 0)
        ledger_note(d->ledger, EVENT_CONTACT, LOG_WARNING, inc,
                    "the abuse contact cannot be looked up: %s; %s%s",
                    result->detail ? result->detail : "no reason given",
                    d->once ? "left for the next run" : "trying again in ",
                    d->once ? "" : duration_format(wait, text));
    return r;
}

static void log_contact(struct desk *d, const struct incident *inc,
                        const struct contact_result *result)
{
    if (result->outcome == CONTACT_FOUND)
        ledger_note(d->ledger, EVENT_CONTACT, LOG_INFO, inc, "abuse contact of %s is %s",
                    result->network ? result->network : "the network", result->contact);
    else
        ledger_note(d->ledger, EVENT_CONTACT, LOG_NOTICE, inc,
                    "no abuse contact (%s): %s", contact_outcome_name(result->outcome),
                    result->detail ? result->detail : "the registry names none");
}

static int take_contact(struct desk *d, int64_t id, const struct contact_result *result)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    int r = store_incident_get(d->store, id, &inc);

    if (r != 0)
        return desk_failed(d, r);
    if (inc->state != INCIDENT_LOOKUP && inc->state != INCIDENT_WAITING)
        return 0; /* the operator was faster */
    r = note_contact(inc, result);
    if (r < 0)
        return ledger_abort(d->ledger, r);
    if (result->outcome == CONTACT_LOOKUP_FAILED && result->temporary)
        return lookup_failed(d, inc, result);
    log_contact(d, inc, result);
    return desk_decide(d, inc, result);
}

static void on_contact(void *userdata, const struct contact_result *result)
{
    struct desk_lookup *slot = userdata;
    struct desk *d = slot->desk;
    int64_t id = slot->id;

    *slot = (struct desk_lookup){0};
    take_contact(d, id, result);
    desk_wake(d);
}

int desk_start_lookup(struct desk *d, const struct incident *inc)
{
    for (unsigned i = 0; i < DESK_LOOKUPS; i++) {
        struct desk_lookup *slot = &d->lookups[i];
        int r;

        if (slot->desk)
            continue;
        slot->id = inc->id;
        slot->desk = d;
        r = resolver_lookup(d->resolver, &inc->addrs[0].addr, on_contact, slot,
                            &slot->lookup);
        if (r < 0) {
            *slot = (struct desk_lookup){0};
            log_error("a look-up cannot be started: %s", strerror(-r));
        }
        return r;
    }
    return -EAGAIN;
}

static size_t under_way(const struct desk *d, int64_t ids[static DESK_LOOKUPS])
{
    size_t n = 0;

    for (unsigned i = 0; i < DESK_LOOKUPS; i++)
        if (d->lookups[i].desk)
            ids[n++] = d->lookups[i].id;
    return n;
}

/* ---- the queue of incidents ---- */

/* An incident that waits for room under a cap has its contact already. */
static int take_up(struct desk *d, int64_t id)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    struct contact_result known = {.outcome = CONTACT_FOUND};
    int r = store_incident_get(d->store, id, &inc);

    if (r != 0)
        return desk_failed(d, r);
    if (inc->state == INCIDENT_WAITING && inc->contact) {
        known.contact = inc->contact;
        known.source = inc->contact_source;
        known.network = inc->network;
        return desk_decide(d, inc, &known);
    }
    return desk_decide(d, inc, NULL);
}

static int next_incident(struct desk *d, int64_t *ret)
{
    int64_t busy[DESK_LOOKUPS];
    size_t n = under_way(d, busy);

    if (n == DESK_LOOKUPS)
        return STORE_E_MISSING;
    if (!d->once)
        return store_incident_due(d->store, host_now(), busy, n, ret);
    if (d->next_id == d->n_ids)
        return STORE_E_MISSING;
    *ret = d->ids[d->next_id++];
    return 0;
}

static void arm(struct desk *d)
{
    int64_t now = host_now(), next = post_next(d, now), due;
    int64_t busy[DESK_LOOKUPS];

    if (store_next_due(d->store, &due) == 0 && due < next &&
        (due > now || under_way(d, busy) < DESK_LOOKUPS))
        next = due;
    /* Looked at now and then in any case: the wall clock may be set. An incident that is
     * being looked up stays due, and its answer wakes the desk. */
    if (next > now + LOOK_EVERY)
        next = now + LOOK_EVERY;
    watch_arm(d->timer, next > now + USEC_PER_SEC ? next - now : USEC_PER_SEC);
}

static void check_idle(struct desk *d)
{
    int64_t busy[DESK_LOOKUPS];

    if (!d->running_once || under_way(d, busy) > 0 || d->next_id < d->n_ids)
        return;
    d->running_once = false;
    d->ops->idle(d->userdata);
}

static void run(void *userdata, unsigned what)
{
    struct desk *d = userdata;
    int64_t id;
    int r = 0;

    if (d->stopping || (d->once && !d->running_once))
        return;
    for (unsigned i = 0; i < 256 && r == 0; i++) {
        r = next_incident(d, &id);
        if (r == 0 && take_up(d, id) > 0)
            return; /* the ledger has told; the manager wakes us when it can be written */
    }
    if (r != 0 && r != STORE_E_MISSING) {
        desk_failed(d, r);
        return;
    }
    /* Decisions are durable before the mail they made leaves. */
    if (ledger_commit(d->ledger) != 0)
        return;
    if (!post_run(d))
        check_idle(d);
    if (!d->once)
        arm(d);
    else if (d->running_once && r == 0)
        watch_arm(d->timer, 0);
}

void desk_wake(struct desk *d)
{
    if (!d->stopping)
        watch_arm(d->timer, 0);
}

/* ---- held incidents lapse ---- */

struct lapse {
    struct desk *d;
    int64_t now, *ids;
    size_t n;
};

static int note_lapsed(void *userdata, const struct incident *inc)
{
    struct lapse *lapse = userdata;
    bool waits = strcmp(inc->reason, policy_reason_name(REASON_APPROVAL)) == 0 ||
                 strcmp(inc->reason, policy_reason_name(REASON_SUCCESS)) == 0;
    int64_t *more;

    if (!waits || lapse->now - inc->last.usec <= lapse->d->policy.max_report_age)
        return 0;
    more = realloc(lapse->ids, (lapse->n + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    lapse->ids = more;
    lapse->ids[lapse->n++] = inc->id;
    return 0;
}

static void sweep(struct desk *d)
{
    struct store_incident_filter filter = {.state = INCIDENT_HELD, .limit = UINT32_MAX};
    struct lapse lapse = {.d = d, .now = host_now()};
    int r = store_incident_each(d->store, &filter, note_lapsed, &lapse);

    for (size_t i = 0; r == 0 && i < lapse.n; i++) {
        _cleanup_(incident_freep) struct incident *inc = NULL;

        r = store_incident_get(d->store, lapse.ids[i], &inc);
        if (r == 0)
            r = desk_put(d, inc, INCIDENT_DROPPED, REASON_TOO_OLD, NULL, MOMENT_NONE);
        if (r == 0)
            desk_log_fate(d, EVENT_DROPPED, inc, REASON_TOO_OLD);
    }
    if (r == 0)
        r = store_login_prune(d->store, lapse.now - POLICY_SUCCESS_AGE);
    if (r > 0)
        desk_failed(d, r);
    free(lapse.ids);
}

static void on_sweep(void *userdata, unsigned what)
{
    struct desk *d = userdata;

    sweep(d);
    watch_arm(d->sweep, SWEEP_EVERY);
}

/* ---- once ---- */

static int note_id(void *userdata, const struct incident *inc)
{
    struct desk *d = userdata;
    int64_t *more = realloc(d->ids, (d->n_ids + 1) * sizeof(*more));

    if (!more)
        return -ENOMEM;
    d->ids = more;
    d->ids[d->n_ids++] = inc->id;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int desk_run_once(struct desk *d)
{
    static const enum incident_state states[] = {INCIDENT_LOOKUP, INCIDENT_WAITING};

    sweep(d);
    for (unsigned i = 0; i < 2; i++) {
        struct store_incident_filter filter = {.state = (int)states[i],
                                               .limit = UINT32_MAX};
        int r = store_incident_each(d->store, &filter, note_id, d);

        if (r != 0)
            return r;
    }
    if (d->n_ids > 0)
        qsort(d->ids, d->n_ids, sizeof(*d->ids), compare_ids);
    d->running_once = true;
    return watch_arm(d->timer, 0);
}

/* What was refused for good waits for nobody's yes. */
static int note_held_work(void *userdata, const struct incident *inc)
{
    if (strcmp(inc->reason, policy_reason_name(REASON_DELIVERY_FAILED)) != 0 &&
        strcmp(inc->reason, policy_reason_name(REASON_UNMAILABLE)) != 0)
        *(bool *)userdata = true;
    return 0;
}

int desk_work_left(struct desk *d, bool *ret)
{
    static const struct store_incident_filter held = {.state = INCIDENT_HELD,
                                                      .limit = UINT32_MAX};
    uint64_t counts[INCIDENT_STATES];
    int64_t due;
    int r = store_incident_counts(d->store, counts);

    if (r != 0)
        return r;
    *ret =
        counts[INCIDENT_LOOKUP] + counts[INCIDENT_WAITING] + counts[INCIDENT_QUEUED] > 0;
    if (d->policy.mode == MODE_OBSERVE)
        return 0;
    if (store_message_next_due(d->store, &due) == 0) /* the notice of a login has no state
                                                        of its incident */
        *ret = true;
    return store_incident_each(d->store, &held, note_held_work, ret);
}

/* ---- the operator ---- */

int desk_approve(struct desk *d, int64_t id)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    struct message *m = NULL;
    int r = store_incident_get(d->store, id, &inc);

    if (r != 0)
        return r;
    if (inc->state != INCIDENT_HELD)
        return -EINVAL;
    if (d->policy.mode == MODE_OBSERVE)
        return -EPERM;
    inc->approved = true;
    r = store_message_of(d->store, id, &m);
    if (r == 0) {
        m->state = MESSAGE_QUEUED;
        m->due = host_now();
        r = desk_put(d, inc, INCIDENT_QUEUED, REASON_OPERATOR, NULL, MOMENT_NONE);
        if (r == 0)
            r = store_message_put(d->store, m);
        message_free(m);
    } else if (r == STORE_E_MISSING) {
        r = desk_put(d, inc, INCIDENT_WAITING, REASON_OPERATOR, NULL, host_now());
    }
    if (r == 0)
        r = ledger_commit(d->ledger);
    if (r == 0)
        desk_wake(d);
    return r;
}

int desk_drop(struct desk *d, int64_t id)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    struct message *m = NULL;
    int r = store_incident_get(d->store, id, &inc);

    if (r != 0)
        return r;
    if (inc->state != INCIDENT_HELD && inc->state != INCIDENT_WAITING)
        return -EINVAL;
    r = desk_put(d, inc, INCIDENT_DROPPED, REASON_OPERATOR, NULL, MOMENT_NONE);
    if (r != 0)
        return r;
    r = store_message_of(d->store, id, &m);
    if (r == 0) {
        m->state = MESSAGE_DEAD;
        r = store_message_put(d->store, m);
        if (r == 0)
            r = store_report_delete(d->store, id);
        message_free(m);
    } else if (r == STORE_E_MISSING) {
        r = 0;
    }
    if (r != 0)
        return ledger_abort(d->ledger, r);
    return r == 0 ? ledger_commit(d->ledger) : r;
}

/* ---- life ---- */

static void cancel_lookups(struct desk *d)
{
    for (unsigned i = 0; i < DESK_LOOKUPS; i++) {
        if (d->lookups[i].desk)
            lookup_cancel(d->lookups[i].lookup);
        d->lookups[i] = (struct desk_lookup){0};
    }
}

void desk_forget(struct desk *d)
{
    cancel_lookups(d);
}

static int new_resolver(struct desk *d, const struct config *c, struct resolver **ret)
{
    char agent[512], address[MAILADDR_MAX + 1] = "";
    struct resolver_params p = {
        .bootstrap_ipv4 = c->rdap.bootstrap_ipv4,
        .bootstrap_ipv6 = c->rdap.bootstrap_ipv6,
        .ca_file = c->rdap.ca_file,
        .proxy = c->rdap.proxy,
        .user_agent = agent,
        .timeout = c->rdap.timeout,
        .reportable = &c->reportable,
        .once = d->once,
    };

    if (c->report.reply_to)
        mailaddr_parse_mailbox(c->report.reply_to, address, NULL);
    snprintf(agent, sizeof(agent), "abuse-reporterd/" PROGRAM_VERSION "%s%s%s",
             address[0] ? " (mailto:" : "", address, address[0] ? ")" : "");
    return resolver_new(d->loop, d->store, &p, ret);
}

int desk_reload(struct desk *d, const struct config *config)
{
    struct deliverer *deliverer = NULL;
    struct resolver *resolver;
    int r = new_resolver(d, config, &resolver);

    if (r < 0)
        return r;
    if (d->deliverer && deliverer_busy(d->deliverer))
        log_notice("a delivery is under way: a changed `delivery.mta` or sender domain "
                   "counts from the next start or reload");
    else
        r = post_new(d, config, &deliverer);
    if (r < 0) {
        resolver_free(resolver);
        return r;
    }
    cancel_lookups(d);
    resolver_free(d->resolver);
    d->resolver = resolver;
    if (deliverer) {
        deliverer_free(d->deliverer);
        d->deliverer = deliverer;
    }
    d->config = config;
    d->policy = config->policy;
    if (d->once)
        d->policy.settle = 0;
    return 0;
}

int desk_new(struct loop *loop, struct store *store, struct ledger *ledger,
             const struct desk_params *params, const struct desk_ops *ops, void *userdata,
             struct desk **ret)
{
    struct desk *d = calloc(1, sizeof(*d));
    int r;

    if (!d)
        return -ENOMEM;
    d->loop = loop;
    d->store = store;
    d->ledger = ledger;
    d->ops = ops;
    d->userdata = userdata;
    d->once = params->once;
    d->read_until = params->read_until;
    r = loop_timer(loop, run, d, &d->timer);
    if (r == 0)
        r = loop_timer(loop, on_sweep, d, &d->sweep);
    if (r == 0)
        r = desk_reload(d, params->config);
    if (r == 0 && !d->once)
        r = watch_arm(d->sweep, USEC_PER_SEC);
    if (r < 0) {
        desk_free(d);
        return r;
    }
    *ret = d;
    return 0;
}

bool desk_stop(struct desk *d)
{
    d->stopping = true;
    cancel_lookups(d);
    watch_disarm(d->timer);
    watch_disarm(d->sweep);
    if (d->deliverer)
        deliverer_hurry(d->deliverer);
    return d->deliverer && deliverer_busy(d->deliverer);
}

struct desk *desk_free(struct desk *d)
{
    if (!d)
        return NULL;
    cancel_lookups(d);
    deliverer_free(d->deliverer);
    resolver_free(d->resolver);
    watch_free(d->timer);
    watch_free(d->sweep);
    watch_free(d->post_timer);
    free(d->ids);
    free(d);
    return NULL;
}

void desk_counters(const struct desk *d, struct desk_counters *ret)
{
    *ret = (struct desk_counters){.sent = d->sent,
                                  .delivery_failures = d->delivery_failures,
                                  .mta_down = d->mta_failures > 0};
    resolver_counters(d->resolver, &ret->resolver);
}
