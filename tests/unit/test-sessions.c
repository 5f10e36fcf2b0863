/* Sessions as sshd logs them, many at once, with known totals; and the table's bounds. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "speech.h"

#define REFERENCE (INT64_C(1795383400) * USEC_PER_SEC) /* 2026-11-22T21:36:40Z */

struct sum {
    uint64_t refused, probes, blocked, successes;
};

static struct attempts *reader;
static struct sum sum;

static int add(void *userdata, const struct attempt *a)
{
    struct sum *s = userdata;

    if (a->outcome == ATTEMPT_SUCCESS)
        s->successes += a->count;
    else if (a->kind == ATTEMPT_BLOCKED)
        s->blocked += a->count;
    else if (a->kind == ATTEMPT_PROBE)
        s->probes += a->count;
    else
        s->refused += a->count;
    return 0;
}

static void setup(void)
{
    ck_assert_int_eq(attempts_new(NULL, &reader), 0);
    sum = (struct sum){0};
}

static void teardown(void)
{
    reader = attempts_free(reader);
}

static void read_text(const char *line, size_t n)
{
    struct attempt got;
    int r = attempts_line(reader, line, n, REFERENCE, true, &got);

    ck_assert(r == 0 || r == 1);
    ck_assert_int_eq(attempts_expire(reader, MOMENT_NONE, add, &sum), 0);
    if (r == 1)
        add(&sum, &got);
}

__attribute__((format(printf, 1, 2))) static void read_line(const char *format, ...)
{
    char line[1024];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    read_text(line, (size_t)n);
}

static void finish(void)
{
    ck_assert_int_eq(attempts_finish(reader, add, &sum), 0);
}

static void expect(uint64_t refused, uint64_t probes)
{
    ck_assert_uint_eq(sum.refused, refused);
    ck_assert_uint_eq(sum.probes, probes);
}

/* A new reader that knows what this one saved. */
static void restart(void)
{
    char *text = NULL, *again = NULL;

    ck_assert_int_eq(attempts_save(reader, &text), 0);
    reader = attempts_free(reader);
    ck_assert_int_eq(attempts_new(NULL, &reader), 0);
    ck_assert_int_eq(attempts_restore(reader, text), 0);
    ck_assert(!attempts_changed(reader));
    ck_assert_int_eq(attempts_save(reader, &again), 0);
    ck_assert_str_eq(text, again);
    free(text);
    free(again);
}

/*
 * Many sessions with known totals, shuffled into each other.
 */

#define OPEN_MAX 60

/* One connection, and what of it is still to be written. */
struct talk {
    unsigned pid, port, address;
    bool known, kbdint, named, postponed;
    unsigned passwords; /* refusals to come */
    bool told;          /* PAM's line of the present one is written */
    bool repeats;       /* syslogd folds the same lines */
    bool accepted;
};

static struct sum truth;
static unsigned next_pid = 1, clock_ms;

static void put_header(struct buffer *b, unsigned pid)
{
    unsigned sec = clock_ms / 1000 % 60, min = clock_ms / 60000 % 60,
             hour = clock_ms / 3600000 % 24, day = 1 + clock_ms / 86400000;

    clock_ms += (unsigned)rnd(2);
    b->n = 0;
    if (clock_ms / 4096 % 2)
        put(b, "Nov %2u %02u:%02u:%02u h sshd[%u]: ", day, hour, min, sec, pid);
    else
        put(b, "2026-11-%02uT%02u:%02u:%02u.%06u+00:00 h sshd-session[%u]: ", day, hour,
            min, sec, clock_ms % 1000 * 1000, pid);
}

static void begin_talk(struct talk *t)
{
    next_pid = next_pid % 30000 + 1; /* process ids come back */
    *t = (struct talk){
        .pid = next_pid,
        .port = 1024 + (unsigned)rnd(60000),
        .address = 1 + (unsigned)rnd(250),
        .known = rnd(2),
        .kbdint = rnd(3) == 0,
        .passwords = rnd(4) == 0 ? 0 : 1 + (unsigned)rnd(6),
    };
    t->repeats = !t->kbdint && rnd(6) == 0;
    t->accepted = t->known && rnd(8) == 0;
    truth.refused += t->passwords;
    truth.probes += !t->known && t->passwords == 0;
    truth.successes += t->accepted;
}

static void put_refusal(struct talk *t, struct buffer *b)
{
    const char *user = t->known ? "root" : "invalid user admin";
    unsigned n = t->repeats ? t->passwords : 1;

    if (t->kbdint && !t->told) {
        put(b, "error: PAM: Authentication failure for %s from 203.0.113.%u",
            t->known ? "root" : "illegal user admin", t->address);
        t->told = true;
        /* Known users' first refusals are told only by PAM. */
        if (t->known && t->passwords > 3) {
            t->told = false;
            t->passwords--;
        }
        return;
    }
    if (n > 1)
        put(b, "message repeated %u times: [ ", n);
    if (t->kbdint) {
        put(b, "Failed keyboard-interactive/pam for %s from 203.0.113.%u port %u ssh2",
            user, t->address, t->port);
        t->told = false;
    } else {
        put(b, "Failed password for %s from 203.0.113.%u port %u ssh2", user, t->address,
            t->port);
    }
    if (n > 1)
        put(b, "]");
    t->passwords -= n;
}

/* Writes the next line of it; false after the last. */
static bool put_talk(struct talk *t, struct buffer *b)
{
    put_header(b, t->pid);
    if (!t->known && !t->named) {
        put(b, "Invalid user admin from 203.0.113.%u port %u", t->address, t->port);
        t->named = true;
        return true;
    }
    if (rnd(4) == 0) { /* what counts nothing */
        if (rnd(2))
            put(b,
                "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 "
                "tty=ssh ruser= rhost=203.0.113.%u  user=root",
                t->address);
        else
            put(b, "Failed none for root from 203.0.113.%u port %u ssh2", t->address,
                t->port);
        return true;
    }
    if (t->passwords > 0) {
        put_refusal(t, b);
        return true;
    }
    if (t->accepted)
        put(b, "Accepted password for root from 203.0.113.%u port %u ssh2", t->address,
            t->port);
    else if (t->known)
        put(b,
            "Connection closed by authenticating user root 203.0.113.%u port %u "
            "[preauth]",
            t->address, t->port);
    else
        put(b, "Disconnected from invalid user admin 203.0.113.%u port %u [preauth]",
            t->address, t->port);
    return false;
}

START_TEST(the_count_of_attempts_is_the_truth)
{
    const char *lines = getenv("LINES_COUNTED");
    uint64_t n = lines ? strtoull(lines, NULL, 10) : 1000000, end = n / 2;
    struct talk talks[OPEN_MAX];
    unsigned n_talks = 0;

    seed_speech();
    truth = (struct sum){0};
    for (uint64_t i = 0; i < n || n_talks > 0; i++) {
        struct buffer b;
        unsigned k;

        while (i < n && n_talks < OPEN_MAX)
            begin_talk(&talks[n_talks++]);
        if (rnd(20) == 0) {
            put_header(&b, 1);
            put(&b, "drop connection #0 from [203.0.113.5]:1 on [192.0.2.1]:22 penalty: "
                    "failed authentication");
            truth.blocked++;
            read_text(b.s, b.n);
            continue;
        }
        k = (unsigned)rnd(n_talks);
        if (!put_talk(&talks[k], &b))
            talks[k] = talks[--n_talks];
        read_text(b.s, b.n);
        if (i == end)
            restart();
    }
    finish();
    ck_assert_uint_eq(sum.refused, truth.refused);
    ck_assert_uint_eq(sum.probes, truth.probes);
    ck_assert_uint_eq(sum.blocked, truth.blocked);
    ck_assert_uint_eq(sum.successes, truth.successes);
    ck_assert_uint_eq(attempts_counters(reader)->evicted, 0);
}
END_TEST

/*
 * The table.
 */

#define NAMED(pid)                                                                       \
    "2026-11-22T21:36:13Z h sshd[%u]: Invalid user admin from 203.0.113.5 port %u", pid, \
        pid

START_TEST(a_name_counts_when_ten_minutes_have_passed)
{
    int64_t time = REFERENCE - 27 * USEC_PER_SEC;

    ck_assert_int_eq(attempts_next(reader), MOMENT_NONE);
    ck_assert_int_eq(attempts_held(reader), MOMENT_NONE);
    read_line(NAMED(5u));
    ck_assert_int_eq(attempts_held(reader), time);
    ck_assert_int_eq(attempts_next(reader), time + 600 * USEC_PER_SEC);
    attempts_expire(reader, time + 600 * USEC_PER_SEC - 1, add, &sum);
    expect(0, 0);
    attempts_expire(reader, time + 600 * USEC_PER_SEC, add, &sum);
    expect(0, 1);
    ck_assert_int_eq(attempts_next(reader), MOMENT_NONE);
    finish();
    expect(0, 1);
}
END_TEST

START_TEST(lines_of_other_sessions_let_time_pass)
{
    read_line(NAMED(5u));
    read_line("2026-11-22T21:46:12Z h sshd[6]: Failed password for root from 192.0.2.1 "
              "port 1 ssh2");
    expect(1, 0);
    read_line("2026-11-22T21:46:13Z h sshd[7]: Connection closed by 192.0.2.1 port 1");
    expect(1, 1);
}
END_TEST

START_TEST(a_stamp_of_the_future_does_not_stop_the_clock)
{
    read_line("2099-01-01T00:00:00Z h sshd[4]: Invalid user x from 192.0.2.1 port 1");
    read_line(NAMED(5u));
    expect(0, 1);
    read_line("2026-11-22T21:46:13Z h sshd[7]: Connection closed by 192.0.2.1 port 1");
    expect(0, 2);
}
END_TEST

START_TEST(the_table_is_bounded_and_loses_no_attempt)
{
    for (unsigned i = 1; i <= 10000; i++)
        read_line(NAMED(i));
    ck_assert_uint_eq(attempts_counters(reader)->sessions, 4096);
    ck_assert_uint_eq(attempts_counters(reader)->evicted, 10000 - 4096);
    expect(0, 10000 - 4096);
    finish();
    expect(0, 10000);
}
END_TEST

START_TEST(a_log_that_goes_on_after_its_end_counts_nothing_twice)
{
    read_line(NAMED(5u));
    read_line(
        "2026-11-22T21:36:13Z h sshd[6]: error: PAM: Authentication failure for root "
        "from 203.0.113.5");
    finish();
    expect(1, 1);
    restart();
    read_line(
        "2026-11-22T21:36:15Z h sshd[5]: Failed password for invalid user admin from "
        "203.0.113.5 port 5 ssh2");
    read_line("2026-11-22T21:36:15Z h sshd[6]: Failed keyboard-interactive/pam for root "
              "from 203.0.113.5 port 6 ssh2");
    finish();
    expect(1, 1);
    read_line(
        "2026-11-22T21:36:16Z h sshd[5]: Failed password for invalid user admin from "
        "203.0.113.5 port 5 ssh2");
    expect(2, 1);
}
END_TEST

START_TEST(what_is_held_survives_a_restart)
{
    read_line(
        "2026-11-22T21:36:13.25Z h sshd[5]: Invalid user a\xff\\x41 from 203.0.113.5 "
        "port 77");
    ck_assert(attempts_changed(reader));
    restart();
    finish();
    expect(0, 1);
}
END_TEST

START_TEST(a_name_that_no_line_tells_survives_a_restart)
{
    read_line("2026-11-22T21:36:13Z h dropbear[5]: Login attempt for nonexistent user");
    restart();
    read_line("2026-11-22T21:36:13Z h dropbear[5]: Exit before auth from "
              "<203.0.113.5:77>: Exited normally");
    expect(0, 1);
}
END_TEST

static int take_port(void *userdata, const struct attempt *a)
{
    *(unsigned *)userdata = a->port;
    return 0;
}

START_TEST(the_end_of_a_session_lends_its_port)
{
    unsigned port = 0;

    read_line(
        "2026-11-22T21:36:13Z h sshd[5]: error: PAM: Authentication failure for root "
        "from 203.0.113.5");
    expect(0, 0);
    struct attempt got;
    static const char last[] = "2026-11-22T21:36:13Z h sshd[5]: Connection closed by "
                               "authenticating user root 203.0.113.5 port 4711 [preauth]";

    ck_assert_int_eq(attempts_line(reader, last, sizeof(last) - 1, REFERENCE, true, &got),
                     0);
    attempts_expire(reader, MOMENT_NONE, take_port, &port);
    ck_assert_uint_eq(port, 4711);
}
END_TEST

START_TEST(a_refused_key_counts_only_where_configured)
{
    const struct attempts_params params = {.publickey = true};
    static const char key[] = "2026-11-22T21:36:13Z h sshd[%d]: Failed publickey for "
                              "invalid user admin from 203.0.113.5 port 5 ssh2: RSA x";

    read_line(NAMED(5u));
    read_line(key, 5);
    finish();
    expect(0, 1);
    reader = attempts_free(reader);
    ck_assert_int_eq(attempts_new(&params, &reader), 0);
    sum = (struct sum){0};
    read_line(NAMED(5u));
    read_line(key, 5);
    read_line(key, 5);
    finish();
    expect(0, 2);
}
END_TEST

START_TEST(damaged_sessions_are_refused_as_a_whole)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"v\":2,\"sessions\":[]}",
        "{\"v\":1,\"sessions\":{}}",
        "{\"v\":1,\"sessions\":[{}]}",
        "{\"v\":1,\"sessions\":[],\"x\":1}",
    };
    char *text, *digit;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(attempts_restore(reader, texts[i]), -EBADMSG);
    read_line(NAMED(5u));
    ck_assert_int_eq(attempts_save(reader, &text), 0);
    teardown();
    setup();
    digit = strstr(text, "\"count\":1");
    ck_assert_ptr_nonnull(digit);
    digit[8] = '0';
    ck_assert_int_eq(attempts_restore(reader, text), -EBADMSG);
    ck_assert_uint_eq(attempts_counters(reader)->sessions, 0);
    digit[8] = '1';
    ck_assert_int_eq(attempts_restore(reader, text), 0);
    ck_assert_uint_eq(attempts_counters(reader)->sessions, 1);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sessions");
    TCase *tc = tcase_create("sessions");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, the_count_of_attempts_is_the_truth);
    tcase_add_test(tc, a_name_counts_when_ten_minutes_have_passed);
    tcase_add_test(tc, lines_of_other_sessions_let_time_pass);
    tcase_add_test(tc, a_stamp_of_the_future_does_not_stop_the_clock);
    tcase_add_test(tc, the_table_is_bounded_and_loses_no_attempt);
    tcase_add_test(tc, a_log_that_goes_on_after_its_end_counts_nothing_twice);
    tcase_add_test(tc, what_is_held_survives_a_restart);
    tcase_add_test(tc, a_name_that_no_line_tells_survives_a_restart);
    tcase_add_test(tc, the_end_of_a_session_lends_its_port);
    tcase_add_test(tc, a_refused_key_counts_only_where_configured);
    tcase_add_test(tc, damaged_sessions_are_refused_as_a_whole);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
