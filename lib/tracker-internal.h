/* The tracker's table, shared by tracker.c (when bursts open and close), tracker-table.c
 * (sources, memory, what changed) and tracker-state.c (bytes for the store). */
#ifndef TRACKER_INTERNAL_H
#define TRACKER_INTERNAL_H

#include <stddef.h>

#include "heap.h"
#include "tracker.h"

/* A ring of links inside their owners; a link that points to itself is in no list. */
struct link {
    struct link *prev, *next;
};

#define link_owner(l, type, member) ((type *)((char *)(l)-offsetof(type, member)))

static inline void link_init(struct link *l)
{
    l->prev = l->next = l;
}

static inline bool link_alone(const struct link *l)
{
    return l->next == l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

static inline void link_insert_after(struct link *at, struct link *l)
{
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

/* An attempt that belongs to no burst yet, with all that the burst will need of it. */
struct pending {
    struct link link; /* in source.pending or source.left */
    struct stamp time;
    uint64_t count;
    struct addr source;
    uint16_t port;
    uint8_t clock, kind;
    bool has_user, unknown_user;
    uint16_t n_line, n_user, n_service;
    int64_t clock_error;
    char data[]; /* line, user, service and a NUL */
};

/* A closed burst that a late success can still concern. */
struct mark {
    struct mark *next; /* older */
    int64_t id;
    int64_t first, last; /* µs */
    int64_t end;         /* attempts before this moment were too late for it */
    bool told;           /* a success is known */
};

struct source {
    struct source *next; /* in its bucket */
    uint64_t hash;
    struct net key;
    struct heap_node due;
    bool ripens;         /* in tracker.ripe, else in tracker.idle */
    struct link rank;    /* in tracker.ranks[] */
    struct link changed; /* in tracker.changed or tracker.gone */
    bool stored;         /* the store knows it */

    struct link pending; /* by time, all in the window that ends at the newest */
    uint64_t n_pending;  /* attempts in it */
    struct link left;    /* by time, what that window has passed: none is newer than a
                            pending one; empty while there are no slow windows */
    uint64_t n_left;
    uint64_t n_unknown; /* in both, at unknown users */
    size_t pending_bytes;

    struct incident *open;
    bool slow;           /* it was opened by a slow window: `pending` goes on beside it */
    int64_t opened_at;   /* the moment of the attempt that opened it */
    struct mark *ticket; /* becomes a mark when it closes: closing cannot fail */

    int64_t success;    /* the latest, or MOMENT_NONE */
    struct mark *marks; /* newest first */
    size_t n_marks;

    size_t bytes; /* what the tracker's account has for it */
};

/* Eviction takes the lowest rank first, and in it who was quiet longest: few attempts,
 * then many, then sources with a success or a closed burst (forgetting these could accuse
 * somebody), then open bursts. */
enum {
    RANK_MARKED = 30,
    RANK_OPEN,
    RANKS,
};

struct tracker {
    struct tracker_params params;
    tracker_event_fn fn;
    void *userdata;
    struct tracker_counters counters;

    struct source **buckets;
    size_t n_buckets; /* a power of two */
    struct heap ripe; /* by the moment at which time opens or closes a burst: exact */
    struct heap idle; /* by the moment of being forgotten, or earlier */
    struct link ranks[RANKS];
    struct link changed; /* since tracker_saved() */
    struct link gone;    /* forgotten since then, but known to the store */
};

/* a + b without wrapping. */
int64_t moment_after(int64_t a, int64_t b);

/* tracker-table.c */
struct source *source_find(const struct tracker *t, const struct net *key);
/* Adds an empty one; NULL when out of memory. */
struct source *source_add(struct tracker *t, const struct net *key);
/* Takes it out of the table; the store is told by the next tracker_save(), for which an
 * empty shell stays if the store knows it (so never more than were there at the last
 * save).
 */
void source_forget(struct tracker *t, struct source *s);
/* To be called whenever a source has changed: its rank, due time and account. An empty
 * source is forgotten, and NULL returned. */
struct source *source_changed(struct tracker *t, struct source *s);
/* Brings due time, rank and account up to date without marking it changed. */
void source_place(struct tracker *t, struct source *s);
/* The moment from which a source without an open burst can no longer matter. */
int64_t source_expiry(const struct tracker *t, const struct source *s);
/* The moment from which an attempt is not of its open burst any more. */
int64_t source_closing(const struct tracker *t, const struct source *s);
/* Whether time alone can do something to it other than forgetting it: an open burst, or
 * enough attempts for a slow one. */
bool source_ripens(const struct tracker *t, const struct source *s);
/* When: the closing, or before that the oldest pending attempt's being left over. */
int64_t source_ripe(const struct tracker *t, const struct source *s);
/* How long attempts are kept: the longest window. */
int64_t tracker_horizon(const struct tracker_params *params);
void source_done(struct source *s); /* frees what it holds */

/* NULL when out of memory. */
struct pending *pending_new(const struct attempt *attempt, enum clock_state clock,
                            int64_t clock_error);
/* As it was given; points into p. */
struct attempt pending_attempt(const struct pending *p);
void source_add_pending(struct source *s, struct link *after, struct pending *p);
void source_drop_pending(struct source *s, struct pending *p);
void source_take_pending(struct source *s, struct pending *p); /* not freed */
/* At the end of source.left. */
void source_add_left(struct source *s, struct pending *p);
void source_drop_left(struct source *s, struct pending *p);

/* tracker-slow.c */
bool tracker_is_slow(const struct tracker *t); /* whether there is any slow window */
/* Lets every pending attempt that `window` has passed at the moment time be left over,
 * which may open and close slow bursts. With INT64_MAX: all. The first failure of the
 * callback, or -ENOMEM, when an attempt could not be counted. */
int source_leave(struct tracker *t, struct source *s, int64_t time);
/* The time of the newest attempt that has been left over, MOMENT_NONE for none: nothing
 * older can be put among them any more. */
int64_t source_left_until(const struct source *s);

/* tracker.c */
/* Opens a burst of the attempts of the list from `from` on, and drops all of both lists
 * (the left over ones only when it is slow). */
int source_open(struct tracker *t, struct source *s, struct link *list, struct link *from,
                bool slow);
/* If the latest success concerns the open burst, notes it there and tells. 0, or what the
 * callback said. */
int source_match_success(struct tracker *t, struct source *s);
/* Closes the open one; attempts from the moment end on are not of it. */
int source_close(struct tracker *t, struct source *s, int64_t end);

/* tracker-state.c */
struct bytes {
    uint8_t *p;
    size_t n, room;
};
void bytes_done(struct bytes *b);
/* Writes the state over what b held. 0 or -ENOMEM. */
int source_encode(const struct source *s, struct bytes *b);
/* Fills an empty source; takes incident over on success. 0, -ENOMEM or -EBADMSG; after a
 * failure the source is only good for source_forget(). */
int source_decode(struct source *s, const void *state, size_t n,
                  struct incident *incident);

#endif
