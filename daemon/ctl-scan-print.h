/* What `scan` writes to stdout: a table for people, or one JSON object a line. Nothing
 * foreign reaches the terminal as it is. */
#ifndef CTL_SCAN_PRINT_H
#define CTL_SCAN_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "moment.h"

struct attempt;
struct attempts_explanation;

/* What is kept of a burst until the end. */
struct scan_burst {
    struct net source;
    struct stamp first, last;
    uint64_t count;
    bool reportable;
};

struct scan_sums {
    uint64_t lines, attempts, incidents;
    uint64_t garbage, truncated, ambiguous, ignored; /* lines, as attempts_counters */
    uint64_t overlong;                               /* lines that were skipped */
    uint64_t late, evicted;                          /* as tracker_counters */
    uint64_t blocked;                                /* connections, no attempts */
};

void scan_print_attempt(bool json, const struct attempt *attempt, bool reportable,
                        const char *file, uint64_t line);
/* What attempts_explain() said of a line of n bytes. */
void scan_print_explanation(bool json, const struct attempts_explanation *why,
                            const char *text, size_t n, const char *file, uint64_t line);
void scan_print_bursts(bool json, const struct scan_burst *bursts, size_t n);
/* counters: as JSON, with the numbers of what was not used. */
void scan_print_summary(bool json, bool counters, const struct scan_sums *sums);

/* A string of foreign bytes, as JSON. */
void scan_print_json_string(const char *bytes, size_t n);

#endif
