#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rdap.h"

static const struct addr query = {.family = 4, .bytes = {203, 0, 113, 5}};

static struct rdap_network *parse(const char *body)
{
    struct rdap_network *net = NULL;
    char *detail = NULL;
    int r = rdap_parse(body, strlen(body), &query, &net, &detail);

    ck_assert_msg(r == 0, "%d, %s: %s", r, detail ? detail : "no detail", body);
    ck_assert_ptr_null(detail);
    return net;
}

static void refuse_bytes(const char *body, size_t n, int want, const char *want_detail)
{
    struct rdap_network *net = NULL;
    char *detail = NULL;
    int r = rdap_parse(body, n, &query, &net, &detail);

    ck_assert_msg(r == want, "%d instead of %d: %.60s", r, want, body);
    ck_assert_ptr_null(net);
    ck_assert_ptr_nonnull(detail);
    if (want_detail)
        ck_assert_msg(strstr(detail, want_detail) != NULL, "%s", detail);
    free(detail);
}

static void refuse(const char *body, int want, const char *want_detail)
{
    refuse_bytes(body, strlen(body), want, want_detail);
}

#define NETWORK "{\"objectClassName\":\"ip network\","
#define RANGE   "\"startAddress\":\"203.0.113.0\",\"endAddress\":\"203.0.113.255\""

static void expect_range(const char *start, const char *end, const char *want)
{
    struct rdap_network *net;
    char body[300], *text;

    snprintf(body, sizeof(body), NETWORK "\"startAddress\":%s,\"endAddress\":%s}", start,
             end);
    net = parse(body);
    text = rdap_range_text(net, &query);
    ck_assert_str_eq(text, want);
    free(text);
    rdap_network_free(net);
}

START_TEST(ranges_are_read_as_registries_write_them)
{
    static const char all[] = "203.0.113.0 - 203.0.113.255";

    expect_range("\"203.0.113.0\"", "\"203.0.113.255\"", all);
    expect_range("\"203.0.113.0/32\"", "\"203.0.113.255/32\"", all);
    expect_range("\"203.000.113.000\"", "\"203.000.113.255\"", all);
    expect_range("\" 203.0.113.0\"", "\"203.0.113.255 \"", all);
    expect_range("\"203.0.113.5\"", "\"203.0.113.5\"", "203.0.113.5 - 203.0.113.5");
}
END_TEST

START_TEST(an_unusable_range_is_no_range)
{
    expect_range("\"203.0.113.0\"", "null", "203.0.113.5");
    expect_range("7", "\"203.0.113.255\"", "203.0.113.5");
    expect_range("\"203.0.113.255\"", "\"203.0.113.0\"", "203.0.113.5");
    expect_range("\"203.0.113.0\"", "\"2001:db8::1\"", "203.0.113.5");
    expect_range("\"0x7f.0.0.1\"", "\"203.0.113.255\"", "203.0.113.5");
    expect_range("\"\"", "\"\"", "203.0.113.5");
    expect_range("\"2030.0.113.0000000000000000000000000000000000000000000000000000"
                 "0000000000000000000\"",
                 "\"203.0.113.255\"", "203.0.113.5");
}
END_TEST

START_TEST(ipv6_ranges_are_read_too)
{
    static const char body[] =
        NETWORK "\"startAddress\":\"2001:db8:c000:0:0:0:0:0/128\","
                "\"endAddress\":\"2001:0db8:c000:ffff:ffff:ffff:ffff:ffff\"}";
    struct rdap_network *net = NULL;
    struct addr six;
    char *text, *detail = NULL;

    ck_assert(addr_parse("2001:db8:c000::1", 16, &six));
    ck_assert_int_eq(rdap_parse(body, strlen(body), &six, &net, &detail), 0);
    text = rdap_range_text(net, &six);
    ck_assert_str_eq(text, "2001:db8:c000:: - 2001:db8:c000:ffff:ffff:ffff:ffff:ffff");
    free(text);
    rdap_network_free(net);
    refuse(body, RDAP_E_OTHER_NETWORK, "2001:db8:c000::");
}
END_TEST

START_TEST(an_answer_about_another_network_is_refused)
{
    refuse(NETWORK "\"startAddress\":\"198.51.100.0\",\"endAddress\":\"198.51.100.255\"}",
           RDAP_E_OTHER_NETWORK, "198.51.100.0 - 198.51.100.255");
    refuse(NETWORK "\"startAddress\":\"203.0.113.6\",\"endAddress\":\"203.0.113.255\"}",
           RDAP_E_OTHER_NETWORK, NULL);
    refuse(NETWORK "\"startAddress\":\"203.0.113.0\",\"endAddress\":\"203.0.113.4\"}",
           RDAP_E_OTHER_NETWORK, NULL);
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
    char *deep = malloc(20001);

    refuse("", RDAP_E_NOT_JSON, "empty");
    refuse(" \r\n\t", RDAP_E_NOT_JSON, "empty");
    refuse("<!DOCTYPE html><html>challenge</html>", RDAP_E_NOT_JSON, "HTML");
    refuse("Too many requests", RDAP_E_NOT_JSON, NULL);
    refuse(NETWORK RANGE, RDAP_E_NOT_JSON, "line 1"); /* cut */
    refuse(NETWORK RANGE "} trailing", RDAP_E_NOT_JSON, NULL);
    refuse(NETWORK "\"name\":\"M\xfcnchen\"}", RDAP_E_NOT_JSON, NULL); /* ISO-8859-1 */
    refuse_bytes("\0\0\0\0", 4, RDAP_E_NOT_JSON, NULL);
    memset(deep, '[', 10000);
    memset(deep + 10000, ']', 10000);
    refuse_bytes(deep, 20000, RDAP_E_NOT_JSON, "nested too deep");
    free(deep);
}
END_TEST

START_TEST(a_huge_answer_is_refused)
{
    size_t n = RDAP_BODY_MAX + 1;
    char *body = malloc(n);

    memset(body, ' ', n);
    refuse_bytes(body, n, RDAP_E_NOT_JSON, "1 MiB");
    body[0] = '[';
    for (size_t i = 1; i + 3 < n; i += 3)
        memcpy(body + i, "[],", 3);
    refuse_bytes(body, n - 1, RDAP_E_NOT_JSON, "too many parts");
    free(body);
}
END_TEST

START_TEST(json_that_is_no_network_is_refused)
{
    refuse("[]", RDAP_E_NOT_NETWORK, NULL);
    refuse("{}", RDAP_E_NOT_NETWORK, NULL);
    refuse("{\"objectClassName\":\"domain\"," RANGE "}", RDAP_E_NOT_NETWORK, NULL);
    refuse("{\"objectClassName\":\"entity\",\"handle\":\"X\"}", RDAP_E_NOT_NETWORK, NULL);
}
END_TEST

START_TEST(errors_and_rate_limits_in_the_body_are_told_apart)
{
    refuse("{\"errorCode\":429,\"title\":\"Too Many Requests\"}", RDAP_E_RATE_LIMIT,
           "error 429 (Too Many Requests)");
    refuse("{\"errorCode\":\"429\"}", RDAP_E_RATE_LIMIT, NULL);
    refuse("{\"errorCode\":404,\"title\":\"Not Found\"}", RDAP_E_NO_DATA, "error 404");
    refuse("{\"errorCode\":501,\"title\":\"N\xc3\xb6\"}", RDAP_E_NOT_NETWORK,
           "error 501 (N\\xc3\\xb6)");
    refuse("{\"errorCode\":null}", RDAP_E_NOT_NETWORK, NULL);
    refuse("{\"rdapConformance\":[\"rdap_level_0\"],\"notices\":[{\"title\":"
           "\"Rate Limit Notice\",\"description\":[\"10 queries per 1 minutes\"]}]}",
           RDAP_E_RATE_LIMIT, NULL);
    /* A whole answer may tell about limits without being one. */
    rdap_network_free(parse(NETWORK RANGE ",\"notices\":[{\"title\":\"Rate Limit\"}]}"));
}
END_TEST

START_TEST(members_of_odd_types_are_no_obstacle)
{
    struct rdap_network *net = parse(
        "\xef\xbb\xbf{" RANGE ",\"objectClassName\":5,\"handle\":[],\"name\":null,"
        "\"type\":{},\"country\":7,\"parentHandle\":false,\"remarks\":[null,5,{},"
        "{\"title\":7,\"type\":null,\"description\":[null,5,\"line\"]},"
        "{\"description\":\"one\\ntwo\\r\\n\\nthree\"}],\"notices\":\"x\","
        "\"entities\":[null,7,\"x\",[],{\"roles\":7},{\"handle\":null,\"roles\":null,"
        "\"status\":5,\"vcardArray\":null,\"remarks\":7,\"entities\":\"x\"}],"
        "\"unknown\":\"a\\u0000b\"}");

    ck_assert_ptr_null(net->handle);
    ck_assert_ptr_null(net->name);
    ck_assert_uint_eq(net->n_entities, 2);
    ck_assert_ptr_null(net->entities[0].roles);
    ck_assert_str_eq(net->remarks[0], "line");
    ck_assert_str_eq(net->remarks[1], "one");
    ck_assert_str_eq(net->remarks[3], "three");
    ck_assert_ptr_null(net->remarks[4]);
    rdap_network_free(net);
}
END_TEST

static struct rdap_network *parse_card(const char *properties)
{
    char body[4000];

    snprintf(body, sizeof(body),
             NETWORK RANGE ",\"entities\":[{\"handle\":\"A\",\"roles\":[\"abuse\"],"
                           "\"vcardArray\":[\"vcard\",[%s]]}]}",
             properties);
    return parse(body);
}

static void expect_mail(const struct rdap_network *net, unsigned i, const char *value,
                        unsigned pref, bool type_abuse)
{
    ck_assert_uint_lt(i, net->n_mails);
    ck_assert_str_eq(net->mails[i].value, value);
    ck_assert_uint_eq(net->mails[i].pref, pref);
    ck_assert_int_eq(net->mails[i].type_abuse, type_abuse);
}

START_TEST(one_malformed_property_does_not_lose_the_card)
{
    struct rdap_network *net = parse_card(
        "[\"version\",{},\"text\",\"4.0\"],[\"lang\",{\"type\":\"x\"},\"en\"],"
        "null,5,[],{},[7],[\"email\"],[\"email\",{},\"text\"],"
        "[\"email\",null,null,\"abuse@isp.example\"],[\"fn\",{},\"text\",\"N\"]");

    ck_assert_uint_eq(net->n_mails, 1);
    expect_mail(net, 0, "abuse@isp.example", 100, false);
    ck_assert_str_eq(net->entities[0].name, "N");
    rdap_network_free(net);
}
END_TEST

START_TEST(mail_values_come_in_many_shapes)
{
    struct rdap_network *net = parse_card(
        "[\"email\",{},\"text\",null],[\"email\",{},\"text\",7],"
        "[\"EMAIL\",{},\"uri\",\"mailto:a@isp.example\"],"
        "[\"email\",{},\"text\",[\"b@isp.example\",null,\"c@isp.example\"]],"
        "[\"email\",{},\"text\",\"d@isp.example\",\"e@isp.example\"],"
        "[\"email\",{},\"text\",\"f@isp.example, g@isp.example;;h@isp.example;\"],"
        "[\"email\",{},\"text\",\"\"],[\"email\",{},\"text\",\"Not, to be; disclosed\"]");
    static const char *const want[] = {
        "mailto:a@isp.example", "b@isp.example", "c@isp.example",
        "d@isp.example",        "e@isp.example", "f@isp.example",
        "g@isp.example",        "h@isp.example", "Not, to be; disclosed"};

    ck_assert_uint_eq(net->n_mails, sizeof(want) / sizeof(want[0]));
    for (unsigned i = 0; i < net->n_mails; i++)
        expect_mail(net, i, want[i], 100, false);
    rdap_network_free(net);
}
END_TEST

START_TEST(preference_and_type_are_read_as_string_number_or_array)
{
    struct rdap_network *net = parse_card(
        "[\"email\",{\"pref\":\"1\"},\"text\",\"a@isp.example\"],"
        "[\"email\",{\"pref\":2,\"type\":\"Abuse\"},\"text\",\"b@isp.example\"],"
        "[\"email\",{\"pref\":\"x\",\"type\":[\"work\",\"abuse\"]},\"text\","
        "\"c@isp.example\"],"
        "[\"email\",{\"pref\":0,\"type\":7},\"text\",\"d@isp.example\"],"
        "[\"email\",{\"pref\":[\"3\"]},\"text\",\"e@isp.example\"],"
        "[\"email\",{\"pref\":99999999999},\"text\",\"f@isp.example\"],"
        "[\"email\",{\"pref\":\"101\"},\"text\",\"g@isp.example\"],"
        "[\"email\",[],\"text\",\"h@isp.example\"]");

    expect_mail(net, 0, "a@isp.example", 1, false);
    expect_mail(net, 1, "b@isp.example", 2, true);
    expect_mail(net, 2, "c@isp.example", 100, true);
    expect_mail(net, 3, "d@isp.example", 100, false);
    expect_mail(net, 4, "e@isp.example", 3, false);
    expect_mail(net, 5, "f@isp.example", 100, false);
    expect_mail(net, 6, "g@isp.example", 100, false);
    expect_mail(net, 7, "h@isp.example", 100, false);
    rdap_network_free(net);
}
END_TEST

START_TEST(a_contact_uri_is_a_form_or_a_mailbox)
{
    struct rdap_network *net =
        parse_card("[\"contact-uri\",{},\"uri\",\"http://isp.example/form\"],"
                   "[\"contact-uri\",{},\"uri\",\"https://u@isp.example/form\"],"
                   "[\"contact-uri\",{},\"uri\",\"https://isp.example/form\"],"
                   "[\"contact-uri\",{\"pref\":\"1\"},\"uri\",\"mailto:a@isp.example\"]");

    ck_assert_str_eq(net->entities[0].form, "https://isp.example/form");
    expect_mail(net, 0, "mailto:a@isp.example", 1, false);
    rdap_network_free(net);
}
END_TEST

START_TEST(roles_of_one_handle_are_united)
{
    struct rdap_network *net = parse(
        NETWORK RANGE ",\"entities\":["
                      "{\"handle\":\"ORG\",\"roles\":[\"registrant\"],\"entities\":["
                      "{\"handle\":\"P\",\"roles\":[\"ABUSE\",\"technical\"],"
                      "\"status\":[\"validated\"]}]},"
                      "{\"handle\":\"P\",\"roles\":\"technical\"},"
                      "{\"handle\":\"Q\"},"
                      "{\"handle\":\"DATA REDACTED\",\"roles\":[\"abuse\"]},"
                      "{\"handle\":\"DATA REDACTED\",\"roles\":[\"technical\"]}]}");
    const struct rdap_entity *p = &net->entities[1];

    ck_assert_uint_eq(net->n_entities, 5);
    ck_assert_str_eq(p->handle, "P");
    ck_assert_uint_eq(p->depth, 0); /* the nearest place counts */
    ck_assert(p->validated);
    ck_assert_str_eq(p->roles[0], "abuse");
    ck_assert_str_eq(p->roles[1], "technical");
    ck_assert_ptr_null(p->roles[2]);
    ck_assert_ptr_null(net->entities[2].roles);
    rdap_network_free(net);
}
END_TEST

START_TEST(one_entity_need_not_be_in_an_array)
{
    struct rdap_network *net =
        parse(NETWORK RANGE ",\"entities\":{\"handle\":\"A\",\"roles\":\"abuse\"}}");

    ck_assert_uint_eq(net->n_entities, 1);
    ck_assert_str_eq(net->entities[0].roles[0], "abuse");
    rdap_network_free(net);
}
END_TEST

START_TEST(doubts_of_the_registry_are_noticed)
{
    struct rdap_network *net =
        parse(NETWORK RANGE
              ",\"entities\":[{\"handle\":\"A\",\"remarks\":[{\"title\":"
              "\"Unvalidated POC\",\"description\":[\"no response\"]}]},"
              "{\"handle\":\"B\",\"remarks\":{\"description\":\"has been reported to be "
              "invalid\"}},{\"handle\":\"C\",\"remarks\":[{\"title\":\"Abuse desk\","
              "\"description\":[\"noc@isp.example\"]}]}]}");

    ck_assert(net->entities[0].doubted);
    ck_assert(net->entities[1].doubted);
    ck_assert(!net->entities[2].doubted);
    ck_assert_str_eq(net->entities[2].remarks[0], "Abuse desk: noc@isp.example");
    rdap_network_free(net);
}
END_TEST

static bool truncated(const char *members)
{
    struct rdap_network *net;
    char body[500];
    bool result;

    snprintf(body, sizeof(body), NETWORK RANGE ",%s}", members);
    net = parse(body);
    result = net->truncated;
    rdap_network_free(net);
    return result;
}

START_TEST(truncated_answers_are_marked)
{
    ck_assert(
        truncated("\"remarks\":[{\"type\":\"object truncated due to server policy\"}]"));
    ck_assert(truncated(
        "\"notices\":[{\"title\":\"Object truncated due to excessive load\"}]"));
    ck_assert(
        truncated("\"entities\":[{\"remarks\":[{\"type\":\"result set truncated\"}]}]"));
    ck_assert(
        !truncated("\"remarks\":[{\"type\":\"object redacted due to authorization\"}]"));
}
END_TEST

START_TEST(entities_are_capped_in_depth_and_number)
{
    char *body = malloc(200000), *p = body;
    struct rdap_network *net;

    p = stpcpy(p, NETWORK RANGE);
    for (int i = 0; i < 20; i++)
        p += sprintf(p, ",\"entities\":[{\"handle\":\"D%d\"", i);
    for (int i = 0; i < 20; i++)
        p = stpcpy(p, "}]");
    strcpy(p, "}");
    net = parse(body);
    ck_assert_uint_eq(net->n_entities, RDAP_DEPTH_MAX);
    ck_assert(net->truncated);
    rdap_network_free(net);

    p = stpcpy(body, NETWORK RANGE ",\"entities\":[{}");
    for (int i = 0; i < 1000; i++)
        p += sprintf(p, ",{\"handle\":\"N%d\"}", i % 700);
    strcpy(p, "]}");
    net = parse(body);
    ck_assert_uint_eq(net->n_entities, RDAP_ENTITIES_MAX);
    ck_assert(net->truncated);
    rdap_network_free(net);
    free(body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rdap");
    TCase *tc = tcase_create("rdap");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, ranges_are_read_as_registries_write_them);
    tcase_add_test(tc, an_unusable_range_is_no_range);
    tcase_add_test(tc, ipv6_ranges_are_read_too);
    tcase_add_test(tc, an_answer_about_another_network_is_refused);
    tcase_add_test(tc, what_is_not_json_is_refused);
    tcase_add_test(tc, a_huge_answer_is_refused);
    tcase_add_test(tc, json_that_is_no_network_is_refused);
    tcase_add_test(tc, errors_and_rate_limits_in_the_body_are_told_apart);
    tcase_add_test(tc, members_of_odd_types_are_no_obstacle);
    tcase_add_test(tc, one_malformed_property_does_not_lose_the_card);
    tcase_add_test(tc, mail_values_come_in_many_shapes);
    tcase_add_test(tc, preference_and_type_are_read_as_string_number_or_array);
    tcase_add_test(tc, a_contact_uri_is_a_form_or_a_mailbox);
    tcase_add_test(tc, roles_of_one_handle_are_united);
    tcase_add_test(tc, one_entity_need_not_be_in_an_array);
    tcase_add_test(tc, doubts_of_the_registry_are_noticed);
    tcase_add_test(tc, truncated_answers_are_marked);
    tcase_add_test(tc, entities_are_capped_in_depth_and_number);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
