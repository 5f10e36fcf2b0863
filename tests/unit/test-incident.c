#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident.h"

static struct addr address(const char *text)
{
    struct addr a;

    ck_assert(addr_parse(text, strlen(text), &a));
    return a;
}

static struct incident *incident_of(const char *text, unsigned len)
{
    struct addr a = address(text);
    struct net source = addr_network(&a, len);
    struct incident *inc = incident_new(&source);

    ck_assert_ptr_nonnull(inc);
    return inc;
}

static void add(struct incident *inc, const char *source, int64_t sec, const char *user,
                unsigned port, const char *line)
{
    struct attempt a = {
        .time = {.usec = sec * USEC_PER_SEC, .digits = 0},
        .source = address(source),
        .port = (uint16_t)port,
        .user = {.p = user, .n = user ? strlen(user) : 0},
        .service = "sshd",
        .outcome = ATTEMPT_FAILURE,
        .count = 1,
        .line = {.p = line, .n = strlen(line)},
    };

    ck_assert_int_eq(incident_add(inc, &a, CLOCK_SYNCED, 100 + sec), 0);
}

START_TEST(attempts_are_counted_with_their_times)
{
    struct incident *inc = incident_of("203.0.113.5", 32);

    add(inc, "203.0.113.5", 20, "root", 40000, "b");
    add(inc, "203.0.113.5", 10, NULL, 40001, "a");
    add(inc, "203.0.113.5", 30, "root", 40000, "c");
    ck_assert_uint_eq(inc->count, 3);
    ck_assert_int_eq(inc->first.usec, 10 * USEC_PER_SEC);
    ck_assert_int_eq(inc->last.usec, 30 * USEC_PER_SEC);
    ck_assert_str_eq(inc->service, "sshd");
    ck_assert_uint_eq(inc->n_users, 1);
    ck_assert_uint_eq(inc->n_ports, 2);
    ck_assert_uint_eq(inc->ports[1], 40001);
    ck_assert_uint_eq(inc->clock_attempts[CLOCK_SYNCED], 3);
    ck_assert_int_eq(inc->clock_error, 130);
    ck_assert_int_eq(inc->success, MOMENT_NONE);
    incident_free(inc);
}
END_TEST

START_TEST(a_repeat_line_counts_all_its_attempts_and_never_wraps)
{
    struct incident *inc = incident_of("203.0.113.5", 32);
    struct attempt a = {
        .time = {.usec = 1}, .source = address("203.0.113.5"), .count = 40};

    ck_assert_int_eq(incident_add(inc, &a, CLOCK_UNKNOWN, 0), 0);
    ck_assert_uint_eq(inc->count, 40);
    ck_assert_uint_eq(inc->lines, 1);
    ck_assert_uint_eq(inc->head[0].count, 40);
    a.count = UINT64_MAX;
    ck_assert_int_eq(incident_add(inc, &a, CLOCK_UNKNOWN, 0), 0);
    ck_assert_uint_eq(inc->count, INT64_MAX);
    ck_assert_uint_eq(inc->addrs[0].count, INT64_MAX);
    incident_free(inc);
}
END_TEST

static void expect_lines(const struct incident *inc, const char *want)
{
    char got[256] = "";

    for (unsigned i = 0; i < inc->n_head; i++)
        strcat(got, inc->head[i].line);
    strcat(got, "/");
    for (unsigned i = 0; i < inc->n_tail; i++)
        strcat(got, incident_tail(inc, i)->line);
    ck_assert_str_eq(got, want);
}

START_TEST(the_first_and_last_lines_are_kept)
{
    struct incident *inc = incident_of("203.0.113.5", 32);

    for (char c = 'a'; c <= 'g'; c++)
        add(inc, "203.0.113.5", c, NULL, 0, (char[]){c, 0});
    expect_lines(inc, "abcde/fg");
    for (char c = 'h'; c <= 'z'; c++)
        add(inc, "203.0.113.5", c, NULL, 0, (char[]){c, 0});
    expect_lines(inc, "abcde/vwxyz");
    ck_assert_uint_eq(inc->lines, 26);
    incident_free(inc);
}
END_TEST

START_TEST(lines_out_of_order_find_their_place_by_time)
{
    struct incident *inc = incident_of("203.0.113.5", 32);

    for (char c = 'c'; c <= 'm'; c++)
        add(inc, "203.0.113.5", c, NULL, 0, (char[]){c, 0});
    add(inc, "203.0.113.5", 'b', NULL, 0, "b");
    expect_lines(inc, "bcdef/ijklm");
    add(inc, "203.0.113.5", 'k', NULL, 0, "K");
    expect_lines(inc, "bcdef/jkKlm");
    add(inc, "203.0.113.5", 'h', NULL, 0, "H"); /* between head and tail */
    expect_lines(inc, "bcdef/jkKlm");
    incident_free(inc);

    inc = incident_of("203.0.113.5", 32);
    for (const char *p = "gfedcba"; *p; p++)
        add(inc, "203.0.113.5", *p, NULL, 0, (char[]){*p, 0});
    expect_lines(inc, "abcde/fg");
    incident_free(inc);
}
END_TEST

START_TEST(a_flood_of_names_ports_and_addresses_keeps_only_numbers)
{
    struct incident *inc = incident_of("2001:db8::", 64);
    char source[64], user[16];

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(source, sizeof(source), "2001:db8::%x", i % 100 + 1);
        snprintf(user, sizeof(user), "user%u", i);
        add(inc, source, i, user, 1000 + i, "line");
    }
    ck_assert_uint_eq(inc->count, 1000);
    ck_assert_uint_eq(inc->n_addrs, INCIDENT_ADDRS);
    ck_assert_uint_eq(inc->addrs_more, 1000 - INCIDENT_ADDRS * 10);
    ck_assert_uint_eq(inc->n_users, INCIDENT_USERS);
    ck_assert(inc->users_more);
    ck_assert_uint_eq(inc->n_ports, INCIDENT_PORTS);
    ck_assert(inc->ports_more);
    ck_assert_uint_lt(inc->bytes, 1000);
    incident_free(inc);
}
END_TEST

START_TEST(the_address_with_most_attempts_comes_first)
{
    struct incident *inc = incident_of("2001:db8::", 64);

    add(inc, "2001:db8::3", 1, NULL, 0, "");
    add(inc, "2001:db8::9", 2, NULL, 0, "");
    add(inc, "2001:db8::2", 3, NULL, 0, "");
    add(inc, "2001:db8::9", 4, NULL, 0, "");
    incident_sort_addrs(inc);
    ck_assert_uint_eq(inc->addrs[0].addr.bytes[15], 9);
    ck_assert_uint_eq(inc->addrs[1].addr.bytes[15], 2);
    ck_assert_uint_eq(inc->addrs[2].addr.bytes[15], 3);
    incident_free(inc);
}
END_TEST

START_TEST(long_lines_are_cut)
{
    struct incident *inc = incident_of("203.0.113.5", 32);
    char line[INCIDENT_LINE_MAX + 100];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    add(inc, "203.0.113.5", 1, line, 0, line);
    ck_assert_uint_eq(strlen(inc->head[0].line), INCIDENT_LINE_MAX);
    ck_assert_uint_eq(strlen(inc->users[0]), INCIDENT_LINE_MAX);
    incident_free(inc);
}
END_TEST

static struct incident *reread(const struct incident *inc)
{
    struct incident *copy = incident_new(&inc->source);
    char *detail, *evidence;

    ck_assert_int_eq(incident_detail_json(inc, &detail), 0);
    ck_assert_int_eq(incident_evidence_json(inc, &evidence), 0);
    ck_assert(text_is_printable(detail, strlen(detail)));
    ck_assert(text_is_printable(evidence, strlen(evidence)));
    ck_assert_int_eq(incident_detail_from_json(copy, detail), 0);
    ck_assert_int_eq(incident_evidence_from_json(copy, evidence), 0);
    /* A second time over what is there: nothing leaks, nothing doubles. */
    ck_assert_int_eq(incident_evidence_from_json(copy, evidence), 0);
    ck_assert_int_eq(incident_detail_from_json(copy, detail), 0);
    free(detail);
    free(evidence);
    return copy;
}

START_TEST(foreign_bytes_survive_the_store)
{
    static const char *const texts[] = {
        "",
        "\\",
        "\\x41",
        "\\\\x00",
        "gr\xc3\xbc\xc3\x9f",
        "gr\xfc\xdf \x01\x7f\xff",
        "\"quoted\", {json} \xed\xa0\x80",
    };
    struct incident *inc = incident_of("2001:db8::", 64), *copy;
    const unsigned n = sizeof(texts) / sizeof(texts[0]);
    char every[256];

    for (unsigned i = 0; i < n; i++)
        add(inc, i % 2 ? "2001:db8::1" : "2001:db8::2", i, texts[i], i, texts[i]);
    for (unsigned i = 0; i < 255; i++)
        every[i] = (char)(i + 1);
    every[255] = '\0';
    add(inc, "2001:db8::1", 99, every, 65535, every);

    copy = reread(inc);
    ck_assert_uint_eq(copy->n_users, n + 1);
    for (unsigned i = 0; i < n; i++)
        ck_assert_str_eq(copy->users[i], texts[i]);
    ck_assert_str_eq(copy->users[n], every);
    ck_assert_uint_eq(copy->lines, n + 1);
    for (unsigned i = 0; i < copy->n_head; i++) {
        ck_assert_str_eq(copy->head[i].line, texts[i]);
        ck_assert_int_eq(copy->head[i].time.usec, i * USEC_PER_SEC);
    }
    ck_assert_str_eq(incident_tail(copy, copy->n_tail - 1)->line, every);
    ck_assert_uint_eq(copy->n_addrs, 2);
    ck_assert(addr_equal(&copy->addrs[0].addr, &inc->addrs[0].addr));
    ck_assert_uint_eq(copy->addrs[0].count, inc->addrs[0].count);
    ck_assert_uint_eq(copy->n_ports, inc->n_ports);
    ck_assert_int_eq(copy->clock_error, inc->clock_error);
    ck_assert_uint_eq(copy->clock_attempts[CLOCK_SYNCED], n + 1);
    ck_assert_uint_eq(copy->bytes, inc->bytes);
    incident_free(copy);
    incident_free(inc);
}
END_TEST

START_TEST(figures_beside_the_attempts_survive_the_store)
{
    static const char old[] =
        "{\"v\":1,\"addrs\":[],\"addrs_more\":0,\"ports\":[],\"ports_more\":false,"
        "\"users\":[],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":0}";
    struct incident *inc = incident_of("192.0.2.1", 32), *copy;
    struct attempt probe = {
        .time = {.usec = 5 * USEC_PER_SEC},
        .source = address("192.0.2.1"),
        .service = "dropbear",
        .outcome = ATTEMPT_FAILURE,
        .kind = ATTEMPT_PROBE,
        .count = 3,
        .line = SLICE("x"),
    };

    add(inc, "192.0.2.1", 4, "root", 22, "y");
    ck_assert_uint_eq(inc->probes, 0);
    ck_assert(!inc->services_more);
    ck_assert_int_eq(incident_add(inc, &probe, CLOCK_SYNCED, 0), 0);
    incident_add_blocked(inc, 4);
    incident_add_blocked(inc, 2);
    ck_assert_uint_eq(inc->count, 4);
    copy = reread(inc);
    ck_assert_uint_eq(copy->probes, 3);
    ck_assert_uint_eq(copy->blocked, 6);
    ck_assert(copy->services_more);
    /* What was stored before there were such figures. */
    ck_assert_int_eq(incident_detail_from_json(copy, old), 0);
    ck_assert_uint_eq(copy->probes, 0);
    ck_assert_uint_eq(copy->blocked, 0);
    ck_assert(!copy->services_more);
    incident_free(copy);
    incident_free(inc);
}
END_TEST

START_TEST(a_damaged_text_is_refused_and_changes_nothing)
{
    static const char *const details[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"v\":1}",
        "{\"v\":2,\"addrs\":[],\"addrs_more\":0,\"ports\":[],\"ports_more\":false,"
        "\"users\":[],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":0}",
        "{\"v\":1,\"addrs\":[[\"300.1.1.1\",1]],\"addrs_more\":0,\"ports\":[],"
        "\"ports_more\":false,\"users\":[],\"users_more\":false,\"clock\":[0,0,0],"
        "\"clock_error\":0}",
        "{\"v\":1,\"addrs\":[[\"192.0.2.1\",-1]],\"addrs_more\":0,\"ports\":[],"
        "\"ports_more\":false,\"users\":[],\"users_more\":false,\"clock\":[0,0,0],"
        "\"clock_error\":0}",
        "{\"v\":1,\"addrs\":[],\"addrs_more\":0,\"ports\":[70000],\"ports_more\":false,"
        "\"users\":[],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":0}",
        "{\"v\":1,\"addrs\":[],\"addrs_more\":0,\"ports\":[],\"ports_more\":false,"
        "\"users\":[\"\\\\x0\"],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":"
        "0}",
        "{\"v\":1,\"addrs\":[],\"addrs_more\":0,\"ports\":[],\"ports_more\":false,"
        "\"users\":[\"\\\\\"],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":0}",
        "{\"v\":1,\"addrs\":[],\"addrs_more\":0,\"ports\":[],\"ports_more\":false,"
        "\"users\":[1],\"users_more\":false,\"clock\":[0,0,0],\"clock_error\":0}",
    };
    static const char *const evidences[] = {
        "",
        "{\"v\":1,\"lines\":0,\"head\":[[1,0,1,\"a\"]],\"tail\":[]}",
        "{\"v\":1,\"lines\":1,\"head\":[[1,7,1,\"a\"]],\"tail\":[]}",
        "{\"v\":1,\"lines\":1,\"head\":[[1,0,1]],\"tail\":[]}",
        "{\"v\":1,\"lines\":1,\"head\":{},\"tail\":[]}",
        ("{\"v\":1,\"lines\":9,\"head\":[[1,0,1,\"a\"],[1,0,1,\"a\"],[1,0,1,\"a\"],"
         "[1,0,1,\"a\"],[1,0,1,\"a\"],[1,0,1,\"a\"]],\"tail\":[]}"),
    };
    struct incident *inc = incident_of("203.0.113.5", 32);

    add(inc, "203.0.113.5", 1, "root", 1, "line");
    for (unsigned i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        ck_assert_int_eq(incident_detail_from_json(inc, details[i]), -EBADMSG);
    for (unsigned i = 0; i < sizeof(evidences) / sizeof(evidences[0]); i++)
        ck_assert_int_eq(incident_evidence_from_json(inc, evidences[i]), -EBADMSG);
    ck_assert_uint_eq(inc->n_users, 1);
    ck_assert_str_eq(inc->users[0], "root");
    expect_lines(inc, "line/");
    incident_free(inc);
}
END_TEST

START_TEST(states_have_names_and_names_have_states)
{
    for (int i = 0; i < INCIDENT_STATES; i++)
        ck_assert_int_eq(incident_state_parse(incident_state_name(i)), i);
    ck_assert_str_eq(incident_state_name(INCIDENT_LOOKUP), "lookup");
    ck_assert_int_eq(incident_state_parse("gone"), -EINVAL);
}
END_TEST

START_TEST(a_reference_depends_on_id_and_secret)
{
    static const uint8_t secret[16] = {1, 2, 3}, other[16] = {1, 2, 4};
    char a[INCIDENT_REFERENCE_MAX], b[INCIDENT_REFERENCE_MAX];

    ck_assert_str_eq(incident_reference(17, secret, a),
                     incident_reference(17, secret, b));
    ck_assert_int_eq(strncmp(a, "AR-17-", 6), 0);
    ck_assert_uint_eq(strlen(a), 6 + 8);
    ck_assert_str_ne(a, incident_reference(17, other, b));
    ck_assert_str_ne(a + 6, incident_reference(18, secret, b) + 6);
    incident_reference(INT64_MIN, secret, a); /* fits */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("incident");
    TCase *tc = tcase_create("incident");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, attempts_are_counted_with_their_times);
    tcase_add_test(tc, a_repeat_line_counts_all_its_attempts_and_never_wraps);
    tcase_add_test(tc, the_first_and_last_lines_are_kept);
    tcase_add_test(tc, lines_out_of_order_find_their_place_by_time);
    tcase_add_test(tc, a_flood_of_names_ports_and_addresses_keeps_only_numbers);
    tcase_add_test(tc, the_address_with_most_attempts_comes_first);
    tcase_add_test(tc, long_lines_are_cut);
    tcase_add_test(tc, foreign_bytes_survive_the_store);
    tcase_add_test(tc, figures_beside_the_attempts_survive_the_store);
    tcase_add_test(tc, a_damaged_text_is_refused_and_changes_nothing);
    tcase_add_test(tc, states_have_names_and_names_have_states);
    tcase_add_test(tc, a_reference_depends_on_id_and_secret);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
