/* The years of a log that writes none ("Nov 22 21:36:13"). Such a log tells its years by
 * its order alone: it goes forward, and where the date steps back a year has passed. So a
 * finished file is read twice: once to count the years, with the last line's known from
 * when the file was written, and once from its first year on. */
#ifndef YEARLESS_H
#define YEARLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YEARLESS_FOLDS 16

struct zone;

/* Where a reading stands. {0} is before the first line. */
struct yearless {
    int32_t year;    /* of the last line, counted from 0 at the first */
    int16_t date;    /* its month * 32 + day; 0: none yet */
    int32_t second;  /* its second of that day */
    int32_t leap;    /* one more than a year that has a 29 February; 0: none */
    int16_t wrapped; /* the day of the year from which the last step back began, or 0 */
    char last[15];   /* its date as it was written */
    bool folded;     /* the clock was put back on this date, by about an hour */

    /* Dates on which it was put back: those of the first reading tell the second one that
     * this will come. */
    unsigned n_folds;
    struct {
        int32_t year;
        int16_t date;
    } folds[YEARLESS_FOLDS];
};

/* Reads the date of one line, with or without "<PRI>" before it. False when it has
 * another form, and nothing changes. A date that steps back by more than two days is one
 * of the next year; not so when it comes from a clock that was set wrong for a while,
 * which a step forward to where it left off undoes. A 29 February is in a leap year. */
bool yearless_feed(struct yearless *y, const char *line, size_t n);

/* The year of the first line, from the state after the last one: that is the latest that
 * puts the last line no more than a day after reference (µs) and each 29 February in a
 * leap year. False when there is none, or no such line was read. zone NULL: local time.
 */
bool yearless_first(const struct yearless *y, const struct zone *zone, int64_t reference,
                    int32_t *ret);

/* Which of two readings of a repeated hour the last line has: 1 or 2; 0 when its file
 * does not tell. first is the state after the first reading. */
unsigned yearless_fold(const struct yearless *y, const struct yearless *first);

#endif
