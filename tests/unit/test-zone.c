/* The zones that this system has, against what its C library says of them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zone.h"

static struct zone *load(const char *name)
{
    char path[200], bytes[65536];
    struct zone *z = NULL;
    FILE *f;
    size_t n;

    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    f = fopen(path, "re");
    if (!f)
        return NULL;
    n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    ck_assert_msg(zone_parse(bytes, n, &z) == 0, "%s is refused", path);
    return z;
}

/* ZONE_STRIDE makes the walks through time coarser, for valgrind. */
static int64_t stride(void)
{
    const char *env = getenv("ZONE_STRIDE");
    int64_t n = env ? strtoll(env, NULL, 10) : 1;

    return n > 0 ? n : 1;
}

static const char *const names[] = {
    "UTC",           "Europe/Berlin",       "Europe/London",  "America/New_York",
    "Asia/Kolkata",  "Australia/Lord_Howe", "Asia/Tehran",    "America/St_Johns",
    "Europe/Dublin", "Africa/Casablanca",   "Asia/Gaza",      "America/Godthab",
    "Etc/GMT+5",     "Pacific/Apia",        "Pacific/Easter", "Antarctica/Troll",
};

START_TEST(a_zone_has_the_offsets_that_the_library_gives)
{
    struct zone *z = load(names[_i]);

    if (!z) {
        printf("skipping %s: not on this system\n", names[_i]);
        return;
    }
    setenv("TZ", names[_i], 1);
    tzset();
    /* 1900 to 2120, in steps that meet every hour of the day. */
    for (int64_t t = INT64_C(-2208988800); t < INT64_C(4733510400);
         t += stride() * (13 * 3600 + 7)) {
        time_t time = (time_t)t;
        struct tm tm;

        ck_assert_ptr_nonnull(localtime_r(&time, &tm));
        ck_assert_msg(zone_at(z, t) == tm.tm_gmtoff, "%s at %lld: %lld, not %ld",
                      names[_i], (long long)t, (long long)zone_at(z, t), tm.tm_gmtoff);
    }
    setenv("TZ", "UTC", 1);
    tzset();
    zone_free(z);
}
END_TEST

/* A file of version 2 without any transition but with this rule. */
static int with_rule(const char *rule, struct zone **ret)
{
    static const char head[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" /* version, unused */
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4";
    static const char type[] = "\0\0\0\0\0\0UTC";
    char bytes[400];
    size_t n = 0;

    for (int i = 0; i < 2; i++) {
        memcpy(bytes + n, head, 44);
        n += 44;
        memcpy(bytes + n, type, 10);
        n += 10;
    }
    n += (size_t)snprintf(bytes + n, sizeof(bytes) - n, "\n%s\n", rule);
    return zone_parse(bytes, n, ret);
}

START_TEST(rules_after_the_last_transition_count)
{
    static const struct {
        const char *rule;
        const char *tz; /* for the library, the same */
    } rules[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", NULL},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", NULL}, /* summer over New Year */
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", NULL},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", NULL}, /* less in winter: negative saving */
        {"XXX3YYY,J60/0,J300", NULL},
        {"XXX3YYY,59/0,299/24", NULL},
        {"EST5", NULL},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", NULL},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct zone *z = NULL;

        ck_assert_int_eq(with_rule(rules[i].rule, &z), 0);
        setenv("TZ", rules[i].rule, 1);
        tzset();
        for (int64_t t = 1700000000; t < INT64_C(2600000000);
             t += stride() * (3 * 3600 + 1)) {
            time_t time = (time_t)t;
            struct tm tm;

            localtime_r(&time, &tm);
            ck_assert_msg(zone_at(z, t) == tm.tm_gmtoff, "%s at %lld", rules[i].rule,
                          (long long)t);
        }
        zone_free(z);
    }
    setenv("TZ", "UTC", 1);
    tzset();
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    static const char *const wrong[] = {
        "CE-1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J5",
        "CET-99",
        "CET-1CEST,M3.5.0,M10.5.0/999",
        "<+03-3",
        "CET-1CEST,M3.5.0,M10.5.0 ",
    };
    struct zone *z = NULL;
    char bytes[65536];
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
    size_t n;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(with_rule(wrong[i], &z) == ZONE_E_DAMAGED, "%s", wrong[i]);
    ck_assert_int_eq(with_rule("", &z), 0); /* says nothing */
    ck_assert_int_eq(zone_at(z, 5), 0);
    zone_free(z);
    ck_assert_int_eq(zone_parse("", 0, &z), ZONE_E_DAMAGED);
    if (!f)
        return;
    n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    for (size_t k = 0; k < n; k++) {
        char *exact = malloc(k + 1);

        memcpy(exact, bytes, k);
        ck_assert_int_eq(zone_parse(exact, k, &z), ZONE_E_DAMAGED);
        free(exact);
    }
}
END_TEST

START_TEST(names_stay_below_the_directory)
{
    static const char *const good[] = {"UTC", "Europe/Berlin", "Etc/GMT+5",
                                       "America/Argentina/Buenos_Aires", "GMT-0"};
    static const char *const bad[] = {"",   "/etc/passwd", "../x", "a//b",
                                      "a/", ".",           "a.b",  "Europe/Berlin "};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(zone_name_ok(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!zone_name_ok(bad[i], strlen(bad[i])), "%s", bad[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zone");
    TCase *tc = tcase_create("zone");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_zone_has_the_offsets_that_the_library_gives, 0,
                        sizeof(names) / sizeof(names[0]));
    tcase_add_test(tc, rules_after_the_last_transition_count);
    tcase_add_test(tc, damaged_files_are_refused);
    tcase_add_test(tc, names_stay_below_the_directory);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
