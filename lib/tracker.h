/* Bursts: who tried how often. Works on event time alone, so that a finished log, --once
 * and the live daemon give the same bursts for the same lines.
 *
 * A burst of a source opens when at least `failures` attempts lie in (t - window, t]; its
 * first time is the oldest of these; it counts all attempts until it closes. An attempt
 * `settle` or more after the last one, or `max_age` or more after the first one, starts
 * anew. A success from the first attempt until before `settle` after the last one belongs
 * to the burst. The table is bounded; see tracker_params.
 *
 * Beside it, two slow windows look at what is left over: an attempt that `window` has
 * passed without a burst. So a fast burst never has other numbers because of them, and no
 * attempt is in two bursts. A slow burst opens with a left-over attempt of time t when
 *
 *     slow   at least `failures` left-over attempts lie in (t - window, t], or
 *     names  at least `failures` of those in (t - window, t] were at users that do not
 *            exist, and they name at least `names` different ones.
 *
 * It counts all left-over attempts of that window, and every further one until it closes:
 * the first that comes `settle` or more after the last, or `max_age` or more after t (not
 * after the first, which may be a day ago by then), starts anew. Starting anew means from
 * nothing: however slow a source is, the next burst takes as many new attempts as the
 * last. A fast burst ends a slow one before its own first attempt, and what was left over
 * until then counts no more. */
#ifndef TRACKER_H
#define TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attempts.h"
#include "incident.h"

/* A slow window. */
struct tracker_slow {
    unsigned failures; /* up to 100000; 0: there is no such window */
    unsigned names;    /* of `names`: up to TRACKER_NAMES_MAX */
    int64_t window;    /* µs */
};
#define TRACKER_NAMES_MAX 100

struct tracker_params {
    unsigned failures; /* 1 to 100000 */
    int64_t window;    /* µs */
    int64_t settle;    /* µs */
    int64_t max_age;   /* µs */
    struct tracker_slow slow, names;
    unsigned ipv6_prefix; /* 48 to 128 */
    size_t max_bytes;     /* memory of the table; least suspicious sources go first */
    uint8_t hash_key[16]; /* random; an attacker shall not choose collisions */
};

struct tracker_counters {
    uint64_t sources; /* in the table now */
    uint64_t open;    /* bursts open now */
    size_t bytes;     /* memory of the table, about */
    uint64_t evicted; /* sources dropped for room before their time */
    uint64_t late;    /* attempts that came too late to belong to any burst */
    uint64_t slow;    /* bursts that `slow` opened */
    uint64_t names;   /* bursts that `names` opened */
};

enum tracker_event_type {
    TRACKER_OPENED,  /* a burst crossed the threshold */
    TRACKER_CLOSED,  /* a burst is complete: times and count are final */
    TRACKER_SUCCESS, /* the source logged in within `settle` after a closed burst */
    TRACKER_LOGIN,   /* it did so during its open one: incident->success was just set */
};

/* incident is owned by the tracker for OPENED (where success may be set already) and
 * LOGIN, by the callee for CLOSED (it must free it). For SUCCESS it is NULL and id says which: the one that the incident had when
 * CLOSED was given, so it should get it by then. */
struct tracker_event {
    enum tracker_event_type type;
    struct incident *incident;
    int64_t id;
    int64_t time; /* SUCCESS, LOGIN: when (µs) */
};

/* Called from inside the tracker's functions: must not call back into the tracker. May
 * set incident->id (the store does). Returns 0; anything else is passed up. */
typedef int (*tracker_event_fn)(void *userdata, const struct tracker_event *event);

struct tracker;

int tracker_new(const struct tracker_params *params, tracker_event_fn fn, void *userdata,
                struct tracker **ret);
struct tracker *tracker_free(struct tracker *t); /* takes NULL, returns NULL */

/* New limits from a reload; open bursts go on under them. */
void tracker_set_params(struct tracker *t, const struct tracker_params *params);

/* The table's key for an address: itself, or its IPv6 prefix. */
struct net tracker_source(const struct tracker *t, const struct addr *addr);

/* Takes one attempt; a success is remembered for the source. clock and clock_error (µs)
 * are what the kernel says now, CLOCK_UNKNOWN for a backlog. Returns 0; -ENOMEM, and the
 * attempt is not counted; or what the callback returned first, and the attempt is counted
 * all the same, so it must not be given again. */
int tracker_attempt(struct tracker *t, const struct attempt *attempt,
                    enum clock_state clock, int64_t clock_error);

/* Closes what has passed `settle` or `max_age` at the moment now (µs), lets the slow
 * windows look at what is left over by then, and forgets sources that can no longer
 * matter. Call it only when all that was written before now has been read. Stops at the
 * callback's first non-zero result; the rest is done by the next call. */
int tracker_advance(struct tracker *t, int64_t now);
/* Closes every open burst: the end of a finished log. Stops like tracker_advance(). */
int tracker_finish(struct tracker *t);
/* The earliest moment at which tracker_advance() has something to close or, because it is
 * left over then, to open; or MOMENT_NONE. */
int64_t tracker_next(const struct tracker *t);

const struct tracker_counters *tracker_counters(const struct tracker *t);

/* Durability: the sources that changed since the last tracker_saved(). For each, fn gets
 * the opaque state (version byte first) to be kept under the source, or NULL with n 0
 * when the source is to be forgotten; and its open incident, or NULL, whose changed
 * numbers are to be stored first (this gives a new one its id, which the state then
 * names). tracker_save() walks them; it stops at and returns fn's first non-zero result,
 * and can then be called again. tracker_saved() marks all of them clean: call it once the
 * transaction is committed. */
struct tracker_save_ops {
    int (*incident)(void *userdata, struct incident *inc);
    int (*source)(void *userdata, const struct net *source, const void *state, size_t n);
};
int tracker_save(struct tracker *t, const struct tracker_save_ops *ops, void *userdata);
void tracker_saved(struct tracker *t);
bool tracker_changed(const struct tracker *t);

/* Puts one saved source back, under the same ipv6_prefix or another. incident is its open
 * one as the store has it (taken over on success), or NULL. open_id tells a caller which
 * incident a state names: 0 for none. -EBADMSG when the state is not what tracker_save()
 * wrote or names another incident, -EEXIST when the source is in the table. */
int tracker_state_open_id(const void *state, size_t n, int64_t *ret);
int tracker_restore(struct tracker *t, const struct net *source, const void *state,
                    size_t n, struct incident *incident);

#endif
