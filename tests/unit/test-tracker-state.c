#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "tracker-world.h"

START_TEST(an_eviction_is_saved_too)
{
    struct tracker_params params = three_in_ten;

    failure(t, ONE, 1);
    failure(t, "203.0.113.6", 1);
    ck_assert(tracker_changed(t));
    save(t, w);
    ck_assert_uint_eq(w->n_rows, 2);
    params.max_bytes = 1;
    tracker_set_params(t, &params);
    failure(t, "203.0.113.6", 2);
    ck_assert(tracker_changed(t));
    failure(t, ONE, 3); /* comes back while its end is not saved yet */
    save(t, w);
    ck_assert_uint_eq(w->n_rows, 1);
    ck_assert_uint_eq(w->rows[0].source.addr.bytes[3], 5);
    tracker_advance(t, 100 * S);
    save(t, w);
    ck_assert_uint_eq(w->n_rows, 0);
}
END_TEST

static int refuse(void *userdata, const struct net *source, const void *state, size_t n)
{
    return -ENOSPC;
}

START_TEST(a_save_that_fails_can_be_repeated)
{
    const struct tracker_save_ops full = {.incident = save_incident, .source = refuse};

    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    ck_assert_int_eq(tracker_save(t, &full, w), -ENOSPC);
    ck_assert(tracker_changed(t));
    save(t, w);
    ck_assert_uint_eq(w->n_rows, 1);
}
END_TEST

START_TEST(a_closed_burst_stays_closed_over_a_restart)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i * S);
    failure(t, ONE, 30 * S);
    save(t, w);
    tracker_free(t);
    t = restart(&three_in_ten, w);
    failure(t, ONE, 22 * S - 1);
    ck_assert_uint_eq(tracker_counters(t)->late, 1);
    success(t, ONE, 22 * S - 1);
    ck_assert_uint_eq(w->n_success, 1);
    success(t, ONE, 29 * S);
    failure(t, ONE, 31 * S);
    failure(t, ONE, 32 * S);
    tracker_finish(t);
    expect(1, 30 * S, 32 * S, 3);
    ck_assert(!w->bursts[1].held); /* its success came before its first attempt */
}
END_TEST

/* Damage ---------------------------------------------------------------------------- */

START_TEST(a_damaged_state_is_refused)
{
    struct tracker *other;
    struct row *row;
    struct net elsewhere;
    struct addr a = address("198.51.100.1");
    int64_t id;

    elsewhere = addr_network(&a, 32);
    failure(t, ONE, 1);
    success(t, ONE, 2);
    failure(t, ONE, 3);
    save(t, w);
    row = &w->rows[0];
    other = start(&three_in_ten, w);
    for (size_t n = 0; n < row->n; n++)
        ck_assert_int_eq(tracker_restore(other, &row->source, row->state, n, NULL),
                         -EBADMSG);
    ck_assert_int_eq(tracker_restore(other, &elsewhere, row->state, row->n, NULL),
                     -EBADMSG);
    srandom(11);
    for (unsigned i = 0; i < 20000;
         i++) { /* no flip may do more than be refused or taken */
        size_t at = (size_t)random() % row->n;
        uint8_t was = row->state[at];

        row->state[at] ^= (uint8_t)(1u << random() % 8);
        if (tracker_restore(other, &row->source, row->state, row->n, NULL) == 0) {
            tracker_free(other);
            other = start(&three_in_ten, w);
        }
        row->state[at] = was;
    }
    ck_assert_int_eq(tracker_restore(other, &row->source, row->state, row->n, NULL), 0);
    ck_assert_int_eq(tracker_restore(other, &row->source, row->state, row->n, NULL),
                     -EEXIST);
    row->state[0] = 3;
    ck_assert_int_eq(tracker_state_open_id(row->state, row->n, &id), -EBADMSG);
    tracker_free(other);
}
END_TEST

START_TEST(an_open_burst_needs_its_own_incident)
{
    struct tracker *other = start(&three_in_ten, w);
    struct incident *wrong;
    struct row *row;
    int64_t id = 0;

    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    save(t, w);
    row = &w->rows[0];
    ck_assert_int_eq(tracker_state_open_id(row->state, row->n, &id), 0);
    ck_assert_int_eq(id, 1);
    ck_assert_int_eq(tracker_restore(other, &row->source, row->state, row->n, NULL),
                     -EBADMSG);
    wrong = incident_new(&row->source);
    wrong->id = 2;
    ck_assert_int_eq(tracker_restore(other, &row->source, row->state, row->n, wrong),
                     -EBADMSG);
    wrong->id = 1; /* but without any attempt */
    ck_assert_int_eq(tracker_restore(other, &row->source, row->state, row->n, wrong),
                     -EBADMSG);
    incident_free(wrong);
    tracker_free(other);
}
END_TEST

/* Properties ------------------------------------------------------------------------ */

#define EVENTS  400
#define SOURCES 6

struct event {
    int64_t time;
    struct addr source;
    uint64_t count;
    enum attempt_outcome outcome;
};

static unsigned seed_of(int i)
{
    const char *env = getenv("TRACKER_SEED");

    return env ? (unsigned)strtoul(env, NULL, 10) : 1000u + (unsigned)i;
}

static struct tracker_params random_params(void)
{
    struct tracker_params params = three_in_ten;

    params.failures = 1 + (unsigned)random() % 6;
    params.window = 1 + random() % 30;
    params.settle = 1 + random() % 30;
    params.max_age = 1 + random() % 90;
    for (unsigned i = 0; i < 16; i++)
        params.hash_key[i] = (uint8_t)random();
    return params;
}

static void random_events(struct event *events)
{
    int64_t time = 0;
    long pace = 1 + random() % 6;

    for (unsigned i = 0; i < EVENTS; i++) {
        struct event *e = &events[i];

        time += random() % pace;
        if (random() % 60 == 0)
            time += random() % 60;
        e->time = time;
        e->source = random() % 2 ? address("2001:db8::") : numbered(0);
        e->source.bytes[e->source.family == 6 ? 7 : 3] =
            (uint8_t)(random() % (SOURCES / 2));
        if (e->source.family == 6)
            e->source.bytes[15] = (uint8_t)random();
        e->count = random() % 10 ? 1 : 1 + (unsigned long)random() % 8;
        e->outcome = random() % 25 ? ATTEMPT_FAILURE : ATTEMPT_SUCCESS;
    }
}

/* The definition, word for word and slow: the bursts of one source. */
static unsigned define(const struct tracker_params *p, const struct event *events,
                       const struct net *source, struct burst *bursts)
{
    struct event pending[EVENTS];
    unsigned n = 0, n_bursts = 0;
    struct burst *open = NULL;

    for (unsigned i = 0; i < EVENTS; i++) {
        const struct event *e = &events[i];
        uint64_t count = 0;
        int64_t first = INT64_MAX;

        if (!net_contains(source, &e->source) || e->outcome == ATTEMPT_SUCCESS)
            continue;
        if (open &&
            (e->time >= open->last + p->settle || e->time >= open->first + p->max_age))
            open = NULL;
        if (open) {
            open->last = e->time;
            open->count += e->count;
            continue;
        }
        pending[n++] = *e;
        for (unsigned k = 0; k < n; k++)
            if (pending[k].time > e->time - p->window && pending[k].time <= e->time) {
                count += pending[k].count;
                first = pending[k].time < first ? pending[k].time : first;
            }
        if (count < p->failures)
            continue;
        open = &bursts[n_bursts++];
        *open = (struct burst){.first = first, .last = e->time, .count = count};
        n = 0;
    }
    for (unsigned k = 0; k < n_bursts; k++)
        for (unsigned i = 0; i < EVENTS; i++)
            if (events[i].outcome == ATTEMPT_SUCCESS &&
                net_contains(source, &events[i].source) &&
                events[i].time >= bursts[k].first &&
                events[i].time < bursts[k].last + p->settle)
                bursts[k].held = true;
    return n_bursts;
}

/* Log order among equal times is not in the definition's success rule: a success at the
 * very time of the first attempt but before it in the log belongs to the burst as well.
 */
static void expect_defined(const struct tracker_params *p, const struct event *events,
                           const struct world *got, unsigned seed)
{
    unsigned total = 0;

    for (unsigned k = 0; k < SOURCES; k++) {
        struct addr a = k % 2 ? address("2001:db8::") : numbered(0);
        struct net source;
        struct burst want[EVENTS];
        unsigned n, at = 0;

        a.bytes[a.family == 6 ? 7 : 3] = (uint8_t)(k / 2);
        source = addr_network(&a, a.family == 6 ? 64 : 32);
        n = define(p, events, &source, want);
        total += n;
        for (unsigned i = 0; i < got->n_bursts; i++) {
            const struct burst *b = &got->bursts[i];

            if (!net_equal(&b->source, &source))
                continue;
            ck_assert_msg(at < n, "seed %u: a burst too many", seed);
            ck_assert_msg(!b->open && b->first == want[at].first &&
                              b->last == want[at].last && b->count == want[at].count &&
                              b->held == want[at].held,
                          "seed %u: burst %u of source %u differs", seed, at, k);
            at++;
        }
        ck_assert_msg(at == n, "seed %u: a burst is missing", seed);
    }
    ck_assert_msg(total == got->n_bursts, "seed %u: %u, not %u bursts", seed,
                  got->n_bursts, total);
}

static void play(struct tracker *tr, const struct event *e, bool live)
{
    if (live)
        ck_assert_int_eq(tracker_advance(tr, e->time), 0);
    ck_assert_int_eq(give(tr, &e->source, e->time, e->count, e->outcome), 0);
}

START_TEST(bursts_are_as_defined_in_a_finished_log_and_live)
{
    unsigned seed = seed_of(_i);
    struct event events[EVENTS];
    struct tracker_params params;
    bool live = _i % 2;

    srandom(seed);
    params = random_params();
    random_events(events);
    tracker_free(t);
    t = start(&params, w);
    for (unsigned i = 0; i < EVENTS; i++)
        play(t, &events[i], live);
    if (live)
        ck_assert_int_eq(tracker_advance(t, INT64_MAX), 0);
    else
        ck_assert_int_eq(tracker_finish(t), 0);
    if (live)
        ck_assert_uint_eq(tracker_counters(t)->sources, 0);
    if (live)
        ck_assert_uint_eq(tracker_counters(t)->bytes, 0);
    ck_assert_uint_eq(tracker_counters(t)->late, 0);
    expect_defined(&params, events, w, seed);
}
END_TEST

START_TEST(a_restart_changes_nothing)
{
    unsigned seed = seed_of(_i);
    struct event events[EVENTS];
    struct tracker_params params;
    bool live = _i % 2;
    unsigned next;

    srandom(seed);
    params = random_params();
    random_events(events);
    tracker_free(t);
    t = start(&params, w);
    next = (unsigned)random() % 50;
    for (unsigned i = 0; i < EVENTS; i++) {
        play(t, &events[i], live);
        if (i != next)
            continue;
        next += 1 + (unsigned)random() % 100;
        save(t, w);
        if (random() % 3 == 0)
            continue;
        tracker_free(t);
        params.hash_key[0]++; /* a new one with each start */
        t = restart(&params, w);
    }
    ck_assert_int_eq(tracker_finish(t), 0);
    expect_defined(&params, events, w, seed);
}
END_TEST

/* Streams out of order: nothing is counted twice or lost, every number fits together. */
START_TEST(disorder_loses_nothing_uncounted)
{
    unsigned seed = seed_of(_i);
    struct event events[EVENTS];
    struct tracker_params params;
    uint64_t given = 0, counted = 0;

    srandom(seed);
    params = random_params();
    params.failures = 1; /* no attempt can end as pending */
    random_events(events);
    tracker_free(t);
    t = start(&params, w);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct event *e = &events[i];

        e->time -= random() % 20;
        e->count = 1;
        given += e->outcome == ATTEMPT_FAILURE;
        play(t, e, false);
    }
    ck_assert_int_eq(tracker_finish(t), 0);
    for (unsigned i = 0; i < w->n_bursts; i++) {
        const struct burst *b = &w->bursts[i];

        counted += b->count;
        ck_assert_int_le(b->first, b->last);
        ck_assert_int_lt(b->last, b->first + params.max_age + params.window);
        for (unsigned k = 0; k < i; k++) /* no moment belongs to two bursts */
            if (net_equal(&w->bursts[k].source, &b->source))
                ck_assert_msg(w->bursts[k].last <= b->first, "seed %u", seed);
    }
    ck_assert_uint_eq(counted + tracker_counters(t)->late, given);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracker-state");
    TCase *tc = tcase_create("tracker-state");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, an_eviction_is_saved_too);
    tcase_add_test(tc, a_save_that_fails_can_be_repeated);
    tcase_add_test(tc, a_closed_burst_stays_closed_over_a_restart);
    tcase_add_test(tc, a_damaged_state_is_refused);
    tcase_add_test(tc, an_open_burst_needs_its_own_incident);
    tcase_add_loop_test(tc, bursts_are_as_defined_in_a_finished_log_and_live, 0, 200);
    tcase_add_loop_test(tc, a_restart_changes_nothing, 0, 100);
    tcase_add_loop_test(tc, disorder_loses_nothing_uncounted, 0, 50);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
