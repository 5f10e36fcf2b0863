/* The corpus, captured logs and a generator of sshd's lines against the whole way from a
 * line to an attempt. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attempts.h"
#include "sshd-speech.h"

#define REFERENCE     (INT64_C(1795383400) * USEC_PER_SEC) /* 2026-11-22T21:36:40Z */
#define SAMPLES_LEAST 450
#define MSG           "Failed password for root from 203.0.113.5 port 40000 ssh2"

static struct attempts *reader;

static void setup(void)
{
    ck_assert_int_eq(attempts_new(NULL, &reader), 0);
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
 * What a reader gives, at once and later.
 */

#define GIVEN_MAX 16

struct given {
    struct attempt attempts[GIVEN_MAX];
    char *texts[GIVEN_MAX][3]; /* line, user, service of those that came later */
    unsigned n;
};

static void given_done(struct given *g)
{
    for (unsigned i = 0; i < g->n; i++)
        for (unsigned k = 0; k < 3; k++)
            free(g->texts[i][k]);
    *g = (struct given){0};
}

static int keep(void *userdata, const struct attempt *attempt)
{
    struct given *g = userdata;
    struct attempt *a = &g->attempts[g->n];

    ck_assert_uint_lt(g->n, GIVEN_MAX);
    *a = *attempt;
    a->line.p = g->texts[g->n][0] = slice_dup(attempt->line);
    g->texts[g->n][1] = slice_dup(attempt->user);
    if (attempt->user.p)
        a->user.p = g->texts[g->n][1];
    a->service = g->texts[g->n][2] = strdup(attempt->service);
    g->n++;
    return 0;
}

static void read_whole(struct attempts *a, const char *line, size_t n, struct given *g)
{
    struct attempt got;
    int r = attempts_line(a, line, n, REFERENCE, true, &got);

    ck_assert(r == 0 || r == 1);
    ck_assert_int_eq(attempts_expire(a, MOMENT_NONE, keep, g), 0);
    if (r == 1)
        keep(g, &got);
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

/* What a file says of itself. */
struct corpus {
    const char *path;
    char service[32];
    char programs[12][32];
    unsigned n_programs, samples, hostile, wrong;
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

static bool read_outcome(const char *word, struct attempt *want)
{
    want->outcome = strcmp(word, "success") == 0 ? ATTEMPT_SUCCESS : ATTEMPT_FAILURE;
    want->kind = strcmp(word, "probe") == 0     ? ATTEMPT_PROBE
                 : strcmp(word, "blocked") == 0 ? ATTEMPT_BLOCKED
                                                : ATTEMPT_REFUSED;
    return strcmp(word, "failure") == 0 || want->outcome || want->kind;
}

static bool read_expectation(const char *text, struct expectation *e)
{
    char kind[16], source[64], outcome[16], counter[16];
    int at = 0;

    *e = (struct expectation){0};
    if (sscanf(text, "%15s %63s %" SCNu16 " %15s %" SCNu64 " %n", kind, source,
               &e->want.port, outcome, &e->want.count, &at) == 5 &&
        at > 0) {
        size_t n = strlen(text + at);

        ck_assert(n > 1 && n <= sizeof(e->user) && strcmp(kind, "must-not-match") != 0);
        if (text[at] == '"') {
            ck_assert(text[at + n - 1] == '"');
            memcpy(e->user, text + at + 1, n - 2);
            e->want.user.p = e->user;
        } else if (strcmp(text + at, "none") != 0) {
            return false;
        }
        return addr_parse(source, strlen(source), &e->want.source) &&
               read_outcome(outcome, &e->want);
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

/* NULL when all is as expected. */
static const char *compare(const struct corpus *c, const struct expectation *e,
                           const struct given *g, const struct attempts_counters *counted)
{
    const struct attempt *got = &g->attempts[0];

    if (counted->lines != 1)
        return "line not counted";
    if (e->none)
        return g->n > 0                   ? "taken for an attempt"
               : e->counter(counted) != 1 ? "other counter"
                                          : NULL;
    if (g->n != 1)
        return g->n == 0 ? "not recognised" : "more than one attempt";
    if (!addr_equal(&got->source, &e->want.source))
        return "wrong source";
    if (got->port != e->want.port)
        return "wrong port";
    if (got->outcome != e->want.outcome || got->kind != e->want.kind)
        return "wrong outcome";
    if (got->count != e->want.count)
        return "wrong count";
    if (e->want.user.p ? !got->user.p || !slice_equal_str(got->user, e->user)
                       : got->user.p != NULL)
        return "wrong user";
    return strcmp(got->service, c->service) == 0 ? NULL : "wrong service";
}

static void judge(struct corpus *c, const struct expectation *e, struct attempts *a,
                  struct given *g, unsigned number)
{
    const char *wrong;

    ck_assert_int_eq(attempts_finish(a, keep, g), 0);
    wrong = compare(c, e, g, attempts_counters(a));
    if (wrong) {
        printf("%s:%u: %s\n", c->path, number, wrong);
        c->wrong++;
    }
    given_done(g);
    attempts_free(a);
}

static void try_line(struct corpus *c, const struct expectation *e, const char *line,
                     size_t n, unsigned number)
{
    char *exact = malloc(n > 0 ? n : 1); /* so that a sanitizer sees a step too far */
    struct attempts *a = NULL;
    struct given g = {0};

    memcpy(exact, line, n);
    ck_assert_int_eq(attempts_new(NULL, &a), 0);
    read_whole(a, exact, n, &g);
    free(exact);
    judge(c, e, a, &g, number);
}

static void try_parsed(struct corpus *c, const struct expectation *e,
                       const struct logline *line, unsigned number)
{
    struct attempts *a = NULL;
    struct given g = {0};
    struct attempt got;

    ck_assert_int_eq(attempts_new(NULL, &a), 0);
    if (attempts_parsed(a, line, &got))
        keep(&g, &got);
    judge(c, e, a, &g, number);
}

static void try_message(struct corpus *c, const struct expectation *e,
                        const char *message, unsigned number)
{
    char line[2048];

    ck_assert_uint_gt(c->n_programs, 0);
    for (unsigned i = 0; i < c->n_programs; i++) {
        const char *const p = c->programs[i];
        struct logline parsed = {
            .time = {REFERENCE, 6},
            .program = {p, strlen(p)},
            .pid = 5,
            .message = {message, strlen(message)},
            .line = {message, strlen(message)},
        };
        int n = snprintf(line, sizeof(line), "Nov 22 21:36:13 h %s[5]: %s", p, message);

        try_line(c, e, line, (size_t)n, number);
        n = snprintf(line, sizeof(line), "2026-11-22T21:36:13.123456+00:00 h %s[5]: %s",
                     p, message);
        try_line(c, e, line, (size_t)n, number);
        n = snprintf(line, sizeof(line),
                     "<38>1 2026-11-22T21:36:13.123456Z h %s 5 - -  %s", p, message);
        try_line(c, e, line, (size_t)n, number);
        try_parsed(c, e, &parsed, number);
    }
}

static void try_sample(struct corpus *c, struct expectation *e, char *line, size_t n,
                       unsigned number)
{
    if (line[0] == 'x') {
        decode(e->user);
        n = 2 + decode(line + 2);
    }
    if (line[0] == '~')
        try_message(c, e, line + 2, number);
    else
        try_line(c, e, line + 2, n - 2, number);
}

/* The sum of a block of lines: "session SOURCE REFUSED PROBES BLOCKED SUCCESSES". */
static void try_session(struct corpus *c, const char *head, FILE *f, unsigned *number)
{
    uint64_t want[4], sum[4] = {0};
    struct attempts *a = NULL;
    struct addr source;
    char line[2048], text[64];
    struct given g = {0};
    unsigned first = *number;

    ck_assert_msg(sscanf(head,
                         "session %63s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                         text, &want[0], &want[1], &want[2], &want[3]) == 5 &&
                      addr_parse(text, strlen(text), &source),
                  "%s:%u: no session", c->path, first);
    ck_assert_int_eq(attempts_new(NULL, &a), 0);
    while (fgets(line, sizeof(line), f) && (*number)++ && line[0] == '>') {
        read_whole(a, line + 2, strcspn(line, "\n") - 2, &g);
        c->samples++;
    }
    ck_assert_int_eq(attempts_finish(a, keep, &g), 0);
    for (unsigned i = 0; i < g.n; i++) {
        const struct attempt *got = &g.attempts[i];

        ck_assert_msg(addr_equal(&got->source, &source), "%s:%u: source", c->path, first);
        sum[got->outcome == ATTEMPT_SUCCESS ? 3 : got->kind] += got->count;
    }
    for (unsigned i = 0; i < 4; i++)
        if (sum[i] != want[i]) {
            printf("%s:%u: sum %u is %" PRIu64 ", not %" PRIu64 "\n", c->path, first, i,
                   sum[i], want[i]);
            c->wrong++;
        }
    given_done(&g);
    attempts_free(a);
}

static void read_programs(struct corpus *c, char *names)
{
    for (char *name; (name = strsep(&names, " "));)
        if (name[0] != '\0')
            snprintf(c->programs[c->n_programs++], sizeof(c->programs[0]), "%s", name);
}

static void read_corpus_file(struct corpus *c)
{
    FILE *f = fopen(c->path, "re");
    struct expectation e = {0};
    bool is_hostile = false;
    char line[2048];

    ck_assert_msg(f != NULL, "cannot read %s", c->path);
    for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
        size_t n = strlen(line);

        ck_assert_msg(n > 0 && line[n - 1] == '\n', "%s:%u: no end", c->path, number);
        line[--n] = '\0';
        if (n == 0 || line[0] == '#' || sscanf(line, "service %31s", c->service) == 1)
            continue;
        if (strncmp(line, "programs ", 9) == 0) {
            c->n_programs = 0;
            read_programs(c, line + 9);
        } else if (strncmp(line, "session ", 8) == 0) {
            try_session(c, line, f, &number);
        } else if (n > 1 && strchr(">~x", line[0]) && line[1] == ' ') {
            c->samples++;
            c->hostile += is_hostile;
            try_sample(c, &e, line, n, number);
        } else {
            ck_assert_msg(read_expectation(line, &e), "%s:%u: what?", c->path, number);
            is_hostile = line[0] != 'g';
        }
    }
    fclose(f);
    ck_assert_msg(c->wrong == 0, "%s: %u are wrong", c->path, c->wrong);
}

START_TEST(each_line_of_the_corpus_means_what_it_says)
{
    DIR *dir = opendir("tests/corpus");
    unsigned samples = 0, hostile = 0;
    struct dirent *d;
    char path[300];

    ck_assert_msg(dir != NULL, "no tests/corpus here: run from the source directory");
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.' && strstr(d->d_name, ".txt")) {
            struct corpus c = {.path = path};

            snprintf(path, sizeof(path), "tests/corpus/%.255s", d->d_name);
            read_corpus_file(&c);
            samples += c.samples;
            hostile += c.hostile;
        }
    closedir(dir);
    ck_assert_uint_ge(samples, SAMPLES_LEAST);
    ck_assert_uint_ge(hostile * 3, samples);
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

/* Unknown names whose process refused no password: so many attempts come later. */
struct naive_names {
    long pids[200];
    bool refused[200];
    unsigned n;
};

static void note_name(struct naive_names *names, const char *line)
{
    const char *m = message_of(line), *p = strstr(line, " sshd");
    long pid;

    if (!m)
        return;
    pid = strtol(p + strcspn(p, "0123456789"), NULL, 10);
    if (strncmp(m, "Invalid user ", 13) == 0 && strlen(m) < 500) {
        ck_assert_uint_lt(names->n, 200);
        names->refused[names->n] = false;
        names->pids[names->n++] = pid;
    }
    for (unsigned i = 0; i < names->n; i++)
        if (names->pids[i] == pid && strncmp(m, "Failed password", 15) == 0 &&
            strlen(m) < 500)
            names->refused[i] = true;
}

static int count_late(void *userdata, const struct attempt *attempt)
{
    ck_assert_int_eq(attempt->kind, ATTEMPT_PROBE);
    ck_assert(memmem(attempt->line.p, attempt->line.n, ": Invalid user ", 15) ||
              memmem(attempt->line.p, attempt->line.n, " - -  Invalid user ", 19));
    ++*(unsigned *)userdata;
    return 0;
}

static void check_attempt(const char *line, const struct attempt *got,
                          const struct naive *want)
{
    char buf[ADDR_TEXT_MAX], time[MOMENT_TEXT_MAX];

    ck_assert_str_eq(addr_format(&got->source, buf), want->address);
    ck_assert_uint_eq(got->port, want->port);
    ck_assert_uint_eq(got->count, want->count);
    ck_assert_msg(slice_equal_str(got->user, want->user), "%s", line);
    if (line[4] == '-')
        ck_assert_int_eq(strncmp(moment_format_rfc3339(got->time, time), line, 26), 0);
}

static unsigned check_captured(const char *path)
{
    FILE *f = fopen(path, "re");
    struct naive_names names = {.n = 0};
    unsigned found = 0, late = 0, want_late = 0;
    struct attempts *a = NULL;
    char line[4096];

    if (!f) {
        printf("skipping %s: %s\n", path, strerror(errno));
        return 0;
    }
    ck_assert_int_eq(attempts_new(NULL, &a), 0);
    while (fgets(line, sizeof(line), f)) {
        struct attempt got;
        struct naive want;
        size_t n = strcspn(line, "\n");
        bool expected;
        int r;

        line[n] = '\0';
        expected = read_naively(line, &want);
        note_name(&names, line);
        r = attempts_line(a, line, n, REFERENCE, true, &got);
        if (r == 1 && got.kind == ATTEMPT_BLOCKED) {
            ck_assert(strstr(line, ": drop connection #") && strstr(line, " penalty: "));
            r = 0;
        }
        ck_assert_msg(r == expected, "%s: %s", path, line);
        ck_assert_int_eq(attempts_expire(a, MOMENT_NONE, count_late, &late), 0);
        if (expected)
            check_attempt(line, &got, &want);
        found += expected;
    }
    ck_assert_int_eq(attempts_finish(a, count_late, &late), 0);
    for (unsigned i = 0; i < names.n; i++)
        want_late += !names.refused[i];
    ck_assert_msg(late == want_late, "%s: %u names, not %u", path, late, want_late);
    ck_assert_uint_eq(attempts_counters(a)->garbage, 0);
    ck_assert_uint_eq(attempts_counters(a)->ambiguous, 0);
    attempts_free(a);
    fclose(f);
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

/* Of services other than sshd: what a plain search finds, and its count. */
static unsigned count_plainly(const char *path, const char *word)
{
    FILE *f = fopen(path, "re");
    char line[4096];
    unsigned n = 0;

    if (!f)
        return UINT_MAX;
    while (fgets(line, sizeof(line), f))
        n += strstr(line, word) != NULL;
    fclose(f);
    return n;
}

static int check_other(void *userdata, const struct attempt *a)
{
    char buf[ADDR_TEXT_MAX];

    ck_assert_int_eq(a->outcome, ATTEMPT_FAILURE);
    addr_format(&a->source, buf);
    ck_assert(memmem(a->line.p, a->line.n, buf, strlen(buf)) ||
              memmem(a->line.p, a->line.n, "nonexistent user", 16));
    ck_assert(a->source.family == 6 ||
              (a->source.bytes[0] == 198 && a->source.bytes[1] == 51));
    ck_assert(!a->user.p || memmem(a->line.p, a->line.n, a->user.p, a->user.n));
    *(uint64_t *)userdata += a->count;
    return 0;
}

START_TEST(captured_logs_of_other_services_are_read_whole)
{
    static const struct {
        const char *path, *word, *second;
    } logs[] = {
        {"dropbear.auth.log", "Bad password attempt", "nonexistent user"},
        {"vsftpd.auth.log", "authentication failure", NULL},
        {"ftp.syslog", "FAIL LOGIN", NULL},
        {"dovecot-pam.auth.log", "authentication failure", NULL},
        {"dovecot.mail.log", "auth failed", NULL},
        {"postfix.mail.log", "SASL PLAIN authentication failed", NULL},
        {"proftpd.auth.log", "authentication failure", NULL},
    };

    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
        struct attempts *a = NULL;
        uint64_t found = 0;
        char path[200], line[4096];
        FILE *f;

        snprintf(path, sizeof(path), "../shared/data/logs/others/%s", logs[i].path);
        f = fopen(path, "re");
        if (!f) {
            printf("skipping %s: %s\n", path, strerror(errno));
            continue;
        }
        ck_assert_int_eq(attempts_new(NULL, &a), 0);
        while (fgets(line, sizeof(line), f)) {
            struct attempt got;
            int r = attempts_line(a, line, strcspn(line, "\n"), REFERENCE, true, &got);

            ck_assert_int_eq(attempts_expire(a, MOMENT_NONE, check_other, &found), 0);
            if (r == 1)
                check_other(&found, &got);
        }
        fclose(f);
        ck_assert_int_eq(attempts_finish(a, check_other, &found), 0);
        ck_assert_uint_eq(found,
                          count_plainly(path, logs[i].word) +
                              (logs[i].second ? count_plainly(path, logs[i].second) : 0));
        ck_assert_uint_eq(attempts_counters(a)->ambiguous, 0);
        attempts_free(a);
    }
}
END_TEST

/*
 * The generator.
 */

static void check_spoken(const struct spoken *s, uint64_t repeats, const char *line,
                         const struct given *g)
{
    const struct attempt *got = &g->attempts[0];
    uint64_t count = repeats > 0 && !s->once ? repeats : 1;
    struct addr peer;
    bool known = addr_parse(s->source, strlen(s->source), &peer);

    ck_assert_msg(g->n <= 1, "more than one: %s", line);
    if (g->n == 1) {
        ck_assert_msg(s->counts && s->whole && known, "invented: %s", line);
        ck_assert_msg(addr_equal(&got->source, &peer), "wrong source: %s", line);
        ck_assert_msg(got->port == (s->portless ? 0 : s->port), "wrong port: %s", line);
        ck_assert_msg(slice_equal_str(got->user, s->user.s), "wrong user: %s", line);
        ck_assert_msg(got->count == count, "wrong count: %s", line);
        ck_assert_msg((got->outcome == ATTEMPT_SUCCESS) == s->success, "outcome: %s",
                      line);
    } else {
        ck_assert_msg(!s->counts || !s->whole || !known, "overlooked: %s", line);
    }
}

START_TEST(whatever_a_client_sends_the_source_is_the_peer_or_none)
{
    const char *lines = getenv("LINES_GENERATED");
    uint64_t n = lines ? strtoull(lines, NULL, 10) : 200000, found = 0;

    seed_speech();
    for (uint64_t i = 0; i < n; i++) {
        uint64_t repeats = rnd(5) == 0 ? 1 + rnd(9) : 0;
        struct buffer line = {.n = 0};
        struct given g = {0};
        struct spoken s;

        speak(&s);
        put_line(&s, repeats, 1 + i, &line);
        read_whole(reader, line.s, line.n, &g);
        ck_assert_int_eq(attempts_finish(reader, keep, &g), 0);
        check_spoken(&s, repeats, line.s, &g);
        found += g.n;
        given_done(&g);
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

START_TEST(a_line_of_the_future_counts_for_nothing)
{
    static const char line[] = "2026-11-22T21:36:13.000001Z h sshd[1]: " MSG;
    struct attempt got;
    int64_t time;

    ck_assert_int_eq(read_line(line, sizeof(line) - 1, &got), 1);
    time = got.time.usec;
    ck_assert_int_eq(attempts_time(reader), time);
    attempts_limit(reader, time);
    ck_assert_int_eq(read_line(line, sizeof(line) - 1, &got), 1);
    attempts_limit(reader, time - 1);
    ck_assert_int_eq(read_line(line, sizeof(line) - 1, &got), 0);
    ck_assert_uint_eq(attempts_counters(reader)->future, 1);
    ck_assert_int_eq(attempts_time(reader), time); /* for who wants to say so */
    ck_assert_int_eq(read_line("x", 1, &got), 0);
    ck_assert_int_eq(attempts_time(reader), MOMENT_NONE);
    ck_assert_uint_eq(attempts_counters(reader)->future, 1);
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
    tcase_add_test(tc, captured_logs_of_other_services_are_read_whole);
    tcase_add_test(tc, whatever_a_client_sends_the_source_is_the_peer_or_none);
    tcase_add_test(tc, the_time_of_an_attempt_is_the_lines);
    tcase_add_test(tc, every_line_is_counted_once);
    tcase_add_test(tc, a_line_of_the_future_counts_for_nothing);
    tcase_add_test(tc, an_unknown_user_is_told_from_a_known_one);
    tcase_add_test(tc, a_journal_entry_with_control_bytes_yields_nothing);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
