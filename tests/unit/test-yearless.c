#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "yearless.h"

static int64_t at(const char *text)
{
    struct stamp s;

    ck_assert(moment_parse_rfc3339(text, strlen(text), &s));
    return s.usec;
}

/* Reads the lines twice and checks the year of each: "2024 Feb 29 12:00:00". */
static void expect(const char *const *lines, size_t n, const char *reference)
{
    struct yearless y = {0}, second = {0};
    int32_t first = 0;

    for (size_t i = 0; i < n; i++)
        ck_assert(yearless_feed(&y, lines[i] + 5, 15));
    ck_assert(yearless_first(&y, NULL, at(reference), &first));
    for (size_t i = 0; i < n; i++) {
        ck_assert(yearless_feed(&second, lines[i] + 5, 15));
        ck_assert_msg(first + second.year == atoi(lines[i]), "line %zu: %d, not %s", i,
                      first + second.year, lines[i]);
    }
}

#define EXPECT(reference, ...)                 \
    expect((const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), (reference))

START_TEST(a_file_of_several_years_gets_each_of_them)
{
    EXPECT("2026-11-23T12:00:00Z", "2023 Nov 30 10:00:00", "2023 Dec 31 23:59:59",
           "2024 Jan  1 00:00:00", "2024 Feb 29 12:00:00", "2024 Dec 24 18:00:00",
           "2025 Jan 13 00:00:00", "2025 Nov 11 11:11:00", "2026 Mar  1 01:00:00",
           "2026 Nov 22 21:36:13");
    EXPECT("2026-02-01T00:00:00Z", "2024 Nov 22 10:00:00", "2025 Nov 19 10:00:00");
    EXPECT("2026-11-23T12:00:00Z", "2025 Dec 30 10:00:00"); /* one line */
    EXPECT("2026-12-31T23:30:00Z", "2027 Jan  1 00:10:00"); /* less than a day ahead */
}
END_TEST

START_TEST(a_leap_day_is_in_a_leap_year)
{
    EXPECT("2026-11-23T12:00:00Z", "2024 Feb 29 12:00:00");
    EXPECT("2026-11-23T12:00:00Z", "2023 Dec  1 12:00:00", "2024 Feb 29 12:00:00",
           "2024 Mar  1 12:00:00");
    EXPECT("2026-11-23T12:00:00Z", "2020 Feb 29 12:00:00", "2020 Mar  5 00:00:00",
           "2024 Feb 29 11:00:00", "2024 Nov  1 11:00:00");
}
END_TEST

START_TEST(lines_a_little_out_of_order_are_of_one_year)
{
    EXPECT("2026-11-23T12:00:00Z", "2025 Dec 31 23:59:59", "2026 Jan  1 00:00:01",
           "2025 Dec 31 23:59:58", "2026 Jan  1 00:00:02", "2026 Jan  3 00:00:00",
           "2026 Jan  2 23:59:59", "2026 Jan  1 23:59:59", "2026 Jan  3 00:00:01");
}
END_TEST

START_TEST(a_clock_that_was_wrong_for_a_while_is_no_year)
{
    struct yearless y = {0};
    int32_t first;

    yearless_feed(&y, "Nov 21 10:00:00", 15);
    yearless_feed(&y, "Jan  1 00:00:07", 15); /* it had no battery */
    yearless_feed(&y, "Nov 21 10:05:00", 15);
    ck_assert_int_eq(y.year, 0);
    ck_assert(yearless_first(&y, NULL, at("2026-11-23T12:00:00Z"), &first));
    ck_assert_int_eq(first, 2026);
}
END_TEST

START_TEST(other_lines_change_nothing)
{
    static const char *const lines[] = {
        "",
        "2026-11-22T21:36:13Z host x",
        "Foo 22 21:36:13 host",
        "Nov 32 21:36:13 host",
        "Nov 22 25:36:13 host",
        "<38",
        "<3800>Nov 22 21:36:13",
        "\tat some trace line",
    };
    struct yearless y = {0}, before;

    ck_assert(yearless_feed(&y, "<38>Nov 22 21:36:13 host", 24));
    before = y;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_assert(!yearless_feed(&y, lines[i], strlen(lines[i])));
        ck_assert_mem_eq(&y, &before, sizeof(y));
    }
    y = (struct yearless){0};
    ck_assert(!yearless_first(&y, NULL, 0, &(int32_t){0}));
}
END_TEST

START_TEST(a_repeated_hour_has_two_readings)
{
    static const char *const lines[] = {
        "Oct 25 01:50:00", "Oct 25 02:10:00", "Oct 25 02:50:00",
        "Oct 25 02:05:00", "Oct 25 02:50:00", "Oct 26 02:00:00",
    };
    static const unsigned folds[] = {1, 1, 1, 2, 2, 0};
    struct yearless first = {0}, y = {0};

    for (size_t i = 0; i < 6; i++)
        yearless_feed(&first, lines[i], 15);
    for (size_t i = 0; i < 6; i++) {
        yearless_feed(&y, lines[i], 15);
        ck_assert_uint_eq(yearless_fold(&y, &first), folds[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yearless");
    TCase *tc = tcase_create("yearless");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_file_of_several_years_gets_each_of_them);
    tcase_add_test(tc, a_leap_day_is_in_a_leap_year);
    tcase_add_test(tc, lines_a_little_out_of_order_are_of_one_year);
    tcase_add_test(tc, a_clock_that_was_wrong_for_a_while_is_no_year);
    tcase_add_test(tc, other_lines_change_nothing);
    tcase_add_test(tc, a_repeated_hour_has_two_readings);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
