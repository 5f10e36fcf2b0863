#include "ctl-scan-print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempts.h"
#include "cleanup.h"
#include "text.h"

#define COLUMNS 80

/* How many bytes the UTF-8 character at p takes; 0 when there is none. */
static size_t character(const char *p, size_t n)
{
    for (size_t k = 1; k <= 4 && k <= n; k++)
        if (text_is_utf8(p, k))
            return k;
    return 0;
}

/* JSON must be UTF-8, and foreign bytes need not be: other bytes stand as the text \xNN.
 */
static void print_string(struct slice s)
{
    putchar_unlocked('"');
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t k = c < 0x80 ? 1 : character(s.p + i, s.n - i);

        if (k == 0) {
            printf("\\\\x%02x", c);
            k = 1;
        } else if (c < 0x20 || c == 0x7f) {
            printf("\\u%04x", c);
        } else {
            if (c == '"' || c == '\\')
                putchar_unlocked('\\');
            fwrite_unlocked(s.p + i, 1, k, stdout);
        }
        i += k;
    }
    putchar_unlocked('"');
}

void scan_print_json_string(const char *bytes, size_t n)
{
    print_string((struct slice){bytes, n});
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static const char *outcome_name(enum attempt_outcome outcome)
{
    return outcome == ATTEMPT_SUCCESS ? "success" : "failure";
}

static void json_attempt(const struct attempt *a, bool reportable, const char *file,
                         uint64_t line)
{
    char time[MOMENT_TEXT_MAX], source[ADDR_TEXT_MAX];

    printf("{\"event\":\"attempt\",\"time\":\"%s\",\"source\":\"%s\",\"port\":",
           moment_format_rfc3339(a->time, time), addr_format(&a->source, source));
    if (a->port)
        printf("%u", a->port);
    else
        fputs("null", stdout);
    fputs(",\"user\":", stdout);
    if (a->user.p)
        print_string(a->user);
    else
        fputs("null", stdout);
    printf(",\"service\":\"%s\",\"outcome\":\"%s\",\"count\":%" PRIu64
           ",\"reportable\":%s,\"file\":",
           a->service, outcome_name(a->outcome), a->count, truth(reportable));
    print_string((struct slice){.p = file, .n = strlen(file)});
    printf(",\"line\":%" PRIu64 "}\n", line);
}

/* "2026-11-22 21:36:13", always UTC. */
static const char *table_time(int64_t usec, char buf[static MOMENT_TEXT_MAX])
{
    moment_format_report(usec, buf);
    buf[strcspn(buf, "U") - 1] = '\0';
    return buf;
}

static void table_attempt(const struct attempt *a)
{
    static bool begun;
    char time[MOMENT_TEXT_MAX], source[ADDR_TEXT_MAX], port[8] = "-", row[160];
    _cleanup_(cleanup_free) char *user = NULL;
    int used, room;

    if (!begun)
        printf("%-19s %-7s %4s %-15s %5s %s\n", "TIME (UTC)", "OUTCOME", "N", "SOURCE",
               "PORT", "USER");
    begun = true;
    if (a->port)
        snprintf(port, sizeof(port), "%u", a->port);
    used = snprintf(row, sizeof(row), "%s %-7s %4" PRIu64 " %-15s %5s",
                    table_time(a->time.usec, time), outcome_name(a->outcome), a->count,
                    addr_format(&a->source, source), port);
    if (used < 0)
        return;
    fputs(row, stdout);
    room = COLUMNS - used - 1;
    user = a->user.p ? text_escape(a->user.p, a->user.n, a->user.n) : NULL;
    if (user && (int)strlen(user) <= room)
        printf(" %s", user);
    else if (user && room > 3)
        printf(" %.*s...", room - 3, user);
    putchar('\n');
}

void scan_print_attempt(bool json, const struct attempt *attempt, bool reportable,
                        const char *file, uint64_t line)
{
    if (json)
        json_attempt(attempt, reportable, file, line);
    else
        table_attempt(attempt);
}

static void json_burst(const struct scan_burst *b)
{
    char first[MOMENT_TEXT_MAX], last[MOMENT_TEXT_MAX], source[NET_TEXT_MAX];

    printf("{\"event\":\"incident\",\"source\":\"%s\",\"first\":\"%s\",\"last\":\"%s\","
           "\"count\":%" PRIu64 ",\"reportable\":%s}\n",
           net_format(&b->source, source), moment_format_rfc3339(b->first, first),
           moment_format_rfc3339(b->last, last), b->count, truth(b->reportable));
}

static void table_burst(const struct scan_burst *b)
{
    int64_t sec = (b->last.usec - b->first.usec) / USEC_PER_SEC;
    char first[MOMENT_TEXT_MAX], lasted[32], source[NET_TEXT_MAX];

    snprintf(lasted, sizeof(lasted), "%" PRId64 ":%02d:%02d", sec / 3600,
             (int)(sec / 60 % 60), (int)(sec % 60));
    printf("%s %8s %7" PRIu64 " %-3s %s\n", table_time(b->first.usec, first), lasted,
           b->count, b->reportable ? "yes" : "no", net_format(&b->source, source));
}

void scan_print_bursts(bool json, const struct scan_burst *bursts, size_t n)
{
    if (!json && n > 0)
        printf("\n%-19s %8s %7s %-3s %s\n", "FIRST (UTC)", "LASTED", "N", "REP",
               "BURST OF");
    for (size_t i = 0; i < n; i++)
        if (json)
            json_burst(&bursts[i]);
        else
            table_burst(&bursts[i]);
}

static void json_summary(bool counters, const struct scan_sums *s)
{
    printf("{\"event\":\"summary\",\"lines\":%" PRIu64 ",\"attempts\":%" PRIu64
           ",\"incidents\":%" PRIu64,
           s->lines, s->attempts, s->incidents);
    if (counters)
        printf(",\"garbage\":%" PRIu64 ",\"truncated\":%" PRIu64 ",\"ambiguous\":%" PRIu64
               ",\"ignored\":%" PRIu64 ",\"overlong\":%" PRIu64 ",\"late\":%" PRIu64
               ",\"evicted\":%" PRIu64 ",\"blocked\":%" PRIu64,
               s->garbage, s->truncated, s->ambiguous, s->ignored, s->overlong, s->late,
               s->evicted, s->blocked);
    printf("}\n");
}

void scan_print_summary(bool json, bool counters, const struct scan_sums *s)
{
    if (json) {
        json_summary(counters, s);
        return;
    }
    printf("\n%" PRIu64 " lines, %" PRIu64 " failed attempts, %" PRIu64 " bursts\n",
           s->lines, s->attempts, s->incidents);
    if (s->garbage + s->overlong > 0)
        printf("%" PRIu64 " lines are no log lines\n", s->garbage + s->overlong);
    if (s->truncated + s->ambiguous > 0)
        printf("%" PRIu64 " lines are cut off or allow two readings, so they count for "
               "nobody\n",
               s->truncated + s->ambiguous);
    if (s->blocked > 0)
        printf("%" PRIu64 " connections were dropped as a penalty, before any login\n",
               s->blocked);
    if (s->late + s->evicted > 0)
        printf("%" PRIu64 " attempts came too late for their burst, %" PRIu64
               " sources were dropped for room\n",
               s->late, s->evicted);
}
