/* How the resolver treats servers: pauses, distance, turns; and where it finds them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "resolver-world.h"

/* Servers that want to be left alone */

static void expect_pause(const char *addr, const char *neighbour, int64_t low,
                         int64_t high)
{
    struct world w;
    const struct contact_result *r;
    char path[100];

    world_new(&w);
    r = ask(&w, addr);
    expect_failed(r, true, "127.0.0.1");
    expect_seconds(r->retry_after, low, high);
    /* Neither this nor any other address is asked about there, nor after a restart. */
    world_restart(&w);
    r = ask(&w, neighbour);
    expect_failed(r, true, "left alone");
    expect_seconds(r->retry_after, low - 5, high);
    snprintf(path, sizeof(path), "/rdap/ip/%s\"", neighbour);
    ck_assert_uint_eq(requests("plain", path), 0);
    world_done(&w);
}

START_TEST(a_429_is_waited_for_as_long_as_it_says)
{
    expect_pause("198.18.3.1", "198.18.1.103", 90, 90);
}
END_TEST

START_TEST(a_429_may_name_a_date)
{
    expect_pause("198.18.4.1", "198.18.1.104", 110, 121);
}
END_TEST

START_TEST(a_429_with_a_past_date_is_a_minute)
{
    expect_pause("198.18.5.1", "198.18.1.105", 60, 60);
}
END_TEST

START_TEST(a_429_without_a_time_is_a_minute)
{
    expect_pause("198.18.6.1", "198.18.1.106", 60, 60);
}
END_TEST

START_TEST(a_429_of_many_years_is_a_day)
{
    expect_pause("198.18.7.1", "198.18.1.107", 86400, 86400);
}
END_TEST

START_TEST(a_429_with_an_endless_page_is_still_a_429)
{
    expect_pause("198.18.21.1", "198.18.1.121", 40, 40);
}
END_TEST

START_TEST(a_rate_limit_notice_in_a_200_is_a_429)
{
    expect_pause("198.18.8.1", "198.18.1.108", 60, 60);
}
END_TEST

START_TEST(a_403_keeps_us_away_for_a_day)
{
    expect_pause("198.18.9.1", "198.18.1.109", 86400, 86400);
}
END_TEST

START_TEST(a_503_may_say_when_to_come_back)
{
    expect_pause("198.18.11.1", "198.18.1.111", 30, 30);
}
END_TEST

START_TEST(unexplained_429s_wait_longer_each_time)
{
    struct world w;
    const struct contact_result *r;
    struct host *h;

    world_new(&w);
    ask(&w, "198.18.6.2");
    h = TAILQ_FIRST(&w.resolver->hosts);
    ck_assert_int_eq(store_pause_put(w.store, h->name, 1), 0); /* over */
    h->paused_until = 1;
    r = ask(&w, "198.18.6.2");
    expect_seconds(r->retry_after, 120, 120);
    world_done(&w);
}
END_TEST

START_TEST(a_pause_from_before_the_clock_was_set_back_is_over)
{
    struct world w;
    char server[60];

    world_new(&w);
    snprintf(server, sizeof(server), "127.0.0.1:%d", port_of("plain"));
    ck_assert_int_eq(store_pause_put(w.store, server, now_wall() + 3 * DAY), 0);
    expect_found(ask(&w, "198.18.1.9"), "abuse@isp.example");
    world_done(&w);
}
END_TEST

START_TEST(lacnic_is_asked_more_slowly)
{
    struct world w;
    struct query *q;
    struct host *h;

    world_new(&w);
    begin(&w, "198.18.1.1");
    w.resolver->lab = false; /* a lab keeps no distance */
    q = TAILQ_FIRST(&w.resolver->ipv4.waiting);
    table_leave(q);
    ck_assert_ptr_null(
        chain_begin(&q->chain, w.resolver, "https://rdap.lacnic.net/ip/1"));
    host_enqueue(q);
    h = TAILQ_FIRST(&w.resolver->hosts);
    ck_assert_int_ge(h->spacing, 7 * USEC_PER_SEC);
    ck_assert_int_ge(h->default_pause, 300 * USEC_PER_SEC);
    host_leave(q);
    ck_assert_ptr_null(
        chain_begin(&q->chain, w.resolver, "https://rdap.notlacnic.net/ip/1"));
    host_enqueue(q);
    h = TAILQ_NEXT(h, link);
    ck_assert_int_lt(h->spacing, USEC_PER_SEC);
    world_done(&w);
}
END_TEST

/* Many at once */

START_TEST(a_hundred_lookups_of_a_block_are_one_query)
{
    struct world w;
    struct resolver_counters counters;
    char text[40];

    world_new(&w);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "198.18.50.%d", 100 + i % 50);
        begin(&w, text);
    }
    run(&w);
    for (int i = 0; i < 100; i++)
        expect_found(&w.asked[i].result, "abuse@isp.example");
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.queries, 1);
    ck_assert_uint_eq(counters.lookups, 100);
    ck_assert_uint_eq(counters.running, 0);
    world_done(&w);
}
END_TEST

START_TEST(waiters_outside_the_answered_range_are_asked_about_themselves)
{
    struct world w;
    struct resolver_counters counters;

    world_new(&w);
    begin(&w, "198.18.53.2");
    begin(&w, "198.18.53.202");
    begin(&w, "198.18.53.203");
    begin(&w, "198.18.53.3");
    run(&w);
    expect_found(&w.asked[0].result, "abuse@one.example");
    expect_found(&w.asked[1].result, "abuse@two.example");
    expect_found(&w.asked[2].result, "abuse@two.example");
    expect_found(&w.asked[3].result, "abuse@one.example");
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.queries, 2);
    world_done(&w);
}
END_TEST

START_TEST(a_server_gets_one_request_at_a_time)
{
    struct world w;
    int64_t begun;

    world_new(&w);
    begun = now_monotonic();
    begin(&w, "198.18.50.3");
    begin(&w, "198.18.51.3");
    begin(&w, "198.18.52.3");
    run(&w);
    ck_assert_int_ge(now_monotonic() - begun, 900000);
    world_done(&w);
}
END_TEST

START_TEST(requests_to_a_server_keep_their_distance)
{
    struct world w;
    int64_t begun;

    world_new(&w);
    ask(&w, "198.18.1.74");
    TAILQ_FIRST(&w.resolver->hosts)->spacing = 500000; /* a lab has none */
    begun = now_monotonic();
    begin(&w, "198.18.2.74");
    begin(&w, "198.18.55.74");
    begin(&w, "198.18.56.74");
    run(&w);
    ck_assert_int_ge(now_monotonic() - begun, 1000000);
    ck_assert_int_lt(now_monotonic() - begun, 5000000);
    world_done(&w);
}
END_TEST

START_TEST(who_would_wait_too_long_is_told_when_to_come_back)
{
    struct world w;
    struct host *h;

    world_prepare(&w);
    w.params.once = true;
    world_start(&w);
    ask(&w, "198.18.1.75");
    h = TAILQ_FIRST(&w.resolver->hosts);
    h->spacing = 100 * USEC_PER_SEC;
    h->next = now_monotonic();
    begin(&w, "198.18.54.75"); /* is asked at once, and stays away for long */
    run_for(&w, 200000);
    begin(&w, "198.18.50.75");
    begin(&w, "198.18.51.75");
    begin(&w, "198.18.52.75"); /* would be the third after it: 200 s */
    run_for(&w, 200000);
    ck_assert(!w.asked[1].done);
    ck_assert(!w.asked[2].done);
    ck_assert(!w.asked[3].done);
    expect_failed(&w.asked[4].result, true, "too many others");
    expect_seconds(w.asked[4].result.retry_after, 200, 300);
    world_done(&w);
}
END_TEST

static void ignore_answer(void *userdata, const struct contact_result *result)
{
    unsigned *n_failed = userdata;

    ck_assert_int_eq(result->outcome, CONTACT_LOOKUP_FAILED);
    ck_assert(result->temporary);
    ++*n_failed;
}

START_TEST(more_lookups_than_can_wait_are_turned_away)
{
    struct world w;
    struct resolver_counters counters;
    struct lookup *lookup;
    unsigned n_failed = 0;

    world_prepare(&w);
    snprintf(w.bootstrap_ipv6, sizeof(w.bootstrap_ipv6),
             "http://127.0.0.1:%d/slow/ipv6.json", port_of("plain"));
    world_start(&w);
    for (unsigned i = 0; i < RESOLVER_LOOKUPS_MAX + 5; i++) {
        struct addr addr = address("2001:db8:2::1");

        addr.bytes[6] = (uint8_t)(i >> 8);
        addr.bytes[7] = (uint8_t)i;
        ck_assert_int_eq(
            resolver_lookup(w.resolver, &addr, ignore_answer, &n_failed, &lookup), 0);
    }
    run_for(&w, 100000);
    ck_assert_uint_eq(n_failed, 5);
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.overflow, 5);
    ck_assert_uint_eq(counters.running, RESOLVER_LOOKUPS_MAX);
    world_done(&w);
}
END_TEST

/* The bootstrap table */

START_TEST(the_bootstrap_file_is_fetched_once)
{
    struct world w;
    unsigned before;

    world_prepare(&w);
    snprintf(w.bootstrap_ipv4, sizeof(w.bootstrap_ipv4),
             "http://127.0.0.1:%d/moved/ipv4.json", port_of("plain"));
    world_start(&w);
    before = requests("plain", "/moved/ipv4.json");
    begin(&w, "198.18.1.64");
    begin(&w, "198.18.2.64");
    run(&w);
    expect_found(&w.asked[0].result, "abuse@isp.example");
    ck_assert_int_eq(w.asked[1].result.outcome, CONTACT_NONE_PUBLISHED);
    ask(&w, "198.18.55.64");
    ck_assert_uint_eq(requests("plain", "/moved/ipv4.json") - before, 1);
    world_done(&w);
}
END_TEST

START_TEST(the_bootstrap_file_may_be_a_path)
{
    struct world w;
    char path[300];
    FILE *f;

    world_prepare(&w);
    snprintf(path, sizeof(path), "%s/bootstrap.json", test_dir());
    f = fopen(path, "we");
    fprintf(f, "{\"services\": [[[\"198.18.0.0/15\"], [\"http://127.0.0.1:%d/rdap\"]]]}",
            port_of("plain"));
    fclose(f);
    w.params.bootstrap_ipv4 = path;
    world_start(&w);
    expect_found(ask(&w, "198.18.1.65"), "abuse@isp.example");
    ck_assert_uint_eq(requests("plain", "\"/rdap/ip/198.18.1.65\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(the_longest_prefix_of_the_bootstrap_file_is_asked)
{
    struct world w;

    world_new(&w);
    expect_found(ask(&w, "198.18.200.1"), "abuse@narrow.example");
    expect_found(ask(&w, "198.18.201.1"), "abuse@wide.example");
    world_done(&w);
}
END_TEST

static void expect_no_table(const char *source, const char *detail)
{
    struct world w;

    world_prepare(&w);
    w.params.bootstrap_ipv4 = source;
    world_start(&w);
    expect_failed(ask(&w, "198.18.1.66"), true, detail);
    ck_assert_uint_eq(requests("plain", "198.18.1.66"), 0);
    world_done(&w);
}

START_TEST(a_lab_without_its_bootstrap_file_asks_nobody)
{
    char url[100];

    expect_no_table("/nonexistent/ipv4.json", "No such file");
    expect_no_table("/dev/null", "not a bootstrap file");
    expect_no_table(NULL, "must name");
    expect_no_table("http://10.0.0.1/ipv4.json", "may not be asked");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/broken/ipv4.json", port_of("plain"));
    expect_no_table(url, "not a bootstrap file");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/empty/ipv4.json", port_of("plain"));
    expect_no_table(url, "not a bootstrap file");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/nothing-here", port_of("plain"));
    expect_no_table(url, "404");
}
END_TEST

START_TEST(outside_a_lab_the_built_in_table_stands_in)
{
    struct world w;
    struct addr addr = address("198.18.1.1");

    world_prepare(&w);
    w.params.reportable = NULL;
    w.params.bootstrap_ipv4 = "/nonexistent/ipv4.json";
    world_start(&w);
    ck_assert_ptr_nonnull(w.resolver->ipv4.rows);
    ck_assert(w.resolver->ipv4.builtin);
    ck_assert_ptr_nonnull(bootstrap_find(w.resolver->ipv4.rows, &addr));
    world_done(&w);
}
END_TEST

START_TEST(a_bootstrap_server_that_comes_back_is_asked_again)
{
    struct world w;

    world_prepare(&w);
    snprintf(w.bootstrap_ipv4, sizeof(w.bootstrap_ipv4),
             "http://127.0.0.1:%d/late/ipv4.json", port_of("plain"));
    world_start(&w);
    expect_failed(ask(&w, "198.18.1.67"), true, "500");
    expect_found(ask(&w, "198.18.1.67"), "abuse@isp.example");
    world_done(&w);
}
END_TEST

START_TEST(a_good_bootstrap_table_is_not_given_up_for_a_bad_one)
{
    struct world w;

    world_prepare(&w);
    snprintf(w.bootstrap_ipv4, sizeof(w.bootstrap_ipv4),
             "http://127.0.0.1:%d/worse/ipv4.json", port_of("plain"));
    world_start(&w);
    expect_found(ask(&w, "198.18.1.68"), "abuse@isp.example");
    ck_assert_int_gt(w.resolver->ipv4.next_try, now_monotonic() + DAY / 2);
    w.resolver->ipv4.next_try = 0; /* a day later */
    ck_assert_int_eq(ask(&w, "198.18.2.68")->outcome, CONTACT_NONE_PUBLISHED);
    ck_assert_int_eq(ask(&w, "198.18.56.68")->outcome, CONTACT_NONE_PUBLISHED);
    while (w.resolver->ipv4.fetch)
        run_for(&w, 50000);
    ck_assert_ptr_nonnull(w.resolver->ipv4.error);
    expect_found(ask(&w, "198.18.50.68"), "abuse@isp.example");
    ck_assert_uint_eq(requests("plain", "/worse/ipv4.json"), 2);
    world_done(&w);
}
END_TEST

void add_server_tests(TCase *tc)
{
    tcase_add_test(tc, a_429_is_waited_for_as_long_as_it_says);
    tcase_add_test(tc, a_429_may_name_a_date);
    tcase_add_test(tc, a_429_with_a_past_date_is_a_minute);
    tcase_add_test(tc, a_429_without_a_time_is_a_minute);
    tcase_add_test(tc, a_429_of_many_years_is_a_day);
    tcase_add_test(tc, a_429_with_an_endless_page_is_still_a_429);
    tcase_add_test(tc, a_rate_limit_notice_in_a_200_is_a_429);
    tcase_add_test(tc, a_403_keeps_us_away_for_a_day);
    tcase_add_test(tc, a_503_may_say_when_to_come_back);
    tcase_add_test(tc, unexplained_429s_wait_longer_each_time);
    tcase_add_test(tc, a_pause_from_before_the_clock_was_set_back_is_over);
    tcase_add_test(tc, lacnic_is_asked_more_slowly);
    tcase_add_test(tc, a_hundred_lookups_of_a_block_are_one_query);
    tcase_add_test(tc, waiters_outside_the_answered_range_are_asked_about_themselves);
    tcase_add_test(tc, a_server_gets_one_request_at_a_time);
    tcase_add_test(tc, requests_to_a_server_keep_their_distance);
    tcase_add_test(tc, who_would_wait_too_long_is_told_when_to_come_back);
    tcase_add_test(tc, more_lookups_than_can_wait_are_turned_away);
    tcase_add_test(tc, the_bootstrap_file_is_fetched_once);
    tcase_add_test(tc, the_bootstrap_file_may_be_a_path);
    tcase_add_test(tc, the_longest_prefix_of_the_bootstrap_file_is_asked);
    tcase_add_test(tc, a_lab_without_its_bootstrap_file_asks_nobody);
    tcase_add_test(tc, outside_a_lab_the_built_in_table_stands_in);
    tcase_add_test(tc, a_bootstrap_server_that_comes_back_is_asked_again);
    tcase_add_test(tc, a_good_bootstrap_table_is_not_given_up_for_a_bad_one);
}
