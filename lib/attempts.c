/* From lines to attempts.
 *
 * A line passes three tests, cheapest first: is it a syslog line, does a rule know its
 * program and message, is its date a date. Most lines of a log end at the second, so the
 * time is only read for those that an incident may be built on. */
#include "attempts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rules.h"

/* syslogd counts on until another line comes, so the number can grow large where a text
 * has no port; but a second has only so many refusals, and a number beyond that is made
 * up. */
#define REPEAT_MAX 1000000

struct attempts {
    struct attempts_counters counters;
    struct rules *rules;
    struct moment_cache hour;
};

DEFINE_CLEANUP(struct attempts *, attempts_free)

int attempts_new(struct attempts **ret)
{
    _cleanup_(attempts_freep) struct attempts *a = NULL;
    int r;

    a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    r = rules_new(&a->rules);
    if (r == 0)
        r = attempts_add_rules(a, rules_builtin, rules_n_builtin);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

int attempts_add_rules(struct attempts *a, const struct rule_service *services, size_t n)
{
    struct rule_error error;
    size_t row;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = rules_add(a->rules, &services[i], &row, &error);
    return r > 0 ? -EINVAL : r; /* of a built-in one, the tests say which is wrong */
}

struct attempts *attempts_free(struct attempts *a)
{
    if (!a)
        return NULL;
    rules_free(a->rules);
    free(a);
    return NULL;
}

/* Takes "message repeated 3 times: [ MSG]" off MSG (rsyslog, $RepeatedMsgReduction), and
 * leaves any other message as it is. Returns false when it begins like that but is cut or
 * counts what cannot be. */
static bool unfold(struct slice *message, uint64_t *ret_count)
{
    static const char head[] = "message repeated ", middle[] = " times: [ ";
    struct slice s = *message;
    uint64_t n = 0;

    *ret_count = 1;
    if (!slice_starts(s, head))
        return true;
    s = (struct slice){s.p + sizeof(head) - 1, s.n - (sizeof(head) - 1)};
    if (s.n == 0 || s.p[0] == '0')
        return false;
    while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9') {
        n = n * 10 + (uint64_t)(s.p[0] - '0');
        if (n > REPEAT_MAX)
            return false;
        s = (struct slice){s.p + 1, s.n - 1};
    }
    if (n == 0 || !slice_starts(s, middle) || s.p[s.n - 1] != ']')
        return false;
    *message = (struct slice){s.p + sizeof(middle) - 1, s.n - sizeof(middle)};
    *ret_count = n;
    return true;
}

/* Everything but the time. Returns 1, or 0 after counting why not. */
static int recognise(struct attempts *a, const struct logline *line, struct attempt *ret)
{
    struct rules_result result;
    struct slice message = line->message;
    uint64_t count;

    if (!unfold(&message, &count)) {
        a->counters.ignored++;
        return 0;
    }
    switch (rules_match(a->rules, line->program, message, &result)) {
    case 0: break;
    case RULE_E_TRUNCATED: a->counters.truncated++; return 0;
    case RULE_E_AMBIGUOUS: a->counters.ambiguous++; return 0;
    default: a->counters.ignored++; return 0;
    }
    *ret = (struct attempt){
        .time = line->time,
        .source = result.match.source,
        .port = result.match.port,
        .user = result.match.user,
        .unknown_user = result.unknown_user,
        .service = result.service,
        .outcome = result.outcome,
        .count = count,
        .line = line->line,
    };
    return 1;
}

int attempts_line(struct attempts *a, const char *text, size_t n, int64_t reference,
                  bool live, struct attempt *ret)
{
    struct attempt attempt;
    struct logline line;
    struct slice time;

    a->counters.lines++;
    if (logline_split(text, n, &line, &time) != 0) {
        a->counters.garbage++;
        return 0;
    }
    if (recognise(a, &line, &attempt) == 0)
        return 0;
    if (!logline_time(time, &a->hour, reference, live, &attempt.time)) {
        a->counters.garbage++;
        return 0;
    }
    *ret = attempt;
    return 1;
}

int attempts_parsed(struct attempts *a, const struct logline *line, struct attempt *ret)
{
    a->counters.lines++;
    return recognise(a, line, ret);
}

const struct attempts_counters *attempts_counters(const struct attempts *a)
{
    return &a->counters;
}
