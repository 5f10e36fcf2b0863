/* Any bytes as a log of lines. What is taken for an attempt is held against a reading of
 * its own: the address, and the port where there is one, stand in the line as text of
 * their own. Half way the open sessions are saved and put into another reader, which has
 * to go on with the same result. */
#include <ctype.h>
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

/* Whether the text stands in the line with no byte beside it that could be its own. */
static int stands(struct slice line, const char *text)
{
    size_t n = strlen(text);
    const char *end = line.p + line.n;

    for (const char *p = line.p; p && p < end;) {
        p = memmem(p, (size_t)(end - p), text, n);
        if (!p)
            return 0;
        if ((p == line.p || !isalnum((unsigned char)p[-1])) &&
            (p + n == end || !isalnum((unsigned char)p[n])))
            return 1;
        p++;
    }
    return 0;
}

/* What is counted, for the comparison. */
struct sum {
    uint64_t attempts, kinds[3], successes;
};

static int check(void *userdata, const struct attempt *got)
{
    struct sum *sum = userdata;
    char text[100];

    require(got->source.family == 4 || got->source.family == 6);
    require(got->count >= 1 && got->time.usec != MOMENT_NONE && got->service);
    /* dropbear's unknown user takes the address from other lines. */
    require(stands(got->line, addr_format(&got->source, text)) ||
            memmem(got->line.p, got->line.n, "nonexistent user", 16));
    snprintf(text, sizeof(text), "%u", got->port);
    /* A port that came later does not stand in the line. */
    require(got->port == 0 || got->outcome == ATTEMPT_SUCCESS ||
            stands(got->line, text) || !memmem(got->line.p, got->line.n, " port ", 6));
    require(got->outcome == ATTEMPT_FAILURE || got->kind == ATTEMPT_REFUSED);
    sum->attempts++;
    sum->kinds[got->kind] += got->count;
    sum->successes += got->outcome == ATTEMPT_SUCCESS ? got->count : 0;
    return 0;
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

static struct attempts *passed_on(struct attempts *a)
{
    struct attempts *other = NULL;
    char *text = NULL, *again = NULL;

    require(attempts_new(NULL, &other) == 0);
    require(attempts_save(a, &text) == 0);
    require(attempts_restore(other, text) == 0);
    require(attempts_save(other, &again) == 0 && strcmp(text, again) == 0);
    free(text);
    free(again);
    attempts_free(a);
    return other;
}

/* Reads all, and starts anew from the saved sessions after each line that the mask says.
 */
static void read_all(const uint8_t *data, size_t size, unsigned mask, struct sum *sum)
{
    const char *p = (const char *)data, *end = p + size;
    const struct attempts_counters *c;
    struct attempts *a = NULL;
    uint64_t lines = 0, found = 0;

    require(attempts_new(NULL, &a) == 0);
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((lf ? lf : end) - p);
        struct attempt got;
        int r = attempts_line(a, p, n, REFERENCE, n % 2, &got);

        require(r == 0 || r == 1);
        require(attempts_expire(a, MOMENT_NONE, check, sum) == 0);
        if (r == 1)
            check(sum, &got);
        lines++;
        found += (uint64_t)r;
        p += n + 1;
        if (mask & 1u << lines % 32)
            a = passed_on(a);
    }
    c = attempts_counters(a);
    require(mask || c->lines == lines);
    require(mask ||
            found + c->garbage + c->ignored + c->truncated + c->ambiguous == lines);
    require(attempts_finish(a, check, sum) == 0);
    attempts_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum once = {0}, pieces = {0};
    char *text = malloc(size + 1);
    struct attempts *a = NULL;

    read_all(data, size, 0, &once);
    read_all(data, size, 0x10101010, &pieces);
    require(memcmp(&once, &pieces, sizeof(once)) == 0);
    compile_any((const char *)data, size);
    require(text && attempts_new(NULL, &a) == 0);
    memcpy(text, data, size);
    text[size] = '\0';
    attempts_restore(a, text);
    attempts_free(a);
    free(text);
    return 0;
}
