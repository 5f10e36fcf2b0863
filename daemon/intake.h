/* From bytes to stored incidents: the log sources, the reader of their lines, and the
 * table of bursts. Everything it knows comes back from the store after a restart. */
#ifndef INTAKE_H
#define INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "attempts.h"
#include "tracker.h"

struct config;
struct intake;
struct ledger;
struct loop;
struct store;

struct incident;

struct intake_ops {
    /* The source of a large burst logged in (inc->success), during it or after: that is
     * in the store. `again` when the burst is over: it may have been told before. 0, or a
     * failure that the ledger has told. */
    int (*login)(void *userdata, struct incident *inc, bool again);
    /* Every source stands at its present end; called each time. */
    void (*caught_up)(void *userdata);
};

struct intake_params {
    const struct config *config; /* must outlive the intake */
    bool once;                   /* begin at the beginning where no cursor is stored */
    const uint8_t *hash_key;     /* 16 bytes */
};

/* Puts the bursts of the store back and starts the sources at their stored places. 0, a
 * STORE_E_…, or a negative errno. */
int intake_new(struct loop *loop, struct store *store, struct ledger *ledger,
               const struct intake_params *params, const struct intake_ops *ops,
               void *userdata, struct intake **ret);
struct intake *intake_free(struct intake *i); /* saves nothing; NULL in and out */

/* Whether every source has a place in the store, so that a restart from now on misses
 * nothing that is written meanwhile. */
bool intake_placed(const struct intake *i);

/* The state could not be written: nothing more is taken in or saved; free it and make a
 * new one. Not to be freed from inside its own callbacks. */
void intake_fail(struct intake *i);

/* The errno that keeps a source from being read, 0 when there is none. */
int intake_trouble(const struct intake *i);
/* The moment (µs) up to which all logs have been read, MOMENT_NONE while one is behind.
 */
int64_t intake_read_until(const struct intake *i);

/* For the ledger: what changed goes into the open transaction; then it is durable. */
int intake_save(struct intake *i);
void intake_saved(struct intake *i);

/* The end of a finished log: closes every burst. 0 or a failure, which the ledger has
 * told. */
int intake_finish(struct intake *i);

struct intake_counters {
    struct attempts_counters lines;
    struct tracker_counters tracker;
    uint64_t attempts; /* failures counted since the start */
    uint64_t overlong, nul_bytes, rotations, truncations, gaps;
};
void intake_counters(const struct intake *i, struct intake_counters *ret);

/* The i-th source for `status`: its name ("file:/var/log/auth.log", "journal"), what it
 * is doing in words, and the moment up to which it is read (MOMENT_NONE while behind).
 * Returns false past the end. */
struct intake_source {
    const char *name, *doing;
    int trouble; /* the errno that keeps it from being read, or 0 */
    bool chosen; /* by `auto` */
    int64_t caught_up;
    int64_t skew; /* µs that the newest live line came after its time, or MOMENT_NONE */
};
bool intake_source(const struct intake *i, unsigned n, struct intake_source *ret);

#endif
