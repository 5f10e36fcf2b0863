/* The tables, and the steps from each version of them to the next. A step is never edited
 * once it has been released; a change is a new step at the end.
 *
 * Numbers of enum values are part of the schema. Moments are microseconds, NULL for none.
 * Networks are their canonical text. What is large and can be cleared after a time (log
 * lines, the mail's bytes) stands in tables of its own, which also keeps a change of an
 * incident's state down to one page. */
#include "store-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x41627573 /* "Abus" */

_Static_assert(INCIDENT_LOOKUP == 1 && INCIDENT_WAITING == 2 && MESSAGE_QUEUED == 0,
               "the partial indexes name these numbers");

/* Ids of incidents are never used twice (AUTOINCREMENT): references are made of them. */
static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cursor(key TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE source(net TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE incident("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, service TEXT NOT NULL,"
    " first_time INTEGER, first_digits INTEGER NOT NULL,"
    " last_time INTEGER, last_digits INTEGER NOT NULL, count INTEGER NOT NULL,"
    " success INTEGER, state INTEGER NOT NULL, reason TEXT NOT NULL, reason_text TEXT,"
    " due INTEGER, attempts INTEGER NOT NULL, opened INTEGER, closed INTEGER,"
    " contact TEXT, contact_source TEXT, network TEXT, approved INTEGER NOT NULL);"
    "CREATE INDEX incident_state ON incident(state);"
    "CREATE INDEX incident_due ON incident(due) WHERE state IN (1, 2);"
    "CREATE TABLE incident_evidence("
    " incident INTEGER PRIMARY KEY REFERENCES incident ON DELETE CASCADE,"
    " facts TEXT NOT NULL, lines TEXT NOT NULL);"
    "CREATE TABLE report("
    " id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, source TEXT NOT NULL,"
    " contact TEXT NOT NULL COLLATE NOCASE, time INTEGER NOT NULL,"
    " observed INTEGER NOT NULL);"
    "CREATE INDEX report_source ON report(source, time);"
    "CREATE INDEX report_contact ON report(contact, time);"
    "CREATE INDEX report_time ON report(time);"
    "CREATE TABLE answer(block TEXT PRIMARY KEY, json TEXT NOT NULL,"
    " expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX answer_expires ON answer(expires);"
    "CREATE TABLE pause(host TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " incident INTEGER NOT NULL REFERENCES incident, sequence INTEGER NOT NULL,"
    " state INTEGER NOT NULL, message_id TEXT NOT NULL UNIQUE, sender TEXT NOT NULL,"
    " recipient TEXT NOT NULL, attempts INTEGER NOT NULL, created INTEGER,"
    " due INTEGER, started INTEGER, queue_id TEXT, error TEXT,"
    " UNIQUE(incident, sequence));"
    "CREATE INDEX message_state ON message(state);"
    "CREATE INDEX message_due ON message(due) WHERE state = 0;"
    "CREATE TABLE message_bytes("
    " message INTEGER PRIMARY KEY REFERENCES message ON DELETE CASCADE,"
    " bytes BLOB NOT NULL);",
    /* 2: who logged in */
    "CREATE TABLE IF NOT EXISTS login(net TEXT PRIMARY KEY, time INTEGER NOT NULL,"
    " user TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS login_time ON login(time);"
    "CREATE INDEX IF NOT EXISTS incident_source ON incident(source, id);",
};
#define SCHEMA_VERSION ((int64_t)(sizeof(steps) / sizeof(steps[0])))

/* One number that a query without parameters gives. Not cached: asked once. */
static int ask(struct store *s, const char *sql, int64_t *ret)
{
    sqlite3_stmt *stmt;
    int rc, r = store_check(s, sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL));

    if (r != 0)
        return r;
    rc = sqlite3_step(stmt);
    r = store_check(s, rc);
    if (rc == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? STORE_E_CORRUPT : r;
}

int store_identify(struct store *s, bool *ret_empty)
{
    int64_t application, version, tables;
    int r = ask(s, "PRAGMA application_id", &application);

    if (r == 0)
        r = ask(s, "PRAGMA user_version", &version);
    if (r == 0)
        r = ask(s, "SELECT count(*) FROM sqlite_master", &tables);
    if (r != 0)
        return r;
    if (application == 0 && version == 0 && tables == 0) {
        *ret_empty = true;
        return 0;
    }
    if (application != APPLICATION_ID || version < 1)
        return STORE_E_CORRUPT; /* a database, but another program's */
    if (version > SCHEMA_VERSION)
        return STORE_E_SCHEMA;
    *ret_empty = false;
    return 0;
}

static int put_secret(struct store *s, const uint8_t secret[static 16])
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO meta(key, value) VALUES ('secret', ?)");

    query_blob(&q, secret, 16);
    return query_write(&q);
}

static int get_secret(struct store *s)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT value FROM meta WHERE key = 'secret'");
    const void *p;
    size_t n;
    int r = query_row(&q);

    if (r != 0)
        return r == STORE_E_MISSING ? STORE_E_CORRUPT : r;
    p = column_blob(&q, &n);
    if (n != sizeof(s->secret))
        return STORE_E_CORRUPT;
    memcpy(s->secret, p, n);
    return 0;
}

static int run_steps(struct store *s, int64_t version, const uint8_t secret[static 16])
{
    char pragmas[96];
    int n, r = 0;

    for (int64_t v = version; r == 0 && v < SCHEMA_VERSION; v++)
        r = store_exec(s, steps[v]);
    if (r == 0 && version == 0)
        r = put_secret(s, secret);
    if (r != 0)
        return r;
    n = snprintf(pragmas, sizeof(pragmas),
                 "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64 ";",
                 APPLICATION_ID, SCHEMA_VERSION);
    if (n < 0 || (size_t)n >= sizeof(pragmas))
        return -EINVAL;
    return store_exec(s, pragmas);
}

int store_migrate(struct store *s, const uint8_t secret[static 16])
{
    int64_t version;
    int r = ask(s, "PRAGMA user_version", &version);

    if (r == 0 && version < SCHEMA_VERSION) {
        bool own;

        r = store_enter(s, &own);
        if (r == 0)
            r = store_leave(s, own, run_steps(s, version, secret));
    }
    if (r == 0)
        r = get_secret(s);
    if (r == 0)
        r = ask(s,
                "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence"
                " WHERE name = 'incident'",
                &s->next_incident);
    if (r == 0)
        r = ask(s,
                "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence"
                " WHERE name = 'message'",
                &s->next_message);
    return r;
}
