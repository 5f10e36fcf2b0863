/* What the resolver makes of answers, failures, redirects and certificates. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolver-world.h"

/* Answers */

START_TEST(the_published_mailbox_is_found)
{
    struct world w;
    const struct contact_result *r;
    char server[60];

    world_new(&w);
    r = ask(&w, "198.18.1.7");
    expect_found(r, "abuse@isp.example");
    ck_assert_str_eq(r->network, "198.18.1.0 - 198.18.1.255");
    snprintf(server, sizeof(server), "127.0.0.1:%d", port_of("plain"));
    ck_assert_str_eq(r->server, server);
    expect_found(ask(&w, "2001:db8:1:2::3"), "abuse@six.example");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/2001:db8:1:2::3"), 1);
    world_done(&w);
}
END_TEST

START_TEST(the_request_says_who_asks_and_for_what)
{
    struct world w;

    world_new(&w);
    ask(&w, "198.18.1.8");
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.1.8\""), 1);
    ck_assert_uint_ge(requests("plain",
                               "\"agent\": \"abuse-reporterd/test\", \"accept\": "
                               "\"application/rdap+json, application/json\""),
                      1);
    world_done(&w);
}
END_TEST

START_TEST(a_404_is_a_no_and_is_remembered)
{
    struct world w;
    const struct contact_result *r;

    world_new(&w);
    r = ask(&w, "198.18.2.1");
    ck_assert_int_eq(r->outcome, CONTACT_NONE_PUBLISHED);
    ck_assert_ptr_nonnull(strstr(r->detail, "404"));
    r = ask(&w, "198.18.2.1");
    ck_assert_int_eq(r->outcome, CONTACT_NONE_PUBLISHED);
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.2.1\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(a_404_in_the_body_of_a_200_is_the_same_no)
{
    struct world w;
    const struct contact_result *r;

    world_new(&w);
    r = ask(&w, "198.18.22.1");
    ck_assert_int_eq(r->outcome, CONTACT_NONE_PUBLISHED);
    ck_assert_ptr_nonnull(strstr(r->detail, "404"));
    r = ask(&w, "198.18.22.1");
    ck_assert_int_eq(r->outcome, CONTACT_NONE_PUBLISHED);
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.22.1\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(a_network_without_mailbox_is_a_no)
{
    struct world w;

    world_new(&w);
    ck_assert_int_eq(ask(&w, "198.18.56.1")->outcome, CONTACT_NONE_PUBLISHED);
    world_done(&w);
}
END_TEST

START_TEST(an_address_that_no_registry_has_is_a_no)
{
    struct world w;

    world_prepare(&w);
    add_network(&w.reportable, "192.0.2.0/24");
    world_start(&w);
    ck_assert_int_eq(ask(&w, "192.0.2.1")->outcome, CONTACT_NONE_PUBLISHED);
    world_done(&w);
}
END_TEST

START_TEST(special_purpose_addresses_are_not_asked_about)
{
    struct world w;
    const struct contact_result *r;
    struct resolver_counters counters;

    world_new(&w);
    r = ask(&w, "10.1.2.3");
    ck_assert_int_eq(r->outcome, CONTACT_SPECIAL_PURPOSE);
    ck_assert_ptr_nonnull(r->detail);
    ck_assert_int_eq(ask(&w, "127.0.0.1")->outcome, CONTACT_SPECIAL_PURPOSE);
    ck_assert_int_eq(ask(&w, "fe80::1")->outcome, CONTACT_SPECIAL_PURPOSE);
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.queries, 0);
    world_done(&w);
}
END_TEST

/* Servers that do not work */

static void expect_failure(const char *addr, bool temporary, const char *detail)
{
    struct world w;
    const struct contact_result *r;

    world_prepare(&w);
    w.params.timeout = 2 * USEC_PER_SEC;
    world_start(&w);
    r = ask(&w, addr);
    expect_failed(r, temporary, detail);
    ck_assert_int_eq(r->retry_after, 0);
    /* It does not count as an answer, and the server is not given up for it. */
    expect_found(ask(&w, "198.18.1.200"), "abuse@isp.example");
    world_done(&w);
}

START_TEST(a_500_is_tried_again)
{
    expect_failure("198.18.10.1", true, "answered 500");
}
END_TEST

START_TEST(a_page_for_people_is_no_answer)
{
    expect_failure("198.18.12.1", true, "page for people");
}
END_TEST

START_TEST(a_cut_answer_is_no_answer)
{
    expect_failure("198.18.13.1", true, "127.0.0.1");
}
END_TEST

START_TEST(a_huge_answer_is_broken_off)
{
    expect_failure("198.18.14.1", true, "too big");
}
END_TEST

START_TEST(a_dripping_answer_is_broken_off)
{
    int64_t begun = now_monotonic();

    expect_failure("198.18.15.1", true, "imed out");
    ck_assert_int_lt(now_monotonic() - begun, 6 * USEC_PER_SEC);
}
END_TEST

START_TEST(an_answer_about_another_network_is_no_answer)
{
    expect_failure("198.18.16.1", true, "127.0.0.1");
}
END_TEST

START_TEST(a_closed_connection_is_tried_again)
{
    expect_failure("198.18.18.1", true, "127.0.0.1");
}
END_TEST

START_TEST(a_400_is_our_fault_and_not_tried_again)
{
    expect_failure("198.18.19.1", false, "answered 400");
    expect_failure("198.18.20.1", false, "answered 501");
}
END_TEST

START_TEST(a_server_that_keeps_failing_is_left_alone_for_a_moment)
{
    struct world w;
    const struct contact_result *r;

    world_new(&w);
    for (int i = 0; i < 3; i++)
        expect_failed(ask(&w, "198.18.10.2"), true, "answered 500");
    r = ask(&w, "198.18.1.112");
    expect_failed(r, true, "left alone");
    ck_assert_int_gt(r->retry_after, 0);
    ck_assert_uint_eq(requests("plain", "/rdap/ip/198.18.1.112\""), 0);
    world_done(&w);
}
END_TEST

/* Redirects */

START_TEST(a_redirect_is_followed)
{
    struct world w;
    struct resolver_counters counters;

    world_new(&w);
    expect_found(ask(&w, "198.18.30.1"), "abuse@moved.example");
    resolver_counters(w.resolver, &counters);
    ck_assert_uint_eq(counters.redirects, 1);
    ck_assert_uint_eq(counters.queries, 2);
    world_done(&w);
}
END_TEST

START_TEST(five_redirects_are_followed)
{
    struct world w;

    world_new(&w);
    expect_found(ask(&w, "198.18.31.1"), "abuse@moved.example");
    world_done(&w);
}
END_TEST

START_TEST(six_redirects_are_too_many)
{
    expect_failure("198.18.32.1", true, "too many redirects");
    ck_assert_uint_eq(requests("plain", "/5of6/ip/198.18.32.1"), 1);
    ck_assert_uint_eq(requests("plain", "/6of6/ip/198.18.32.1"), 0);
}
END_TEST

START_TEST(a_circle_of_redirects_is_left)
{
    expect_failure("198.18.33.1", true, "circle");
    ck_assert_uint_eq(requests("plain", "/circle/ip/198.18.33.1"), 1);
}
END_TEST

START_TEST(a_relative_redirect_is_followed)
{
    struct world w;

    world_new(&w);
    expect_found(ask(&w, "198.18.34.1"), "abuse@moved.example");
    ck_assert_uint_eq(requests("plain", "\"/from-the-top/ip/198.18.34.1\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(a_redirect_into_a_private_network_is_refused)
{
    expect_failure("198.18.35.1", true, "may not be asked");
}
END_TEST

START_TEST(a_redirect_to_something_else_is_refused)
{
    expect_failure("198.18.36.1", true, "redirect");
    expect_failure("198.18.37.1", true, "leads nowhere");
    expect_failure("198.18.38.1", true, "redirect");
}
END_TEST

START_TEST(a_redirect_to_a_dead_server_is_tried_again)
{
    expect_failure("198.18.39.1", true, "127.0.0.1:1:");
}
END_TEST

/* TLS, proxy, environment */

START_TEST(https_with_the_configured_ca_is_asked)
{
    struct world w;

    world_prepare(&w);
    snprintf(w.bootstrap_ipv4, sizeof(w.bootstrap_ipv4), "https://127.0.0.1:%d/ipv4.json",
             port_of("tls"));
    world_start(&w);
    expect_found(ask(&w, "198.18.1.60"), "abuse@isp.example");
    ck_assert_uint_eq(requests("tls", "/rdap/ip/198.18.1.60\""), 1);
    world_done(&w);
}
END_TEST

START_TEST(a_certificate_of_an_unknown_ca_is_not_believed)
{
    struct world w;
    char path[300];
    FILE *f;

    world_prepare(&w);
    snprintf(path, sizeof(path), "%s/bootstrap-tls.json", test_dir());
    f = fopen(path, "we");
    fprintf(f,
            "{\"services\": [[[\"198.18.0.0/15\"], [\"https://127.0.0.1:%d/rdap/\"]]]}",
            port_of("tls"));
    fclose(f);
    w.params.bootstrap_ipv4 = path;
    w.params.ca_file = NULL;
    world_start(&w);
    expect_failed(ask(&w, "198.18.1.61"), true, "certificate");
    ck_assert_uint_eq(requests("tls", "198.18.1.61"), 0);
    world_done(&w);
}
END_TEST

START_TEST(proxies_of_the_environment_are_not_used)
{
    struct world w;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    world_new(&w);
    expect_found(ask(&w, "198.18.1.62"), "abuse@isp.example");
    world_done(&w);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}
END_TEST

START_TEST(the_configured_proxy_is_used)
{
    struct world w;
    char path[300], proxy[60];
    FILE *f;

    setenv("no_proxy", "*", 1);
    world_prepare(&w);
    snprintf(path, sizeof(path), "%s/bootstrap-proxy.json", test_dir());
    f = fopen(path, "we");
    fputs("{\"services\": [[[\"198.18.0.0/15\"], [\"http://198.18.255.1/rdap/\"]]]}", f);
    fclose(f);
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", port_of("plain"));
    w.params.bootstrap_ipv4 = path;
    w.params.proxy = proxy;
    world_start(&w);
    expect_found(ask(&w, "198.18.1.63"), "abuse@isp.example");
    ck_assert_uint_eq(requests("plain", "\"http://198.18.255.1/rdap/ip/198.18.1.63\""),
                      1);
    world_done(&w);
    unsetenv("no_proxy");
}
END_TEST

void add_answer_tests(TCase *tc)
{
    tcase_add_test(tc, the_published_mailbox_is_found);
    tcase_add_test(tc, the_request_says_who_asks_and_for_what);
    tcase_add_test(tc, a_404_is_a_no_and_is_remembered);
    tcase_add_test(tc, a_404_in_the_body_of_a_200_is_the_same_no);
    tcase_add_test(tc, a_network_without_mailbox_is_a_no);
    tcase_add_test(tc, an_address_that_no_registry_has_is_a_no);
    tcase_add_test(tc, special_purpose_addresses_are_not_asked_about);
    tcase_add_test(tc, a_500_is_tried_again);
    tcase_add_test(tc, a_page_for_people_is_no_answer);
    tcase_add_test(tc, a_cut_answer_is_no_answer);
    tcase_add_test(tc, a_huge_answer_is_broken_off);
    tcase_add_test(tc, a_dripping_answer_is_broken_off);
    tcase_add_test(tc, an_answer_about_another_network_is_no_answer);
    tcase_add_test(tc, a_closed_connection_is_tried_again);
    tcase_add_test(tc, a_400_is_our_fault_and_not_tried_again);
    tcase_add_test(tc, a_server_that_keeps_failing_is_left_alone_for_a_moment);
    tcase_add_test(tc, a_redirect_is_followed);
    tcase_add_test(tc, five_redirects_are_followed);
    tcase_add_test(tc, six_redirects_are_too_many);
    tcase_add_test(tc, a_circle_of_redirects_is_left);
    tcase_add_test(tc, a_relative_redirect_is_followed);
    tcase_add_test(tc, a_redirect_into_a_private_network_is_refused);
    tcase_add_test(tc, a_redirect_to_something_else_is_refused);
    tcase_add_test(tc, a_redirect_to_a_dead_server_is_tried_again);
    tcase_add_test(tc, https_with_the_configured_ca_is_asked);
    tcase_add_test(tc, a_certificate_of_an_unknown_ca_is_not_believed);
    tcase_add_test(tc, proxies_of_the_environment_are_not_used);
    tcase_add_test(tc, the_configured_proxy_is_used);
}
