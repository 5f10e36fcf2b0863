#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logline.h"

#define REFERENCE (INT64_C(1795383373) * USEC_PER_SEC) /* 2026-11-22T21:36:13Z */

static int parse(const char *text, struct logline *ret)
{
    return logline_parse(text, strlen(text), REFERENCE, 1, ret);
}

static void expect_slice(struct slice got, const char *want)
{
    ck_assert_msg(slice_equal_str(got, want), "got \"%.*s\", not \"%s\"", (int)got.n,
                  got.p, want);
}

static void expect(const char *text, const char *time, const char *host,
                   const char *program, int64_t pid, const char *message)
{
    char buf[MOMENT_TEXT_MAX];
    struct logline line;
    int r = parse(text, &line);

    ck_assert_msg(r == 0, "outcome %d: %s", r, text);
    ck_assert_str_eq(moment_format_rfc3339(line.time, buf), time);
    expect_slice(line.host, host);
    expect_slice(line.program, program);
    ck_assert_int_eq(line.pid, pid);
    expect_slice(line.message, message);
    expect_slice(line.line, text);
    ck_assert_ptr_eq(line.line.p, text); /* a slice, not a copy */
}

static void expect_outcome(const char *text, int outcome)
{
    struct logline line = {.pid = 77};
    int r = parse(text, &line);

    ck_assert_msg(r == outcome, "outcome %d, not %d: %s", r, outcome, text);
    ck_assert_int_eq(line.pid, 77);
}

START_TEST(the_three_formats_give_the_same_parts)
{
    expect("Nov 22 21:36:13 mx1 sshd[123]: Failed password", "2026-11-22T21:36:13Z",
           "mx1", "sshd", 123, "Failed password");
    expect("2026-11-22T22:36:13.123456+01:00 mx1 sshd[123]: Failed password",
           "2026-11-22T21:36:13.123456Z", "mx1", "sshd", 123, "Failed password");
    expect("<38>1 2026-11-22T21:36:13.123456+00:00 mx1 sshd 123 - -  Failed password",
           "2026-11-22T21:36:13.123456Z", "mx1", "sshd", 123, "Failed password");
}
END_TEST

START_TEST(variants_of_the_header_are_understood)
{
    expect("<86>Nov 22 21:36:13 mx1 sshd[1]: x", "2026-11-22T21:36:13Z", "mx1", "sshd", 1,
           "x");
    expect("<86>2026-11-22T21:36:13Z mx1 sshd[1]: x", "2026-11-22T21:36:13Z", "mx1",
           "sshd", 1, "x");
    expect("2026-11-22 21:36:13.5Z mx1 sshd[1]: x", "2026-11-22T21:36:13.5Z", "mx1",
           "sshd", 1, "x");
    expect("Nov 22 21:36:13 mx1.example.org sshd-session[1]: x", "2026-11-22T21:36:13Z",
           "mx1.example.org", "sshd-session", 1, "x");
    expect("Nov 22 21:36:13 2001:db8::1 postfix/smtpd[9999999999]: x",
           "2026-11-22T21:36:13Z", "2001:db8::1", "postfix/smtpd", INT64_C(9999999999),
           "x");
    expect("Nov 22 21:36:13 mx1 sudo:    root : x", "2026-11-22T21:36:13Z", "mx1", "sudo",
           -1, "   root : x");
    expect("Nov 22 21:36:13 mx1 kernel:", "2026-11-22T21:36:13Z", "mx1", "kernel", -1,
           "");
    expect("Nov 22 21:36:13 mx1 kernel: ", "2026-11-22T21:36:13Z", "mx1", "kernel", -1,
           "");
    expect("Nov 22 21:36:13 gr\xc3\xbcn sshd[1]: \xff\tx", "2026-11-22T21:36:13Z",
           "gr\xc3\xbcn", "sshd", 1, "\xff\tx");
}
END_TEST

START_TEST(rfc5424_fields_are_skipped_correctly)
{
    expect("1 2026-11-22T21:36:13Z mx1 sshd - ID47 [a@1 k=\"v ] \\\" [\"][b] hello",
           "2026-11-22T21:36:13Z", "mx1", "sshd", -1, "hello");
    expect("<38>1 2026-11-22T21:36:13Z mx1 sshd abc - - \xef\xbb\xbfhello",
           "2026-11-22T21:36:13Z", "mx1", "sshd", -1, "hello");
    expect("<38>1 2026-11-22T21:36:13Z mx1 sshd 7 - -", "2026-11-22T21:36:13Z", "mx1",
           "sshd", 7, "");
    expect_outcome("<38>1 2026-11-22T21:36:13Z mx1 sshd 7 - hello", LOGLINE_E_GARBAGE);
    expect_outcome("<38>1 2026-11-22T21:36:13Z mx1 sshd 7 - [a k=\"v] x",
                   LOGLINE_E_GARBAGE);
    expect_outcome("<38>1 2026-11-22T21:36:13Z mx1 sshd 7 - [a k=\"v\\",
                   LOGLINE_E_GARBAGE);
    expect_outcome("<38>1 2026-11-22T21:36:13Z mx1 sshd 7", LOGLINE_E_GARBAGE);
    expect_outcome("<38>1 - mx1 sshd 7 - - x", LOGLINE_E_GARBAGE);
    expect_outcome("<38>2 2026-11-22T21:36:13Z mx1 sshd 7 - - x", LOGLINE_E_GARBAGE);
}
END_TEST

START_TEST(one_carriage_return_at_the_end_is_cut)
{
    struct logline line;

    ck_assert_int_eq(parse("Nov 22 21:36:13 mx1 sshd[1]: x\r", &line), 0);
    expect_slice(line.message, "x");
    expect_slice(line.line, "Nov 22 21:36:13 mx1 sshd[1]: x");
    expect_outcome("Nov 22 21:36:13 mx1 sshd[1]: x\r\r", LOGLINE_E_GARBAGE);
    expect_outcome("\r", LOGLINE_E_EMPTY);
    expect_outcome("", LOGLINE_E_EMPTY);
}
END_TEST

START_TEST(control_bytes_anywhere_make_a_line_garbage)
{
    const char good[] = "Nov 22 21:36:13 mx1 sshd[1]: abcdefghijklmnopqrstuvwxyz";
    char bad[sizeof(good)];
    struct logline line;

    for (int c = 0; c < 0x20; c++)
        for (size_t i = 29; i + 2 < sizeof(good); i++) {
            memcpy(bad, good, sizeof(good));
            bad[i] = (char)c;
            ck_assert_int_eq(logline_parse(bad, sizeof(good) - 1, REFERENCE, 1, &line),
                             c == '\t' ? 0 : LOGLINE_E_GARBAGE);
        }
    memcpy(bad, good, sizeof(good));
    bad[40] = 0x7f;
    ck_assert_int_eq(parse(bad, &line), LOGLINE_E_GARBAGE);
    for (int c = 0x80; c <= 0xff; c++) {
        memcpy(bad, good, sizeof(good));
        bad[40] = (char)c;
        ck_assert_int_eq(parse(bad, &line), 0);
    }
}
END_TEST

START_TEST(a_forged_second_header_is_no_header)
{
    /* As rsyslog's imuxsock and imjournal wrote them for local users' forgeries. */
    expect_outcome("Nov 22 22:04:22 vm evilhost sshd[104]: Failed password",
                   LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 22:04:22 vm :00Z [106]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[2][35]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[2]x: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[-1]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[1]:Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[1] Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h [1]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h  sshd[1]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00  h sshd[1]: Failed password", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 sshd[1]: error: Failed", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 cron: sshd: Failed", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h sshd[12345678901]: x", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 h", LOGLINE_E_GARBAGE);
    expect_outcome("Nov 22 21:00:00 ", LOGLINE_E_GARBAGE);
    expect_outcome(" Nov 22 21:00:00 h sshd[1]: x", LOGLINE_E_GARBAGE);
    expect_outcome("<9999>Nov 22 21:00:00 h sshd[1]: x", LOGLINE_E_GARBAGE);
    expect_outcome("<>Nov 22 21:00:00 h sshd[1]: x", LOGLINE_E_GARBAGE);
    expect_outcome("<1", LOGLINE_E_GARBAGE);
    expect_outcome("just some text without any header", LOGLINE_E_GARBAGE);
    expect_outcome("2026-11-22T21:36:13Z", LOGLINE_E_GARBAGE);
}
END_TEST

START_TEST(a_date_that_does_not_exist_is_told_apart)
{
    expect_outcome("Nov 31 21:36:13 mx1 sshd[1]: x", LOGLINE_E_TIME);
    expect_outcome("Feb 29 21:36:13 mx1 sshd[1]: x", LOGLINE_E_TIME); /* 2025 to 2027 */
    expect_outcome("2026-02-29T21:36:13Z mx1 sshd[1]: x", LOGLINE_E_TIME);
    expect_outcome("2026-11-22T21:36:13.123456 mx1 sshd[1]: x", LOGLINE_E_TIME);
    expect_outcome("<38>1 2026-11-22T25:36:13Z mx1 sshd 1 - - x", LOGLINE_E_TIME);
}
END_TEST

START_TEST(every_cut_of_a_line_is_survived)
{
    static const char *const lines[] = {
        "Nov 22 21:36:13 mx1 sshd[123]: Failed password",
        "2026-11-22T22:36:13.123456+01:00 mx1 sshd[123]: Failed password",
        "<38>1 2026-11-22T21:36:13Z mx1 sshd 12 - [a k=\"v ] \\\" [\"][b] hello",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        for (size_t n = 0; n < strlen(lines[i]); n++) {
            char *exact =
                malloc(n > 0 ? n : 1); /* so that valgrind sees a step too far */
            struct logline line;

            memcpy(exact, lines[i], n);
            logline_parse(exact, n, REFERENCE, 1, &line);
            free(exact);
        }
}
END_TEST

static void expect_garbage(const char *text, size_t at, const char *want)
{
    size_t got_at;
    const char *got = logline_garbage(text, strlen(text), &got_at);

    ck_assert_msg(got && strstr(got, want), "\"%s\": %s", text, got ? got : "no garbage");
    ck_assert_msg(got_at == at, "\"%s\": at %zu, not %zu", text, got_at, at);
}

START_TEST(what_makes_a_line_garbage_can_be_told)
{
    size_t at;

    expect_garbage("", 0, "empty");
    expect_garbage("\r", 0, "empty");
    expect_garbage("Nov 22 21:36:13 h sshd[1]: a\x01", 28, "control byte");
    expect_garbage("Nov 22 21:36:13 h sshd[1]: a\r\r", 28, "control byte");
    expect_garbage("<38 Nov 22 21:36:13 h sshd[1]: a", 0, "priority");
    expect_garbage("<38>hello", 4, "no time");
    expect_garbage("<38>1 hello", 6, "no time");
    expect_garbage("Nov 22 21:36:13 h evil sshd[1]: a", 16, "no host and then");
    expect_garbage("Nov 22 21:36:13 sshd[1]: a", 16, "no host and then");
    expect_garbage("1 2026-11-22T21:36:13Z h sshd 1 - [x", 23, "RFC 5424");
    ck_assert_ptr_null(logline_garbage("Nov 31 21:36:13 h sshd[1]: a", 28, &at));
    ck_assert_ptr_null(logline_garbage("Nov 22 21:36:13 h sshd[1]: a\r", 29, &at));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("logline");
    TCase *tc = tcase_create("logline");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, the_three_formats_give_the_same_parts);
    tcase_add_test(tc, variants_of_the_header_are_understood);
    tcase_add_test(tc, rfc5424_fields_are_skipped_correctly);
    tcase_add_test(tc, one_carriage_return_at_the_end_is_cut);
    tcase_add_test(tc, control_bytes_anywhere_make_a_line_garbage);
    tcase_add_test(tc, a_forged_second_header_is_no_header);
    tcase_add_test(tc, a_date_that_does_not_exist_is_told_apart);
    tcase_add_test(tc, what_makes_a_line_garbage_can_be_told);
    tcase_add_test(tc, every_cut_of_a_line_is_survived);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
