#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"

static const char *find(const struct bootstrap *b, const char *text)
{
    struct addr addr;

    ck_assert(addr_parse(text, strlen(text), &addr));
    return bootstrap_find(b, &addr);
}

static void expect(const struct bootstrap *b, const char *addr, const char *url)
{
    const char *got = find(b, addr);

    ck_assert_msg(got && strcmp(got, url) == 0, "%s: got %s, want %s", addr,
                  got ? got : "nothing", url);
}

static struct bootstrap *load(const char *text, bool allow_http)
{
    struct bootstrap *b = NULL;

    ck_assert_int_eq(bootstrap_new_json(text, strlen(text), allow_http, &b), 0);
    return b;
}

START_TEST(the_built_in_table_knows_every_registry)
{
    struct bootstrap *b = NULL;

    ck_assert_int_eq(bootstrap_new_builtin(&b), 0);
    expect(b, "41.0.0.1", "https://rdap.afrinic.net/rdap/");
    expect(b, "1.0.0.1", "https://rdap.apnic.net/");
    expect(b, "3.255.255.255", "https://rdap.arin.net/registry/");
    expect(b, "200.0.0.1", "https://rdap.lacnic.net/rdap/");
    expect(b, "193.0.0.1", "https://rdap.db.ripe.net/");
    expect(b, "223.255.255.255", "https://rdap.apnic.net/");
    expect(b, "2c00::1", "https://rdap.afrinic.net/rdap/");
    expect(b, "2001:200::1", "https://rdap.apnic.net/");
    expect(b, "2620:1ff:ffff::1", "https://rdap.arin.net/registry/");
    expect(b, "2800::1", "https://rdap.lacnic.net/rdap/");
    expect(b, "2a1f:ffff::1", "https://rdap.db.ripe.net/");
    ck_assert_ptr_null(find(b, "10.0.0.1"));
    ck_assert_ptr_null(find(b, "127.0.0.1"));
    ck_assert_ptr_null(find(b, "224.0.0.1"));
    ck_assert_ptr_null(find(b, "255.255.255.255"));
    ck_assert_ptr_null(find(b, "2620:200::1")); /* just behind 2620::/23 */
    ck_assert_ptr_null(find(b, "::1"));
    ck_assert_ptr_null(bootstrap_find(b, &(struct addr){0}));
    bootstrap_free(b);
}
END_TEST

START_TEST(the_longest_prefix_wins_among_nested_rows)
{
    struct bootstrap *b = load("{\"version\":\"1.0\",\"services\":["
                               "[[\"203.0.0.0/8\"],[\"https://a.example/\"]],"
                               "[[\"203.0.113.0/24\"],[\"https://c.example/\"]],"
                               "[[\"203.0.0.0/16\",\"2001:db8::/32\"],"
                               "[\"https://b.example/\"]],"
                               "[[\"2001:db8:1::/48\"],[\"https://d.example/\"]],"
                               "[[\"203.0.113.0/24\"],[\"https://late.example/\"]]]}",
                               false);

    expect(b, "203.1.0.0", "https://a.example/");
    expect(b, "203.0.0.1", "https://b.example/");
    expect(b, "203.0.113.9", "https://c.example/"); /* of equal rows the first */
    expect(b, "2001:db8::1", "https://b.example/");
    expect(b, "2001:db8:1::1", "https://d.example/");
    ck_assert_ptr_null(find(b, "204.0.0.1"));
    bootstrap_free(b);
}
END_TEST

START_TEST(https_comes_first_and_http_only_in_a_lab)
{
    static const char text[] = "{\"services\":["
                               "[[\"203.0.113.0/24\"],[\"http://a.example/\","
                               "\"https://b.example/\",\"https://c.example/\"]],"
                               "[[\"198.51.100.0/24\"],[\"http://d.example/x\"]]]}";
    struct bootstrap *b = load(text, false);

    expect(b, "203.0.113.1", "https://b.example/");
    ck_assert_ptr_null(find(b, "198.51.100.1"));
    bootstrap_free(b);
    b = load(text, true);
    expect(b, "203.0.113.1", "https://b.example/");
    expect(b, "198.51.100.1", "http://d.example/x/");
    bootstrap_free(b);
}
END_TEST

START_TEST(a_base_url_ends_in_one_slash)
{
    struct bootstrap *b = load("{\"services\":["
                               "[[\"203.0.113.0/24\"],[\"https://a.example/registry\"]],"
                               "[[\"198.51.100.0/24\"],[\"https://b.example\"]],"
                               "[[\"192.0.2.0/24\"],[\"https://c.example/x//\"]]]}",
                               false);

    expect(b, "203.0.113.1", "https://a.example/registry/");
    expect(b, "198.51.100.1", "https://b.example/");
    expect(b, "192.0.2.1", "https://c.example/x/");
    bootstrap_free(b);
}
END_TEST

START_TEST(odd_rows_cost_only_themselves)
{
    struct bootstrap *b =
        load("{\"odd\":1,\"services\":[null,7,{},[],[[]],"
             "[[\"192.0.2.0/24\"],[\"https://x.example/\"],[\"third\"]],"
             "[\"192.0.2.0/24\",[\"https://x.example/\"]],"
             "[[\"192.0.2.0/24\"],\"https://x.example/\"],"
             "[[\"192.0.2.0/24\"],[\"ftp://x.example/\",\"https://u@x.example/\","
             "\"https://x.example/?q=\",\"https://x.example:0/\",5]],"
             "[[\"192.0.2.1/24\",\"192.0.2.0/33\",\"AS1\",null,\"203.0.113.0/24\"],"
             "[null,\"https://good.example/\"]]]}",
             false);

    expect(b, "203.0.113.1", "https://good.example/");
    ck_assert_ptr_null(find(b, "192.0.2.1"));
    bootstrap_free(b);
}
END_TEST

START_TEST(what_is_no_bootstrap_file_is_refused)
{
    static const char *const texts[] = {
        "",
        "<html>404</html>",
        "[]",
        "{}",
        "{\"services\":{}}",
        "{\"services\":[]}",
        "{\"services\":[[[],[\"https://a.example/\"]]]}",
        "{\"services\":[[[\"203.0.113.0/24\"],[\"https://a.example/\"]]", /* cut */
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bootstrap *b = NULL;

        ck_assert_int_eq(bootstrap_new_json(texts[i], strlen(texts[i]), true, &b),
                         BOOTSTRAP_E_INVALID);
        ck_assert_ptr_null(b);
    }
    ck_assert_ptr_null(bootstrap_free(NULL));
}
END_TEST

/* Every row of IANA's own files against the table that is built in. */
static void compare_with(const char *path)
{
    struct bootstrap *iana = NULL, *own = NULL;
    char text[16384];
    FILE *f = fopen(path, "re");
    size_t n;

    if (!f) {
        printf("skipped: %s is not there\n", path);
        return;
    }
    n = fread(text, 1, sizeof(text), f);
    fclose(f);
    ck_assert_int_eq(bootstrap_new_json(text, n, false, &iana), 0);
    ck_assert_int_eq(bootstrap_new_builtin(&own), 0);
    for (unsigned family = 4; family <= 6; family += 2)
        for (unsigned i = 0; i < 65536; i++) {
            struct addr addr = {.family = (uint8_t)family,
                                .bytes = {(uint8_t)(i >> 8), (uint8_t)i}};
            const char *a, *b;

            /* 2001::/16 is where IPv6 rows are longer than a /16. */
            if (family == 6) {
                memcpy(addr.bytes, "\x20\x01", 2);
                addr.bytes[2] = (uint8_t)(i >> 8);
                addr.bytes[3] = (uint8_t)i;
            }
            a = bootstrap_find(iana, &addr);
            b = bootstrap_find(own, &addr);
            if (a)
                ck_assert_str_eq(a, b);
        }
    bootstrap_free(iana);
    bootstrap_free(own);
}

START_TEST(the_built_in_table_agrees_with_iana)
{
    compare_with("../shared/data/rdap/iana-ipv4.json");
    compare_with("../shared/data/rdap/iana-ipv6.json");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bootstrap");
    TCase *tc = tcase_create("bootstrap");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_built_in_table_knows_every_registry);
    tcase_add_test(tc, the_longest_prefix_wins_among_nested_rows);
    tcase_add_test(tc, https_comes_first_and_http_only_in_a_lab);
    tcase_add_test(tc, a_base_url_ends_in_one_slash);
    tcase_add_test(tc, odd_rows_cost_only_themselves);
    tcase_add_test(tc, what_is_no_bootstrap_file_is_refused);
    tcase_add_test(tc, the_built_in_table_agrees_with_iana);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
