#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mailaddr.h"

static void expect(const char *text, const char *want)
{
    char got[MAILADDR_MAX + 1] = "untouched";

    ck_assert_msg(mailaddr_parse(text, strlen(text), got), "refused: %s", text);
    ck_assert_str_eq(got, want);
}

static void refuse_bytes(const char *text, size_t n)
{
    char got[MAILADDR_MAX + 1] = "untouched";

    ck_assert_msg(!mailaddr_parse(text, n, got), "accepted: %s", text);
    ck_assert_str_eq(got, "untouched");
}

static void refuse(const char *text)
{
    refuse_bytes(text, strlen(text));
}

START_TEST(plain_addresses_are_taken)
{
    expect("abuse@isp.example", "abuse@isp.example");
    expect("a.b+tag!#$%&'*/=?^_`{|}~-@x-1.example",
           "a.b+tag!#$%&'*/=?^_`{|}~-@x-1.example");
    expect("abuse@xn--bcher-kva.example", "abuse@xn--bcher-kva.example");
    expect("abuse@3com.example", "abuse@3com.example");
}
END_TEST

START_TEST(wrapping_is_taken_off_and_the_domain_lower_cased)
{
    expect(" \tabuse@isp.example ", "abuse@isp.example");
    expect("mailto:abuse@isp.example", "abuse@isp.example");
    expect("MAILTO: abuse@isp.example", "abuse@isp.example");
    expect("<abuse@isp.example>", "abuse@isp.example");
    expect("mailto:<abuse@isp.example>", "abuse@isp.example");
    expect("< mailto:abuse@isp.example >", "abuse@isp.example");
    expect("Operations@ISP.Example", "Operations@isp.example");
}
END_TEST

START_TEST(what_could_mean_more_than_one_recipient_or_a_command_is_refused)
{
    refuse("abuse@isp.example\r\nRCPT TO:<x@isp.example>");
    refuse("abuse@isp.example\n");
    refuse("\nabuse@isp.example");
    refuse("abuse@isp.example,noc@isp.example");
    refuse("abuse@isp.example noc@isp.example");
    refuse("abuse @isp.example");
    refuse("abuse@@isp.example");
    refuse("a@b@isp.example");
    refuse("-X/tmp/evil@isp.example");
    refuse("\"abuse\"@isp.example");
    refuse("abuse(comment)@isp.example");
    refuse("Abuse <abuse@isp.example>");
    refuse("<<abuse@isp.example>>");
    refuse("<abuse@isp.example");
    refuse("abuse@isp.example>");
    refuse("mailto:abuse@isp.example?subject=x");
    refuse("abuse\\@isp.example");
    refuse_bytes("abuse\0x@isp.example", 19);
    refuse_bytes("abuse@isp.example\0", 18);
    refuse("abus\xc3\xa9@isp.example");
    refuse("abuse@isp\xe3\x80\x82"
           "example");
}
END_TEST

START_TEST(malformed_parts_are_refused)
{
    refuse("");
    refuse("@");
    refuse("@isp.example");
    refuse("abuse@");
    refuse("abuse");
    refuse("<>");
    refuse("mailto:");
    refuse(".abuse@isp.example");
    refuse("abuse.@isp.example");
    refuse("ab..use@isp.example");
    refuse("abuse@example"); /* one label */
    refuse("abuse@.isp.example");
    refuse("abuse@isp..example");
    refuse("abuse@isp.example.");
    refuse("abuse@-isp.example");
    refuse("abuse@isp-.example");
    refuse("abuse@is_p.example");
    refuse("abuse@203.0.113.5");
    refuse("abuse@[203.0.113.5]");
    refuse("DATA REDACTED");
}
END_TEST

START_TEST(lengths_are_limited)
{
    char text[400];
    size_t n;

    memset(text, 'a', 64);
    strcpy(text + 64, "@isp.example");
    expect(text, text);
    memset(text, 'a', 65);
    strcpy(text + 65, "@isp.example");
    refuse(text);

    strcpy(text, "a@");
    memset(text + 2, 'b', 63);
    strcpy(text + 65, ".example");
    expect(text, text);
    memset(text + 2, 'b', 64);
    strcpy(text + 66, ".example");
    refuse(text);

    for (n = 2; n < 246; n++)
        text[n] = n % 50 == 0 ? '.' : 'b';
    strcpy(text + n, ".example"); /* 254 bytes */
    ck_assert_uint_eq(strlen(text), MAILADDR_MAX);
    expect(text, text);
    strcpy(text + n, "b.example");
    refuse(text);
}
END_TEST

static void expect_mailbox(const char *text, const char *want, const char *want_name)
{
    char got[MAILADDR_MAX + 1];
    char *name = NULL;

    ck_assert_msg(mailaddr_parse_mailbox(text, got, &name), "refused: %s", text);
    ck_assert_str_eq(got, want);
    ck_assert_str_eq(name, want_name);
    free(name);
    ck_assert(mailaddr_parse_mailbox(text, got, NULL));
}

static void refuse_mailbox(const char *text)
{
    char got[MAILADDR_MAX + 1] = "untouched";
    char *name = NULL;

    ck_assert_msg(!mailaddr_parse_mailbox(text, got, &name), "accepted: %s", text);
    ck_assert_str_eq(got, "untouched");
    ck_assert_ptr_null(name);
}

START_TEST(a_sender_may_have_a_name)
{
    expect_mailbox("reports@isp.example", "reports@isp.example", "");
    expect_mailbox("<reports@isp.example>", "reports@isp.example", "");
    expect_mailbox("Abuse reports <reports@ISP.example>", "reports@isp.example",
                   "Abuse reports");
    expect_mailbox("J. Doe <reports@isp.example>", "reports@isp.example", "J. Doe");
    expect_mailbox("\"Doe, \\\"J\\\" <x>\" <reports@isp.example>", "reports@isp.example",
                   "Doe, \"J\" <x>");
    expect_mailbox("  \"\" <reports@isp.example> ", "reports@isp.example", "");
}
END_TEST

START_TEST(a_sender_with_a_broken_name_is_refused)
{
    refuse_mailbox("");
    refuse_mailbox("Abuse reports");
    refuse_mailbox("Doe, J <reports@isp.example>");
    refuse_mailbox("a@b <reports@isp.example>");
    refuse_mailbox("\"open <reports@isp.example>");
    refuse_mailbox("\"a\"b\" <reports@isp.example>");
    refuse_mailbox("\"a\\\" <reports@isp.example>");
    refuse_mailbox("Name <reports@isp.example> trailing");
    refuse_mailbox("Name <mailto:reports@isp.example>");
    refuse_mailbox("Name <>");
    refuse_mailbox("Name >");
    refuse_mailbox("Name\r\nBcc: x@isp.example <reports@isp.example>");
    refuse_mailbox("N\xc3\xa4me <reports@isp.example>");
    refuse_mailbox("a@isp.example, b@isp.example");
}
END_TEST

START_TEST(reserved_domains_are_known_at_any_depth)
{
    ck_assert(mailaddr_reserved("a@isp.example"));
    ck_assert(mailaddr_reserved("a@example.com"));
    ck_assert(mailaddr_reserved("a@mail.EXAMPLE.net"));
    ck_assert(mailaddr_reserved("a@example.org"));
    ck_assert(mailaddr_reserved("a@x.test"));
    ck_assert(mailaddr_reserved("a@x.invalid"));
    ck_assert(mailaddr_reserved("a@x.localhost"));
    ck_assert(!mailaddr_reserved("a@myexample.com"));
    ck_assert(!mailaddr_reserved("a@example.com.notld"));
    ck_assert(!mailaddr_reserved("a@contest.notld"));
    ck_assert(!mailaddr_reserved("example.com@x.notld"));
}
END_TEST

START_TEST(mailboxes_that_nobody_reads_are_known)
{
    ck_assert(mailaddr_noreply("noreply@isp.example"));
    ck_assert(mailaddr_noreply("No-Reply@isp.example"));
    ck_assert(mailaddr_noreply("no_reply+abuse@isp.example"));
    ck_assert(mailaddr_noreply("do.not.reply@isp.example"));
    ck_assert(mailaddr_noreply("DoNotReply2@isp.example"));
    ck_assert(mailaddr_noreply("abuse-noreply@isp.example"));
    ck_assert(mailaddr_noreply("noreply-abuse@isp.example"));
    ck_assert(!mailaddr_noreply("abuse@isp.example"));
    ck_assert(!mailaddr_noreply("abuse@noreply.example"));
    ck_assert(!mailaddr_noreply("casinoreply@isp.example"));
    ck_assert(!mailaddr_noreply("noreplyson@isp.example"));
    ck_assert(!mailaddr_noreply("abuse+noreply@isp.example"));
}
END_TEST

START_TEST(addresses_compare_without_case)
{
    ck_assert(mailaddr_equal("Abuse@isp.example", "abuse@ISP.example"));
    ck_assert(!mailaddr_equal("abuse@isp.example", "abuse@isp.example.net"));
    ck_assert_str_eq(mailaddr_domain("abuse@isp.example"), "isp.example");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailaddr");
    TCase *tc = tcase_create("mailaddr");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, plain_addresses_are_taken);
    tcase_add_test(tc, wrapping_is_taken_off_and_the_domain_lower_cased);
    tcase_add_test(tc, what_could_mean_more_than_one_recipient_or_a_command_is_refused);
    tcase_add_test(tc, malformed_parts_are_refused);
    tcase_add_test(tc, lengths_are_limited);
    tcase_add_test(tc, a_sender_may_have_a_name);
    tcase_add_test(tc, a_sender_with_a_broken_name_is_refused);
    tcase_add_test(tc, reserved_domains_are_known_at_any_depth);
    tcase_add_test(tc, mailboxes_that_nobody_reads_are_known);
    tcase_add_test(tc, addresses_compare_without_case);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
