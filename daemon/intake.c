/* A line's effects (a counted attempt, an opened or closed burst) and the cursor behind
 * it are saved in one transaction, see ledger.h. When that fails, the manager throws this
 * object away and makes a new one from the store, which reads the same lines again: there
 * is no second way of recovery.
 *
 * A burst is closed by the clock only as far as the sources have been read: the moment
 * that counts is the earliest at which some source was last seen at its end, less a
 * second for a syslog daemon's own delay. So a backlog gives the same bursts as a live
 * log. */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "config.h"
#include "host.h"
#include "journal.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "moment.h"
#include "policy.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "tail.h"
#include "text.h"
#include "years.h"
#include "zone.h"

DEFINE_CLEANUP(struct incident *, incident_free)
DEFINE_CLEANUP(struct message *, message_free)

/* A burst of so many times detect.failures is large: whoever logs in during it, or after
 * it however late, may have guessed. After fewer, a user has found the password again. */
#define LARGE           5
#define FUTURE_MAX      (3600 * USEC_PER_SEC) /* how far ahead a line may be stamped */
#define SYSLOG_DELAY    USEC_PER_SEC
#define CLOSE_CHECK_MAX (3600 * USEC_PER_SEC)

struct ids {
    int64_t *ids;
    size_t n;
};

struct source {
    struct intake *intake;
    const struct source_params *params;
    struct source_params choice; /* params of `auto` */
    char *name;                  /* the cursor's key */
    char *sessions;              /* and that of the sessions behind it */
    bool backlog;                /* of the line that is read now */
    struct attempts *attempts; /* of its own: process ids of two logs are not the same */
    struct tail *tail;
    struct journal *journal;
    struct zone *zone;  /* of its times, or NULL: this system's */
    struct years years; /* of the backlog, where its lines have none */
    int64_t skew;       /* the newest live line's arrival less its time, or MOMENT_NONE */
    bool skew_said, future_said;
    bool placed;   /* its place is in the store */
    bool judged;   /* whether it is shadowed has been asked */
    bool shadowed; /* a file that appeared beside another source of the same program */
};

struct intake {
    struct loop *loop;
    struct store *store;
    struct ledger *ledger;
    const struct config *config;
    const struct intake_ops *ops;
    void *userdata;
    struct tracker *tracker;
    struct watch *close_timer;
    struct source *sources;
    size_t n_sources;
    struct ids restored;      /* open incidents that came back with their sources */
    const char **identifiers; /* that are taken from a journal */
    uint64_t counted;
    bool failed; /* a write failed: this object is about to be replaced */
};

static void save_failed(struct intake *i, int error)
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

/* ---- bursts ---- */

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

static int on_tracker_event(void *userdata, const struct tracker_event *event)
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

static int take_attempt(void *userdata, const struct attempt *a)
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
        save_failed(i, r);
        return -ECANCELED;
    }
    if (a->outcome == ATTEMPT_FAILURE && a->kind != ATTEMPT_BLOCKED)
        i->counted += a->count;
    return 0;
}

/* ---- closing by the clock ---- */

static bool source_changed(const struct source *s)
{
    return (s->tail && tail_changed(s->tail)) ||
           (s->journal && journal_changed(s->journal));
}

static int64_t source_caught_up(const struct source *s)
{
    if (s->shadowed)
        return INT64_MAX;
    if (!s->tail && !s->journal)
        return MOMENT_NONE;
    return s->tail ? tail_caught_up(s->tail) : journal_caught_up(s->journal);
}

/* The moment up to which everything has been read, MOMENT_NONE while one is behind. */
static int64_t all_caught_up(const struct intake *i)
{
    int64_t earliest = INT64_MAX;

    for (size_t k = 0; k < i->n_sources; k++) {
        int64_t t = source_caught_up(&i->sources[k]);

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
        r = attempts_expire(s->attempts, *now, take_attempt, s);
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
            save_failed(i, r);
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

static void on_caught_up(void *userdata)
{
    struct source *s = userdata;
    struct intake *i = s->intake;

    if (i->failed)
        return;
    if (source_changed(s) || !s->placed)
        ledger_touch(i->ledger);
    if (!s->placed) {
        s->placed = true;
        ledger_commit(i->ledger);
    }
    close_due(i);
    if (!i->failed && all_caught_up(i) != MOMENT_NONE)
        i->ops->caught_up(i->userdata);
}

/* ---- lines ---- */

/* A file that appears while another source speaks for the same program is left alone: the
 * same attempt would count twice. A journal is always there. */
static bool is_shadowed(const struct source *s)
{
    const struct intake *i = s->intake;

    if (!s->tail)
        return false;
    for (size_t k = 0; k < i->n_sources; k++) {
        const struct source *other = &i->sources[k];

        if (other == s || other->shadowed ||
            !config_sources_overlap(s->params, other->params))
            continue;
        if (other->journal || (other->tail && tail_present(other->tail)))
            return true;
    }
    return false;
}

static bool left_alone(struct source *s)
{
    if (s->judged)
        return s->shadowed;
    s->judged = true;
    s->shadowed = is_shadowed(s);
    if (s->shadowed)
        log_warning("%s has appeared, but another source already carries the same "
                    "programs: not read; name only one of them under `sources`",
                    s->name);
    return s->shadowed;
}

/* r is what the reader of the line said; the sessions that the line ended come first. */
static int take_line(struct source *s, int r, const struct attempt *a)
{
    int q;

    if (r < 0) {
        save_failed(s->intake, r);
        return -ECANCELED;
    }
    q = attempts_expire(s->attempts, MOMENT_NONE, take_attempt, s);
    return q != 0 || r == 0 ? q : take_attempt(s, a);
}

/* ---- the log's clock and ours ---- */

/* What this line showed of them. Said once: an operator who saw it looks at `status`. */
static void watch_clock(struct source *s, int64_t now, uint64_t future_before)
{
    int64_t time = attempts_time(s->attempts), limit = s->intake->config->detect.skew;
    char text[MOMENT_TEXT_MAX], by[MOMENT_TEXT_MAX];

    if (time == MOMENT_NONE)
        return;
    if (attempts_counters(s->attempts)->future > future_before && !s->future_said) {
        s->future_said = true;
        log_warning(
            "%s: a line is stamped %s, which has not come yet: lines that are more "
            "than %s ahead are not used",
            s->name, moment_format_report(time, text), duration_format(FUTURE_MAX, by));
    }
    if (s->backlog)
        return;
    s->skew = now - time;
    if ((s->skew > limit || s->skew < -limit) && !s->skew_said) {
        s->skew_said = true;
        log_warning(
            "%s: the times of its lines are %" PRId64 " s %s this system's clock; "
            "if the log is of another time zone, set `timezone` beside its source",
            s->name, (s->skew < 0 ? -s->skew : s->skew) / USEC_PER_SEC,
            s->skew < 0 ? "ahead of" : "behind");
    }
}

static int on_line(void *userdata, const char *line, size_t n, bool backlog)
{
    struct source *s = userdata;
    int64_t now = host_now();
    struct attempt a;
    uint64_t future;
    int r;

    if (s->intake->failed)
        return -ECANCELED;
    if (left_alone(s))
        return 0;
    s->backlog = backlog;
    if (backlog)
        years_line(&s->years, line, n, attempts_clock(s->attempts));
    else
        years_end(&s->years, attempts_clock(s->attempts));
    future = attempts_counters(s->attempts)->future;
    attempts_limit(s->attempts, now + FUTURE_MAX);
    r = attempts_line(s->attempts, line, n, now, !backlog, &a);
    watch_clock(s, now, future);
    return take_line(s, r, &a);
}

static int on_entry(void *userdata, const struct logline *line, bool backlog)
{
    struct source *s = userdata;
    int64_t now = host_now();
    struct attempt a;
    uint64_t future;
    int r;

    if (s->intake->failed)
        return -ECANCELED;
    s->backlog = backlog;
    future = attempts_counters(s->attempts)->future;
    attempts_limit(s->attempts, now + FUTURE_MAX);
    r = attempts_parsed(s->attempts, line, &a);
    watch_clock(s, now, future);
    return take_line(s, r, &a);
}

static const struct tail_ops tail_ops = {.line = on_line, .caught_up = on_caught_up};
static const struct journal_ops journal_ops = {.entry = on_entry,
                                               .caught_up = on_caught_up};

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

    if (!source_changed(s))
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
        r = attempts_finish(i->sources[k].attempts, take_attempt, &i->sources[k]);
        if (r != 0)
            return r;
    }
    r = tracker_finish(i->tracker);
    if (r != 0)
        save_failed(i, r);
    else
        r = ledger_touch(i->ledger);
    return r;
}

/* ---- starting ---- */

static int note_id(struct ids *list, int64_t id)
{
    int64_t *more = realloc(list->ids, (list->n + 1) * sizeof(*more));

    if (!more)
        return -ENOMEM;
    list->ids = more;
    list->ids[list->n++] = id;
    return 0;
}

static int note_open(void *userdata, const struct incident *inc)
{
    return note_id(userdata, inc->id);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool has_id(const struct ids *list, int64_t id)
{
    return list->n > 0 && bsearch(&id, list->ids, list->n, sizeof(id), compare_ids);
}

/* An open incident that no source speaks of would stay open for ever. */
static int drop_orphans(struct intake *i)
{
    static const struct store_incident_filter filter = {.state = INCIDENT_OPEN,
                                                        .limit = UINT32_MAX};
    struct ids open = {0};
    int r = store_incident_each(i->store, &filter, note_open, &open);

    if (i->restored.n > 0)
        qsort(i->restored.ids, i->restored.n, sizeof(int64_t), compare_ids);
    for (size_t k = 0; r == 0 && k < open.n; k++) {
        _cleanup_(incident_freep) struct incident *inc = NULL;

        if (has_id(&i->restored, open.ids[k]))
            continue;
        r = store_incident_get(i->store, open.ids[k], &inc);
        if (r != 0)
            break;
        inc->state = INCIDENT_DROPPED;
        snprintf(inc->reason, sizeof(inc->reason), "%s",
                 policy_reason_name(REASON_STATE_LOST));
        r = store_incident_put_fate(i->store, inc);
        if (r == 0)
            ledger_note(i->ledger, EVENT_DROPPED, LOG_ERR, inc, "not reported: %s",
                        policy_reason_text(REASON_STATE_LOST));
    }
    free(open.ids);
    return r;
}

static int restore_source(void *userdata, const struct net *source, const void *state,
                          size_t n)
{
    struct intake *i = userdata;
    struct incident *inc = NULL;
    char text[NET_TEXT_MAX];
    int64_t id = 0;
    int r = tracker_state_open_id(state, n, &id);

    if (r == 0 && id != 0) {
        r = store_incident_get(i->store, id, &inc);
        if (r == STORE_E_MISSING || (r == 0 && incident_damaged(inc)))
            r = -EBADMSG;
    }
    if (r == 0)
        r = tracker_restore(i->tracker, source, state, n, inc);
    if (r != 0)
        incident_free(inc);
    else if (id != 0)
        r = note_id(&i->restored, id);
    if (r != -EBADMSG)
        return r;
    log_warning("the stored state of source %s is damaged, ignoring",
                net_format(source, text));
    return 0;
}

static void tracker_params_of(const struct intake_params *p, struct tracker_params *ret)
{
    const struct detect_params *d = &p->config->detect;

    *ret = (struct tracker_params){
        .failures = d->failures,
        .window = d->window,
        .settle = d->settle,
        .max_age = d->max_age,
        .slow = d->slow,
        .names = d->names,
        .ipv6_prefix = d->ipv6_prefix,
        .max_bytes = d->memory,
    };
    memcpy(ret->hash_key, p->hash_key, sizeof(ret->hash_key));
}

static int start_attempts(struct intake *i, struct source *s, const uint8_t *hash_key)
{
    _cleanup_(cleanup_free) char *text = NULL;
    struct attempts_params params = {.publickey = i->config->detect.publickey};
    int r;

    memcpy(params.hash_key, hash_key, sizeof(params.hash_key));
    r = attempts_new(&params, &s->attempts);
    if (r < 0)
        return r;
    r = store_cursor_get(i->store, s->sessions, &text);
    if (r != 0)
        return r == STORE_E_MISSING ? 0 : r;
    r = attempts_restore(s->attempts, text);
    if (r != -EBADMSG)
        return r;
    log_warning("the stored sessions of %s are damaged, ignoring", s->name);
    return 0;
}

/* A text log that is read from its beginning may be of several years. */
static int find_years(struct source *s)
{
    _cleanup_(cleanup_close) int fd =
        open(s->params->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return 0; /* it may come later, line by line */
    return years_count(fd, s->zone,
                       st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000,
                       &s->years);
}

static int start_clock(struct source *s)
{
    int r = 0;

    if (s->params->kind == SOURCE_JOURNAL || !s->params->timezone)
        return 0;
    r = host_zone(s->params->timezone, &s->zone);
    if (r < 0)
        log_error("the time zone %s cannot be read: %s", s->params->timezone,
                  strerror(-r));
    attempts_clock(s->attempts)->zone = s->zone;
    return r;
}

static int source_start(struct intake *i, struct source *s, bool once)
{
    _cleanup_(cleanup_free) char *cursor = NULL;
    bool beginning = s->params->from_beginning || once;
    int r = store_cursor_get(i->store, s->name, &cursor);

    if (r != 0 && r != STORE_E_MISSING)
        return r;
    s->placed = r == 0 || beginning;
    if (s->params->kind == SOURCE_JOURNAL) {
        struct journal_params p = {.directory = s->params->journal_dir,
                                   .from_beginning = beginning,
                                   .cursor = cursor,
                                   .identifiers = i->identifiers};

        r = journal_new(i->loop, &p, &journal_ops, s, &s->journal);
    } else {
        struct tail_params p = {
            .path = s->params->path, .from_beginning = beginning, .cursor = cursor};

        if (beginning && !cursor)
            r = find_years(s);
        r = r < 0 ? r : tail_new(i->loop, &p, &tail_ops, s, &s->tail);
    }
    if (r < 0)
        log_error("%s cannot be followed: %s", s->name, strerror(-r));
    return r;
}

/* The programs that the rules know. */
static int list_identifiers(struct intake *i)
{
    const struct config *c = i->config;
    size_t n = 0;

    for (size_t k = 0; k < rules_n_builtin; k++)
        for (const char *const *p = rules_builtin[k]->programs; *p; p++)
            n++;
    i->identifiers = calloc(n + c->n_rules + 1, sizeof(*i->identifiers));
    if (!i->identifiers)
        return -ENOMEM;
    n = 0;
    for (size_t k = 0; k < rules_n_builtin; k++)
        for (const char *const *p = rules_builtin[k]->programs; *p; p++)
            i->identifiers[n++] = *p;
    for (size_t k = 0; k < c->n_rules; k++)
        i->identifiers[n++] = c->rules[k].programs[0];
    return 0;
}

static int name_source(struct source *s)
{
    int r = s->params->kind == SOURCE_FILE
                ? asprintf(&s->name, "file:%s", s->params->path)
            : s->params->journal_dir
                ? asprintf(&s->name, "journal:%s", s->params->journal_dir)
                : asprintf(&s->name, "journal");

    if (r < 0)
        s->name = NULL;
    else if (asprintf(&s->sessions, "sessions:%s", s->name) < 0)
        s->sessions = NULL;
    return s->sessions ? 0 : -ENOMEM;
}

/* What `auto` stands for is asked anew at each start. */
static void choose_source(struct source *s, const struct source_params *configured)
{
    const char *path, *why;

    s->params = configured;
    if (configured->kind != SOURCE_AUTO)
        return;
    s->choice = *configured;
    s->choice.kind = config_choose_source(&settings_world, &path, &why);
    s->choice.path = (char *)path;
    s->params = &s->choice;
    log_notice("auto takes %s: %s", path ? path : "the journal", why);
}

static int start_sources(struct intake *i, const struct intake_params *params)
{
    i->sources = calloc(i->config->n_sources + 1, sizeof(*i->sources));
    if (!i->sources)
        return -ENOMEM;
    for (size_t k = 0; k < i->config->n_sources; k++) {
        struct source *s = &i->sources[k];
        int r;

        s->intake = i;
        i->n_sources = k + 1;
        choose_source(s, &i->config->sources[k]);
        s->skew = MOMENT_NONE;
        r = name_source(s);
        if (r == 0)
            r = start_attempts(i, s, params->hash_key);
        if (r == 0)
            r = attempts_add_rules(s->attempts, i->config->rules, i->config->n_rules);
        if (r == 0)
            r = start_clock(s);
        if (r == 0)
            r = source_start(i, s, params->once);
        if (r != 0)
            return r;
    }
    return 0;
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
    tracker_params_of(params, &limits);
    r = tracker_new(&limits, on_tracker_event, i, &i->tracker);
    if (r == 0)
        r = store_source_each(store, restore_source, i);
    if (r == 0)
        r = drop_orphans(i);
    if (r == 0)
        r = loop_timer(loop, on_close_timer, i, &i->close_timer);
    if (r == 0)
        r = list_identifiers(i);
    if (r == 0)
        r = start_sources(i, params);
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
    free(i->restored.ids);
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
        ret->lines.lines += j.entries;
    }
}

bool intake_source(const struct intake *i, unsigned n, struct intake_source *ret)
{
    const struct source *s;

    if (n >= i->n_sources)
        return false;
    s = &i->sources[n];
    *ret = (struct intake_source){.name = s->name,
                                  .caught_up =
                                      s->shadowed ? MOMENT_NONE : source_caught_up(s),
                                  .skew = s->skew};
    ret->chosen = s->params == &s->choice;
    if (s->shadowed)
        ret->doing = "left alone: another source carries the same program";
    else if (s->tail && !tail_present(s->tail))
        ret->doing = "not there yet";
    else
        ret->doing = ret->caught_up == MOMENT_NONE ? "reading" : "at its end";
    return true;
}
