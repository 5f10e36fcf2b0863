/* A line's effects (a counted attempt, an opened or closed burst) and the cursor behind
 * it are saved in one transaction, see ledger.h. When that fails, the manager throws this
 * object away and makes a new one from the store, which reads the same lines again: there
 * is no second way of recovery.
 *
 * A burst is closed by the clock only as far as the sources have been read: the moment
 * that counts is the earliest at which some source was last seen at its end, less a
 * second for a syslog daemon's own delay. So a backlog gives the same bursts as a live
 * log. */
#include "intake-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "journal.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "moment.h"
#include "store.h"
#include "tail.h"
#include "zone.h"

#define SYSLOG_DELAY    USEC_PER_SEC
#define CLOSE_CHECK_MAX (3600 * USEC_PER_SEC)

void intake_save_failed(struct intake *i, int error)
{
    if (i->failed)
        return; /* told already, by whoever met it first */
    i->failed = true;
    ledger_abort(i->ledger, error);
}

void intake_fail(struct intake *i)
{
    i->failed = true;
}

/* ---- closing by the clock ---- */

/* The moment up to which everything has been read, MOMENT_NONE while one is behind. */
static int64_t all_caught_up(const struct intake *i)
{
    int64_t earliest = INT64_MAX;

    for (size_t k = 0; k < i->n_sources; k++) {
        int64_t t = intake_source_caught_up(&i->sources[k]);

        if (t < earliest)
            earliest = t;
    }
    return earliest;
}

/* The earlier of two moments, of which either may be none. */
static int64_t earlier(int64_t a, int64_t b)
{
    if (a == MOMENT_NONE || b == MOMENT_NONE)
        return a == MOMENT_NONE ? b : a;
    return a < b ? a : b;
}

static void arm_close_timer(struct intake *i)
{
    int64_t next = tracker_next(i->tracker), sessions = MOMENT_NONE, wait;

    for (size_t k = 0; k < i->n_sources; k++) {
        int64_t held = attempts_held(i->sources[k].attempts);

        sessions = earlier(sessions, attempts_next(i->sources[k].attempts));
        if (held != MOMENT_NONE && next > held)
            next = MOMENT_NONE; /* waits for that session */
    }
    next = earlier(next, sessions);
    if (next == MOMENT_NONE) {
        watch_disarm(i->close_timer);
        return;
    }
    wait = next + SYSLOG_DELAY - host_now();
    if (wait < USEC_PER_SEC / 10)
        wait = USEC_PER_SEC / 10;
    watch_arm(i->close_timer, wait < CLOSE_CHECK_MAX ? wait : CLOSE_CHECK_MAX);
}

/* Ends the sessions that were silent for long, and puts the moment up to which all
 * attempts are known to *now: one that a session still holds is none yet. */
static int expire_sessions(struct intake *i, int64_t *now)
{
    int64_t known = *now;

    for (size_t k = 0; k < i->n_sources; k++) {
        struct source *s = &i->sources[k];
        int r;

        s->backlog = false;
        r = attempts_expire(s->attempts, *now, intake_take_attempt, s);
        if (r != 0)
            return r;
        known = earlier(known, attempts_held(s->attempts));
        if (attempts_changed(s->attempts))
            ledger_touch(i->ledger);
    }
    *now = known;
    return 0;
}

static void close_due(struct intake *i)
{
    int64_t now = all_caught_up(i);
    int r;

    if (i->failed)
        return;
    if (now != MOMENT_NONE && now != INT64_MAX) {
        now -= SYSLOG_DELAY;
        if (expire_sessions(i, &now) != 0)
            return;
        r = tracker_advance(i->tracker, now);
        if (r != 0) {
            intake_save_failed(i, r);
            return;
        }
        if (tracker_changed(i->tracker))
            ledger_touch(i->ledger);
    }
    arm_close_timer(i);
}

/* The sources look again, so that "caught up" is of this moment; that calls close_due().
 */
static void on_close_timer(void *userdata, unsigned what)
{
    struct intake *i = userdata;

    for (size_t k = 0; k < i->n_sources; k++) {
        if (i->sources[k].tail)
            tail_resume(i->sources[k].tail);
        if (i->sources[k].journal)
            journal_resume(i->sources[k].journal);
    }
    arm_close_timer(i);
}

void intake_on_caught_up(void *userdata)
{
    struct source *s = userdata;
    struct intake *i = s->intake;

    if (i->failed)
        return;
    if (intake_source_changed(s) || !s->placed)
        ledger_touch(i->ledger);
    if (!s->placed) {
        s->placed = true;
        ledger_commit(i->ledger);
    }
    close_due(i);
    if (!i->failed && all_caught_up(i) != MOMENT_NONE)
        i->ops->caught_up(i->userdata);
}

/* ---- saving ---- */

static int save_incident(void *userdata, struct incident *inc)
{
    return store_incident_put(((struct intake *)userdata)->store, inc);
}

static int save_source(void *userdata, const struct net *source, const void *state,
                       size_t n)
{
    struct intake *i = userdata;

    return state ? store_source_put(i->store, source, state, n)
                 : store_source_delete(i->store, source);
}

static int save_sessions(struct intake *i, struct source *s)
{
    _cleanup_(cleanup_free) char *text = NULL;
    int r;

    if (!attempts_changed(s->attempts))
        return 0;
    r = attempts_save(s->attempts, &text);
    return r < 0 ? r : store_cursor_put(i->store, s->sessions, text);
}

static int save_cursor(struct intake *i, struct source *s)
{
    _cleanup_(cleanup_free) char *cursor = NULL;
    int r;

    if (!intake_source_changed(s))
        return 0;
    r = s->tail ? tail_cursor(s->tail, &cursor) : journal_cursor(s->journal, &cursor);
    if (r == -ENODATA)
        return 0;
    return r < 0 ? r : store_cursor_put(i->store, s->name, cursor);
}

int intake_save(struct intake *i)
{
    static const struct tracker_save_ops ops = {.incident = save_incident,
                                                .source = save_source};
    int r;

    if (i->failed)
        return 0; /* the next intake reads it again */
    r = tracker_save(i->tracker, &ops, i);
    for (size_t k = 0; r == 0 && k < i->n_sources; k++)
        if ((r = save_cursor(i, &i->sources[k])) == 0)
            r = save_sessions(i, &i->sources[k]);
    return r;
}

void intake_saved(struct intake *i)
{
    if (i->failed)
        return;
    tracker_saved(i->tracker);
    for (size_t k = 0; k < i->n_sources; k++) {
        attempts_saved(i->sources[k].attempts);
        if (i->sources[k].tail)
            tail_saved(i->sources[k].tail);
        if (i->sources[k].journal)
            journal_saved(i->sources[k].journal);
    }
}

int intake_trouble(const struct intake *i)
{
    for (size_t k = 0; k < i->n_sources; k++) {
        const struct source *s = &i->sources[k];
        int error = s->tail ? tail_trouble(s->tail) : journal_trouble(s->journal);

        if (error != 0)
            return error;
    }
    return 0;
}

int64_t intake_read_until(const struct intake *i)
{
    return all_caught_up(i);
}

bool intake_placed(const struct intake *i)
{
    for (size_t k = 0; k < i->n_sources; k++)
        if (!i->sources[k].placed)
            return false;
    return true;
}

int intake_finish(struct intake *i)
{
    int r;

    if (i->failed)
        return -ECANCELED;
    for (size_t k = 0; k < i->n_sources; k++) {
        i->sources[k].backlog = true;
        r = attempts_finish(i->sources[k].attempts, intake_take_attempt, &i->sources[k]);
        if (r != 0)
            return r;
    }
    r = tracker_finish(i->tracker);
    if (r != 0)
        intake_save_failed(i, r);
    else
        r = ledger_touch(i->ledger);
    return r;
}

int intake_new(struct loop *loop, struct store *store, struct ledger *ledger,
               const struct intake_params *params, const struct intake_ops *ops,
               void *userdata, struct intake **ret)
{
    struct tracker_params limits;
    struct intake *i = calloc(1, sizeof(*i));
    int r;

    if (!i)
        return -ENOMEM;
    i->loop = loop;
    i->store = store;
    i->ledger = ledger;
    i->config = params->config;
    i->ops = ops;
    i->userdata = userdata;
    config_tracker_params(params->config, params->hash_key, &limits);
    r = tracker_new(&limits, intake_on_burst, i, &i->tracker);
    if (r == 0)
        r = intake_restore(i);
    if (r == 0)
        r = loop_timer(loop, on_close_timer, i, &i->close_timer);
    if (r == 0)
        r = intake_start_sources(i, params);
    if (r != 0) {
        intake_free(i);
        return r;
    }
    arm_close_timer(i);
    *ret = i;
    return 0;
}

struct intake *intake_free(struct intake *i)
{
    if (!i)
        return NULL;
    for (size_t k = 0; k < i->n_sources; k++) {
        tail_free(i->sources[k].tail);
        journal_free(i->sources[k].journal);
        attempts_free(i->sources[k].attempts);
        zone_free(i->sources[k].zone);
        free(i->sources[k].name);
        free(i->sources[k].sessions);
    }
    free(i->sources);
    free(i->identifiers);
    watch_free(i->close_timer);
    tracker_free(i->tracker);
    free(i);
    return NULL;
}

/* ---- for the operator ---- */

void intake_counters(const struct intake *i, struct intake_counters *ret)
{
    *ret = (struct intake_counters){.tracker = *tracker_counters(i->tracker),
                                    .attempts = i->counted};
    for (size_t k = 0; k < i->n_sources; k++) {
        const struct attempts_counters *a = attempts_counters(i->sources[k].attempts);
        struct tail_counters t = {0};
        struct journal_counters j = {0};

        if (i->sources[k].tail)
            tail_counters(i->sources[k].tail, &t);
        if (i->sources[k].journal)
            journal_counters(i->sources[k].journal, &j);
        ret->lines.lines += a->lines;
        ret->lines.garbage += a->garbage;
        ret->lines.truncated += a->truncated;
        ret->lines.ambiguous += a->ambiguous;
        ret->lines.ignored += a->ignored;
        ret->lines.future += a->future;
        ret->lines.sessions += a->sessions;
        ret->lines.evicted += a->evicted;
        ret->overlong += t.overlong;
        ret->nul_bytes += t.nul_bytes;
        ret->rotations += t.rotations;
        ret->truncations += t.truncations;
        ret->gaps += t.gaps + j.gaps;
        /* The journal keeps these back, so the reader of lines has not counted them. */
        ret->lines.lines += j.garbage;
        ret->lines.garbage += j.garbage;
    }
}

bool intake_source(const struct intake *i, unsigned n, struct intake_source *ret)
{
    const struct source *s;

    if (n >= i->n_sources)
        return false;
    s = &i->sources[n];
    *ret = (struct intake_source){.name = s->name,
                                  .caught_up = s->shadowed ? MOMENT_NONE
                                                           : intake_source_caught_up(s),
                                  .skew = s->skew};
    ret->chosen = s->params == &s->choice;
    ret->trouble = s->tail ? tail_trouble(s->tail) : journal_trouble(s->journal);
    if (s->shadowed)
        ret->doing = "left alone: another source carries the same program";
    else if (ret->trouble != 0)
        ret->doing = "cannot be read";
    else if (s->tail && !tail_present(s->tail))
        ret->doing = "not there yet";
    else
        ret->doing = ret->caught_up == MOMENT_NONE ? "reading" : "at its end";
    return true;
}
