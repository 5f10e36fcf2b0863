/* Where reading goes on, and what is known of each source. */
#include "store-internal.h"

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
