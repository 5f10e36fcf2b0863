#include <check.h>
#include <stdlib.h>

#include "text.h"

static void expect_escape(const char *bytes, size_t n, size_t max, const char *want)
{
    char *got = text_escape(bytes, n, max);

    ck_assert_str_eq(got, want);
    free(got);
}

START_TEST(foreign_bytes_become_printable)
{
    expect_escape("plain text", 10, 100, "plain text");
    expect_escape("\033[31mred\r\n", 10, 100, "\\x1b[31mred\\x0d\\x0a");
    expect_escape("a\0b\x7f\xff", 5, 100, "a\\x00b\\x7f\\xff");
    expect_escape("\\x41", 4, 100, "\\\\x41"); /* readable back without doubt */
}
END_TEST

START_TEST(long_text_is_cut_and_says_so)
{
    expect_escape("abcdef", 6, 4, "abcd...");
    expect_escape("abcd", 4, 4, "abcd");
    expect_escape("", 0, 4, "");
}
END_TEST

START_TEST(utf8_is_told_from_other_bytes)
{
    ck_assert(text_is_utf8("gr\xc3\xbc\xc3\x9f", 6));
    ck_assert(text_is_utf8("\xf0\x9f\x98\x80", 4));
    ck_assert(!text_is_utf8("gr\xfc\xdf", 4));
    ck_assert(!text_is_utf8("\xc0\xaf", 2));         /* overlong */
    ck_assert(!text_is_utf8("\xed\xa0\x80", 3));     /* surrogate */
    ck_assert(!text_is_utf8("\xf4\x90\x80\x80", 4)); /* beyond Unicode */
    ck_assert(!text_is_utf8("\xe2\x82", 2));         /* cut */
    ck_assert(!text_is_utf8("a\0b", 3));
}
END_TEST

START_TEST(slices_compare_by_content)
{
    struct slice s = {"sshd-session[1]", 4};

    ck_assert(slice_equal_str(s, "sshd"));
    ck_assert(!slice_equal_str(s, "sshd-session"));
    ck_assert(slice_starts(s, "ss"));
    ck_assert(!slice_starts(s, "sshd-"));
    ck_assert(slice_equal((struct slice){NULL, 0}, SLICE("")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tcase_create("text");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, foreign_bytes_become_printable);
    tcase_add_test(tc, long_text_is_cut_and_says_so);
    tcase_add_test(tc, utf8_is_told_from_other_bytes);
    tcase_add_test(tc, slices_compare_by_content);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
