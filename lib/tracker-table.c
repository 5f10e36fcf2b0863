/* The table of sources. Outsiders make it grow, so everything here is about bounds: a
 * keyed hash, one due-list for what ends by itself, ranked lists for what has to go when
 * memory is short, and an account of the bytes. Nothing walks over all sources. */
#include "tracker-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define MALLOC_OVERHEAD                                            \
    24 /* what an allocation costs beside its size, holes included \
        */

int64_t moment_after(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

static uint64_t hash_of(const struct tracker *t, const struct net *key)
{
    uint8_t bytes[18] = {key->addr.family, key->len};

    memcpy(bytes + 2, key->addr.bytes, 16);
    return siphash24(bytes, sizeof(bytes), t->params.hash_key);
}

struct source *source_find(const struct tracker *t, const struct net *key)
{
    uint64_t hash = hash_of(t, key);

    for (struct source *s = t->buckets[hash & (t->n_buckets - 1)]; s; s = s->next)
        if (s->hash == hash && net_equal(&s->key, key))
            return s;
    return NULL;
}

/* Doubles the buckets. Without memory for that the chains just get longer. */
static void grow_buckets(struct tracker *t)
{
    size_t n = t->n_buckets * 2;
    struct source **buckets = calloc(n, sizeof(*buckets));

    if (!buckets)
        return;
    for (size_t i = 0; i < t->n_buckets; i++)
        for (struct source *s = t->buckets[i], *next; s; s = next) {
            next = s->next;
            s->next = buckets[s->hash & (n - 1)];
            buckets[s->hash & (n - 1)] = s;
        }
    free(t->buckets);
    t->buckets = buckets;
    t->n_buckets = n;
}

struct source *source_add(struct tracker *t, const struct net *key)
{
    size_t n = t->counters.sources + 1;
    struct source *s, **bucket;

    if (heap_reserve(&t->ripe, n) < 0 || heap_reserve(&t->idle, n) < 0)
        return NULL;
    s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (n > t->n_buckets)
        grow_buckets(t);
    s->key = *key;
    s->hash = hash_of(t, key);
    s->success = s->opened_at = MOMENT_NONE;
    link_init(&s->rank);
    link_init(&s->changed);
    link_init(&s->pending);
    link_init(&s->left);
    bucket = &t->buckets[s->hash & (t->n_buckets - 1)];
    s->next = *bucket;
    *bucket = s;
    t->counters.sources++;
    return s;
}

void source_done(struct source *s)
{
    for (struct mark *m = s->marks, *next; m; m = next) {
        next = m->next;
        free(m);
    }
    s->marks = NULL;
    while (!link_alone(&s->pending))
        source_drop_pending(s, link_owner(s->pending.next, struct pending, link));
    while (!link_alone(&s->left))
        source_drop_left(s, link_owner(s->left.next, struct pending, link));
    s->open = incident_free(s->open);
    free(s->ticket);
    s->ticket = NULL;
}

void source_forget(struct tracker *t, struct source *s)
{
    struct source **p = &t->buckets[s->hash & (t->n_buckets - 1)];

    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
    if (s->open)
        t->counters.open--;
    heap_remove(s->ripens ? &t->ripe : &t->idle, &s->due);
    link_remove(&s->rank);
    link_remove(&s->changed);
    t->counters.sources--;
    t->counters.bytes -= s->bytes;
    source_done(s);
    if (!s->stored) {
        free(s);
        return;
    }
    link_insert_after(t->gone.prev, &s->changed);
}

int64_t tracker_horizon(const struct tracker_params *params)
{
    int64_t horizon = params->window;

    if (params->slow.failures > 0 && params->slow.window > horizon)
        horizon = params->slow.window;
    if (params->names.failures > 0 && params->names.window > horizon)
        horizon = params->names.window;
    return horizon;
}

int64_t source_expiry(const struct tracker *t, const struct source *s)
{
    int64_t expiry = INT64_MIN, horizon = tracker_horizon(&t->params), at;

    if (!link_alone(&s->pending)) {
        at = link_owner(s->pending.prev, struct pending, link)->time.usec;
        expiry = moment_after(at, horizon);
    } else if (!link_alone(&s->left)) {
        at = link_owner(s->left.prev, struct pending, link)->time.usec;
        expiry = moment_after(at, horizon);
    }
    if (s->success != MOMENT_NONE) {
        at = moment_after(s->success, horizon);
        expiry = at > expiry ? at : expiry;
    }
    for (const struct mark *m = s->marks; m; m = m->next) {
        at = moment_after(m->last, t->params.settle);
        expiry = at > expiry ? at : expiry;
    }
    return expiry;
}

int64_t source_closing(const struct tracker *t, const struct source *s)
{
    int64_t quiet = moment_after(s->open->last.usec, t->params.settle);
    int64_t old =
        moment_after(s->slow ? s->opened_at : s->open->first.usec, t->params.max_age);

    return quiet < old ? quiet : old;
}

bool source_ripens(const struct tracker *t, const struct source *s)
{
    const struct tracker_params *p = &t->params;

    if (s->open)
        return true;
    return !link_alone(&s->pending) &&
           ((p->slow.failures > 0 && s->n_left + s->n_pending >= p->slow.failures) ||
            (p->names.failures > 0 && s->n_unknown >= p->names.failures));
}

int64_t source_ripe(const struct tracker *t, const struct source *s)
{
    int64_t oldest, closing = s->open ? source_closing(t, s) : INT64_MAX;

    if (link_alone(&s->pending))
        return closing;
    oldest = link_owner(s->pending.next, struct pending, link)->time.usec;
    return oldest < closing ? moment_after(oldest, t->params.window) : closing;
}

static unsigned rank_of(const struct source *s)
{
    const uint64_t waiting = s->n_pending + s->n_left;
    unsigned rank = 7;

    if (s->open)
        return RANK_OPEN;
    if (s->marks || s->success != MOMENT_NONE)
        return RANK_MARKED;
    if (waiting < 8)
        return (unsigned)waiting;
    for (uint64_t n = waiting / 8; n > 0 && rank < RANK_MARKED - 1; n /= 2)
        rank++;
    return rank;
}

static size_t bytes_of(const struct source *s)
{
    /* Two heap entries with room to grow, and a bucket. */
    size_t bytes = sizeof(*s) + MALLOC_OVERHEAD + 4 * sizeof(struct heap_entry) +
                   2 * sizeof(struct source *);

    bytes += s->pending_bytes + s->n_marks * (sizeof(struct mark) + MALLOC_OVERHEAD);
    if (s->open)
        bytes += sizeof(*s->open) + sizeof(struct mark) + 2 * MALLOC_OVERHEAD +
                 s->open->bytes +
                 (s->open->n_head + s->open->n_tail + s->open->n_users) * MALLOC_OVERHEAD;
    return bytes;
}

/* The time in the idle heap may be too early: most attempts only move it to later, and
 * tracker_advance() looks again before it forgets. */
static void place_in_heap(struct tracker *t, struct source *s)
{
    bool ripens = source_ripens(t, s);
    int64_t due;

    if (ripens != s->ripens) {
        heap_remove(s->ripens ? &t->ripe : &t->idle, &s->due);
        s->ripens = ripens;
    }
    if (ripens) {
        heap_put(&t->ripe, &s->due, source_ripe(t, s));
        return;
    }
    due = source_expiry(t, s);
    if (s->due.place == 0 || due < t->idle.entries[s->due.place - 1].due)
        heap_put(&t->idle, &s->due, due);
}

void source_place(struct tracker *t, struct source *s)
{
    size_t bytes = bytes_of(s);

    place_in_heap(t, s);
    link_remove(&s->rank);
    link_insert_after(t->ranks[rank_of(s)].prev, &s->rank);
    t->counters.bytes += bytes - s->bytes;
    s->bytes = bytes;
}

struct source *source_changed(struct tracker *t, struct source *s)
{
    if (!s->open && !s->marks && link_alone(&s->pending) && link_alone(&s->left) &&
        s->success == MOMENT_NONE) {
        source_forget(t, s);
        return NULL;
    }
    source_place(t, s);
    if (link_alone(&s->changed))
        link_insert_after(t->changed.prev, &s->changed);
    return s;
}

static size_t pending_size(const struct pending *p)
{
    return sizeof(*p) + p->n_line + p->n_user + p->n_service + 1 + MALLOC_OVERHEAD;
}

static uint16_t cut(size_t n)
{
    return (uint16_t)(n > INCIDENT_LINE_MAX ? INCIDENT_LINE_MAX : n);
}

static char *append(char *p, const char *bytes, size_t n)
{
    if (n > 0)
        memcpy(p, bytes, n);
    return p + n;
}

struct pending *pending_new(const struct attempt *attempt, enum clock_state clock,
                            int64_t clock_error)
{
    uint16_t n_line = cut(attempt->line.n), n_user = cut(attempt->user.n);
    uint16_t n_service = cut(attempt->service ? strlen(attempt->service) : 0);
    struct pending *p = malloc(sizeof(*p) + n_line + n_user + n_service + 1);
    char *end;

    if (!p)
        return NULL;
    *p = (struct pending){
        .time = attempt->time,
        .count = attempt->count > INT64_MAX ? INT64_MAX : attempt->count,
        .source = attempt->source,
        .port = attempt->port,
        .clock = (uint8_t)clock,
        .kind = (uint8_t)attempt->kind,
        .has_user = attempt->user.p != NULL,
        .unknown_user = attempt->unknown_user,
        .n_line = n_line,
        .n_user = n_user,
        .n_service = n_service,
        .clock_error = clock_error,
    };
    link_init(&p->link);
    end = append(p->data, attempt->line.p, n_line);
    end = append(end, attempt->user.p, n_user);
    end = append(end, attempt->service, n_service);
    *end = '\0';
    return p;
}

struct attempt pending_attempt(const struct pending *p)
{
    return (struct attempt){
        .time = p->time,
        .source = p->source,
        .port = p->port,
        .user = {.p = p->has_user ? p->data + p->n_line : NULL, .n = p->n_user},
        .unknown_user = p->unknown_user,
        .service = p->data + p->n_line + p->n_user,
        .outcome = ATTEMPT_FAILURE,
        .kind = (enum attempt_kind)p->kind,
        .count = p->count,
        .line = {.p = p->data, .n = p->n_line},
    };
}

static uint64_t unknown_in(const struct pending *p)
{
    return p->unknown_user ? p->count : 0;
}

void source_add_pending(struct source *s, struct link *after, struct pending *p)
{
    link_insert_after(after, &p->link);
    s->n_pending += p->count;
    s->n_unknown += unknown_in(p);
    s->pending_bytes += pending_size(p);
}

void source_take_pending(struct source *s, struct pending *p)
{
    link_remove(&p->link);
    s->n_pending -= p->count;
    s->n_unknown -= unknown_in(p);
    s->pending_bytes -= pending_size(p);
}

void source_drop_pending(struct source *s, struct pending *p)
{
    source_take_pending(s, p);
    free(p);
}

void source_add_left(struct source *s, struct pending *p)
{
    link_insert_after(s->left.prev, &p->link);
    s->n_left += p->count;
    s->n_unknown += unknown_in(p);
    s->pending_bytes += pending_size(p);
}

void source_drop_left(struct source *s, struct pending *p)
{
    link_remove(&p->link);
    s->n_left -= p->count;
    s->n_unknown -= unknown_in(p);
    s->pending_bytes -= pending_size(p);
    free(p);
}
