#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "tracker-world.h"

START_TEST(a_burst_opens_when_enough_attempts_lie_in_the_window)
{
    failure(t, ONE, 0);
    failure(t, ONE, 5 * S);
    failure(t, ONE, 10 * S); /* the first is exactly a window old: out */
    ck_assert_uint_eq(w->n_bursts, 0);
    failure(t, ONE, 15 * S - 1); /* one less than a window after the second */
    ck_assert_uint_eq(w->n_bursts, 1);
    ck_assert_int_eq(tracker_finish(t), 0);
    expect(0, 5 * S, 15 * S - 1, 3);
}
END_TEST

START_TEST(an_attempt_settle_after_the_last_starts_anew)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    failure(t, ONE, 2 + 20 * S - 1);
    failure(t, ONE, 2 + 40 * S - 1);
    ck_assert_uint_eq(w->n_bursts, 1);
    expect(0, 0, 2 + 20 * S - 1, 4);
    ck_assert_uint_eq(tracker_counters(t)->open, 0);
}
END_TEST

START_TEST(an_attempt_max_age_after_the_first_starts_anew)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    for (int i = 1; i < 6; i++)
        failure(t, ONE, i * 10 * S);
    failure(t, ONE, 60 * S - 1);
    ck_assert(w->bursts[0].open);
    failure(t, ONE, 60 * S);
    expect(0, 0, 60 * S - 1, 9);
    failure(t, ONE, 61 * S);
    failure(t, ONE, 62 * S);
    ck_assert_uint_eq(w->n_bursts, 2);
    tracker_finish(t);
    expect(1, 60 * S, 62 * S, 3);
}
END_TEST

START_TEST(a_repeat_line_counts_all_its_attempts)
{
    struct addr a = address(ONE);

    failure(t, ONE, 0);
    ck_assert_int_eq(give(t, &a, 1, 5, ATTEMPT_FAILURE), 0);
    ck_assert_uint_eq(w->n_bursts, 1);
    ck_assert_int_eq(give(t, &a, 2, UINT64_MAX, ATTEMPT_FAILURE), 0);
    ck_assert_int_eq(give(t, &a, 3, 0, ATTEMPT_FAILURE), 0);
    tracker_finish(t);
    expect(0, 0, 2, INT64_MAX);
}
END_TEST

START_TEST(the_clock_closes_at_the_very_limit)
{
    ck_assert_int_eq(tracker_next(t), MOMENT_NONE);
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    ck_assert_int_eq(tracker_next(t), 2 + 20 * S);
    tracker_advance(t, 2 + 20 * S - 1);
    ck_assert(w->bursts[0].open);
    tracker_advance(t, 2 + 20 * S);
    expect(0, 0, 2, 3);
    ck_assert_uint_eq(tracker_counters(t)->sources, 0);
    ck_assert_int_eq(tracker_next(t), MOMENT_NONE);

    for (int i = 0; i < 6; i++)
        failure(t, ONE, 100 * S + (i < 3 ? i : (i - 2) * 15) * S);
    ck_assert_int_eq(tracker_next(t), 160 * S);
}
END_TEST

START_TEST(attempts_out_of_order_count_where_they_belong)
{
    failure(t, ONE, 8 * S);
    failure(t, ONE, 5 * S); /* sorted in */
    failure(t, ONE, 12 * S);
    ck_assert_uint_eq(w->n_bursts, 1); /* at 12 s, from 5 s */
    failure(t, ONE, 7 * S);
    failure(t, ONE, 2 * S + 1); /* in the window of the opening: moves the first */
    failure(t, ONE, 2 * S);     /* not any more */
    ck_assert_uint_eq(tracker_counters(t)->late, 1);
    ck_assert_int_eq(tracker_next(t), 32 * S);
    tracker_finish(t);
    expect(0, 2 * S + 1, 12 * S, 5);
}
END_TEST

START_TEST(an_attempt_of_a_closed_burst_is_late)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i * S);
    failure(t, ONE, 30 * S);
    expect(0, 0, 2 * S, 3);
    failure(t, ONE, 22 * S - 1);
    ck_assert_uint_eq(tracker_counters(t)->late, 1);
    failure(t, ONE, 22 * S); /* of the next one */
    failure(t, ONE, 31 * S);
    tracker_finish(t);
    expect(1, 22 * S, 31 * S, 3);
    failure(t, ONE, 31 * S); /* the end of a log was not the end of the source */
    failure(t, ONE, 32 * S);
    failure(t, ONE, 33 * S);
    tracker_finish(t);
    expect(2, 31 * S, 33 * S, 3);
}
END_TEST

START_TEST(an_ipv6_source_is_its_prefix)
{
    struct addr a = address("2001:db8::1");
    struct net key = tracker_source(t, &a);
    char text[NET_TEXT_MAX];

    ck_assert_str_eq(net_format(&key, text), "2001:db8::/64");
    failure(t, "2001:db8::1", 1);
    failure(t, "2001:db8::2", 2);
    failure(t, "2001:db8:0:1::1", 3);
    ck_assert_uint_eq(w->n_bursts, 0);
    failure(t, "2001:db8::ffff:1", 4);
    ck_assert_uint_eq(w->n_bursts, 1);
    success(t, "2001:db8::abcd", 5);
    tracker_finish(t);
    expect(0, 1, 4, 3);
    ck_assert(w->bursts[0].held);
}
END_TEST

START_TEST(a_success_within_the_burst_is_in_the_incident)
{
    success(t, ONE, 0); /* before the first: does not matter */
    for (int i = 1; i < 4; i++)
        failure(t, ONE, i * S);
    failure(t, ONE, 23 * S + 1);
    expect(0, 1 * S, 3 * S, 3);
    ck_assert(!w->bursts[0].held);

    failure(t, ONE, 24 * S);
    success(t, ONE, 25 * S); /* before it opens */
    failure(t, ONE, 26 * S);
    tracker_finish(t);
    expect(1, 23 * S + 1, 26 * S, 3);
    ck_assert(w->bursts[1].held);
    ck_assert_uint_eq(w->n_success, 0);
}
END_TEST

START_TEST(a_success_within_the_open_burst_is_told_at_once_and_once)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i * S);
    success(t, ONE, 22 * S); /* settle after the last: not yet of the burst */
    ck_assert_uint_eq(w->n_login, 0);
    failure(t, ONE, 20 * S); /* late, and now it is */
    ck_assert_uint_eq(w->n_login, 1);
    success(t, ONE, 23 * S);
    ck_assert_uint_eq(w->n_login, 1);
    ck_assert(w->bursts[0].open && w->bursts[0].held);
}
END_TEST

START_TEST(a_success_soon_after_a_closed_burst_is_told)
{
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i * S);
    tracker_finish(t);
    success(t, ONE, 22 * S); /* settle after the last: not any more */
    ck_assert_uint_eq(w->n_success, 0);
    success(t, ONE, 22 * S - 1);
    ck_assert_uint_eq(w->n_success, 1);
    ck_assert(w->bursts[0].held);
    success(t, ONE, 21 * S); /* once is enough */
    ck_assert_uint_eq(w->n_success, 1);
}
END_TEST

START_TEST(a_success_concerns_every_recent_burst)
{
    struct tracker_params params = three_in_ten;

    params.max_age = 5 * S; /* shorter than settle */
    tracker_set_params(t, &params);
    for (int i = 0; i < 12; i++)
        failure(t, ONE, i * S);
    ck_assert_uint_eq(w->n_bursts, 2);
    failure(t, ONE, 12 * S);
    success(t, ONE, 13 * S);
    tracker_finish(t);
    for (unsigned i = 0; i < w->n_bursts; i++)
        ck_assert(w->bursts[i].held);
    ck_assert_uint_eq(w->n_success, 2);
}
END_TEST

START_TEST(the_callbacks_failure_is_passed_up_and_counts_once)
{
    struct addr a = address(ONE);

    failure(t, ONE, 1);
    failure(t, ONE, 2);
    w->fail = -EIO;
    ck_assert_int_eq(give(t, &a, 3, 1, ATTEMPT_FAILURE), -EIO);
    ck_assert_int_eq(tracker_finish(t), -EIO);
    w->fail = 0;
    ck_assert_int_eq(tracker_finish(t), 0);
    expect(0, 1, 3, 3);
}
END_TEST

START_TEST(new_limits_apply_to_open_bursts)
{
    struct tracker_params params = three_in_ten;

    for (int i = 0; i < 3; i++)
        failure(t, ONE, i);
    params.settle = 5 * S;
    params.hash_key[0] = 77; /* the table goes on under its own */
    tracker_set_params(t, &params);
    ck_assert_int_eq(tracker_next(t), 2 + 5 * S);
    failure(t, ONE, 3);
    tracker_advance(t, 3 + 5 * S);
    expect(0, 0, 3, 4);
}
END_TEST

/* Memory ---------------------------------------------------------------------------- */

START_TEST(a_flood_of_sources_stays_within_its_memory)
{
    struct tracker_params params = three_in_ten;
    const struct tracker_counters *c = tracker_counters(t);

    params.max_bytes = 1 << 20;
    tracker_set_params(t, &params);
    for (int i = 0; i < 3; i++)
        failure(t, ONE, i); /* a burst */
    failure(t, "203.0.113.6", 3);
    failure(t, "203.0.113.6", 4); /* and nearly one */
    for (uint32_t i = 0; i < 20000; i++) {
        struct addr a = numbered(i);

        ck_assert_int_eq(give(t, &a, 5 + i, 1, ATTEMPT_FAILURE), 0);
        ck_assert_uint_le(c->bytes, params.max_bytes);
    }
    ck_assert_uint_gt(c->sources, 500);
    ck_assert_uint_eq(c->evicted + c->sources, 20002);
    failure(t, "203.0.113.6", 30000);
    ck_assert_uint_eq(w->n_bursts, 2); /* the suspicious ones stayed */
    tracker_finish(t);
    expect(0, 0, 2, 3);
    expect(1, 3, 30000, 3);
}
END_TEST

START_TEST(what_time_has_made_needless_goes_first_and_is_no_eviction)
{
    struct tracker_params params = three_in_ten;

    params.max_bytes = 1 << 20;
    tracker_set_params(t, &params);
    for (uint32_t i = 0; i < 20000; i++) {
        struct addr a = numbered(i);

        ck_assert_int_eq(give(t, &a, (int64_t)i * S, 1, ATTEMPT_FAILURE), 0);
    }
    ck_assert_uint_eq(tracker_counters(t)->evicted, 0);
    ck_assert_uint_le(tracker_counters(t)->bytes, params.max_bytes);
}
END_TEST

START_TEST(open_bursts_go_last_and_are_closed_with_true_numbers)
{
    struct tracker_params params = three_in_ten;

    params.max_bytes = 64 << 10;
    tracker_set_params(t, &params);
    for (uint32_t i = 0; i < 200; i++)
        for (int k = 0; k < 4; k++) {
            struct addr a = numbered(i);

            ck_assert_int_eq(give(t, &a, i * 10 + k, 1, ATTEMPT_FAILURE), 0);
        }
    ck_assert_uint_eq(w->n_bursts, 200);
    ck_assert_uint_gt(tracker_counters(t)->evicted, 100);
    tracker_finish(t);
    for (unsigned i = 0; i < 200; i++)
        expect(i, i * 10, i * 10 + 3, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracker");
    TCase *tc = tcase_create("tracker");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_burst_opens_when_enough_attempts_lie_in_the_window);
    tcase_add_test(tc, an_attempt_settle_after_the_last_starts_anew);
    tcase_add_test(tc, an_attempt_max_age_after_the_first_starts_anew);
    tcase_add_test(tc, a_repeat_line_counts_all_its_attempts);
    tcase_add_test(tc, the_clock_closes_at_the_very_limit);
    tcase_add_test(tc, attempts_out_of_order_count_where_they_belong);
    tcase_add_test(tc, an_attempt_of_a_closed_burst_is_late);
    tcase_add_test(tc, an_ipv6_source_is_its_prefix);
    tcase_add_test(tc, a_success_within_the_burst_is_in_the_incident);
    tcase_add_test(tc, a_success_within_the_open_burst_is_told_at_once_and_once);
    tcase_add_test(tc, a_success_soon_after_a_closed_burst_is_told);
    tcase_add_test(tc, a_success_concerns_every_recent_burst);
    tcase_add_test(tc, the_callbacks_failure_is_passed_up_and_counts_once);
    tcase_add_test(tc, new_limits_apply_to_open_bursts);
    tcase_add_test(tc, a_flood_of_sources_stays_within_its_memory);
    tcase_add_test(tc, what_time_has_made_needless_goes_first_and_is_no_eviction);
    tcase_add_test(tc, open_bursts_go_last_and_are_closed_with_true_numbers);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
