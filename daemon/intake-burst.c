/* What the attempts of the logs make: bursts that open and close, and logins that cast a
 * doubt on them. Everything goes into the ledger's transaction. */
#include "intake-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "ledger.h"
#include "moment.h"
#include "policy.h"
#include "store.h"
#include "text.h"

DEFINE_CLEANUP(struct incident *, incident_free)
DEFINE_CLEANUP(struct message *, message_free)

/* A burst of so many times detect.failures is large: whoever logs in during it, or after
 * it however late, may have guessed. After fewer, a user has found the password again. */
#define LARGE 5

static int store_closed(struct intake *i, struct incident *inc)
{
    int64_t decide = inc->last.usec + i->config->detect.settle;
    int64_t now = host_now();
    int r;

    inc->state = INCIDENT_LOOKUP;
    inc->closed = now;
    /* A burst that max_age closed may still be followed by a login that succeeds. */
    inc->due = decide > now && i->config->policy.settle > 0 ? decide : now;
    r = store_incident_put(i->store, inc);
    return r != 0 ? r : store_incident_put_fate(i->store, inc);
}

/* A report that has not left yet is stopped. */
static int stop_report(struct intake *i, struct incident *inc)
{
    _cleanup_(message_freep) struct message *m = NULL;
    int r = store_message_of(i->store, inc->id, &m);

    if (r != 0)
        return r == STORE_E_MISSING ? 0 : r;
    if (m->state != MESSAGE_QUEUED)
        return 0;
    m->state = MESSAGE_HELD;
    inc->state = INCIDENT_HELD;
    snprintf(inc->reason, sizeof(inc->reason), "%s", policy_reason_name(REASON_SUCCESS));
    return store_message_put(i->store, m);
}

static uint64_t large(const struct intake *i)
{
    return (uint64_t)i->config->detect.failures * LARGE;
}

static int tell_login(struct intake *i, struct incident *inc, bool again)
{
    return inc->count < large(i) ? 0 : i->ops->login(i->userdata, inc, again);
}

static int on_success(struct intake *i, int64_t id, int64_t time)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    int r = store_incident_get(i->store, id, &inc);

    if (r == STORE_E_MISSING)
        return 0;
    if (r != 0)
        return r;
    inc->success = time;
    if (inc->state == INCIDENT_QUEUED)
        r = stop_report(i, inc);
    if (r == 0)
        r = store_incident_put_fate(i->store, inc);
    if (r != 0)
        return r;
    if (inc->state == INCIDENT_HELD)
        ledger_note(i->ledger, EVENT_HELD, LOG_WARNING, inc, "held for you: %s",
                    policy_reason_text(REASON_SUCCESS));
    return tell_login(i, inc, false);
}

/* During an open burst; the store shall know it by the time the desk does. */
static int on_login(struct intake *i, struct incident *inc)
{
    int r = store_incident_put(i->store, inc);

    if (r == 0)
        r = store_incident_put_fate(i->store, inc);
    return r == 0 ? tell_login(i, inc, false) : r;
}

/* Beyond what the tracker remembers. */
static int look_back(struct intake *i, const struct net *source, int64_t time)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    int64_t id;
    int r = store_incident_large(i->store, source, large(i), time,
                                 time - POLICY_SUCCESS_AGE, &id);

    if (r == 0)
        r = store_incident_get(i->store, id, &inc);
    if (r != 0)
        return r == STORE_E_MISSING ? 0 : r;
    if (inc->state == INCIDENT_OPEN || inc->success != MOMENT_NONE)
        return 0;
    return on_success(i, id, time);
}

/* Before the tracker gets it, so that whoever hears of it there finds it in the store. */
static int note_login(struct intake *i, const struct attempt *a)
{
    struct net source = tracker_source(i->tracker, &a->source);
    _cleanup_(cleanup_free) char *user =
        text_escape(a->user.p ? a->user.p : "", a->user.n, STORE_USER_MAX);

    return user ? store_login_put(i->store, &source, a->time.usec, user) : -ENOMEM;
}

int intake_on_burst(void *userdata, const struct tracker_event *event)
{
    struct intake *i = userdata;
    struct incident *inc = event->incident;
    char first[MOMENT_TEXT_MAX], last[MOMENT_TEXT_MAX];
    int r = ledger_touch(i->ledger);

    if (r != 0)
        goto out;
    switch (event->type) {
    case TRACKER_OPENED:
        inc->opened = host_now();
        r = store_incident_put(i->store, inc);
        if (r == 0)
            r = store_incident_put_fate(i->store, inc);
        if (r == 0)
            ledger_note(i->ledger, EVENT_OPENED, LOG_INFO, inc,
                        "%" PRIu64 " failed logins since %s", inc->count,
                        moment_format_report(inc->first.usec, first));
        if (r == 0 && inc->success != MOMENT_NONE)
            r = tell_login(i, inc, false);
        return r;
    case TRACKER_CLOSED:
        r = store_closed(i, inc);
        if (r == 0)
            ledger_note(i->ledger, EVENT_CLOSED, LOG_NOTICE, inc,
                        "burst over: %" PRIu64 " failed logins, %s to %s", inc->count,
                        moment_format_report(inc->first.usec, first),
                        moment_format_report(inc->last.usec, last));
        if (r == 0 && inc->success != MOMENT_NONE) /* it may be large only now */
            r = tell_login(i, inc, true);
        break;
    case TRACKER_SUCCESS: return on_success(i, event->id, event->time);
    case TRACKER_LOGIN: return on_login(i, inc);
    }
out:
    if (event->type == TRACKER_CLOSED)
        incident_free(inc);
    return r;
}

/* ---- attempts ---- */

static bool program_wanted(const struct source *s, const char *service)
{
    if (!s->params->programs)
        return true;
    for (char **name = s->params->programs; *name; name++)
        if (config_program_is(s->intake->config, *name, service))
            return true;
    return false;
}

int intake_take_attempt(void *userdata, const struct attempt *a)
{
    struct source *s = userdata;
    struct intake *i = s->intake;
    enum clock_state clock = CLOCK_UNKNOWN;
    int64_t error = 0;
    int r;

    if (!program_wanted(s, a->service))
        return 0;
    if (!s->backlog)
        clock = host_clock(&error);
    r = ledger_touch(i->ledger);
    if (r == 0 && a->outcome == ATTEMPT_SUCCESS)
        r = note_login(i, a);
    if (r == 0)
        r = tracker_attempt(i->tracker, a, clock, error);
    if (r == 0 && a->outcome == ATTEMPT_SUCCESS) {
        struct net source = tracker_source(i->tracker, &a->source);

        r = look_back(i, &source, a->time.usec);
    }
    if (r != 0) {
        intake_save_failed(i, r);
        return -ECANCELED;
    }
    if (a->outcome == ATTEMPT_FAILURE && a->kind != ATTEMPT_BLOCKED)
        i->counted += a->count;
    return 0;
}
