/* Moments and durations: microseconds since the epoch, UTC. Reads what logs write and
 * writes what reports and JSON need. Never asks a clock: "now" is an argument. */
#ifndef MOMENT_H
#define MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USEC_PER_SEC INT64_C(1000000)
#define MOMENT_NONE  INT64_MIN

/* A moment as a log wrote it: digits is how many digits of fraction it had (0 to 6; more
 * are cut), so that no report claims a precision that the log lacks. */
struct stamp {
    int64_t usec;
    uint8_t digits;
};

#define STAMP_NONE ((struct stamp){.usec = MOMENT_NONE})

#define MOMENT_TEXT_MAX 40

/* Reads an RFC 3339 time of exactly n bytes ("2026-11-22T21:36:13.123456+01:00", also
 * with a blank for the T). The offset or Z is required. A leap second (:60) reads as the
 * last microsecond of :59, so that order is kept. Returns false when it is anything else
 * or no real date. */
bool moment_parse_rfc3339(const char *text, size_t n, struct stamp *ret);

/* Reads the 15 bytes "Nov 22 21:36:13" (RFC 3164; day padded with a blank or 0) as local
 * time of the process (TZ or /etc/localtime). The year is the one that puts the moment
 * nearest to reference when live, else the latest that is not more than a day after
 * reference. A day that the year does not have (Feb 29) is no candidate; false when no
 * candidate is left. In the hour that daylight saving repeats, the later reading wins
 * unless it lies after reference; the hour that daylight saving leaves out reads as if
 * the clock had not been put forward yet. Candidates are the years around the reference.
 */
bool moment_parse_rfc3164(const char *text, size_t n, int64_t reference, bool live,
                          struct stamp *ret);

struct zone;

/* What is known of a log beside its lines, and what the last
 * moment_parse_rfc3164_cached() learned about one local hour, so that the next line costs
 * no look into the time zone; {0} knows nothing. It holds for references within a minute
 * of each other, so that a tzset(3) takes effect soon. Who changes zone or year clears
 * hour[0]. */
struct moment_cache {
    const struct zone *zone; /* NULL: that of the process */
    int32_t year;            /* 0: the one that the reference suggests */
    uint8_t fold;            /* a repeated hour's reading: 1 or 2; 0: by the reference */

    char hour[9]; /* "Nov 22 21" */
    int64_t reference;
    struct moment_hour {
        uint8_t n;           /* how many moments that hour is: 0, 1 or, repeated, 2 */
        int64_t readings[2]; /* the start of the hour, seconds, earlier first */
    } years[3];              /* the year before the reference's, that one, the next */
};

/* The same, remembering the hour in *cache. With a year in it, that is the year. */
bool moment_parse_rfc3164_cached(struct moment_cache *cache, const char *text, size_t n,
                                 int64_t reference, bool live, struct stamp *ret);

/* The year (UTC) of a moment. */
int32_t moment_year(int64_t usec);

/* "2026-11-22T21:36:13.123456Z", with stamp.digits digits; "-" for STAMP_NONE. */
char *moment_format_rfc3339(struct stamp stamp, char buf[static MOMENT_TEXT_MAX]);
/* "2026-11-22 21:36:13 UTC (+0000)", cut to the second. */
char *moment_format_report(int64_t usec, char buf[static MOMENT_TEXT_MAX]);
/* RFC 5322 date-time: "Sun, 22 Nov 2026 21:36:13 +0000". */
char *moment_format_rfc5322(int64_t usec, char buf[static MOMENT_TEXT_MAX]);

/* Reads "90s", "10m", "1h", "3d" (whole numbers) into microseconds. False when it is
 * anything else or over 10000 days. */
bool duration_parse(const char *text, size_t n, int64_t *ret);
/* The shortest exact form, "90s", "10m", "3d"; parts of a second are cut. */
char *duration_format(int64_t usec, char buf[static MOMENT_TEXT_MAX]);

#endif
