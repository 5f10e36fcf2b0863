#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contact.h"
#include "mailaddr.h"

#define RECORDED "../shared/data/rdap/"
#define CORPUS   "tests/corpus/rdap/"

static const struct contact_rules any = {.any_domain = true};
static const struct contact_rules real = {0};
static const struct contact_rules lab = {.lab = true};

static struct addr address(const char *text)
{
    struct addr addr;

    ck_assert(addr_parse(text, strlen(text), &addr));
    return addr;
}

static char *load(const char *directory, const char *name, size_t *ret_n)
{
    char path[300];
    char *body = malloc(RDAP_BODY_MAX);
    FILE *f;

    snprintf(path, sizeof(path), "%s%s", directory, name);
    f = fopen(path, "re");
    ck_assert_msg(f != NULL, "%s", path);
    *ret_n = fread(body, 1, RDAP_BODY_MAX, f);
    fclose(f);
    return body;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *or_nothing(const char *s)
{
    return s ? s : "nothing";
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *why_rejected(const struct contact_result *r, const char *contact)
{
    for (size_t i = 0; i < r->n_rejected; i++)
        if (mailaddr_equal(r->rejected[i].contact, contact))
            return r->rejected[i].why;
    return NULL;
}

/* ---- recorded answers of real registries ---- */

static bool is_one_of(const json_t *list, const char *mail)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (mailaddr_equal(json_string_value(json_array_get(list, i)), mail))
            return true;
    return false;
}

static void judge_recorded(const json_t *row)
{
    const json_t *expected = json_object_get(row, "expected");
    const json_t *acceptable = json_object_get(expected, "acceptable");
    const char *file = text(row, "file");
    const char *want = text(expected, "preferred");
    struct addr query = address(text(row, "query"));
    struct contact_result r;
    size_t n;
    char *body = load(RECORDED, file, &n);

    /* Without a preferred one, the first of the abuse entities is the one. */
    if (!json_object_get(expected, "preferred"))
        want = json_string_value(json_array_get(json_object_get(expected, "abuse"), 0));
    ck_assert_int_eq(contact_judge(body, n, &query, &any, &r), 0);
    if (!want)
        ck_assert_msg(!r.contact && r.outcome == CONTACT_NONE_PUBLISHED, "%s: %s", file,
                      or_nothing(r.contact));
    else
        ck_assert_msg(r.contact && (mailaddr_equal(r.contact, want) ||
                                    is_one_of(acceptable, r.contact)),
                      "%s: got %s, want %s", file, or_nothing(r.contact), want);
    for (size_t i = 0; i < json_array_size(json_object_get(expected, "never")); i++)
        ck_assert_ptr_nonnull(why_rejected(
            &r,
            json_string_value(json_array_get(json_object_get(expected, "never"), i))));
    contact_result_done(&r);
    free(body);
}

START_TEST(recorded_answers_of_real_registries_give_the_expected_mailbox)
{
    json_t *index = json_load_file(RECORDED "INDEX.json", 0, NULL);
    size_t judged = 0;

    if (!index) {
        printf("skipped: no recorded answers in " RECORDED "\n");
        return;
    }
    for (size_t i = 0; i < json_array_size(index); i++) {
        const json_t *row = json_array_get(index, i);

        /* The recorded errors answer other questions than one for an address. */
        if (json_object_get(json_object_get(row, "expected"), "errorCode"))
            continue;
        judge_recorded(row);
        judged++;
    }
    ck_assert_uint_gt(judged, 20);
    json_decref(index);
}
END_TEST

/* ---- our own corpus ---- */

static void compare_corpus(const json_t *row, const struct contact_result *r)
{
    const char *file = text(row, "file");
    const json_t *rejected = json_object_get(row, "rejected");

    ck_assert_msg(strcmp(contact_outcome_name(r->outcome), text(row, "outcome")) == 0,
                  "%s: outcome %s", file, contact_outcome_name(r->outcome));
    ck_assert_msg(same(r->contact, text(row, "contact")), "%s: contact %s", file,
                  or_nothing(r->contact));
    ck_assert_msg(same(r->source, text(row, "source")), "%s: source %s", file,
                  or_nothing(r->source));
    ck_assert_msg(same(r->form, text(row, "form")), "%s: form %s", file,
                  or_nothing(r->form));
    if (json_object_get(row, "network"))
        ck_assert_msg(same(r->network, text(row, "network")), "%s: network %s", file,
                      or_nothing(r->network));
    if (text(row, "detail"))
        ck_assert_msg(strstr(r->detail, text(row, "detail")) != NULL, "%s: %s", file,
                      r->detail);
    if (json_object_get(row, "temporary"))
        ck_assert_msg(r->temporary == json_is_true(json_object_get(row, "temporary")),
                      "%s", file);
    ck_assert_msg(r->n_rejected == json_array_size(rejected), "%s: %zu rejected", file,
                  r->n_rejected);
    for (size_t i = 0; i < r->n_rejected; i++)
        ck_assert_msg(is_one_of(rejected, r->rejected[i].contact), "%s: rejects %s", file,
                      r->rejected[i].contact);
    ck_assert_msg((r->outcome == CONTACT_FOUND) == (r->detail == NULL), "%s", file);
}

START_TEST(each_shape_of_answer_gives_what_the_index_says)
{
    json_t *index = json_load_file(CORPUS "INDEX.json", 0, NULL);

    ck_assert_uint_gt(json_array_size(index), 40);
    for (size_t i = 0; i < json_array_size(index); i++) {
        const json_t *row = json_array_get(index, i);
        struct addr query = address(text(row, "query"));
        struct contact_result r;
        size_t n;
        char *body = load(CORPUS, text(row, "file"), &n);

        ck_assert_int_eq(contact_judge(body, n, &query, &any, &r), 0);
        compare_corpus(row, &r);
        contact_result_done(&r);
        free(body);
    }
    json_decref(index);
}
END_TEST

/* ---- single rules ---- */

/* Judges a network of the given members (JSON text) that has one abuse mailbox. */
static struct contact_result judge(const char *members, const char *mail,
                                   const struct contact_rules *rules)
{
    struct addr query = address("203.0.113.5");
    struct contact_result r;
    char body[2000];

    snprintf(body, sizeof(body),
             "{\"objectClassName\":\"ip network\",\"startAddress\":\"203.0.113.0\","
             "\"endAddress\":\"203.0.113.255\",%s\"entities\":[%s{\"handle\":\"A\","
             "\"roles\":[\"abuse\"],\"vcardArray\":[\"vcard\",[[\"email\",{},\"text\","
             "\"%s\"]]]}]}",
             members[0] == '"' ? members : "", members[0] == '{' ? members : "", mail);
    ck_assert_int_eq(contact_judge(body, strlen(body), &query, rules, &r), 0);
    return r;
}

static void expect_found(const char *members, const char *mail,
                         const struct contact_rules *rules)
{
    struct contact_result r = judge(members, mail, rules);

    ck_assert_msg(r.outcome == CONTACT_FOUND && mailaddr_equal(r.contact, mail),
                  "%s is refused: %s", mail, or_nothing(why_rejected(&r, mail)));
    contact_result_done(&r);
}

static void expect_refused(const char *members, const char *mail,
                           const struct contact_rules *rules, const char *why)
{
    struct contact_result r = judge(members, mail, rules);

    ck_assert_msg(r.outcome == CONTACT_PLACEHOLDER_ONLY, "%s: %s", mail,
                  contact_outcome_name(r.outcome));
    ck_assert_msg(strstr(or_nothing(why_rejected(&r, mail)), why) != NULL, "%s: %s", mail,
                  or_nothing(why_rejected(&r, mail)));
    contact_result_done(&r);
}

#define ISP "abuse@provider.notld" /* not a reserved domain, and nobody's */

START_TEST(a_lab_mails_reserved_domains_only_and_nobody_else_does)
{
    expect_found("", ISP, &real);
    expect_found("", "abuse@isp.example", &lab);
    expect_found("", ISP, &any);
    expect_found("", "abuse@isp.example", &any);
    expect_refused("", "abuse@isp.example", &real, "reserved domain");
    expect_refused("", "abuse@example.com", &real, "reserved domain");
    expect_refused("", "abuse@example.notld", &real, "reserved domain");
    expect_refused("", ISP, &lab, "a lab may only mail reserved domains");
}
END_TEST

START_TEST(mailboxes_that_take_no_reports_are_never_mailed)
{
    static const char *const mails[] = {"hostmaster@nic.ad.jp",
                                        "HOSTMASTER@NIC.OR.KR",
                                        "irt@nic.or.kr",
                                        "removed@lacnic.net",
                                        "abuse@lacnic.net",
                                        "abuse@iana.org",
                                        "hostmaster@arin.net",
                                        "ripe-dbm@ripe.net",
                                        "hm-changed@provider.notld",
                                        "auto-dbm@provider.notld",
                                        "x-dbm@provider.notld",
                                        "search-apnic-not-arin@provider.notld",
                                        "abuse@host.local",
                                        "root@localhost.localdomain"};
    static const char owner[] =
        "{\"handle\":\"ARIN\",\"roles\":[\"registrant\"],\"vcardArray\":"
        "[\"vcard\",[[\"fn\",{},\"text\",\"American Registry for Internet Numbers\"]]]},";

    for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
        expect_refused(owner, mails[i], &real, "takes no abuse reports");
}
END_TEST

START_TEST(a_registry_is_mailed_about_its_own_networks_only)
{
    static const char own[] =
        "{\"handle\":\"ORG-X\",\"roles\":[\"registrant\"],\"vcardArray\":[\"vcard\","
        "[[\"fn\",{},\"text\",\"Asia Pacific Network Information Centre\"]]]},";
    static const char maintained[] =
        "{\"handle\":\"RIPE-NCC-HM-MNT\",\"roles\":[\"registrant\"],\"vcardArray\":"
        "[\"vcard\",[[\"fn\",{},\"text\",\"RIPE NCC\"]]]},";
    static const char mentioned[] =
        "{\"handle\":\"T\",\"roles\":[\"technical\"],\"vcardArray\":[\"vcard\","
        "[[\"fn\",{},\"text\",\"APNIC\"]]]},";
    static const char why[] = "a registry's own address";

    expect_found(own, "abuse@apnic.net", &real);
    expect_found(own, "helpdesk@apnic.net", &real);
    expect_found("\"name\":\"APNIC-LABS\",", "helpdesk@apnic.net", &real);
    expect_refused("", "abuse@apnic.net", &real, why);
    expect_refused("", "x@sub.apnic.net", &real, why);
    expect_refused(mentioned, "abuse@apnic.net", &real, why);
    expect_refused(maintained, "abuse@ripe.net", &real, why);
    expect_refused("\"name\":\"APNIC-ERX-203\",", "helpdesk@apnic.net", &real, why);
    expect_refused("\"name\":\"APNIC-X\",\"type\":\"ALLOCATED UNSPECIFIED\",",
                   "helpdesk@apnic.net", &real, why);
    expect_refused(own, "abuse@afrinic.net", &real, why);
    expect_found("", "abuse@notapnic.net", &real);
}
END_TEST

START_TEST(the_blocks_that_registries_administer_are_not_their_own)
{
    static const char body[] =
        "{\"objectClassName\":\"ip network\",\"startAddress\":\"203.0.0.0\","
        "\"endAddress\":\"203.255.255.255\",\"name\":\"APNIC-AP\",\"entities\":["
        "{\"roles\":[\"registrant\",\"abuse\"],\"handle\":\"APNIC\",\"vcardArray\":"
        "[\"vcard\",[[\"email\",{},\"text\",\"helpdesk@apnic.net\"]]]}]}";
    struct addr query = address("203.0.113.5");
    struct contact_result r;

    ck_assert_int_eq(contact_judge(body, strlen(body), &query, &real, &r), 0);
    ck_assert_int_eq(r.outcome, CONTACT_PLACEHOLDER_ONLY);
    contact_result_done(&r);
}
END_TEST

/* Judges a network that has remarks only. */
static void expect_remark(const char *remark, const char *want)
{
    struct addr query = address("203.0.113.5");
    struct contact_result r;
    char body[1000];

    snprintf(body, sizeof(body),
             "{\"objectClassName\":\"ip network\",\"startAddress\":\"203.0.113.0\","
             "\"endAddress\":\"203.0.113.255\",\"remarks\":[{\"description\":[\"%s\"]}]}",
             remark);
    ck_assert_int_eq(contact_judge(body, strlen(body), &query, &any, &r), 0);
    ck_assert_msg(same(r.contact, want), "%s: got %s", remark, or_nothing(r.contact));
    contact_result_done(&r);
}

START_TEST(addresses_in_remarks_are_whole_words)
{
    expect_remark("abuse: abuse@a2hosting.example", "abuse@a2hosting.example");
    expect_remark("abuse:<abuse@isp.example>.", "abuse@isp.example");
    expect_remark("Abuse contact is 'abuse@isp.example'", "abuse@isp.example");
    expect_remark("abuse mailto:abuse@isp.example, thanks", "abuse@isp.example");
    expect_remark("spam? noc@isp.example!", "noc@isp.example");
    expect_remark("abuse o'brien@isp.example", NULL);
    expect_remark("abuse m\xc3\xbcller@isp.example", NULL);
    expect_remark("abuse abuse@isp.example_x", NULL);
    expect_remark("abuse a@b@isp.example", NULL);
    expect_remark("abuse at isp.example", NULL);
    expect_remark("@ abuse @", NULL);
}
END_TEST

START_TEST(only_remarks_that_speak_of_abuse_count)
{
    expect_remark("write to noc@isp.example", NULL);
    expect_remark("abuse@isp.example was validated on 2025-01-01", NULL);
    expect_remark("abuse@isp.example is invalid", NULL);
    expect_remark("abuse: NOT to noc@isp.example", NULL);
    expect_remark("abuse: never noc@isp.example", NULL);
    expect_remark("abuse and notices: noc@isp.example", "noc@isp.example");
    expect_remark("abuse: cert-team@isp.example or abuse@isp.example",
                  "cert-team@isp.example");
}
END_TEST

START_TEST(foreign_text_among_the_rejected_is_escaped)
{
    struct contact_result r = judge("", "\\u001b[31m@isp.example", &any);

    ck_assert_uint_eq(r.n_rejected, 1);
    ck_assert_str_eq(r.rejected[0].contact, "\\x1b[31m@isp.example");
    ck_assert_str_eq(r.rejected[0].why, "not a mail address");
    ck_assert_int_eq(r.outcome, CONTACT_NONE_PUBLISHED);
    contact_result_done(&r);
}
END_TEST

/* ---- JSON ---- */

START_TEST(the_json_has_its_keys_in_order)
{
    struct addr query = address("203.0.113.5");
    struct contact_result r = judge("", "abuse@isp.example,no@reply", &any);
    char *json = NULL;

    ck_assert_int_eq(contact_result_json(&r, &query, &json), 0);
    ck_assert_str_eq(json,
                     "{\"query\":\"203.0.113.5\",\"outcome\":\"found\","
                     "\"contact\":\"abuse@isp.example\",\"source\":\"rdap-abuse\","
                     "\"network\":\"203.0.113.0 - 203.0.113.255\",\"rejected\":"
                     "[{\"contact\":\"no@reply\",\"why\":\"not a mail address\"}]}");
    free(json);
    contact_result_done(&r);
    ck_assert_int_eq(contact_result_make(CONTACT_SPECIAL_PURPOSE, NULL, false, &r), 0);
    ck_assert_int_eq(contact_result_json(&r, &query, &json), 0);
    ck_assert_str_eq(json, "{\"query\":\"203.0.113.5\",\"outcome\":\"special-purpose\","
                           "\"contact\":null,\"source\":null,\"network\":null,"
                           "\"rejected\":[]}");
    free(json);
    contact_result_done(&r);
}
END_TEST

static void round_trip(const struct contact_result *r)
{
    struct addr query = address("203.0.113.5");
    struct contact_result back, copy;
    char *json, *again;

    ck_assert_int_eq(contact_result_json(r, &query, &json), 0);
    ck_assert_int_eq(contact_result_from_json(json, &back), 0);
    ck_assert_int_eq(contact_result_copy(&back, &copy), 0);
    contact_result_done(&back);
    ck_assert_int_eq(contact_result_json(&copy, &query, &again), 0);
    ck_assert_str_eq(json, again);
    ck_assert_int_eq(copy.temporary, r->temporary);
    ck_assert_int_eq(copy.retry_after, r->retry_after);
    ck_assert(addr_equal(&copy.start, &r->start) && addr_equal(&copy.end, &r->end));
    contact_result_done(&copy);
    free(json);
    free(again);
}

START_TEST(a_result_survives_the_cache)
{
    struct contact_result r =
        judge("", "abuse@isp.example;b@isp.example;\\u0007@isp.example", &any);

    r.server = strdup("rdap.example:8443");
    r.form = strdup("https://isp.example/form");
    round_trip(&r);
    contact_result_done(&r);
    ck_assert_int_eq(
        contact_result_make(CONTACT_LOOKUP_FAILED, "no answer\xff", true, &r), 0);
    ck_assert_str_eq(r.detail, "no answer\\xff");
    r.retry_after = 90000000;
    round_trip(&r);
    contact_result_done(&r);
}
END_TEST

START_TEST(a_spoilt_cache_entry_is_refused)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"outcome\":\"odd\",\"rejected\":[]}",
        "{\"outcome\":\"none-published\"}",
        "{\"outcome\":\"found\",\"contact\":null,\"rejected\":[]}",
        "{\"outcome\":\"found\",\"contact\":\"-x@isp.example\",\"source\":\"rdap-abuse\","
        "\"rejected\":[]}",
        "{\"outcome\":\"found\",\"contact\":\"x@ISP.example\",\"source\":\"rdap-abuse\","
        "\"rejected\":[]}",
        "{\"outcome\":\"none-published\",\"contact\":\"x@isp.example\",\"rejected\":[]}",
        "{\"outcome\":\"none-published\",\"network\":\"x\",\"rejected\":[]}",
        "{\"outcome\":\"none-published\",\"detail\":\"\\n\",\"rejected\":[]}",
        "{\"outcome\":\"none-published\",\"rejected\":[{\"contact\":\"x\"}]}",
        "{\"outcome\":\"lookup-failed\",\"retry_after\":-1,\"rejected\":[]}",
        "{\"outcome\":\"lookup-failed\",\"retry_after\":9000000000000000000,"
        "\"rejected\":[]}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct contact_result r = {.outcome = CONTACT_FORM_ONLY};

        ck_assert_msg(contact_result_from_json(texts[i], &r) == -EBADMSG, "%s", texts[i]);
        ck_assert_int_eq(r.outcome, CONTACT_FORM_ONLY);
    }
}
END_TEST

START_TEST(outcomes_have_names)
{
    for (int i = CONTACT_FOUND; i <= CONTACT_LOOKUP_FAILED; i++)
        ck_assert_int_eq(contact_outcome_parse(contact_outcome_name(i)), i);
    ck_assert_int_eq(contact_outcome_parse("lost"), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contact");
    TCase *tc = tcase_create("contact");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, recorded_answers_of_real_registries_give_the_expected_mailbox);
    tcase_add_test(tc, each_shape_of_answer_gives_what_the_index_says);
    tcase_add_test(tc, a_lab_mails_reserved_domains_only_and_nobody_else_does);
    tcase_add_test(tc, mailboxes_that_take_no_reports_are_never_mailed);
    tcase_add_test(tc, a_registry_is_mailed_about_its_own_networks_only);
    tcase_add_test(tc, the_blocks_that_registries_administer_are_not_their_own);
    tcase_add_test(tc, addresses_in_remarks_are_whole_words);
    tcase_add_test(tc, only_remarks_that_speak_of_abuse_count);
    tcase_add_test(tc, foreign_text_among_the_rejected_is_escaped);
    tcase_add_test(tc, the_json_has_its_keys_in_order);
    tcase_add_test(tc, a_result_survives_the_cache);
    tcase_add_test(tc, a_spoilt_cache_entry_is_refused);
    tcase_add_test(tc, outcomes_have_names);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
