/* Where reading goes on, and what is known of each source. */
#include "store-internal.h"

#include <string.h>

#define LOGINS_MAX 100000

int store_cursor_put(struct store *s, const char *key, const char *cursor)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO cursor(key, cursor) VALUES (?, ?)"
                    " ON CONFLICT(key) DO UPDATE SET cursor = excluded.cursor");

    query_text(&q, key);
    query_text(&q, cursor);
    return query_write(&q);
}

int store_cursor_get(struct store *s, const char *key, char **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT cursor FROM cursor WHERE key = ?");
    char *cursor;
    int r;

    query_text(&q, key);
    r = query_row(&q);
    if (r != 0)
        return r;
    cursor = column_text(&q);
    if (q.r == 0)
        *ret = cursor;
    return q.r;
}

int store_source_put(struct store *s, const struct net *source, const void *state,
                     size_t n)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO source(net, state) VALUES (?, ?)"
                    " ON CONFLICT(net) DO UPDATE SET state = excluded.state");

    query_net(&q, source);
    query_blob(&q, state, n);
    return query_write(&q);
}

int store_source_delete(struct store *s, const struct net *source)
{
    _cleanup_(query_end) struct query q = query_on(s, "DELETE FROM source WHERE net = ?");

    query_net(&q, source);
    return query_write(&q);
}

int store_source_each(struct store *s, store_source_fn fn, void *userdata)
{
    _cleanup_(query_end) struct query q = query_on(s, "SELECT net, state FROM source");
    int r;

    while ((r = query_row(&q)) == 0) {
        struct net source;
        const void *state;
        size_t n;

        column_net(&q, &source);
        state = column_blob(&q, &n);
        if (q.r != 0)
            return q.r;
        r = fn(userdata, &source, state, n);
        if (r != 0)
            return r;
    }
    return r == STORE_E_MISSING ? 0 : r;
}

int store_login_put(struct store *s, const struct net *source, int64_t time,
                    const char *user)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO login(net, time, user) VALUES (?, ?, ?)"
                    " ON CONFLICT(net) DO UPDATE SET time = excluded.time,"
                    " user = excluded.user WHERE excluded.time > time");
    char kept[STORE_USER_MAX + 1] = "";

    memcpy(kept, user, strnlen(user, STORE_USER_MAX));
    query_net(&q, source);
    query_int(&q, time);
    query_text(&q, kept);
    return query_write(&q);
}

int store_login_get(struct store *s, const struct net *source, int64_t *ret_time,
                    char ret_user[static STORE_USER_MAX + 1])
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT time, user FROM login WHERE net = ?");
    int64_t time;
    int r;

    query_net(&q, source);
    r = query_row(&q);
    if (r != 0)
        return r;
    time = column_int(&q);
    column_string(&q, ret_user, STORE_USER_MAX + 1);
    if (q.r == 0)
        *ret_time = time;
    return q.r;
}

static int forget_logins_before(struct store *s, int64_t before)
{
    _cleanup_(query_end) struct query q = query_on(s, "DELETE FROM login WHERE time < ?");

    query_int(&q, before);
    return query_write(&q);
}

static int forget_logins_beyond(struct store *s, int64_t n)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "DELETE FROM login WHERE net IN (SELECT net FROM login ORDER BY time"
                    " LIMIT max(0, (SELECT count(*) FROM login) - ?))");

    query_int(&q, n);
    return query_write(&q);
}

int store_login_prune(struct store *s, int64_t before)
{
    bool own;
    int r = store_enter(s, &own);

    if (r != 0)
        return r;
    r = forget_logins_before(s, before);
    if (r == 0)
        r = forget_logins_beyond(s, LOGINS_MAX);
    return store_leave(s, own, r);
}
