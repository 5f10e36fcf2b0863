/* When bursts open and close. Everything follows from the times of the attempts, in the
 * order in which they come; a clock enters only by tracker_advance(), which says that
 * nothing older will come.
 *
 * Lines of several logs do not come strictly in order. An attempt that is a little late
 * is counted where it belongs while that is still possible: among the pending ones, or in
 * the open burst, whose first time then moves back. Later than that it is counted as
 * `late` and belongs to no burst, since a closed burst has been reported with its
 * numbers. */
#include "tracker-internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

DEFINE_CLEANUP(struct tracker *, tracker_free)
DEFINE_CLEANUP(struct incident *, incident_free)

#define FIRST_BUCKETS 1024

int tracker_new(const struct tracker_params *params, tracker_event_fn fn, void *userdata,
                struct tracker **ret)
{
    _cleanup_(tracker_freep) struct tracker *t = calloc(1, sizeof(*t));

    assert(params->failures > 0 && params->window > 0);
    if (!t)
        return -ENOMEM;
    t->params = *params;
    t->fn = fn;
    t->userdata = userdata;
    link_init(&t->changed);
    link_init(&t->gone);
    for (unsigned i = 0; i < RANKS; i++)
        link_init(&t->ranks[i]);
    t->buckets = calloc(FIRST_BUCKETS, sizeof(struct source *));
    if (!t->buckets)
        return -ENOMEM;
    t->n_buckets = FIRST_BUCKETS;
    *ret = TAKE_PTR(t);
    return 0;
}

static void free_gone(struct tracker *t)
{
    while (!link_alone(&t->gone)) {
        struct source *s = link_owner(t->gone.next, struct source, changed);

        link_remove(&s->changed);
        free(s);
    }
}

struct tracker *tracker_free(struct tracker *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->n_buckets; i++)
        for (struct source *s = t->buckets[i], *next; s; s = next) {
            next = s->next;
            source_done(s);
            free(s);
        }
    if (t->gone.next)
        free_gone(t);
    free(t->buckets);
    heap_done(&t->ripe);
    heap_done(&t->idle);
    free(t);
    return NULL;
}

void tracker_set_params(struct tracker *t, const struct tracker_params *params)
{
    struct tracker_params next = *params;

    /* The table is built on the old key. */
    memcpy(next.hash_key, t->params.hash_key, sizeof(next.hash_key));
    t->params = next;
    for (struct link *l = t->ranks[RANK_OPEN].next; l != &t->ranks[RANK_OPEN];
         l = l->next) {
        struct source *s = link_owner(l, struct source, rank);

        heap_put(&t->ripe, &s->due, source_ripe(t, s));
    }
}

struct net tracker_source(const struct tracker *t, const struct addr *addr)
{
    return addr_network(addr, addr->family == 6 ? t->params.ipv6_prefix : 32);
}

/* Opening and closing ---------------------------------------------------------------- */

/* A success concerns a burst from its first attempt until `settle` after its last. */
static bool success_concerns(const struct tracker *t, int64_t success, int64_t first,
                             int64_t last)
{
    return success != MOMENT_NONE && success >= first &&
           success < moment_after(last, t->params.settle);
}

/* Notes in the open burst that this success concerns it. Whether that is news. */
static bool match_success(const struct tracker *t, struct source *s, int64_t success)
{
    if (!s->open || s->open->success != MOMENT_NONE ||
        !success_concerns(t, success, s->open->first.usec, s->open->last.usec))
        return false;
    s->open->success = success;
    return true;
}

static int tell_login(struct tracker *t, struct source *s, int64_t success)
{
    struct tracker_event event = {.type = TRACKER_LOGIN, .incident = s->open};

    if (!match_success(t, s, success))
        return 0;
    event.id = s->open->id;
    event.time = success;
    return t->fn(t->userdata, &event);
}

int source_match_success(struct tracker *t, struct source *s)
{
    return tell_login(t, s, s->success);
}

/* Older marks matter only for a success that is not late itself; the newest is kept until
 * the source is forgotten. */
static void drop_marks(struct tracker *t, struct source *s, int64_t time)
{
    struct mark **p = s->marks ? &s->marks->next : NULL;

    while (p && *p) {
        struct mark *m = *p;

        if (moment_after(m->last, t->params.settle) <= time) {
            *p = m->next;
            s->n_marks--;
            free(m);
        } else {
            p = &m->next;
        }
    }
}

int source_close(struct tracker *t, struct source *s, int64_t end)
{
    struct incident *inc = TAKE_PTR(s->open);
    struct mark *m = TAKE_PTR(s->ticket);
    struct tracker_event event = {.type = TRACKER_CLOSED, .incident = inc, .id = inc->id};

    *m = (struct mark){
        .next = s->marks,
        .id = inc->id,
        .first = inc->first.usec,
        .last = inc->last.usec,
        .end = end,
        .told = inc->success != MOMENT_NONE,
    };
    s->marks = m;
    s->n_marks++;
    s->opened_at = MOMENT_NONE;
    s->slow = false;
    t->counters.open--;
    drop_marks(t, s, inc->last.usec);
    return t->fn(t->userdata, &event);
}

int source_open(struct tracker *t, struct source *s, struct link *list, struct link *from,
                bool slow)
{
    _cleanup_(incident_freep) struct incident *inc = incident_new(&s->key);
    struct mark *ticket = malloc(sizeof(*ticket));
    int64_t newest = link_owner(list->prev, struct pending, link)->time.usec;
    struct tracker_event event = {.type = TRACKER_OPENED};
    int r = inc && ticket ? 0 : -ENOMEM;

    for (struct link *l = from; r == 0 && l != list; l = l->next) {
        struct pending *p = link_owner(l, struct pending, link);
        struct attempt attempt = pending_attempt(p);

        r = incident_add(inc, &attempt, p->clock, p->clock_error);
    }
    if (r < 0) {
        free(ticket);
        return r;
    }
    while (!slow && !link_alone(&s->pending))
        source_drop_pending(s, link_owner(s->pending.next, struct pending, link));
    while (!link_alone(&s->left))
        source_drop_left(s, link_owner(s->left.next, struct pending, link));
    t->counters.open++;
    s->slow = slow;
    s->opened_at = newest;
    s->ticket = ticket;
    event.incident = s->open = TAKE_PTR(inc);
    match_success(t, s, s->success);
    return t->fn(t->userdata, &event);
}

/* Taking attempts ------------------------------------------------------------------ */

/* A fast burst begins where a slow one ends. */
static int open_fast(struct tracker *t, struct source *s)
{
    int r = s->open ? source_close(t, s, s->open->last.usec) : 0;
    int q = source_open(t, s, &s->pending, s->pending.next, false);

    return r != 0 ? r : q;
}

/* 0, -ENOMEM (nothing has changed), or what the callback said. */
static int add_pending(struct tracker *t, struct source *s, const struct attempt *attempt,
                       enum clock_state clock, int64_t clock_error)
{
    int64_t time = attempt->time.usec;
    struct link *at = s->pending.prev;
    struct pending *p;
    int r;

    if (at != &s->pending && moment_after(time, t->params.window) <=
                                 link_owner(at, struct pending, link)->time.usec) {
        t->counters.late++;
        return 0;
    }
    p = pending_new(attempt, clock, clock_error);
    if (!p)
        return -ENOMEM;
    while (at != &s->pending && link_owner(at, struct pending, link)->time.usec > time)
        at = at->prev;
    source_add_pending(s, at, p);
    if (s->n_pending < t->params.failures)
        return 0;
    r = open_fast(t, s);
    if (!s->open)
        source_drop_pending(s, p);
    return r;
}

/* What the moment `time` does to a source by itself: lets attempts be left over, and
 * closes its burst once no attempt that is known can be of it any more. */
static int source_pass(struct tracker *t, struct source *s, int64_t time)
{
    int r = 0, q;

    if (!s->open || s->slow)
        r = source_leave(t, s, time);
    if (!s->open || time < source_closing(t, s) || source_ripe(t, s) > time)
        return r;
    q = source_close(t, s, source_closing(t, s));
    return r != 0 ? r : q;
}

/* Whether an attempt lies so far before the open burst's first that it cannot become the
 * first: outside the window of the opening, or making the burst older than it may be. */
static bool too_early(const struct tracker *t, const struct source *s, int64_t time)
{
    return time < s->open->first.usec &&
           (moment_after(time, t->params.window) <= s->opened_at ||
            moment_after(time, t->params.max_age) <= s->open->last.usec);
}

static int take_failure(struct tracker *t, struct source *s,
                        const struct attempt *attempt, enum clock_state clock,
                        int64_t clock_error)
{
    int64_t time = attempt->time.usec;
    int r = source_pass(t, s, time), q;

    if ((s->marks && time < s->marks->end) ||
        (s->open && !s->slow && too_early(t, s, time)) || time < source_left_until(s)) {
        t->counters.late++;
        return r;
    }
    if (s->open && !s->slow) {
        q = incident_add(s->open, attempt, clock, clock_error);
        if (q == 0)
            q = source_match_success(t, s);
    } else {
        q = add_pending(t, s, attempt, clock, clock_error);
    }
    return r != 0 ? r : q;
}

static int take_success(struct tracker *t, struct source *s, int64_t time)
{
    int r;

    if (time > s->success)
        s->success = time;
    r = tell_login(t, s, time);
    if (r != 0)
        return r;
    for (struct mark *m = s->marks; m; m = m->next) {
        struct tracker_event event = {.type = TRACKER_SUCCESS, .id = m->id, .time = time};

        if (m->told || !success_concerns(t, time, m->first, m->last))
            continue;
        r = t->fn(t->userdata, &event);
        if (r != 0)
            return r;
        m->told = true;
    }
    return 0;
}

/* A figure of the open burst; it makes no burst and prolongs none. */
static int take_blocked(struct tracker *t, struct source *s,
                        const struct attempt *attempt)
{
    if (!s || !s->open || attempt->time.usec < s->open->first.usec ||
        attempt->time.usec >= source_closing(t, s))
        return 0;
    incident_add_blocked(s->open, attempt->count);
    source_changed(t, s);
    return 0;
}

/* Nothing more will come of this source. */
static int end_source(struct tracker *t, struct source *s)
{
    int r = s->open && !s->slow ? 0 : source_leave(t, s, INT64_MAX);
    int q = s->open ? source_close(t, s, s->open->last.usec) : 0;

    return r != 0 ? r : q;
}

/* Memory is short: first whom the time of this attempt makes needless, then by rank, but
 * never the source of this attempt. */
static int make_room(struct tracker *t, const struct source *keep, int64_t time)
{
    int r = 0;

    while (t->counters.bytes > t->params.max_bytes && t->counters.sources > 1) {
        int64_t due;
        struct heap_node *node = heap_first(&t->idle, &due);
        struct source *s = node ? link_owner(node, struct source, due) : NULL;
        unsigned rank = 0;

        if (s && s != keep && due <= time) {
            if ((due = source_expiry(t, s)) > time)
                heap_put(&t->idle, &s->due, due);
            else
                source_forget(t, s);
            continue;
        }
        for (s = NULL; !s && rank < RANKS; rank++)
            for (struct link *l = t->ranks[rank].next; !s && l != &t->ranks[rank];
                 l = l->next)
                if (link_owner(l, struct source, rank) != keep)
                    s = link_owner(l, struct source, rank);
        if (source_ripens(t, s)) {
            int q = end_source(t, s);

            r = r != 0 ? r : q;
        }
        t->counters.evicted++;
        source_forget(t, s);
    }
    return r;
}

int tracker_attempt(struct tracker *t, const struct attempt *attempt,
                    enum clock_state clock, int64_t clock_error)
{
    struct net key = tracker_source(t, &attempt->source);
    struct source *s;
    int r, q;

    if (attempt->source.family == 0 || attempt->count == 0)
        return 0;
    s = source_find(t, &key);
    if (attempt->kind == ATTEMPT_BLOCKED)
        return take_blocked(t, s, attempt);
    if (!s && !(s = source_add(t, &key)))
        return -ENOMEM;
    if (attempt->outcome == ATTEMPT_SUCCESS)
        r = take_success(t, s, attempt->time.usec);
    else
        r = take_failure(t, s, attempt, clock, clock_error);
    s = source_changed(t, s);
    q = make_room(t, s, attempt->time.usec);
    return r != 0 ? r : q;
}

/* Time passing ---------------------------------------------------------------------- */

int tracker_advance(struct tracker *t, int64_t now)
{
    struct heap_node *node;
    int64_t due;

    while ((node = heap_first(&t->ripe, &due)) && due <= now) {
        struct source *s = link_owner(node, struct source, due);
        int r = source_pass(t, s, due);

        source_changed(t, s);
        if (r != 0)
            return r;
    }
    while ((node = heap_first(&t->idle, &due)) && due <= now) {
        struct source *s = link_owner(node, struct source, due);

        due = source_expiry(t, s);
        if (due > now)
            heap_put(&t->idle, &s->due, due);
        else
            source_forget(t, s);
    }
    return 0;
}

int tracker_finish(struct tracker *t)
{
    struct heap_node *node;
    int64_t due;

    while ((node = heap_first(&t->ripe, &due))) {
        struct source *s = link_owner(node, struct source, due);
        int r = end_source(t, s);

        source_changed(t, s);
        if (r != 0)
            return r;
    }
    return 0;
}

int64_t tracker_next(const struct tracker *t)
{
    int64_t due;

    return heap_first(&t->ripe, &due) ? due : MOMENT_NONE;
}

const struct tracker_counters *tracker_counters(const struct tracker *t)
{
    return &t->counters;
}

/* What changed ---------------------------------------------------------------------- */

bool tracker_changed(const struct tracker *t)
{
    return !link_alone(&t->changed) || !link_alone(&t->gone);
}

int tracker_save(struct tracker *t, const struct tracker_save_ops *ops, void *userdata)
{
    _cleanup_(bytes_done) struct bytes state = {0};

    /* First, since a source that was forgotten may have come back. */
    for (struct link *l = t->gone.next; l != &t->gone; l = l->next) {
        int r =
            ops->source(userdata, &link_owner(l, struct source, changed)->key, NULL, 0);

        if (r != 0)
            return r;
    }
    for (struct link *l = t->changed.next; l != &t->changed; l = l->next) {
        struct source *s = link_owner(l, struct source, changed);
        int r = s->open ? ops->incident(userdata, s->open) : 0;

        if (r == 0)
            r = source_encode(s, &state);
        if (r == 0)
            r = ops->source(userdata, &s->key, state.p, state.n);
        if (r != 0)
            return r;
    }
    return 0;
}

void tracker_saved(struct tracker *t)
{
    free_gone(t);
    while (!link_alone(&t->changed)) {
        struct source *s = link_owner(t->changed.next, struct source, changed);

        s->stored = true;
        link_remove(&s->changed);
    }
}

int tracker_restore(struct tracker *t, const struct net *source, const void *state,
                    size_t n, struct incident *incident)
{
    struct source *s;
    int r;

    if (source_find(t, source))
        return -EEXIST;
    s = source_add(t, source);
    if (!s)
        return -ENOMEM;
    r = source_decode(s, state, n, incident);
    if (r < 0) {
        source_forget(t, s);
        return r;
    }
    s->stored = true;
    if (s->open) {
        t->counters.open++;
        match_success(t, s, s->success);
    }
    source_place(t, s);
    return 0;
}
