/* Statements: prepared once, bound, run, and SQLite's codes made into ours.
 *
 * A failure inside a transaction spoils the transaction. SQLite rolls some of them back
 * by itself (SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM), after which a further statement
 * would commit on its own; so the first failure is kept, everything after it fails alike,
 * and the commit becomes a rollback.
 *
 * A failed fsync(2) spoils the whole store: Linux marks the pages clean, and a second
 * fsync succeeds without having written them (Rebello et al., USENIX ATC 2020). So after
 * STORE_E_IO nothing is written until the store has been closed and opened again. */
#include "store-internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int translate(struct store *s, int rc)
{
    int system;

    switch (rc & 0xff) {
    case SQLITE_FULL: return STORE_E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT: return STORE_E_CORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return STORE_E_BUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return STORE_E_ACCESS;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return -ENOMEM;
        system = sqlite3_system_errno(s->db);
        return system == ENOSPC || system == EDQUOT ? STORE_E_FULL : STORE_E_IO;
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS: return STORE_E_IO;
    case SQLITE_TOOBIG: return -E2BIG;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY
                   ? -EEXIST
                   : -EINVAL;
    default: return -EINVAL;
    }
}

int store_check(struct store *s, int rc)
{
    int r;

    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        return 0;
    r = translate(s, rc);
    (void)!snprintf(s->error, sizeof(s->error), "%s (SQLite %d)", sqlite3_errmsg(s->db),
                    rc);
    if (r == STORE_E_IO || r == STORE_E_CORRUPT)
        s->broken = r;
    return r;
}

int store_exec(struct store *s, const char *sql)
{
    return store_check(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static int cache_find(struct store *s, const char *sql, sqlite3_stmt **ret)
{
    sqlite3_stmt *stmt;
    int r;

    for (unsigned i = 0; i < s->n_cached; i++)
        if (s->cache[i].sql == sql) {
            *ret = s->cache[i].stmt;
            return 0;
        }
    if (s->n_cached == STORE_STATEMENTS)
        return -ENOBUFS;
    r = store_check(
        s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
    if (r != 0)
        return r;
    s->cache[s->n_cached].sql = sql;
    s->cache[s->n_cached].stmt = stmt;
    s->n_cached++;
    *ret = stmt;
    return 0;
}

struct query query_on(struct store *s, const char *sql)
{
    struct query q = {.store = s};
    sqlite3_stmt *stmt;

    q.r = cache_find(s, sql, &stmt);
    if (q.r != 0)
        return q;
    if (sqlite3_stmt_busy(stmt)) /* a callback that asks the question it is answering */
        q.r = -EBUSY;
    else
        q.stmt = stmt;
    return q;
}

void query_end(struct query *q)
{
    if (!q->stmt)
        return;
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    q->stmt = NULL;
}

static void note(struct query *q, int rc)
{
    if (q->r == 0)
        q->r = store_check(q->store, rc);
}

void query_int(struct query *q, int64_t v)
{
    if (q->r == 0)
        note(q, sqlite3_bind_int64(q->stmt, ++q->param, v));
}

void query_count(struct query *q, uint64_t v)
{
    query_int(q, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

void query_moment(struct query *q, int64_t v)
{
    if (v != MOMENT_NONE)
        query_int(q, v);
    else if (q->r == 0)
        note(q, sqlite3_bind_null(q->stmt, ++q->param));
}

void query_text(struct query *q, const char *v)
{
    if (q->r != 0)
        return;
    if (v)
        note(q, sqlite3_bind_text64(q->stmt, ++q->param, v, strlen(v), SQLITE_STATIC,
                                    SQLITE_UTF8));
    else
        note(q, sqlite3_bind_null(q->stmt, ++q->param));
}

void query_blob(struct query *q, const void *p, size_t n)
{
    if (q->r == 0)
        note(q,
             sqlite3_bind_blob64(q->stmt, ++q->param, n > 0 ? p : "", n, SQLITE_STATIC));
}

void query_net(struct query *q, const struct net *net)
{
    char text[NET_TEXT_MAX];

    net_format(net, text);
    if (q->r == 0)
        note(q, sqlite3_bind_text(q->stmt, ++q->param, text, -1, SQLITE_TRANSIENT));
}

int query_row(struct query *q)
{
    int rc;

    if (q->r != 0)
        return q->r;
    q->column = 0;
    rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return 0;
    if (rc == SQLITE_DONE)
        return STORE_E_MISSING;
    note(q, rc);
    return q->r;
}

int query_write(struct query *q)
{
    struct store *s = q->store;
    int r;

    if (s->broken != 0)
        return s->broken;
    if (s->in_txn && s->failed != 0)
        return s->failed;
    r = query_row(q);
    if (r == STORE_E_MISSING) /* no rows come back from a statement that writes */
        return 0;
    if (r == 0)
        r = -EINVAL;
    if (s->in_txn)
        s->failed = r;
    return r;
}

int query_write_one(struct query *q)
{
    struct store *s = q->store;
    int r = query_write(q);

    if (r != 0 || sqlite3_changes(s->db) > 0)
        return r;
    if (s->in_txn)
        s->failed = STORE_E_MISSING;
    return STORE_E_MISSING;
}

int64_t column_int(struct query *q)
{
    return sqlite3_column_int64(q->stmt, q->column++);
}

static void corrupt(struct query *q)
{
    if (q->r != 0)
        return;
    q->r = STORE_E_CORRUPT;
    (void)!snprintf(q->store->error, sizeof(q->store->error),
                    "unexpected value in column %d of: %s", q->column,
                    sqlite3_sql(q->stmt));
}

int64_t column_range(struct query *q, int64_t min, int64_t max)
{
    int64_t v = column_int(q);

    if (v >= min && v <= max)
        return v;
    corrupt(q);
    return min;
}

int64_t column_moment(struct query *q)
{
    if (sqlite3_column_type(q->stmt, q->column) == SQLITE_NULL) {
        q->column++;
        return MOMENT_NONE;
    }
    return column_int(q);
}

char *column_text(struct query *q)
{
    const char *text;
    char *copy;
    int i = q->column++;

    if (sqlite3_column_type(q->stmt, i) == SQLITE_NULL)
        return NULL;
    text = (const char *)sqlite3_column_text(q->stmt, i);
    copy = text ? strdup(text) : NULL;
    if (!copy && q->r == 0)
        q->r = -ENOMEM;
    return copy;
}

void column_string(struct query *q, char *buf, size_t max)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, q->column++);
    size_t n = text ? strlen(text) : max;

    if (n >= max)
        corrupt(q);
    else
        memcpy(buf, text, n + 1);
}

const void *column_blob(struct query *q, size_t *ret_n)
{
    const void *p = sqlite3_column_blob(q->stmt, q->column);

    *ret_n = (size_t)sqlite3_column_bytes(q->stmt, q->column++);
    return p;
}

void column_net(struct query *q, struct net *ret)
{
    char text[NET_TEXT_MAX] = "";

    column_string(q, text, sizeof(text));
    if (!net_parse(text, strlen(text), ret))
        corrupt(q);
}
