/* The table of sessions, shared by sessions.c (what lines mean) and sessions-state.c
 * (text for the store). */
#ifndef SESSIONS_INTERNAL_H
#define SESSIONS_INTERNAL_H

#include "sessions.h"

#define SESSIONS_MAX 4096

/* An attempt that waits for what the rest of its session says, with a copy of its line.
 */
struct held {
    struct held *next;      /* among those that are ready to be given */
    struct attempt attempt; /* points into data */
    char data[];
};

struct session {
    struct session *next;          /* in its bucket */
    struct session *older, *newer; /* by the last line */
    uint64_t hash;

    /* The key. */
    char family[16];
    char *host;
    int64_t pid;      /* -1: by source */
    struct addr peer; /* by pid only known, maybe: family 0 */

    uint16_t port; /* 0 while not known */
    int64_t last;  /* µs, the last line's time */

    bool refused;      /* a credential was */
    uint64_t own, pam; /* refusals told by the program, and by PAM */
    uint64_t given;    /* of these, attempts that were given */
    bool probe_given;  /* by sessions_finish(): the next refusal was counted already */
    struct held *held; /* or NULL */
};

struct sessions {
    uint8_t hash_key[16];
    bool publickey, changed;
    struct session **buckets;
    struct session *oldest, *newest;
    uint64_t n, evicted;
    struct held *ready, **ready_end;
};

/* A copy of the attempt; NULL when out of memory. */
struct held *held_new(const struct attempt *attempt);

/* Adds an empty one at the newest end, ending the oldest where there is no room. NULL
 * when out of memory. host is copied. */
struct session *session_add(struct sessions *s, const char *family, struct slice host,
                            int64_t pid, const struct addr *peer);
/* Takes it out and frees it, and what it holds. */
void session_drop(struct sessions *s, struct session *session);

#endif
