/* Any bytes as a log of lines. What is taken for an attempt is held against a reading of
 * its own: the address and the port are those that the line ends with (or, where a
 * success has recorded something, those before the first ": " that can end the head). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "rules.h"

#define REFERENCE (INT64_C(1795383400) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int true_)
{
    if (!true_)
        abort();
}

static int contains(struct slice s, const char *what)
{
    return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void check(const struct attempt *got)
{
    const char *end = got->line.p + got->line.n;
    char addr[ADDR_TEXT_MAX], text[100];
    struct slice behind;
    int n;

    require(got->source.family == 4 || got->source.family == 6);
    require(got->port > 0 && got->count >= 1 && got->count <= 10000);
    require(strcmp(got->service, "sshd") == 0 && got->time.usec != MOMENT_NONE);
    require(got->user.p > got->line.p && got->user.p + got->user.n < end);
    require(!memchr(got->user.p, ':', got->user.n));

    /* Right behind the name stand the address and the port ... */
    behind = (struct slice){got->user.p + got->user.n, 0};
    behind.n = (size_t)(end - behind.p);
    addr_format(&got->source, addr);
    n = snprintf(text, sizeof(text), " from %s port %u ssh", addr, got->port);
    if (!slice_starts(behind, text)) {
        n = snprintf(text, sizeof(text), " from ::ffff:%s port %u ssh", addr, got->port);
        require(slice_starts(behind, text));
    }
    /* ... and then the end, or what only a success may have. */
    behind = (struct slice){behind.p + n, behind.n - (size_t)n};
    require(behind.n > 0 && (behind.p[0] == '1' || behind.p[0] == '2'));
    behind = (struct slice){behind.p + 1, behind.n - 1};
    if (behind.n > 0 && got->count > 1)
        require(behind.p[behind.n - 1] == ']');
    if (got->outcome == ATTEMPT_FAILURE) {
        require(behind.n == 0 || slice_equal_str(behind, "]"));
        require(contains(got->line, "Failed "));
    } else {
        require(behind.n <= 1 || slice_starts(behind, ": "));
        require(contains(got->line, "Accepted "));
    }
}

static void compile_any(const char *text, size_t n)
{
    struct rule_error error = {.position = 0};
    struct rule *rule = NULL;
    struct rule_match match;
    int r = rule_compile(text, n, (unsigned)n & 3, &rule, &error);

    require(r == 0 ? rule != NULL
                   : r == RULE_E_TEMPLATE && error.what && error.position <= n);
    if (rule)
        rule_match(rule, (struct slice){text, n}, &match);
    rule_free(rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    const struct attempts_counters *c;
    struct attempts *a = NULL;
    uint64_t lines = 0, found = 0;

    require(attempts_new(&a) == 0);
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((lf ? lf : end) - p);
        struct attempt got;
        int r = attempts_line(a, p, n, REFERENCE, n % 2, &got);

        require(r == 0 || r == 1);
        if (r == 1)
            check(&got);
        compile_any(p, n);
        lines++;
        found += (uint64_t)r;
        p += n + 1;
    }
    c = attempts_counters(a);
    require(c->lines == lines);
    require(found + c->garbage + c->ignored + c->truncated + c->ambiguous == lines);
    attempts_free(a);
    return 0;
}
