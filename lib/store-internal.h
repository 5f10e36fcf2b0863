/* What the files of the store share: the handle, statements, and the lock. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "store.h"

#define STORE_STATEMENTS 64 /* more than the program has */

struct store {
    sqlite3 *db;
    char *path; /* NULL: in memory */
    int lock_fd;
    bool ready;    /* opened, checked and migrated: may be checkpointed */
    bool reserved; /* the WAL has room for small commits on a full disk */
    bool in_txn;
    int failed; /* the first failure of the open transaction, or 0 */
    int broken; /* STORE_E_IO or STORE_E_CORRUPT once one was seen: no more writing */
    int64_t next_incident, next_message;
    uint8_t secret[16];
    char error[256];
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } cache[STORE_STATEMENTS];
    unsigned n_cached;
};

/* Translates an SQLite code, and remembers its text. 0 for SQLITE_OK, ROW and DONE. */
int store_check(struct store *s, int rc);
/* Runs fixed SQL without parameters. */
int store_exec(struct store *s, const char *sql);

/* One use of a statement. Parameters are bound and columns are read in order; the first
 * failure sticks in r, so that only the end has to be checked. */
struct query {
    struct store *store;
    sqlite3_stmt *stmt;
    int param, column;
    int r;
};
/* sql must be a literal: statements are cached by its address. Undone by query_end(),
 * best as a clean-up attribute. */
struct query query_on(struct store *s, const char *sql);
void query_end(struct query *q);

void query_int(struct query *q, int64_t v);
void query_count(struct query *q, uint64_t v); /* cut at INT64_MAX */
void query_moment(struct query *q, int64_t v); /* MOMENT_NONE is NULL */
void query_text(struct query *q,
                const char *v); /* NULL is NULL; must outlive the query */
void query_blob(struct query *q, const void *p, size_t n);
void query_net(struct query *q, const struct net *net); /* as canonical text */

/* The next row: 0, STORE_E_MISSING when there is none left, or a failure. */
int query_row(struct query *q);
/* Runs a statement that writes, under the transaction's rules. */
int query_write(struct query *q);
/* The same, and a statement that changed nothing is a failure: STORE_E_MISSING. */
int query_write_one(struct query *q);

int64_t column_int(struct query *q);
/* A number of a known range; anything else is STORE_E_CORRUPT. */
int64_t column_range(struct query *q, int64_t min, int64_t max);
int64_t column_moment(struct query *q);
char *column_text(struct query *q); /* a copy, or NULL for NULL */
/* Copies text into a buffer of max bytes; what does not fit is STORE_E_CORRUPT. */
void column_string(struct query *q, char *buf, size_t max);
/* Valid until the next row. */
const void *column_blob(struct query *q, size_t *ret_n);
void column_net(struct query *q, struct net *ret);

/* Several statements as one: inside the caller's transaction, or in one of their own. */
int store_enter(struct store *s, bool *ret_own);
int store_leave(struct store *s, bool own, int r);

/* Brings an empty or older database to the present schema in one transaction. */
int store_migrate(struct store *s, const uint8_t secret[static 16]);
/* Whether it is ours and not newer, before anything is written; *ret_empty: new. */
int store_identify(struct store *s, bool *ret_empty);

/* Takes PATH.lock, or says STORE_E_BUSY. */
int store_lock(const char *path, int *ret_fd);
int store_errno(int error); /* errno to STORE_E_… or a negative errno */

DEFINE_CLEANUP(struct store *, store_free)
DEFINE_CLEANUP(struct message *, message_free)
DEFINE_CLEANUP(struct incident *, incident_free)

#endif
