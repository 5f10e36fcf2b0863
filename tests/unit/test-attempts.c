/* The corpus, captured logs and a generator of sshd's lines against the whole way from a
 * line to an attempt. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attempts.h"
#include "sshd-speech.h"

#define REFERENCE (INT64_C(1795383400) * USEC_PER_SEC) /* 2026-11-22T21:36:40Z */
#define MSG       "Failed password for root from 203.0.113.5 port 40000 ssh2"

static struct attempts *reader;

static void setup(void)
{
    ck_assert_int_eq(attempts_new(&reader), 0);
}

static void teardown(void)
{
    reader = attempts_free(reader);
}

static int read_line(const char *line, size_t n, struct attempt *ret)
{
    return attempts_line(reader, line, n, REFERENCE, true, ret);
}

/*
 * The corpus.
 */

struct expectation {
    bool none;
    uint64_t (*counter)(const struct attempts_counters *);
    struct attempt want;
    char user[1024];
};

static uint64_t ignored(const struct attempts_counters *c)
{
    return c->ignored;
}

static uint64_t garbage(const struct attempts_counters *c)
{
    return c->garbage;
}

static uint64_t truncated(const struct attempts_counters *c)
{
    return c->truncated;
}

static uint64_t ambiguous(const struct attempts_counters *c)
{
    return c->ambiguous;
}

static const struct {
    const char *name;
    uint64_t (*get)(const struct attempts_counters *);
} counters[] = {
    {"ignored", ignored},
    {"garbage", garbage},
    {"truncated", truncated},
    {"ambiguous", ambiguous},
};

static bool read_expectation(const char *text, struct expectation *e)
{
    char kind[16], source[64], outcome[16], counter[16];
    int at = 0;

    *e = (struct expectation){0};
    if (sscanf(text, "%15s %63s %" SCNu16 " %15s %" SCNu64 " \"%n", kind, source,
               &e->want.port, outcome, &e->want.count, &at) == 5 &&
        at > 0) {
        size_t n = strlen(text + at);

        ck_assert(n > 0 && n <= sizeof(e->user) && text[at + n - 1] == '"');
        memcpy(e->user, text + at, n - 1);
        e->want.outcome =
            strcmp(outcome, "success") == 0 ? ATTEMPT_SUCCESS : ATTEMPT_FAILURE;
        ck_assert(strcmp(kind, "must-not-match") != 0);
        return addr_parse(source, strlen(source), &e->want.source);
    }
    if (sscanf(text, "%15s %15s", kind, counter) != 2)
        return false;
    e->none = true;
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strcmp(counters[i].name, counter) == 0)
            e->counter = counters[i].get;
    return e->counter != NULL && strcmp(kind, "good") != 0;
}

static size_t decode(char *text)
{
    char *to = text;
    unsigned byte;

    for (const char *from = text; *from;)
        if (sscanf(from, "\\x%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 4;
        } else {
            *to++ = *from++;
        }
    *to = '\0';
    return (size_t)(to - text);
}

static void check(const struct expectation *e, int r, const struct attempt *got,
                  const struct attempts_counters *before, const char *where)
{
    const struct attempts_counters *now = attempts_counters(reader);

    ck_assert_msg(now->lines == before->lines + 1, "%s: line not counted", where);
    if (e->none) {
        ck_assert_msg(r == 0, "%s: taken for an attempt", where);
        ck_assert_msg(e->counter(now) == e->counter(before) + 1, "%s: other counter",
                      where);
        return;
    }
    ck_assert_msg(r == 1, "%s: not recognised", where);
    ck_assert_msg(addr_equal(&got->source, &e->want.source), "%s: wrong source", where);
    ck_assert_msg(got->port == e->want.port, "%s: wrong port", where);
    ck_assert_msg(got->outcome == e->want.outcome, "%s: wrong outcome", where);
    ck_assert_msg(got->count == e->want.count, "%s: wrong count", where);
    ck_assert_msg(got->user.p && slice_equal_str(got->user, e->user), "%s: wrong user",
                  where);
    ck_assert_str_eq(got->service, "sshd");
}

static void try_line(const struct expectation *e, const char *line, size_t n,
                     const char *where)
{
    struct attempts_counters before = *attempts_counters(reader);
    char *exact = malloc(n > 0 ? n : 1); /* so that a sanitizer sees a step too far */
    struct attempt got = {0};
    int r;

    memcpy(exact, line, n);
    r = read_line(exact, n, &got);
    check(e, r, &got, &before, where);
    if (r == 1)
        ck_assert(got.line.p == exact);
    free(exact);
}

static void try_message(const struct expectation *e, const char *message,
                        const char *where)
{
    static const char *const programs[] = {"sshd", "sshd-session", "sshd-auth"};
    struct attempts_counters before;
    struct attempt got = {0};
    char line[2048];

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *const p = programs[i];
        struct logline parsed = {
            .time = {REFERENCE, 6},
            .program = {p, strlen(p)},
            .pid = 5,
            .message = {message, strlen(message)},
        };
        int n = snprintf(line, sizeof(line), "Nov 22 21:36:13 h %s[5]: %s", p, message);

        try_line(e, line, (size_t)n, where);
        n = snprintf(line, sizeof(line), "2026-11-22T21:36:13.123456+00:00 h %s[5]: %s",
                     p, message);
        try_line(e, line, (size_t)n, where);
        n = snprintf(line, sizeof(line),
                     "<38>1 2026-11-22T21:36:13.123456Z h %s 5 - -  %s", p, message);
        try_line(e, line, (size_t)n, where);
        before = *attempts_counters(reader);
        check(e, attempts_parsed(reader, &parsed, &got), &got, &before, where);
    }
}

static unsigned read_corpus_file(const char *path)
{
    FILE *f = fopen(path, "re");
    struct expectation e = {0};
    char line[2048], where[256];
    unsigned samples = 0, hostile = 0;
    bool is_hostile = false;

    ck_assert_msg(f != NULL, "cannot read %s", path);
    for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
        size_t n = strlen(line);

        snprintf(where, sizeof(where), "%s:%u", path, number);
        ck_assert_msg(n > 0 && line[n - 1] == '\n', "%s: no line end", where);
        line[--n] = '\0';
        if (n == 0 || line[0] == '#')
            continue;
        if (n > 1 && strchr(">~x", line[0]) && line[1] == ' ') {
            samples++;
            hostile += is_hostile;
            if (line[0] == 'x') {
                decode(e.user);
                n = 2 + decode(line + 2);
            }
            if (line[0] == '~')
                try_message(&e, line + 2, where);
            else
                try_line(&e, line + 2, n - 2, where);
            continue;
        }
        ck_assert_msg(read_expectation(line, &e), "%s: no expectation", where);
        is_hostile = line[0] != 'g';
    }
    fclose(f);
    ck_assert_msg(hostile * 3 >= samples, "%s: too few hostile samples", path);
    return samples;
}

START_TEST(each_line_of_the_corpus_means_what_it_says)
{
    DIR *dir = opendir("tests/corpus");
    unsigned samples = 0;
    struct dirent *d;
    char path[300];

    ck_assert_msg(dir != NULL, "no tests/corpus here: run from the source directory");
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.' && strstr(d->d_name, ".txt")) {
            snprintf(path, sizeof(path), "tests/corpus/%.255s", d->d_name);
            samples += read_corpus_file(path);
        }
    closedir(dir);
    ck_assert_uint_ge(samples, 200);
}
END_TEST

/*
 * Captured logs, against a reading that shares no code with the rules.
 */

static const char *last(const char *s, const char *what)
{
    const char *found = NULL;

    for (const char *p = s; (p = strstr(p, what)); p++)
        found = p;
    return found;
}

/* Where sshd's own message begins, naively. */
static const char *message_of(const char *line)
{
    const char *p = strstr(line, " sshd");

    if (!p)
        return NULL;
    if (strstr(line, " - -  "))
        return strstr(line, " - -  ") + 6;
    p = strstr(p, "]: ");
    return p ? p + 3 : NULL;
}

struct naive {
    char address[64], user[256];
    unsigned port, count;
};

static bool read_naively(const char *line, struct naive *ret)
{
    const char *m = message_of(line), *from, *user;

    *ret = (struct naive){.count = 1};
    if (!m || strlen(m) >= 500)
        return false;
    if (sscanf(m, "message repeated %u times: [ ", &ret->count) == 1)
        m = strchr(m, '[') + 2;
    if (strncmp(m, "Failed password", 15) != 0 &&
        strncmp(m, "Failed keyboard", 15) != 0 && strncmp(m, "Accepted ", 9) != 0)
        return false;
    user = strstr(m, " for ") + 5;
    if (strncmp(user, "invalid user ", 13) == 0)
        user += 13;
    from = last(m, " from ");
    if (sscanf(from, " from %63s port %u ssh2", ret->address, &ret->port) != 2 ||
        strchr(ret->address, '%'))
        return false;
    memcpy(ret->user, user, (size_t)(from - user));
    return true;
}

static unsigned check_captured(const char *path)
{
    FILE *f = fopen(path, "re");
    char line[4096], buf[ADDR_TEXT_MAX], time[MOMENT_TEXT_MAX];
    unsigned found = 0;

    if (!f) {
        printf("skipping %s: %s\n", path, strerror(errno));
        return 0;
    }
    while (fgets(line, sizeof(line), f)) {
        struct attempt got;
        struct naive want;
        size_t n = strcspn(line, "\n");
        bool expected;

        line[n] = '\0';
        expected = read_naively(line, &want);
        ck_assert_msg(read_line(line, n, &got) == expected, "%s: %s", path, line);
        if (!expected)
            continue;
        found++;
        ck_assert_str_eq(addr_format(&got.source, buf), want.address);
        ck_assert_uint_eq(got.port, want.port);
        ck_assert_uint_eq(got.count, want.count);
        ck_assert_msg(slice_equal_str(got.user, want.user), "%s: %s", path, line);
        if (line[4] == '-')
            ck_assert_int_eq(strncmp(moment_format_rfc3339(got.time, time), line, 26), 0);
    }
    fclose(f);
    ck_assert_uint_eq(attempts_counters(reader)->garbage, 0);
    ck_assert_uint_eq(attempts_counters(reader)->ambiguous, 0);
    return found;
}

START_TEST(captured_logs_of_two_releases_are_read_whole)
{
    static const struct {
        const char *path;
        unsigned least;
    } logs[] = {
        {"../shared/data/logs/bookworm/auth-rfc3339.log", 50},
        {"../shared/data/logs/bookworm/auth-traditional.log", 50},
        {"../shared/data/logs/bookworm/auth-syslogproto23.log", 50},
        {"../shared/data/logs/bookworm/auth-repeated.log", 2},
        {"../shared/data/logs/bookworm/auth-repeated-traditional.log", 2},
        {"../shared/data/logs/bookworm/auth-usernames-extra.log", 5},
        {"../shared/data/logs/trixie/auth-rfc3339.log", 10},
        {"../shared/data/logs/trixie/auth-traditional.log", 10},
    };

    if (access("../shared/data/logs", R_OK) < 0) {
        printf("skipping captured logs: ../shared/data/logs is not here\n");
        return;
    }
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
        ck_assert_uint_ge(check_captured(logs[i].path), logs[i].least);
}
END_TEST

/*
 * The generator.
 */

static void check_spoken(const struct spoken *s, uint64_t repeats, const char *line,
                         int r, const struct attempt *got)
{
    struct addr peer;
    bool known = addr_parse(s->source, strlen(s->source), &peer);

    if (r == 1) {
        ck_assert_msg(s->counts && s->whole && known, "invented: %s", line);
        ck_assert_msg(addr_equal(&got->source, &peer), "wrong source: %s", line);
        ck_assert_msg(got->port == s->port, "wrong port: %s", line);
        ck_assert_msg(slice_equal_str(got->user, s->user.s), "wrong user: %s", line);
        ck_assert_msg(got->count == (repeats > 0 ? repeats : 1), "wrong count: %s", line);
        ck_assert_msg((got->outcome == ATTEMPT_SUCCESS) == s->success, "outcome: %s",
                      line);
    } else {
        ck_assert_msg(!s->counts || !s->whole || !known, "overlooked: %s", line);
    }
}

START_TEST(whatever_a_client_sends_the_source_is_the_peer_or_none)
{
    const char *seed = getenv("SEED"), *lines = getenv("LINES_GENERATED");
    uint64_t n = lines ? strtoull(lines, NULL, 10) : 200000, found = 0;

    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    state = seed ? strtoull(seed, NULL, 10)
                 : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("SEED=%" PRIu64 "\n", state);
    fflush(stdout);
    if (state == 0)
        state = 1;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t repeats = rnd(5) == 0 ? 1 + rnd(9) : 0;
        struct buffer line = {.n = 0};
        struct attempt got;
        struct spoken s;
        int r;

        speak(&s);
        put_line(&s, repeats, &line);
        r = read_line(line.s, line.n, &got);
        check_spoken(&s, repeats, line.s, r, &got);
        found += r == 1;
    }
    ck_assert_msg(found > n / 5, "the generator writes too few attempts");
    ck_assert_uint_gt(attempts_counters(reader)->truncated, n / 1000);
    ck_assert_uint_eq(attempts_counters(reader)->garbage, 0);
}
END_TEST

/*
 * The rest.
 */

static int64_t time_of(const char *line, int64_t reference, bool live)
{
    struct attempt got;

    ck_assert_int_eq(attempts_line(reader, line, strlen(line), reference, live, &got), 1);
    return got.time.usec;
}

START_TEST(the_time_of_an_attempt_is_the_lines)
{
    static const char bsd[] = "Nov 22 21:36:13 h sshd[1]: " MSG;
    int64_t year = INT64_C(365) * 86400 * USEC_PER_SEC;

    ck_assert_int_eq(time_of(bsd, REFERENCE, true), REFERENCE - 27 * USEC_PER_SEC);
    ck_assert_int_eq(time_of(bsd, REFERENCE - year, true),
                     REFERENCE - year - 27 * USEC_PER_SEC);
    ck_assert_int_eq(time_of(bsd, REFERENCE - 10 * 86400 * USEC_PER_SEC, false),
                     REFERENCE - year - 27 * USEC_PER_SEC);
    ck_assert_int_eq(time_of("2026-11-22T21:36:13.5Z h sshd[1]: " MSG, 0, false),
                     REFERENCE - 27 * USEC_PER_SEC + 500000);
}
END_TEST

START_TEST(every_line_is_counted_once)
{
    static const char *const lines[] = {
        "",
        "\r",
        "garbage",
        "Nov 22 21:36:13 h cron[1]: x",
        "Nov 31 21:36:13 h sshd[1]: " MSG,
        "Nov 22 21:36:13 h sshd[1]: " MSG,
        "Nov 22 21:36:13 h sshd[1]: Failed password for "
        "a: b from 203.0.113.5 port 40000 ssh2",
    };
    struct attempt got;
    const struct attempts_counters *c = attempts_counters(reader);

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        read_line(lines[i], strlen(lines[i]), &got);
    ck_assert_uint_eq(c->lines, 7);
    ck_assert_uint_eq(c->garbage, 4);
    ck_assert_uint_eq(c->ignored, 1);
    ck_assert_uint_eq(c->ambiguous, 1);
    ck_assert_uint_eq(c->truncated, 0);
}
END_TEST

START_TEST(a_journal_entry_with_control_bytes_yields_nothing)
{
    static const char *const names[] = {"a\nb", "a\rb", "a\tb", "\x1b[2J", "a\x7f"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char message[200];
        struct logline line = {
            .time = {REFERENCE, 6}, .program = SLICE("sshd"), .pid = 1};
        struct attempt got;

        line.message.p = message;
        line.message.n = (size_t)snprintf(
            message, sizeof(message),
            "Failed password for invalid user %s from 203.0.113.5 port 40000 ssh2",
            names[i]);
        ck_assert_int_eq(attempts_parsed(reader, &line, &got), 0);
    }
}
END_TEST

START_TEST(an_unknown_user_is_told_from_a_known_one)
{
    static const struct {
        const char *message;
        bool unknown;
    } samples[] = {
        {"Failed password for invalid user a b from 203.0.113.5 port 40000 ssh2", true},
        {"Failed password for root from 203.0.113.5 port 40000 ssh2", false},
        {"Failed password for invalid from 203.0.113.5 port 40000 ssh2", false},
        {"Failed keyboard-interactive/pam for invalid user  from 203.0.113.5 port 1 ssh2",
         true},
        {"message repeated 2 times: [ Failed password for invalid user invalid user from "
         "203.0.113.5 port 40000 ssh2]",
         true},
        {"Accepted password for invalid user x from 203.0.113.5 port 40000 ssh2", false},
    };

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct logline line = {
            .time = {REFERENCE, 6},
            .program = SLICE("sshd"),
            .pid = 1,
            .message = {samples[i].message, strlen(samples[i].message)}};
        struct attempt got;

        ck_assert_int_eq(attempts_parsed(reader, &line, &got), 1);
        ck_assert_msg(got.unknown_user == samples[i].unknown, "%s", samples[i].message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attempts");
    TCase *tc = tcase_create("attempts");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, each_line_of_the_corpus_means_what_it_says);
    tcase_add_test(tc, captured_logs_of_two_releases_are_read_whole);
    tcase_add_test(tc, whatever_a_client_sends_the_source_is_the_peer_or_none);
    tcase_add_test(tc, the_time_of_an_attempt_is_the_lines);
    tcase_add_test(tc, every_line_is_counted_once);
    tcase_add_test(tc, an_unknown_user_is_told_from_a_known_one);
    tcase_add_test(tc, a_journal_entry_with_control_bytes_yields_nothing);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
