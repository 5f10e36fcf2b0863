/* The state, in SQLite: cursors, sources, incidents, contacts, messages. Durable means
 * committed: WAL, synchronous=FULL, one connection, exclusive. All SQL of the program is
 * in lib/store*.c; texts are bound, never pasted. */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "incident.h"

struct store;

/* Positive outcomes, of every function that touches the disk. A negative errno is a
 * programming or memory error. */
enum {
    STORE_E_BUSY = 1, /* another process holds the state */
    STORE_E_FULL,     /* no room on the disk (SQLITE_FULL, ENOSPC): nothing was written */
    STORE_E_CORRUPT,  /* not a database, or damaged */
    STORE_E_SCHEMA,   /* written by a newer version */
    STORE_E_IO,       /* read, write or fsync failed; close and start anew */
    STORE_E_ACCESS,   /* may not be opened or created */
    STORE_E_MISSING,  /* no such row */
};
/* For people: what it is and what to do. */
const char *store_error_text(int error);

/* Opens or creates the file (mode 0600; the directory must exist), checks it, migrates it
 * forward. path NULL: in memory. secret is stored in a new file (16 random bytes from the
 * caller) and ignored by an existing one. */
int store_open(const char *path, const uint8_t secret[static 16], struct store **ret);
struct store *store_free(struct store *s); /* checkpoints; takes NULL, returns NULL */
/* The process id that holds the state of path, read from the lock beside it; 0 unknown.
 */
int64_t store_holder(const char *path);
const uint8_t *store_secret(const struct store *s); /* 16 bytes */
/* Text of the last SQLite error, for the log. */
const char *store_last_error(const struct store *s);

/* Transactions: every writing function below runs inside the open one, or as its own.
 * Once one of them has failed, the rest of the transaction fails alike. After STORE_E_IO
 * nothing more is written until the store has been closed and opened again. */
int store_begin(struct store *s);  /* -EALREADY inside one */
int store_commit(struct store *s); /* the first failure; all is rolled back then */
void store_rollback(struct store *s);

/* Cursors: opaque text per source key ("file:/var/log/auth.log", "journal"). */
int store_cursor_put(struct store *s, const char *key, const char *cursor);
int store_cursor_get(struct store *s, const char *key, char **ret); /* or MISSING */

/* Sources: the tracker's opaque states. */
int store_source_put(struct store *s, const struct net *source, const void *state,
                     size_t n);
int store_source_delete(struct store *s, const struct net *source);
typedef int (*store_source_fn)(void *userdata, const struct net *source,
                               const void *state, size_t n);
/* fn must not write to the store; its first non-zero result stops and is returned. */
int store_source_each(struct store *s, store_source_fn fn, void *userdata);

/* Incidents. put inserts (and sets inc->id) when id is 0, else rewrites all but the
 * columns of what became of it; put_fate rewrites only those (state, reason, detail, due,
 * attempts, opened, closed, contact, contact_source, network, approved, success). A
 * success is added by both and cleared by neither. The same put may be repeated after its
 * transaction was rolled back: an id is given only once, and a row that is not there is
 * inserted. put_fate of such a row is MISSING. */
int store_incident_put(struct store *s, struct incident *inc);
int store_incident_put_fate(struct store *s, const struct incident *inc);
int store_incident_get(struct store *s, int64_t id, struct incident **ret); /* MISSING */

struct store_incident_filter {
    int state;                 /* enum incident_state, or -1 for all */
    const struct addr *source; /* those whose network holds it, or NULL */
    int64_t before_id;         /* only smaller ids, or 0 */
    unsigned limit;            /* newest first; 0 for 1000 */
};
/* Without evidence and detail: addrs, ports, users and lines are empty. */
typedef int (*store_incident_fn)(void *userdata, const struct incident *inc);
int store_incident_each(struct store *s, const struct store_incident_filter *filter,
                        store_incident_fn fn, void *userdata);
/* How many incidents are in each state. */
int store_incident_counts(struct store *s, uint64_t ret[static INCIDENT_STATES]);
/* The id of the incident in LOOKUP or WAITING with the smallest due that is <= now (or
 * any due when now is INT64_MAX), other than those in skip; MISSING when none. And when
 * the next one is due (MISSING). */
int store_incident_due(struct store *s, int64_t now, const int64_t *skip, size_t n_skip,
                       int64_t *ret_id);
int store_next_due(struct store *s, int64_t *ret_due);

/* Successful logins: the latest of each source, and the user (printable text, at most
 * STORE_USER_MAX bytes of it are kept). put keeps the later one. get: MISSING. prune
 * forgets those before a moment, and all but the 100000 latest. */
#define STORE_USER_MAX 100
int store_login_put(struct store *s, const struct net *source, int64_t time,
                    const char *user);
int store_login_get(struct store *s, const struct net *source, int64_t *ret_time,
                    char ret_user[static STORE_USER_MAX + 1]);
int store_login_prune(struct store *s, int64_t before);
/* The newest incident of a source with at least that many attempts that began by the
 * moment `began` and whose last attempt is not before `since`; MISSING. */
int store_incident_large(struct store *s, const struct net *source, uint64_t count,
                         int64_t began, int64_t since, int64_t *ret_id);

/* The ledger of reports, for cool-down and caps. observed: it would have been sent. */
/* contact "" is the local contact, which counts for no cap. */
int store_report_add(struct store *s, int64_t incident, const struct net *source,
                     const char *contact, int64_t time, bool observed);
/* What never left was no report. 0 also where there is none. */
int store_report_delete(struct store *s, int64_t incident);
/* The last about a source, and its time; MISSING. observed: count such too. */
int store_report_last(struct store *s, const struct net *source, bool observed,
                      int64_t *ret_time);
/* How many after a moment (time > since) to a contact in any case (NULL: to all), and the
 * oldest of them (MOMENT_NONE). */
int store_report_count(struct store *s, const char *contact, int64_t since, bool observed,
                       unsigned *ret_n, int64_t *ret_oldest);

/* RDAP: cached judgements per block, and pauses per server. The 20000 answers and 1000
 * pauses that end last are kept. */
int store_answer_put(struct store *s, const struct net *block, const char *json,
                     int64_t expires);
int store_answer_get(struct store *s, const struct net *block, int64_t now, char **ret);
int store_pause_put(struct store *s, const char *host, int64_t until);
int store_pause_get(struct store *s, const char *host, int64_t *ret_until); /* MISSING */

/* Messages: bytes and envelope are fixed before the first attempt. */
enum message_state {
    MESSAGE_QUEUED = 0,
    MESSAGE_SENDING, /* durable before MAIL FROM; found at start: ambiguous */
    MESSAGE_SENT,
    MESSAGE_HELD, /* unknown outcome, or our fault: for the operator */
    MESSAGE_DEAD, /* refused for good */
};
#define MESSAGE_ALERT 0 /* the sequence of the notice that a guess may have succeeded */
struct message {
    int64_t id, incident;
    unsigned sequence; /* 1: the report */
    enum message_state state;
    char *message_id, *sender, *recipient;
    char *bytes;
    size_t n;
    unsigned attempts;
    int64_t created, due, started; /* started: the last MAIL FROM, MOMENT_NONE */
    char *queue_id;                /* the MTA's, or NULL */
    char *error;                   /* last failure, printable, or NULL */
};
struct message *message_free(struct message *m); /* takes NULL, returns NULL */
const char *message_state_name(enum message_state state);
/* Inserts (setting id); (incident, sequence) is unique: -EEXIST. */
int store_message_add(struct store *s, struct message *m);
/* Rewrites state, attempts, due, started, queue_id, error. SENDING is refused with FULL
 * unless the disk is sure to have room for the outcome. */
int store_message_put(struct store *s, const struct message *m);
int store_message_get(struct store *s, int64_t id, struct message **ret);
/* The newest report of an incident, and its notice (MESSAGE_ALERT); MISSING. */
int store_message_of(struct store *s, int64_t incident, struct message **ret);
int store_message_alert(struct store *s, int64_t incident, struct message **ret);
/* The first QUEUED one with due <= now, ordered by due; MISSING. */
int store_message_due(struct store *s, int64_t now, struct message **ret);
/* The earliest due of QUEUED ones; MISSING. */
int store_message_next_due(struct store *s, int64_t *ret_due);
/* One in that state, lowest id above after; MISSING. */
int store_message_in_state(struct store *s, enum message_state state, int64_t after,
                           struct message **ret);

/* Bytes free for us on the state's file system; 0 or a negative errno. In memory:
 * UINT64_MAX. */
int store_free_space(const struct store *s, uint64_t *ret);

#endif
