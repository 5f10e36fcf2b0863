/* The desk's decisions: finds the facts that lib/policy asks for, and carries out what it
 * says. Each outcome is written before anything is done about it. */
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
#include "moment.h"
#include "store.h"

DEFINE_CLEANUP(struct message *, message_free)

#define GUARD_RETRY (60 * USEC_PER_SEC)
#define READ_RETRY  (5 * USEC_PER_SEC)

/* ---- writing ---- */

int desk_failed(struct desk *d, int error)
{
    return error == STORE_E_MISSING ? 0 : ledger_abort(d->ledger, error);
}

int desk_put(struct desk *d, struct incident *inc, enum incident_state state,
             enum policy_reason reason, const char *detail, int64_t due)
{
    char *copy = NULL;
    int r;

    if (detail) {
        copy = strdup(detail);
        if (!copy)
            return ledger_abort(d->ledger, -ENOMEM);
    }
    free(inc->detail);
    inc->detail = copy;
    inc->state = state;
    inc->due = due;
    snprintf(inc->reason, sizeof(inc->reason), "%s", policy_reason_name(reason));
    r = ledger_touch(d->ledger);
    if (r != 0)
        return r;
    r = store_incident_put_fate(d->store, inc);
    return r == 0 ? 0 : ledger_abort(d->ledger, r);
}

/* ---- facts ---- */

static bool any_in(const struct netlist *list, const struct incident *inc)
{
    for (unsigned i = 0; i < inc->n_addrs; i++)
        if (netlist_contains(list, &inc->addrs[i].addr))
            return true;
    return netlist_contains(list, &inc->source.addr);
}

/* Fails when the own addresses cannot be told: then nobody may be accused. */
static int find_owner(const struct desk *d, const struct incident *inc,
                      enum policy_owner *ret)
{
    struct netlist own = {0};
    int r = host_addresses(&own);

    if (r < 0)
        return r;
    /* Behind a translator the address that strangers see stands on no interface. */
    for (size_t i = 0; i < d->config->report.n_addresses; i++) {
        const struct addr *addr = &d->config->report.addresses[i];
        struct net net = addr_network(addr, addr_bits(addr));

        r = netlist_add(&own, &net);
        if (r < 0)
            goto out;
    }
    if (any_in(&d->config->ignore, inc))
        *ret = OWNER_IGNORED;
    else if (any_in(&own, inc))
        *ret = OWNER_SELF;
    else if (addr_special(&inc->source.addr, NULL) &&
             !netlist_contains(&d->config->reportable, &inc->source.addr))
        *ret = OWNER_SPECIAL;
    else
        *ret = OWNER_STRANGER;
out:
    netlist_done(&own);
    return r;
}

static int count_reports(const struct desk *d, const struct policy_rate *rate,
                         const char *contact, int64_t now, unsigned *ret_n,
                         int64_t *ret_room)
{
    bool observed = d->policy.mode == MODE_OBSERVE;
    int64_t oldest = MOMENT_NONE;
    int r =
        store_report_count(d->store, contact, now - rate->per, observed, ret_n, &oldest);

    *ret_room = oldest == MOMENT_NONE ? now : oldest + rate->per;
    return r;
}

/* The last login of its source, MOMENT_NONE for none. */
static int find_login(const struct desk *d, const struct incident *inc, int64_t *ret_time,
                      char ret_user[static STORE_USER_MAX + 1])
{
    int r = store_login_get(d->store, &inc->source, ret_time, ret_user);

    if (r != STORE_E_MISSING)
        return r;
    *ret_time = MOMENT_NONE;
    ret_user[0] = '\0';
    return 0;
}

static int gather(const struct desk *d, const struct incident *inc,
                  const struct contact_result *contact, int64_t now,
                  struct policy_facts *ret)
{
    struct policy_facts f = {.now = now, .contact = contact, .last_report = MOMENT_NONE};
    char user[STORE_USER_MAX + 1];
    int r = find_login(d, inc, &f.last_success, user);

    if (r != 0)
        return r;
    r = store_report_last(d->store, &inc->source, d->policy.mode == MODE_OBSERVE,
                          &f.last_report);
    if (r != 0 && r != STORE_E_MISSING)
        return r;
    if (contact && contact->contact) {
        r = count_reports(d, &d->policy.per_contact, contact->contact, now,
                          &f.contact_reports, &f.contact_room);
        if (r != 0)
            return r;
    }
    r = count_reports(d, &d->policy.total, NULL, now, &f.total_reports, &f.total_room);
    if (r != 0)
        return r;
    *ret = f;
    return 0;
}

/* ---- decisions ---- */

void desk_log_fate(struct desk *d, enum log_event event, const struct incident *inc,
                   enum policy_reason reason)
{
    static const char *const word[] = {
        [EVENT_OBSERVED] = "would be reported",
        [EVENT_WAITING] = "waits",
        [EVENT_HELD] = "held for you",
        [EVENT_DROPPED] = "not reported",
    };
    int priority = event == EVENT_HELD ? LOG_WARNING : LOG_NOTICE;

    if (event == EVENT_OBSERVED && inc->contact)
        ledger_note(d->ledger, event, priority, inc,
                    "would be reported to %s (mode observe)", inc->contact);
    else if (event == EVENT_OBSERVED)
        ledger_note(d->ledger, event, priority, inc,
                    "the local contact (%s) would be told: %s",
                    d->config->report.local_contact, policy_reason_text(reason));
    else
        ledger_note(d->ledger, event, priority, inc, "%s: %s", word[event],
                    policy_reason_text(reason));
}

static int observe(struct desk *d, struct incident *inc, enum policy_reason reason,
                   int64_t now)
{
    int r = desk_put(d, inc, INCIDENT_OBSERVED, reason, NULL, MOMENT_NONE);

    if (r != 0)
        return r;
    r = store_report_add(d->store, inc->id, &inc->source,
                         inc->contact ? inc->contact : "", now, true);
    if (r != 0)
        return ledger_abort(d->ledger, r);
    desk_log_fate(d, EVENT_OBSERVED, inc, reason);
    return 0;
}

/* When the login was that holds an incident. */
static char *login_detail(const struct desk *d, const struct incident *inc)
{
    char user[STORE_USER_MAX + 1] = "", when[MOMENT_TEXT_MAX], *text;
    int64_t time = MOMENT_NONE;

    if (find_login(d, inc, &time, user) != 0 || time == MOMENT_NONE ||
        asprintf(&text, "its last login: %s%s%s", moment_format_report(time, when),
                 user[0] ? " as " : "", user) < 0)
        return NULL;
    return text;
}

static int apply(struct desk *d, struct incident *inc,
                 const struct policy_decision *decision,
                 const struct contact_result *contact, int64_t now)
{
    _cleanup_(cleanup_free) char *login = NULL;
    const char *detail = contact ? contact->detail : NULL;
    enum incident_state state = INCIDENT_DROPPED;
    enum log_event event = EVENT_DROPPED;
    bool repeated = strcmp(inc->reason, policy_reason_name(decision->reason)) == 0;
    int r;

    switch (decision->verdict) {
    case VERDICT_LOOKUP: return desk_start_lookup(d, inc);
    case VERDICT_REPORT: return post_queue(d, inc, REPORT_ABUSE, now);
    case VERDICT_LOCAL: return post_queue(d, inc, REPORT_LOCAL, now);
    case VERDICT_OBSERVE: return observe(d, inc, decision->reason, now);
    case VERDICT_WAIT:
        state = INCIDENT_WAITING;
        event = EVENT_WAITING;
        break;
    case VERDICT_HOLD:
        state = INCIDENT_HELD;
        event = EVENT_HELD;
        break;
    case VERDICT_NEVER: break;
    }
    if (decision->reason == REASON_SUCCESS)
        detail = login = login_detail(d, inc);
    r = desk_put(d, inc, state, decision->reason, detail,
                 state == INCIDENT_WAITING ? decision->until : MOMENT_NONE);
    if (r == 0 && !(state == INCIDENT_WAITING && repeated))
        desk_log_fate(d, event, inc, decision->reason);
    return r;
}

/* A login that succeeded may stand in a part of the log that is still unread. */
static bool read_far_enough(const struct desk *d, const struct incident *inc)
{
    return d->policy.settle == 0 ||
           d->read_until(d->userdata) >= inc->last.usec + d->policy.settle;
}

int desk_decide(struct desk *d, struct incident *inc,
                const struct contact_result *contact)
{
    struct policy_decision decision;
    struct policy_facts facts;
    int64_t now = host_now();
    enum policy_owner owner;
    int r;

    if (incident_damaged(inc)) {
        r = desk_put(d, inc, INCIDENT_DROPPED, REASON_STATE_LOST, NULL, MOMENT_NONE);
        if (r == 0)
            desk_log_fate(d, EVENT_DROPPED, inc, REASON_STATE_LOST);
        return r;
    }
    incident_sort_addrs(inc);
    if (!read_far_enough(d, inc))
        return desk_put(d, inc, INCIDENT_WAITING, REASON_SETTLING, NULL,
                        now + READ_RETRY);
    if (find_owner(d, inc, &owner) < 0) {
        log_error("the addresses of this host cannot be read, so nobody can be safely "
                  "reported: trying again in a minute");
        return desk_put(d, inc, INCIDENT_WAITING, REASON_NONE,
                        "the own addresses cannot be read", now + GUARD_RETRY);
    }
    r = gather(d, inc, contact, now, &facts);
    if (r != 0)
        return desk_failed(d, r);
    facts.owner = owner;
    decision = policy_decide(&d->policy, inc, &facts);
    return apply(d, inc, &decision, contact, now);
}

/* ---- a guess that may have succeeded ---- */

/* No report leaves without the operator's word from now on. */
static bool is_held(const struct incident *inc, enum policy_owner owner)
{
    return owner == OWNER_STRANGER && !inc->approved &&
           (inc->state == INCIDENT_OPEN || inc->state == INCIDENT_LOOKUP ||
            inc->state == INCIDENT_WAITING || inc->state == INCIDENT_HELD);
}

int desk_alert(struct desk *d, struct incident *inc, bool again)
{
    _cleanup_(message_freep) struct message *known = NULL;
    enum policy_owner owner = OWNER_STRANGER;
    char user[STORE_USER_MAX + 1] = "", text[MOMENT_TEXT_MAX];
    int64_t now = host_now(), time;
    bool mailed =
        d->policy.mode != MODE_OBSERVE && now - inc->success <= d->policy.max_report_age;
    int r;

    if (!mailed && again)
        return 0; /* in the log there is nothing that would know */
    /* Who it is matters less here than that somebody is told. */
    if (find_owner(d, inc, &owner) >= 0 && owner == OWNER_IGNORED)
        return 0;
    r = store_message_alert(d->store, inc->id, &known);
    if (r == 0)
        return 0;
    if (r == STORE_E_MISSING)
        r = find_login(d, inc, &time, user);
    if (r != 0)
        return ledger_abort(d->ledger, r);
    if (time != inc->success)
        user[0] = '\0';
    ledger_note(d->ledger, EVENT_GUESSED, LOG_WARNING, inc,
                "a login%s%s succeeded at %s after %" PRIu64
                " failed ones: a password may have been guessed",
                user[0] ? " as " : "", user, moment_format_report(inc->success, text),
                inc->count);
    if (!mailed)
        return 0;
    return post_alert(d, inc, user, is_held(inc, owner), now);
}
