#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rdap.h"

static struct netlist lab_networks;

static void setup(void)
{
    struct net net;

    ck_assert(net_parse("203.0.113.0/24", 14, &net));
    ck_assert_int_eq(netlist_add(&lab_networks, &net), 0);
}

static void teardown(void)
{
    netlist_done(&lab_networks);
}

static void expect_outside_lab(const char *url, int want)
{
    int got = rdap_check_url(url, NULL, NULL, false);

    ck_assert_msg(got == want, "%s: %d instead of %d", url, got, want);
}

START_TEST(public_https_urls_may_be_asked)
{
    expect_outside_lab("https://rdap.example/ip/203.0.113.5", 0);
    expect_outside_lab("HTTPS://RDAP.example:8443", 0);
    expect_outside_lab("https://rdap.example./x?a=b#c", 0);
    expect_outside_lab("https://9.9.9.9/", 0);
    expect_outside_lab("https://[2620:fe::9]:443/", 0);
    expect_outside_lab("https://rdap.example/ip/203.0.113.0%20-%20203.0.113.255", 0);
}
END_TEST

START_TEST(urls_that_two_programs_may_read_differently_are_refused)
{
    static const char *const urls[] = {"",
                                       "rdap.example",
                                       "//rdap.example/",
                                       "ftp://rdap.example/",
                                       "file:///etc/passwd",
                                       "https:/rdap.example/",
                                       "https:rdap.example",
                                       "https://",
                                       "https:///ip",
                                       "https://user@rdap.example/",
                                       "https://user:pw@rdap.example/",
                                       "https://rdap.example@evil.example/",
                                       "https://rdap.example\\@evil.example/",
                                       "https://rdap.example:/",
                                       "https://rdap.example:0/",
                                       "https://rdap.example:65536/",
                                       "https://rdap.example:443x/",
                                       "https://rdap.example:-1/",
                                       "https://rdap.example/a b",
                                       "https://rdap.example/a\r\nHost: x",
                                       "https://rdap.example/\x7f",
                                       "https://rdap.ex\xc3\xa4mple/",
                                       "https://rd%61p.example/",
                                       "https://.example/",
                                       "https://a..example/",
                                       "https://a.example../",
                                       "https://127.1/",
                                       "https://2130706433/",
                                       "https://0x7f000001/",
                                       "https://0x7f.1/",
                                       "https://0177.0.0.1/",
                                       "https://127.0.0.1.0x/",
                                       "https://256.1.1.1/",
                                       "https://[::1/",
                                       "https://[::1]x/",
                                       "https://[127.0.0.1]/",
                                       "https://[fe80::1%25eth0]/",
                                       "https://::1/"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_outside_lab(urls[i], RDAP_URL_INVALID);
}
END_TEST

START_TEST(urls_of_more_than_2048_bytes_are_refused)
{
    char url[2100] = "https://rdap.example/";

    memset(url + 21, 'a', sizeof(url) - 21);
    url[2048] = '\0';
    expect_outside_lab(url, 0);
    url[2048] = 'a';
    url[2049] = '\0';
    expect_outside_lab(url, RDAP_URL_INVALID);
}
END_TEST

START_TEST(outside_a_lab_nothing_goes_over_http_or_to_private_addresses)
{
    expect_outside_lab("http://rdap.example/", RDAP_URL_NOT_HTTPS);
    ck_assert_int_eq(
        rdap_check_url("http://rdap.example/", "https://rdap.example/", NULL, false),
        RDAP_URL_NOT_HTTPS);
    expect_outside_lab("https://127.0.0.1/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://127.0.0.1./", RDAP_URL_PRIVATE);
    expect_outside_lab("https://169.254.169.254/latest", RDAP_URL_PRIVATE);
    expect_outside_lab("https://10.1.2.3:8443/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://203.0.113.5/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://[::1]/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://[::ffff:127.0.0.1]/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://[64:ff9b::7f00:1]/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://[fd00::1]/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://localhost/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://LOCALHOST./", RDAP_URL_PRIVATE);
    expect_outside_lab("https://x.localhost/", RDAP_URL_PRIVATE);
    expect_outside_lab("https://notlocalhost/", 0);
    /* Networks of a lab mean nothing outside of one. */
    ck_assert_int_eq(rdap_check_url("https://203.0.113.5/", NULL, &lab_networks, false),
                     RDAP_URL_PRIVATE);
}
END_TEST

START_TEST(a_lab_may_use_http_loopback_and_its_own_networks)
{
    static const char *const good[] = {"http://127.0.0.1:8080/", "https://127.9.9.9/",
                                       "http://[::1]:8080/",     "http://localhost:1/",
                                       "http://203.0.113.200/",  "http://rdap.example/"};
    static const char *const bad[] = {"http://10.0.0.1/", "https://198.51.100.1/",
                                      "https://[fe80::1]/", "http://169.254.169.254/"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_int_eq(
            rdap_check_url(good[i], "https://rdap.example/", &lab_networks, true), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(rdap_check_url(bad[i], NULL, &lab_networks, true),
                         RDAP_URL_PRIVATE);
}
END_TEST

static bool peer(const char *text, bool lab)
{
    struct addr addr;

    ck_assert(addr_parse(text, strlen(text), &addr));
    return rdap_check_peer(&addr, &lab_networks, lab);
}

START_TEST(a_name_that_resolves_to_a_private_address_is_not_connected_to)
{
    ck_assert(peer("9.9.9.9", false));
    ck_assert(peer("2620:fe::9", false));
    ck_assert(!peer("127.0.0.1", false));
    ck_assert(!peer("192.168.1.1", false));
    ck_assert(!peer("203.0.113.5", false));
    ck_assert(!peer("::ffff:10.0.0.1", false));
    ck_assert(peer("127.0.0.1", true));
    ck_assert(peer("::1", true));
    ck_assert(peer("203.0.113.5", true));
    ck_assert(peer("9.9.9.9", true));
    ck_assert(!peer("192.168.1.1", true));
    ck_assert(!rdap_check_peer(&(struct addr){0}, NULL, true));
    ck_assert(!rdap_check_peer(&(struct addr){.family = 4, .bytes = {10}}, NULL, true));
}
END_TEST

static void expect_location(const char *url, const char *location, const char *want)
{
    char *got = rdap_resolve_location(url, location);

    ck_assert_msg(got ? want && strcmp(got, want) == 0 : !want,
                  "%s + %s: got %s, want %s", url, location, got ? got : "nothing",
                  want ? want : "nothing");
    free(got);
}

START_TEST(a_location_is_made_absolute)
{
    static const char base[] = "https://rdap.example:8443/a/b/c?q=1#f";

    expect_location(base, "https://other.example/x/../y", "https://other.example/x/../y");
    expect_location(base, " http://other.example/ \t", "http://other.example/");
    expect_location(base, "//other.example/x", "https://other.example/x");
    expect_location(base, "/x/y", "https://rdap.example:8443/x/y");
    expect_location(base, "x", "https://rdap.example:8443/a/b/x");
    expect_location(base, "./x?y#z", "https://rdap.example:8443/a/b/x?y#z");
    expect_location(base, "../../../x", "https://rdap.example:8443/x");
    expect_location(base, "..", "https://rdap.example:8443/a/");
    expect_location(base, ".", "https://rdap.example:8443/a/b/");
    expect_location(base, "/a/./b/../c/", "https://rdap.example:8443/a/c/");
    expect_location(base, "?z", "https://rdap.example:8443/a/b/c?z");
    expect_location(base, "", "https://rdap.example:8443/a/b/c?q=1");
    expect_location(base, "#g", "https://rdap.example:8443/a/b/c?q=1");
    expect_location("https://rdap.example", "x", "https://rdap.example/x");
    expect_location("https://rdap.example?q", "x", "https://rdap.example/x");
    expect_location("https://rdap.example/ip/", "x/2001:db8::1",
                    "https://rdap.example/ip/x/2001:db8::1");
}
END_TEST

START_TEST(a_location_that_makes_no_url_is_refused)
{
    static const char base[] = "https://rdap.example/a";

    expect_location(base, "ftp://other.example/", NULL);
    expect_location(base, "javascript:alert(1)", NULL);
    expect_location(base, "https://u@other.example/", NULL);
    expect_location(base, "//u@other.example/", NULL);
    expect_location(base, "/x y", NULL);
    expect_location(base, "/x\r\nY: z", NULL);
    expect_location(base, "https:x", NULL);
    expect_location("nonsense", "/x", NULL);
}
END_TEST

static void expect_host(const char *url, const char *want)
{
    char *got = rdap_url_host(url);

    if (want)
        ck_assert_str_eq(got, want);
    else
        ck_assert_ptr_null(got);
    free(got);
}

START_TEST(pauses_are_kept_per_host_and_port)
{
    expect_host("https://RDAP.Example/ip/203.0.113.5", "rdap.example");
    expect_host("https://rdap.example.:8443/", "rdap.example:8443");
    expect_host("http://[2001:DB8::1]:8080/", "[2001:db8::1]:8080");
    expect_host("https://rdap.example:80/", "rdap.example:80");
    expect_host("http://rdap.example:443/", "rdap.example:443");
    expect_host("https://rdap.example:08443/", "rdap.example:8443");
    expect_host("nonsense", NULL);
}
END_TEST

START_TEST(the_port_of_the_scheme_makes_no_other_server)
{
    expect_host("https://rdap.example/", "rdap.example");
    expect_host("https://rdap.example:443/", "rdap.example");
    expect_host("https://rdap.example:00443/", "rdap.example");
    expect_host("http://rdap.example:80/", "rdap.example");
    expect_host("http://[2001:DB8::1]:80/", "[2001:db8::1]");
}
END_TEST

START_TEST(a_question_is_joined_with_one_slash)
{
    struct addr addr;
    char *url;

    ck_assert(addr_parse("2001:db8::5", 11, &addr));
    url = rdap_query_url("https://rdap.example/registry/", &addr);
    ck_assert_str_eq(url, "https://rdap.example/registry/ip/2001:db8::5");
    free(url);
    url = rdap_query_url("https://rdap.example", &addr);
    ck_assert_str_eq(url, "https://rdap.example/ip/2001:db8::5");
    free(url);
}
END_TEST

START_TEST(statuses_are_told_apart)
{
    static const struct {
        long status;
        const char *type;
        enum rdap_meaning want;
    } rows[] = {
        {200, "application/rdap+json", RDAP_ANSWER},
        {200, "application/json;charset=UTF-8", RDAP_ANSWER},
        {200, NULL, RDAP_ANSWER},
        {200, "text/html; charset=utf-8", RDAP_TRANSIENT},
        {200, " Text/HTML", RDAP_TRANSIENT},
        {301, NULL, RDAP_REDIRECT},
        {302, NULL, RDAP_REDIRECT},
        {303, NULL, RDAP_REDIRECT},
        {307, NULL, RDAP_REDIRECT},
        {308, "text/html", RDAP_REDIRECT},
        {304, NULL, RDAP_TRANSIENT},
        {400, NULL, RDAP_OUR_FAULT},
        {422, NULL, RDAP_OUR_FAULT},
        {401, NULL, RDAP_REFUSED},
        {403, "text/html", RDAP_REFUSED},
        {404, "text/html", RDAP_NO_DATA},
        {429, "text/plain", RDAP_SLOW_DOWN},
        {501, NULL, RDAP_UNSUPPORTED},
        {500, NULL, RDAP_TRANSIENT},
        {503, NULL, RDAP_TRANSIENT},
        {204, NULL, RDAP_TRANSIENT},
        {0, NULL, RDAP_TRANSIENT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(rdap_judge_status(rows[i].status, rows[i].type) == rows[i].want,
                      "%ld", rows[i].status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rdap-url");
    TCase *tc = tcase_create("rdap-url");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, public_https_urls_may_be_asked);
    tcase_add_test(tc, urls_that_two_programs_may_read_differently_are_refused);
    tcase_add_test(tc, urls_of_more_than_2048_bytes_are_refused);
    tcase_add_test(tc, outside_a_lab_nothing_goes_over_http_or_to_private_addresses);
    tcase_add_test(tc, a_lab_may_use_http_loopback_and_its_own_networks);
    tcase_add_test(tc, a_name_that_resolves_to_a_private_address_is_not_connected_to);
    tcase_add_test(tc, a_location_is_made_absolute);
    tcase_add_test(tc, a_location_that_makes_no_url_is_refused);
    tcase_add_test(tc, pauses_are_kept_per_host_and_port);
    tcase_add_test(tc, the_port_of_the_scheme_makes_no_other_server);
    tcase_add_test(tc, a_question_is_joined_with_one_slash);
    tcase_add_test(tc, statuses_are_told_apart);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
