/* The years of a text log that writes none: lib/yearless over a file that is there. */
#ifndef YEARS_H
#define YEARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moment.h"
#include "yearless.h"

struct zone;

/* {0}: nothing is known, and the moment nearest to a reference decides. */
struct years {
    struct yearless whole, walk;
    int32_t first; /* the year of the first line */
    bool known;
};

/* Reads a regular file once, from its present offset on, which stays; its last line is
 * from about reference (µs). 0 also for what is no regular file or has years in its
 * lines, or a negative errno. */
int years_count(int fd, const struct zone *zone, int64_t reference, struct years *ret);
/* The next line: sets the year and the fold of *clock to its own. */
void years_line(struct years *y, const char *line, size_t n, struct moment_cache *clock);
/* The log is past what was counted: the clock is the reference's again. */
void years_end(struct years *y, struct moment_cache *clock);

#endif
