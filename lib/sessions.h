/* The sessions of one log: which lines tell of one connection, and how many attempts they
 * make together. */
#ifndef SESSIONS_H
#define SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "attempts.h"
#include "rules.h"

/* A line that a rule knows. */
struct session_line {
    const struct rules_result *result;
    struct slice host;
    int64_t pid;            /* -1: none */
    struct attempt attempt; /* what it would be by itself; source may have family 0 */
};

struct sessions;

/* 0 or -ENOMEM. publickey and hash_key are those of attempts_params. */
int sessions_new(bool publickey, const uint8_t hash_key[static 16],
                 struct sessions **ret);
struct sessions *sessions_free(struct sessions *s); /* takes NULL, returns NULL */

/* Takes the next line. 1 and *ret filled when it is an attempt by itself, 0, or -ENOMEM,
 * and nothing has changed then. */
int sessions_take(struct sessions *s, const struct session_line *line,
                  struct attempt *ret);

/* The rest is as attempts.h says of the functions of these names. */
int sessions_expire(struct sessions *s, int64_t now, attempts_fn fn, void *userdata);
int sessions_finish(struct sessions *s, attempts_fn fn, void *userdata);
int64_t sessions_next(const struct sessions *s);
int64_t sessions_held(const struct sessions *s);
uint64_t sessions_held_mark(const struct sessions *s);
bool sessions_changed(const struct sessions *s);
int sessions_save(const struct sessions *s, char **ret);
void sessions_saved(struct sessions *s);
int sessions_restore(struct sessions *s, const char *text);

/* How many there are, and how many were ended for room. */
uint64_t sessions_count(const struct sessions *s);
uint64_t sessions_evicted(const struct sessions *s);

#endif
