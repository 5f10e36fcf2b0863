/* Lookups: what is asked once for several, and what may end at any time. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "resolver-world.h"

/* The cache */

START_TEST(a_block_is_asked_about_once_a_day)
{
    struct world w;
    struct resolver_counters counters;

    world_new(&w);
    ask(&w, "198.18.1.70");
    expect_found(ask(&w, "198.18.1.71"), "abuse@isp.example");
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.cached, 1);
    ck_assert_uint_eq(counters.queries, 1);
    world_restart(&w);
    expect_found(ask(&w, "198.18.1.72"), "abuse@isp.example");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.1.71\""), 0);
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.1.72\""), 0);
    world_done(&w);
}
END_TEST

START_TEST(a_cached_answer_serves_only_its_own_range)
{
    struct world w;

    world_new(&w);
    expect_found(ask(&w, "198.18.53.1"), "abuse@one.example");
    expect_found(ask(&w, "198.18.53.201"), "abuse@two.example");
    world_done(&w);
}
END_TEST

START_TEST(a_mailbox_of_unknown_range_is_not_lent_to_neighbours)
{
    struct world w;

    world_new(&w);
    expect_found(ask(&w, "198.18.55.1"), "abuse@norange.example");
    expect_found(ask(&w, "198.18.55.2"), "abuse@norange.example");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.55.2\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(failures_are_not_remembered)
{
    struct world w;

    world_new(&w);
    ask(&w, "198.18.12.2");
    ask(&w, "198.18.12.2");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.12.2\""), 2);
    world_done(&w);
}
END_TEST

START_TEST(a_lab_s_answers_do_not_come_out_under_other_rules)
{
    struct world w;

    world_new(&w);
    ask(&w, "198.18.1.73");
    w.params.any_domain = true;
    world_restart(&w);
    ask(&w, "198.18.1.73");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.1.73\""), 2);
    world_done(&w);
}
END_TEST

/* Ending early */

START_TEST(a_cancelled_lookup_is_never_answered)
{
    struct world w;
    struct asked *early, *flying, *other;
    struct resolver_counters counters;

    world_new(&w);
    early = begin(&w, "198.18.50.80");
    lookup_cancel(early->lookup); /* while the bootstrap file is fetched */
    flying = begin(&w, "198.18.54.80");
    run_for(&w, 300000);
    ck_assert_uint_eq(requests("plain", "198.18.54.80"), 1);
    lookup_cancel(flying->lookup); /* while its server takes 30 s */
    other = begin(&w, "198.18.1.80");
    w.n_waiting = 1;
    run(&w);
    expect_found(&other->result, "abuse@isp.example");
    ck_assert(!early->done && !flying->done);
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.running, 0);
    /* And one whose answer is on its way already. */
    early = begin(&w, "198.18.1.80");
    lookup_cancel(early->lookup);
    run_for(&w, 50000);
    ck_assert(!early->done);
    world_done(&w);
}
END_TEST

START_TEST(a_waiter_may_leave_without_the_others)
{
    struct world w;

    world_new(&w);
    begin(&w, "198.18.51.81");
    begin(&w, "198.18.51.82");
    begin(&w, "198.18.51.83");
    lookup_cancel(w.asked[0].lookup);
    w.n_waiting--;
    run(&w);
    ck_assert(!w.asked[0].done);
    expect_found(&w.asked[1].result, "abuse@isp.example");
    expect_found(&w.asked[2].result, "abuse@isp.example");
    world_done(&w);
}
END_TEST

static int cancel_next(struct asked *a)
{
    struct asked *next = a + 1;

    lookup_cancel(next->lookup);
    a->w->n_waiting--;
    return 0;
}

START_TEST(an_answer_may_cancel_the_next_one)
{
    struct world w;

    world_new(&w);
    for (int i = 0; i < 4; i++)
        begin(&w, "198.18.1.84");
    w.asked[0].then = cancel_next;
    w.asked[2].then = cancel_next;
    run(&w);
    ck_assert(w.asked[0].done && !w.asked[1].done);
    ck_assert(w.asked[2].done && !w.asked[3].done);
    world_done(&w);
}
END_TEST

static int ask_again(struct asked *a)
{
    struct world *w = a->w;

    if (w->n_asked < 5)
        begin(w, "198.18.1.85")->then = ask_again;
    return 0;
}

START_TEST(an_answer_may_ask_again)
{
    struct world w;

    world_new(&w);
    begin(&w, "198.18.1.85")->then = ask_again;
    run(&w);
    ck_assert_uint_eq(w.n_asked, 5);
    for (int i = 0; i < 5; i++)
        expect_found(&w.asked[i].result, "abuse@isp.example");
    world_done(&w);
}
END_TEST

START_TEST(a_resolver_may_be_freed_while_it_asks)
{
    struct world w;

    world_new(&w);
    begin(&w, "198.18.54.86");
    world_done(&w); /* the bootstrap file is being fetched */

    world_new(&w);
    begin(&w, "198.18.54.86");
    begin(&w, "198.18.50.86");
    run_for(&w, 300000); /* one is being asked about, one waits for its turn */
    world_done(&w);
}
END_TEST

static int free_resolver(struct asked *a)
{
    a->w->resolver = resolver_free(a->w->resolver);
    return 1;
}

START_TEST(an_answer_may_free_the_resolver)
{
    struct world w;

    world_new(&w);
    begin(&w, "198.18.1.87")->then = free_resolver;
    begin(&w, "198.18.1.88");
    begin(&w, "198.18.54.88");
    run(&w);
    ck_assert(w.asked[0].done && !w.asked[1].done && !w.asked[2].done);
    world_done(&w);
}
END_TEST

/* fetch.c alone: what only happens outside of a lab */

struct fetched {
    struct loop *loop;
    enum fetch_outcome outcome;
    char error[200];
    struct fetcher *fetcher;
    bool free_it;
};

static void on_fetched(void *userdata, const struct fetch_result *result)
{
    struct fetched *f = userdata;

    f->outcome = result->outcome;
    snprintf(f->error, sizeof(f->error), "%s", result->error ? result->error : "");
    if (f->free_it)
        f->fetcher = fetcher_free(f->fetcher);
    loop_stop(f->loop);
}

static bool only_public(void *userdata, const struct addr *peer)
{
    return rdap_check_peer(peer, NULL, false);
}

static enum fetch_outcome fetch_one(const char *url, struct fetched *f)
{
    struct fetch_params params = {
        .user_agent = "abuse-reporterd/test",
        .timeout = 5 * USEC_PER_SEC,
        .max_body = 1000,
        .peer_allowed = only_public,
    };
    struct fetch *job;

    ck_assert_int_eq(loop_new(&f->loop), 0);
    ck_assert_int_eq(fetcher_new(f->loop, &params, &f->fetcher), 0);
    ck_assert_int_eq(fetch_start(f->fetcher, url, "*/*", on_fetched, f, &job), 0);
    ck_assert_int_eq(loop_run(f->loop), 0);
    fetcher_free(f->fetcher);
    loop_free(f->loop);
    return f->outcome;
}

START_TEST(a_name_that_leads_to_a_private_address_is_not_connected_to)
{
    struct fetched f = {0};
    char url[100];

    snprintf(url, sizeof(url), "http://localhost:%d/private-name", port_of("plain"));
    ck_assert_int_eq(fetch_one(url, &f), FETCH_REFUSED);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/private-name", port_of("plain"));
    ck_assert_int_eq(fetch_one(url, &f), FETCH_REFUSED);
    ck_assert_uint_eq(requests("plain", "private-name"), 0);
}
END_TEST

START_TEST(what_is_no_url_fails_cleanly)
{
    struct fetched f = {0};

    ck_assert_int_eq(fetch_one("http://[::1", &f), FETCH_FAILED);
    ck_assert_int_eq(fetch_one("", &f), FETCH_FAILED);
    ck_assert_int_eq(fetch_one("file:///etc/passwd", &f), FETCH_FAILED);
    ck_assert_int_eq(fetch_one("gopher://127.0.0.1/", &f), FETCH_FAILED);
    ck_assert_int_eq(fetch_one("http://user:word@127.0.0.1/", &f), FETCH_FAILED);
    ck_assert_str_ne(f.error, "");
}
END_TEST

START_TEST(a_fetcher_may_be_freed_by_its_answer)
{
    struct fetched f = {.free_it = true};

    ck_assert_int_eq(fetch_one("http://[::1", &f), FETCH_FAILED);
    ck_assert_ptr_null(f.fetcher);
}
END_TEST

void add_lookup_tests(TCase *tc)
{
    tcase_add_test(tc, a_block_is_asked_about_once_a_day);
    tcase_add_test(tc, a_cached_answer_serves_only_its_own_range);
    tcase_add_test(tc, a_mailbox_of_unknown_range_is_not_lent_to_neighbours);
    tcase_add_test(tc, failures_are_not_remembered);
    tcase_add_test(tc, a_lab_s_answers_do_not_come_out_under_other_rules);
    tcase_add_test(tc, a_cancelled_lookup_is_never_answered);
    tcase_add_test(tc, a_waiter_may_leave_without_the_others);
    tcase_add_test(tc, an_answer_may_cancel_the_next_one);
    tcase_add_test(tc, an_answer_may_ask_again);
    tcase_add_test(tc, a_resolver_may_be_freed_while_it_asks);
    tcase_add_test(tc, an_answer_may_free_the_resolver);
    tcase_add_test(tc, a_name_that_leads_to_a_private_address_is_not_connected_to);
    tcase_add_test(tc, what_is_no_url_fails_cleanly);
    tcase_add_test(tc, a_fetcher_may_be_freed_by_its_answer);
}
