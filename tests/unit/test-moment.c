#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "moment.h"

/* Rules instead of names: a small system has no zone files. */
#define BERLIN    "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* The moment of an RFC 3339 text. */
static int64_t at(const char *text)
{
    struct stamp s = STAMP_NONE;

    ck_assert_msg(moment_parse_rfc3339(text, strlen(text), &s), "no time: %s", text);
    return s.usec;
}

/* An RFC 3164 text as RFC 3339 in UTC, "none" when it is no date. */
static const char *bsd(const char *text, const char *reference, bool live)
{
    static char buf[MOMENT_TEXT_MAX];
    struct stamp s = STAMP_NONE;

    if (!moment_parse_rfc3164(text, strlen(text), at(reference), live, &s))
        return "none";
    ck_assert_uint_eq(s.digits, 0);
    return moment_format_rfc3339(s, buf);
}

static void expect_again(const char *text)
{
    char buf[MOMENT_TEXT_MAX];
    struct stamp s = STAMP_NONE;

    ck_assert(moment_parse_rfc3339(text, strlen(text), &s));
    ck_assert_str_eq(moment_format_rfc3339(s, buf), text);
}

START_TEST(rfc3339_times_keep_their_moment_and_precision)
{
    char buf[MOMENT_TEXT_MAX];
    struct stamp s;

    ck_assert_int_eq(at("1970-01-01T00:00:00Z"), 0);
    ck_assert_int_eq(at("2026-11-22T21:36:13.123456Z"), INT64_C(1795383373123456));
    ck_assert_int_eq(at("2026-11-22T22:36:13.123456+01:00"), INT64_C(1795383373123456));
    ck_assert_int_eq(at("2026-11-22T16:06:13.123456-05:30"), INT64_C(1795383373123456));
    ck_assert_int_eq(at("2026-11-22 21:36:13.123456789Z"), INT64_C(1795383373123456));
    ck_assert_int_eq(at("1969-12-31T23:59:59.5Z"), -500000);
    expect_again("2026-11-22T21:36:13Z");
    expect_again("2026-11-22T21:36:13.1Z");
    expect_again("2026-11-22T21:36:13.000400Z");
    expect_again("2024-02-29T00:00:00Z");
    expect_again("2000-02-29T00:00:00Z");
    expect_again("1969-12-31T23:59:59.999999Z");
    expect_again("0000-01-01T00:00:00Z");
    expect_again("9999-12-31T23:59:59.999Z");
    ck_assert(moment_parse_rfc3339("2026-11-22T21:36:13.123456789Z", 30, &s));
    ck_assert_uint_eq(s.digits, 6);
    ck_assert_str_eq(moment_format_rfc3339(STAMP_NONE, buf), "-");
    /* The ends of what an int64_t holds. */
    ck_assert_str_eq(moment_format_rfc3339((struct stamp){INT64_MAX, 6}, buf),
                     "294247-01-10T04:00:54.775807Z");
    ck_assert_str_eq(moment_format_rfc3339((struct stamp){INT64_MIN + 1, 6}, buf),
                     "-290308-12-21T19:59:05.224193Z");
}
END_TEST

START_TEST(a_leap_second_keeps_the_order)
{
    ck_assert_int_eq(at("2016-12-31T23:59:60Z"), at("2017-01-01T00:00:00Z") - 1);
    ck_assert_int_eq(at("2016-12-31T23:59:60.25Z"), at("2017-01-01T00:00:00Z") - 1);
}
END_TEST

START_TEST(times_that_do_not_exist_are_refused)
{
    static const char *const bad[] = {
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T21:60:00Z",
        "2026-11-22T21:00:61Z",
        "2026-11-22T21:36:13",
        "2026-11-22T21:36:13.Z",
        "2026-11-22T21:36:13+0100",
        "2026-11-22T21:36:13+01",
        "2026-11-22T21:36:13+24:00",
        "2026-11-22T21:36:13 Z",
        "2026-11-22T21:36:13+01:60",
        "2026-11-22T21:36:13ZZ",
        "2026-11-22t21:36:13Z",
        "2026-11-22T21:36:13.1234567",
        "+026-11-22T21:36:13Z",
        "2026-1-22T21:36:13Z",
        "2026-11-22T21:36:1-Z",
        "",
        "2026-11-22",
    };
    struct stamp s = {42, 3};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!moment_parse_rfc3339(bad[i], strlen(bad[i]), &s), "taken: %s",
                      bad[i]);
    ck_assert_int_eq(s.usec, 42);
    ck_assert_uint_eq(s.digits, 3);
}
END_TEST

START_TEST(every_day_for_centuries_comes_back)
{
    char buf[MOMENT_TEXT_MAX];
    struct stamp s = {0}, back = {0};

    for (int64_t day = -150000; day < 150000; day += 1) {
        struct tm tm;
        time_t t = day * 86400 + 3661;
        char want[40];

        s.usec = t * USEC_PER_SEC;
        moment_format_rfc3339(s, buf);
        ck_assert(moment_parse_rfc3339(buf, strlen(buf), &back));
        ck_assert_int_eq(back.usec, s.usec);
        if (day % 97 == 0) {
            strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S +0000",
                     gmtime_r(&t, &tm));
            ck_assert_str_eq(moment_format_rfc5322(s.usec, buf), want);
        }
    }
}
END_TEST

START_TEST(reports_and_mail_write_utc)
{
    char buf[MOMENT_TEXT_MAX];
    int64_t t = at("2026-11-22T22:36:13.987654+01:00");

    set_zone(BERLIN);
    ck_assert_str_eq(moment_format_report(t, buf), "2026-11-22 21:36:13 UTC (+0000)");
    ck_assert_str_eq(moment_format_rfc5322(t, buf), "Sun, 22 Nov 2026 21:36:13 +0000");
    ck_assert_str_eq(moment_format_rfc5322(-1, buf), "Wed, 31 Dec 1969 23:59:59 +0000");
    ck_assert_str_eq(moment_format_report(MOMENT_NONE, buf), "-");
}
END_TEST

START_TEST(a_yearless_time_is_local_time)
{
    set_zone("UTC");
    ck_assert_str_eq(bsd("Nov 22 21:36:13", "2026-11-22T21:36:14Z", true),
                     "2026-11-22T21:36:13Z");
    set_zone(BERLIN);
    ck_assert_str_eq(bsd("Nov 22 21:36:13", "2026-11-22T21:36:14Z", true),
                     "2026-11-22T20:36:13Z");
    ck_assert_str_eq(bsd("Jul  2 21:36:13", "2026-11-22T21:36:14Z", false),
                     "2026-07-02T19:36:13Z");
    ck_assert_str_eq(bsd("Jul 02 21:36:13", "2026-11-22T21:36:14Z", false),
                     "2026-07-02T19:36:13Z");
    set_zone("<+0545>-5:45"); /* +05:45 */
    ck_assert_str_eq(bsd("Nov 22 21:36:13", "2026-11-22T21:36:14Z", true),
                     "2026-11-22T15:51:13Z");
}
END_TEST

START_TEST(the_year_of_a_live_line_is_the_nearest)
{
    set_zone("UTC");
    ck_assert_str_eq(bsd("Dec 31 23:59:59", "2027-01-01T00:00:01Z", true),
                     "2026-12-31T23:59:59Z");
    ck_assert_str_eq(bsd("Jan  1 00:00:05", "2026-12-31T23:59:58Z", true),
                     "2027-01-01T00:00:05Z");
    ck_assert_str_eq(bsd("Aug  1 00:00:00", "2026-12-31T00:00:00Z", true),
                     "2026-08-01T00:00:00Z");
    ck_assert_str_eq(bsd("Mar  1 00:00:00", "2026-12-31T00:00:00Z", true),
                     "2027-03-01T00:00:00Z");
}
END_TEST

START_TEST(the_year_of_a_backlog_is_the_latest_that_has_been)
{
    set_zone("UTC");
    ck_assert_str_eq(bsd("Mar  1 00:00:00", "2026-12-31T00:00:00Z", false),
                     "2026-03-01T00:00:00Z");
    ck_assert_str_eq(bsd("Dec 31 12:00:00", "2026-03-01T00:00:00Z", false),
                     "2025-12-31T12:00:00Z");
    /* A day of tolerance for clocks and zones that differ, not more. */
    ck_assert_str_eq(bsd("Mar  2 00:00:00", "2026-03-01T00:00:00Z", false),
                     "2026-03-02T00:00:00Z");
    ck_assert_str_eq(bsd("Mar  2 00:00:01", "2026-03-01T00:00:00Z", false),
                     "2025-03-02T00:00:01Z");
    ck_assert_str_eq(bsd("Jan  1 00:00:01", "2026-12-31T23:00:00Z", false),
                     "2027-01-01T00:00:01Z");
}
END_TEST

START_TEST(the_leap_day_never_becomes_the_first_of_march)
{
    set_zone("UTC");
    ck_assert_str_eq(bsd("Feb 29 12:00:00", "2028-03-01T00:00:00Z", true),
                     "2028-02-29T12:00:00Z");
    ck_assert_str_eq(bsd("Feb 29 12:00:00", "2029-01-05T00:00:00Z", false),
                     "2028-02-29T12:00:00Z");
    ck_assert_str_eq(bsd("Feb 29 12:00:00", "2026-03-01T00:00:00Z", true), "none");
    ck_assert_str_eq(bsd("Feb 29 12:00:00", "2027-06-01T00:00:00Z", false), "none");
    ck_assert_str_eq(bsd("Feb 30 12:00:00", "2028-03-01T00:00:00Z", true), "none");
}
END_TEST

START_TEST(the_repeated_hour_is_not_after_the_reference)
{
    set_zone(BERLIN); /* 03:00 CEST became 02:00 CET on 2026-10-25, 01:00 UTC */
    ck_assert_str_eq(bsd("Oct 25 02:30:00", "2026-10-25T12:00:00Z", true),
                     "2026-10-25T01:30:00Z");
    ck_assert_str_eq(bsd("Oct 25 02:30:00", "2026-10-25T00:30:01Z", true),
                     "2026-10-25T00:30:00Z");
    ck_assert_str_eq(bsd("Oct 25 02:30:00", "2026-10-25T01:29:59Z", true),
                     "2026-10-25T00:30:00Z");
    ck_assert_str_eq(bsd("Oct 25 01:59:59", "2026-10-25T12:00:00Z", true),
                     "2026-10-24T23:59:59Z");
    ck_assert_str_eq(bsd("Oct 25 03:00:00", "2026-10-25T12:00:00Z", true),
                     "2026-10-25T02:00:00Z");
}
END_TEST

START_TEST(the_hour_left_out_reads_like_the_hour_before_went_on)
{
    set_zone(BERLIN); /* 02:00 CET became 03:00 CEST on 2026-03-29, 01:00 UTC */
    ck_assert_str_eq(bsd("Mar 29 02:30:00", "2026-03-29T12:00:00Z", true),
                     "2026-03-29T01:30:00Z");
    ck_assert_str_eq(bsd("Mar 29 01:59:59", "2026-03-29T12:00:00Z", true),
                     "2026-03-29T00:59:59Z");
    ck_assert_str_eq(bsd("Mar 29 03:00:00", "2026-03-29T12:00:00Z", true),
                     "2026-03-29T01:00:00Z");
}
END_TEST

START_TEST(a_zone_that_shifts_by_half_an_hour_is_read_right)
{
    set_zone(LORD_HOWE); /* 02:00 +11 became 01:30 +10:30, 2026-04-04 15:00 UTC */
    ck_assert_str_eq(bsd("Apr  5 01:15:00", "2026-04-06T00:00:00Z", true),
                     "2026-04-04T14:15:00Z");
    ck_assert_str_eq(bsd("Apr  5 01:45:00", "2026-04-06T00:00:00Z", true),
                     "2026-04-04T15:15:00Z");
    ck_assert_str_eq(bsd("Apr  5 01:45:00", "2026-04-04T14:50:00Z", true),
                     "2026-04-04T14:45:00Z");
    /* 02:00 +10:30 became 02:30 +11 on 2026-10-03 15:30 UTC. */
    ck_assert_str_eq(bsd("Oct  4 02:15:00", "2026-10-05T00:00:00Z", true),
                     "2026-10-03T15:45:00Z");
    ck_assert_str_eq(bsd("Oct  4 02:45:00", "2026-10-05T00:00:00Z", true),
                     "2026-10-03T15:45:00Z");
}
END_TEST

START_TEST(what_is_no_yearless_time_is_refused)
{
    static const char *const bad[] = {
        "Nov 22 21:36:1",  "Nov 22 21:36:133", "nov 22 21:36:13",
        "Nox 22 21:36:13", "Nov 32 21:36:13",  "Nov  0 21:36:13",
        "Nov 00 21:36:13", "Nov  x 21:36:13",  "Nov 31 21:36:13",
        "Nov 22 24:36:13", "Nov 22 21:60:13",  "Nov 22 21:36:61",
        "Nov-22 21:36:13", "Nov 22T21:36:13",  "Nov 22 21.36.13",
        "Nov 2  21:36:13", "2026-11-22T21:3",  "",
    };

    set_zone("UTC");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_str_eq(bsd(bad[i], "2026-11-22T22:00:00Z", true), "none");
}
END_TEST

START_TEST(remembering_the_hour_changes_no_answer)
{
    struct moment_cache cache = {0};
    int64_t reference = at("2026-10-26T00:00:00Z");

    set_zone(BERLIN);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3 * 86400; i += 61) {
            struct stamp with = STAMP_NONE, without = STAMP_NONE;
            time_t t = reference / USEC_PER_SEC - 2 * 86400 + i;
            bool live = i % 2;
            char text[32];
            struct tm tm;

            strftime(text, sizeof(text), "%b %e %H:%M:%S", localtime_r(&t, &tm));
            ck_assert_int_eq(
                moment_parse_rfc3164_cached(&cache, text, 15, reference, live, &with),
                moment_parse_rfc3164(text, 15, reference, live, &without));
            ck_assert_int_eq(with.usec, without.usec);
        }
        reference += INT64_C(200) * 86400 * USEC_PER_SEC;
    }
}
END_TEST

START_TEST(durations_are_read_and_written)
{
    static const char *const bad[] = {
        "",          "s",   "10",  "10x", "-1s",
        "1.5h",      "1 h", " 1h", "1hm", "10001d",
        "1d ",       "+1d", "m1",  "1H",  "99999999999999999999s",
        "864000001s"};
    static const struct {
        const char *text, *again;
        int64_t sec;
    } good[] = {{"90s", "90s", 90},     {"10m", "10m", 600},
                {"600s", "10m", 600},   {"1h", "1h", 3600},
                {"3d", "3d", 259200},   {"24h", "1d", 86400},
                {"0s", "0s", 0},        {"0d", "0s", 0},
                {"36h", "36h", 129600}, {"10000d", "10000d", 864000000}};
    char buf[MOMENT_TEXT_MAX];
    int64_t d = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!duration_parse(bad[i], strlen(bad[i]), &d), "taken: %s", bad[i]);
    ck_assert_int_eq(d, 7);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert(duration_parse(good[i].text, strlen(good[i].text), &d));
        ck_assert_int_eq(d, good[i].sec * USEC_PER_SEC);
        ck_assert_str_eq(duration_format(d, buf), good[i].again);
    }
    ck_assert_str_eq(duration_format(90 * USEC_PER_SEC + 999999, buf), "90s");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("moment");
    TCase *tc = tcase_create("moment");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, rfc3339_times_keep_their_moment_and_precision);
    tcase_add_test(tc, a_leap_second_keeps_the_order);
    tcase_add_test(tc, times_that_do_not_exist_are_refused);
    tcase_add_test(tc, every_day_for_centuries_comes_back);
    tcase_add_test(tc, reports_and_mail_write_utc);
    tcase_add_test(tc, a_yearless_time_is_local_time);
    tcase_add_test(tc, the_year_of_a_live_line_is_the_nearest);
    tcase_add_test(tc, the_year_of_a_backlog_is_the_latest_that_has_been);
    tcase_add_test(tc, the_leap_day_never_becomes_the_first_of_march);
    tcase_add_test(tc, the_repeated_hour_is_not_after_the_reference);
    tcase_add_test(tc, the_hour_left_out_reads_like_the_hour_before_went_on);
    tcase_add_test(tc, a_zone_that_shifts_by_half_an_hour_is_read_right);
    tcase_add_test(tc, what_is_no_yearless_time_is_refused);
    tcase_add_test(tc, remembering_the_hour_changes_no_answer);
    tcase_add_test(tc, durations_are_read_and_written);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
