#include <check.h>
#include <stdlib.h>

#include "tracker-world.h"

#define MIN (60 * S)

/* As shipped, but for the names. */
static const struct tracker_params shipped = {
    .failures = 20,
    .window = 10 * MIN,
    .settle = 10 * MIN,
    .max_age = 60 * MIN,
    .slow = {.failures = 20, .window = 24 * 60 * MIN},
    .names = {.failures = 10, .names = 5, .window = 24 * 60 * MIN},
    .ipv6_prefix = 64,
    .max_bytes = 16 << 20,
};

static void setup_shipped(void)
{
    w = calloc(1, sizeof(*w));
    t = start(&shipped, w);
}

static void unknown_user(struct tracker *tr, const char *source, int64_t usec,
                         const char *name)
{
    struct attempt a = {
        .time = {.usec = usec, .digits = 6},
        .source = address(source),
        .user = {.p = name, .n = strlen(name)},
        .unknown_user = true,
        .service = "sshd",
        .count = 1,
        .line = SLICE("a line"),
    };

    ck_assert_int_eq(tracker_attempt(tr, &a, CLOCK_UNKNOWN, 0), 0);
}

/* Five attempts in ten minutes, then ten minutes of ban: what a banning tool leaves. */
START_TEST(a_log_that_a_banning_tool_has_thinned_still_gives_bursts)
{
    for (int round = 0; round < 12; round++)
        for (int i = 0; i < 5; i++)
            failure(t, ONE, round * 20 * MIN + i * 2 * S);
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 3);
    for (int i = 0; i < 3; i++)
        expect((unsigned)i, i * 80 * MIN, (i * 80 + 60) * MIN + 8 * S, 20);
    ck_assert_uint_eq(tracker_counters(t)->slow, 3);
    ck_assert_uint_eq(tracker_counters(t)->late, 0);
}
END_TEST

START_TEST(the_clock_alone_opens_and_closes_a_slow_burst)
{
    for (int i = 0; i < 20; i++)
        failure(t, ONE, i * 30 * MIN);
    ck_assert_uint_eq(w->n_bursts, 0);
    ck_assert_int_eq(tracker_next(t), 19 * 30 * MIN + 10 * MIN);
    tracker_advance(t, 19 * 30 * MIN + 10 * MIN - 1);
    ck_assert_uint_eq(w->n_bursts, 0);
    tracker_advance(t, 19 * 30 * MIN + 10 * MIN);
    expect(0, 0, 19 * 30 * MIN, 20);
    ck_assert_int_eq(tracker_next(t), MOMENT_NONE);
}
END_TEST

START_TEST(nineteen_in_a_day_are_no_burst)
{
    for (int i = 0; i < 40; i++) /* each leaves the window as the twentieth comes */
        failure(t, ONE, i * 76 * MIN);
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 0);
    tracker_advance(t, 40 * 76 * MIN + 25 * 60 * MIN);
    ck_assert_uint_eq(tracker_counters(t)->sources, 0);
}
END_TEST

START_TEST(a_slow_burst_goes_on_until_settle_or_max_age_after_it_opened)
{
    for (int i = 0; i < 40; i++)
        failure(t, ONE, i * 5 * MIN);
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 1);
    /* Opened by the twentieth at 95 min, so what comes from 155 min on starts anew. */
    expect(0, 0, 150 * MIN, 31);
}
END_TEST

START_TEST(a_list_of_names_is_seen_before_many_attempts_are)
{
    static const char *const names[] = {"admin", "test", "oracle", "pi", "ubuntu"};

    for (int i = 0; i < 10; i++)
        unknown_user(t, ONE, i * MIN, names[i % 4]); /* four names only */
    for (int i = 0; i < 9; i++)
        unknown_user(t, "203.0.113.6", i * MIN, names[i % 5]); /* nine attempts */
    for (int i = 0; i < 10; i++)
        unknown_user(t, "203.0.113.7", i * MIN, names[i % 5]);
    failure(t, "203.0.113.7", 10 * MIN); /* a known user: counts, but is no name */
    for (int i = 0; i < 19; i++) {
        struct addr a = address("203.0.113.8"); /* names of known users */

        ck_assert_int_eq(give(t, &a, i * S, 1, ATTEMPT_FAILURE), 0);
    }
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 1);
    ck_assert_uint_eq(w->bursts[0].source.addr.bytes[3], 7);
    expect(0, 0, 10 * MIN, 11);
    ck_assert_uint_eq(tracker_counters(t)->names, 1);
}
END_TEST

START_TEST(a_fast_burst_is_the_same_with_slow_windows_as_without)
{
    for (int i = 0; i < 15; i++)
        failure(t, ONE, i * 20 * MIN);
    for (int i = 0; i < 30; i++)
        failure(t, ONE, 600 * MIN + i * S);
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 1);
    expect(0, 600 * MIN, 600 * MIN + 29 * S, 30);
}
END_TEST

START_TEST(a_fast_burst_ends_a_slow_one)
{
    for (int i = 0; i < 24; i++)
        failure(t, ONE, i * 5 * MIN);
    for (int i = 0; i < 30; i++)
        failure(t, ONE, 121 * MIN + i * S);
    tracker_finish(t);
    ck_assert_uint_eq(w->n_bursts, 2);
    expect(0, 0, 110 * MIN, 23);
    expect(1, 115 * MIN, 121 * MIN + 29 * S, 31);
}
END_TEST

START_TEST(a_success_between_slow_attempts_is_in_the_incident)
{
    for (int i = 0; i < 20; i++) {
        failure(t, ONE, i * 30 * MIN);
        if (i == 18)
            success(t, ONE, i * 30 * MIN + S);
    }
    tracker_finish(t);
    expect(0, 0, 19 * 30 * MIN, 20);
    ck_assert(w->bursts[0].held);
}
END_TEST

START_TEST(slow_windows_that_are_off_keep_nothing)
{
    struct tracker_params params = shipped;

    params.slow.failures = params.names.failures = 0;
    tracker_free(t);
    t = start(&params, w);
    for (int i = 0; i < 100; i++)
        unknown_user(t, ONE, i * 20 * MIN, i % 2 ? "a" : "b");
    tracker_advance(t, 100 * 20 * MIN);
    ck_assert_uint_eq(tracker_counters(t)->sources, 0);
    ck_assert_uint_eq(w->n_bursts, 0);
}
END_TEST

START_TEST(a_source_that_is_dropped_for_room_gets_its_slow_burst)
{
    struct tracker_params params = shipped;

    for (int i = 0; i < 19; i++)
        failure(t, ONE, i * 12 * MIN);
    failure(t, ONE, 18 * 12 * MIN + 1); /* still within the fast window */
    params.max_bytes = 1;
    tracker_set_params(t, &params);
    failure(t, "203.0.113.6", 18 * 12 * MIN + 2);
    expect(0, 0, 18 * 12 * MIN + 1, 20);
    ck_assert_uint_eq(tracker_counters(t)->evicted, 1);
}
END_TEST

/* Written by the version before slow windows: one pending attempt. */
START_TEST(a_state_without_slow_windows_is_still_read)
{
    static const uint8_t state[] =
        "\1" /* id */ "\0\0\0\0\0\0\0\0" /* opened */ "\0\0\0\0\0\0\0\x80" /* success */
        "\0\0\0\0\0\0\0\x80" /* marks */ "\0\0\0\0" /* pending */ "\1\0\0\0"
        /* time */ "\7\0\0\0\0\0\0\0\6" /* count */ "\2\0\0\0\0\0\0\0"
        /* address, port */ "\4\xcb\0\x71\5\1\0" /* clock */ "\0\0\0\0\0\0\0\0\0"
        /* user */ "\1" /* texts */ "\1\0x\1\0y\4\0sshd";
    struct addr a = address(ONE);
    struct net key = tracker_source(t, &a);

    ck_assert_int_eq(tracker_restore(t, &key, state, sizeof(state) - 1, NULL), 0);
    for (int i = 1; i <= 18; i++)
        failure(t, ONE, 7 + i);
    tracker_finish(t);
    expect(0, 7, 25, 20);
}
END_TEST

/* Properties ------------------------------------------------------------------------ */

#define EVENTS 500

struct event {
    int64_t time;
    int kind; /* 0: known user, 1: unknown, 2: success */
    unsigned name;
    uint64_t count;
};

static struct tracker_params random_params(void)
{
    struct tracker_params params = shipped;

    params.failures = 2 + (unsigned)random() % 8;
    params.window = 1 + random() % 20;
    params.settle = 1 + random() % 40;
    params.max_age = 1 + random() % 90;
    params.slow.failures = (unsigned)random() % 12;
    params.slow.window = 1 + random() % 200;
    params.names.failures = (unsigned)random() % 8;
    params.names.names = 1 + (unsigned)random() % 4;
    params.names.window = 1 + random() % 200;
    return params;
}

static void random_events(struct event *events)
{
    int64_t time = 0;
    long pace = 1 + random() % 20;

    for (unsigned i = 0; i < EVENTS; i++) {
        time += random() % pace;
        if (random() % 40 == 0)
            time += random() % 300;
        if (random() % 60 == 0)
            pace = 1 + random() % 20;
        events[i] = (struct event){.time = time,
                                   .kind = random() % 20 ? (int)(random() % 2) : 2,
                                   .name = (unsigned)random() % 6,
                                   .count = random() % 12 ? 1 : 2};
    }
}

struct want {
    struct burst bursts[EVENTS];
    unsigned n;
};

static void begin(struct want *want, const struct event *const *members, unsigned n)
{
    struct burst *b = &want->bursts[want->n++];

    *b = (struct burst){.first = members[0]->time, .last = members[n - 1]->time};
    for (unsigned i = 0; i < n; i++)
        b->count += members[i]->count;
}

/* Of the left-over attempts up to the last: from where on the window's condition holds;
 * n when it does not. */
static unsigned crossed(const struct tracker_slow *p, bool names,
                        const struct event *const *left, unsigned n)
{
    unsigned from = n, different = 0, seen = 0;
    uint64_t count = 0;

    while (from > 0 && left[from - 1]->time > left[n - 1]->time - p->window)
        from--;
    for (unsigned i = from; i < n; i++) {
        if (names && left[i]->kind != 1)
            continue;
        count += left[i]->count;
        different += !(seen & 1u << left[i]->name);
        seen |= 1u << left[i]->name;
    }
    if (p->failures == 0 || count < p->failures || (names && different < p->names))
        return n;
    return from;
}

/* The definition for what lies between two fast bursts. */
static void define_slow(const struct tracker_params *p, const struct event *const *rest,
                        unsigned n, struct want *want)
{
    const struct event *left[EVENTS];
    struct burst *open = NULL;
    unsigned n_left = 0;
    int64_t opened = 0;

    for (unsigned i = 0; i < n; i++) {
        int64_t time = rest[i]->time;
        unsigned from;

        if (open && (time >= open->last + p->settle || time >= opened + p->max_age))
            open = NULL;
        if (open) {
            open->last = time;
            open->count += rest[i]->count;
            continue;
        }
        left[n_left++] = rest[i];
        from = crossed(&p->slow, false, left, n_left);
        if (from == n_left)
            from = crossed(&p->names, true, left, n_left);
        if (from == n_left)
            continue;
        begin(want, left + from, n_left - from);
        open = &want->bursts[want->n - 1];
        opened = time;
        n_left = 0;
    }
}

/* The definition, word for word and slow. */
static void define(const struct tracker_params *p, const struct event *events,
                   struct want *want)
{
    const struct event *rest[EVENTS];
    struct burst *open = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < EVENTS; i++) {
        const struct event *e = &events[i];
        unsigned from;
        uint64_t count = 0;

        if (e->kind == 2)
            continue;
        if (open &&
            (e->time >= open->last + p->settle || e->time >= open->first + p->max_age))
            open = NULL;
        if (open) {
            open->last = e->time;
            open->count += e->count;
            continue;
        }
        rest[n++] = e;
        from = n;
        while (from > 0 && rest[from - 1]->time > e->time - p->window)
            count += rest[--from]->count;
        if (count < p->failures)
            continue;
        define_slow(p, rest, from, want);
        begin(want, rest + from, n - from);
        open = &want->bursts[want->n - 1];
        n = 0;
    }
    define_slow(p, rest, n, want);
    for (unsigned k = 0; k < want->n; k++)
        for (unsigned i = 0; i < EVENTS; i++)
            if (events[i].kind == 2 && events[i].time >= want->bursts[k].first &&
                events[i].time < want->bursts[k].last + p->settle)
                want->bursts[k].held = true;
}

static void play(struct tracker *tr, const struct event *e, bool live)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct attempt a = {
        .time = {.usec = e->time, .digits = 6},
        .source = address(ONE),
        .user = {.p = names[e->name], .n = 1},
        .unknown_user = e->kind == 1,
        .service = "sshd",
        .outcome = e->kind == 2 ? ATTEMPT_SUCCESS : ATTEMPT_FAILURE,
        .count = e->count,
        .line = SLICE("a line"),
    };

    if (live)
        ck_assert_int_eq(tracker_advance(tr, e->time), 0);
    ck_assert_int_eq(tracker_attempt(tr, &a, CLOCK_UNKNOWN, 0), 0);
}

static int by_first(const void *a, const void *b)
{
    const struct burst *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

/* Even: a finished log; odd: live; a third of both with restarts. */
START_TEST(slow_bursts_are_as_defined)
{
    const char *env = getenv("TRACKER_SEED");
    unsigned seed = env ? (unsigned)strtoul(env, NULL, 10) : 5000u + (unsigned)_i;
    static struct want want;
    struct event events[EVENTS];
    struct tracker_params params;
    bool live = _i % 2;

    srandom(seed);
    params = random_params();
    random_events(events);
    tracker_free(t);
    t = start(&params, w);
    for (unsigned i = 0; i < EVENTS; i++) {
        play(t, &events[i], live);
        if (_i % 3 != 0 || random() % 30 != 0)
            continue;
        save(t, w);
        tracker_free(t);
        t = restart(&params, w);
    }
    ck_assert_int_eq(live ? tracker_advance(t, INT64_MAX) : tracker_finish(t), 0);
    ck_assert_uint_eq(tracker_counters(t)->open, 0);
    ck_assert_uint_eq(tracker_counters(t)->late, 0);
    if (live) {
        ck_assert_uint_eq(tracker_counters(t)->sources, 0);
        ck_assert_uint_eq(tracker_counters(t)->bytes, 0);
    }
    want.n = 0;
    define(&params, events, &want);
    qsort(want.bursts, want.n, sizeof(want.bursts[0]), by_first);
    ck_assert_msg(w->n_bursts == want.n, "seed %u: %u, not %u bursts", seed, w->n_bursts,
                  want.n);
    qsort(w->bursts, w->n_bursts, sizeof(w->bursts[0]), by_first);
    for (unsigned i = 0; i < want.n; i++) {
        const struct burst *b = &w->bursts[i], *x = &want.bursts[i];

        ck_assert_msg(b->first == x->first && b->last == x->last && b->count == x->count,
                      "seed %u: burst %u is %lld to %lld, %llu", seed, i,
                      (long long)b->first, (long long)b->last,
                      (unsigned long long)b->count);
        /* Only the latest success is remembered from before the opening. */
        ck_assert_msg(!b->held || x->held, "seed %u: burst %u held", seed, i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracker-slow");
    TCase *tc = tcase_create("tracker-slow");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup_shipped, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_log_that_a_banning_tool_has_thinned_still_gives_bursts);
    tcase_add_test(tc, the_clock_alone_opens_and_closes_a_slow_burst);
    tcase_add_test(tc, nineteen_in_a_day_are_no_burst);
    tcase_add_test(tc, a_slow_burst_goes_on_until_settle_or_max_age_after_it_opened);
    tcase_add_test(tc, a_list_of_names_is_seen_before_many_attempts_are);
    tcase_add_test(tc, a_fast_burst_is_the_same_with_slow_windows_as_without);
    tcase_add_test(tc, a_fast_burst_ends_a_slow_one);
    tcase_add_test(tc, a_success_between_slow_attempts_is_in_the_incident);
    tcase_add_test(tc, slow_windows_that_are_off_keep_nothing);
    tcase_add_test(tc, a_source_that_is_dropped_for_room_gets_its_slow_burst);
    tcase_add_test(tc, a_state_without_slow_windows_is_still_read);
    tcase_add_loop_test(tc, slow_bursts_are_as_defined, 0, 600);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
