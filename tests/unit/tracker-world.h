/* What the tests of the tracker share: a listener that remembers bursts, a store in
 * memory, and attempts in few words. */
#ifndef TRACKER_WORLD_H
#define TRACKER_WORLD_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker.h"

#define S USEC_PER_SEC

/* What the tracker said, and a store in memory. */

struct burst {
    int64_t id, first, last;
    uint64_t count;
    struct net source;
    bool open, held;
};

struct row {
    struct net source;
    uint8_t *state;
    size_t n;
};

#define BURSTS 4096
#define ROWS   256

struct world {
    struct burst bursts[BURSTS]; /* id is index + 1 */
    unsigned n_bursts;
    struct row rows[ROWS];
    unsigned n_rows;
    struct incident *stored[BURSTS]; /* as tracker_save() gave them, by id - 1 */
    unsigned n_success, n_login;
    int fail; /* returned by the event callback */
};

static inline int on_event(void *userdata, const struct tracker_event *event)
{
    struct world *w = userdata;
    struct burst *b;

    if (event->type == TRACKER_OPENED) {
        ck_assert_uint_lt(w->n_bursts, BURSTS);
        event->incident->id = ++w->n_bursts;
        b = &w->bursts[w->n_bursts - 1];
        *b = (struct burst){.id = event->incident->id, .source = event->incident->source};
        b->open = true;
    } else if (event->type == TRACKER_CLOSED) {
        struct incident *inc = event->incident;

        ck_assert_int_eq(event->id, inc->id);
        b = &w->bursts[inc->id - 1];
        ck_assert(b->open);
        b->open = false;
        b->first = inc->first.usec;
        b->last = inc->last.usec;
        b->count = inc->count;
        b->held = inc->success != MOMENT_NONE;
        incident_free(inc);
    } else if (event->type == TRACKER_LOGIN) {
        b = &w->bursts[event->id - 1];
        ck_assert(b->open && !b->held && event->incident->success == event->time);
        b->held = true;
        w->n_login++;
    } else {
        b = &w->bursts[event->id - 1];
        ck_assert(!b->open);
        ck_assert(!b->held);
        b->held = true;
        w->n_success++;
    }
    return w->fail;
}

static inline void world_done(struct world *w)
{
    for (unsigned i = 0; i < w->n_rows; i++)
        free(w->rows[i].state);
    for (unsigned i = 0; i < BURSTS; i++)
        incident_free(w->stored[i]);
    free(w);
}

/* What a store does with an incident: the numbers, and two texts. */
static inline struct incident *copy_of(const struct incident *inc)
{
    struct incident *copy = incident_new(&inc->source);
    char *detail, *evidence;

    copy->id = inc->id;
    copy->first = inc->first;
    copy->last = inc->last;
    copy->count = inc->count;
    copy->success = inc->success;
    memcpy(copy->service, inc->service, sizeof(copy->service));
    ck_assert_int_eq(incident_detail_json(inc, &detail), 0);
    ck_assert_int_eq(incident_evidence_json(inc, &evidence), 0);
    ck_assert_int_eq(incident_detail_from_json(copy, detail), 0);
    ck_assert_int_eq(incident_evidence_from_json(copy, evidence), 0);
    free(detail);
    free(evidence);
    return copy;
}

static inline int save_incident(void *userdata, struct incident *inc)
{
    struct world *into = userdata;

    ck_assert_int_gt(inc->id, 0);
    incident_free(into->stored[inc->id - 1]);
    into->stored[inc->id - 1] = copy_of(inc);
    return 0;
}

static inline int save_source(void *userdata, const struct net *source, const void *state,
                              size_t n)
{
    struct world *w = userdata;
    unsigned i = 0;

    while (i < w->n_rows && !net_equal(&w->rows[i].source, source))
        i++;
    if (i < w->n_rows) {
        free(w->rows[i].state);
        w->rows[i] = w->rows[--w->n_rows];
    }
    if (!state)
        return 0;
    ck_assert_uint_lt(w->n_rows, ROWS);
    w->rows[w->n_rows].source = *source;
    w->rows[w->n_rows].state = malloc(n);
    memcpy(w->rows[w->n_rows].state, state, n);
    w->rows[w->n_rows++].n = n;
    return 0;
}

static const struct tracker_save_ops save_ops = {
    .incident = save_incident,
    .source = save_source,
};

static inline void save(struct tracker *t, struct world *w)
{
    ck_assert_int_eq(tracker_save(t, &save_ops, w), 0);
    tracker_saved(t);
    ck_assert(!tracker_changed(t));
}

static inline struct tracker *start(const struct tracker_params *params, struct world *w)
{
    struct tracker *t;

    ck_assert_int_eq(tracker_new(params, on_event, w, &t), 0);
    return t;
}

static inline struct tracker *restart(const struct tracker_params *params,
                                      struct world *w)
{
    struct tracker *t = start(params, w);

    for (unsigned i = 0; i < w->n_rows; i++) {
        struct row *row = &w->rows[i];
        struct incident *inc = NULL;
        int64_t id;

        ck_assert_int_eq(tracker_state_open_id(row->state, row->n, &id), 0);
        if (id > 0) {
            ck_assert_ptr_nonnull(w->stored[id - 1]);
            inc = copy_of(w->stored[id - 1]);
        }
        ck_assert_int_eq(tracker_restore(t, &row->source, row->state, row->n, inc), 0);
    }
    ck_assert(!tracker_changed(t));
    return t;
}

/* One attempt in few words. */

static inline struct addr address(const char *text)
{
    struct addr a;

    ck_assert(addr_parse(text, strlen(text), &a));
    return a;
}

static inline struct addr numbered(uint32_t i)
{
    struct addr a = {.family = 4,
                     .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

    return a;
}

static inline int give(struct tracker *t, const struct addr *source, int64_t usec,
                       uint64_t count, enum attempt_outcome outcome)
{
    char line[64], user[8];
    struct attempt a = {
        .time = {.usec = usec, .digits = 6},
        .source = *source,
        .port = (uint16_t)(usec % 1000 + 1),
        .service = "sshd",
        .outcome = outcome,
        .count = count,
    };

    snprintf(line, sizeof(line), "line of %lld \xff", (long long)usec);
    snprintf(user, sizeof(user), "u%d", (int)(usec % 7));
    a.line = (struct slice){.p = line, .n = strlen(line)};
    a.user =
        (struct slice){.p = usec % 3 ? user : NULL, .n = usec % 3 ? strlen(user) : 0};
    return tracker_attempt(t, &a, CLOCK_SYNCED, 5);
}

static inline void failure(struct tracker *t, const char *source, int64_t usec)
{
    struct addr a = address(source);

    ck_assert_int_eq(give(t, &a, usec, 1, ATTEMPT_FAILURE), 0);
}

static inline void success(struct tracker *t, const char *source, int64_t usec)
{
    struct addr a = address(source);

    ck_assert_int_eq(give(t, &a, usec, 1, ATTEMPT_SUCCESS), 0);
}

#define ONE "203.0.113.5"

static const struct tracker_params three_in_ten = {
    .failures = 3,
    .window = 10 * S,
    .settle = 20 * S,
    .max_age = 60 * S,
    .ipv6_prefix = 64,
    .max_bytes = 16 << 20,
};

static struct world *w;
static struct tracker *t;

static inline void setup(void)
{
    w = calloc(1, sizeof(*w));
    t = start(&three_in_ten, w);
}

static void teardown(void)
{
    tracker_free(t);
    world_done(w);
}

static inline void expect(unsigned i, int64_t first, int64_t last, uint64_t count)
{
    ck_assert_uint_lt(i, w->n_bursts);
    ck_assert(!w->bursts[i].open);
    ck_assert_int_eq(w->bursts[i].first, first);
    ck_assert_int_eq(w->bursts[i].last, last);
    ck_assert_uint_eq(w->bursts[i].count, count);
}

#endif
