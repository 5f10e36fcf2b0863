/* What bounds what is done to others: the ledger of reports for cool-down and caps,
 * cached answers of registries, and pauses that their servers asked for. */
#include "store-internal.h"

#include <limits.h>

/* Attackers choose how many networks are asked about, and redirects name the hosts. */
#define ANSWERS_MAX 20000
#define PAUSES_MAX  1000

int store_report_add(struct store *s, int64_t incident, const struct net *source,
                     const char *contact, int64_t time, bool observed)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO report(incident, source, contact, time, observed)"
                    " VALUES (?, ?, ?, ?, ?)");

    query_int(&q, incident);
    query_net(&q, source);
    query_text(&q, contact);
    query_int(&q, time);
    query_int(&q, observed);
    return query_write(&q);
}

int store_report_delete(struct store *s, int64_t incident)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "DELETE FROM report WHERE incident = ?");

    query_int(&q, incident);
    return query_write(&q);
}

int store_report_last(struct store *s, const struct net *source, bool observed,
                      int64_t *ret_time)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT time FROM report WHERE source = ? AND observed <= ?"
                    " ORDER BY time DESC LIMIT 1");
    int r;

    query_net(&q, source);
    query_int(&q, observed);
    r = query_row(&q);
    if (r == 0)
        *ret_time = column_int(&q);
    return r;
}

int store_report_count(struct store *s, const char *contact, int64_t since, bool observed,
                       unsigned *ret_n, int64_t *ret_oldest)
{
    _cleanup_(query_end) struct query q =
        contact ? query_on(s, "SELECT count(*), min(time) FROM report"
                              " WHERE time > ? AND observed <= ? AND contact = ?")
                : query_on(s, "SELECT count(*), min(time) FROM report"
                              " WHERE time > ? AND observed <= ? AND contact <> ''");
    int64_t n;
    int r;

    query_int(&q, since);
    query_int(&q, observed);
    if (contact)
        query_text(&q, contact);
    r = query_row(&q);
    if (r != 0)
        return r;
    n = column_int(&q);
    *ret_n = n > UINT_MAX ? UINT_MAX : (unsigned)n;
    *ret_oldest = column_moment(&q);
    return 0;
}

static int answer_write(struct store *s, const struct net *block, const char *json,
                        int64_t expires)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO answer(block, json, expires) VALUES (?, ?, ?)"
                    " ON CONFLICT(block) DO UPDATE SET json = excluded.json,"
                    " expires = excluded.expires");

    query_net(&q, block);
    query_text(&q, json);
    query_int(&q, expires);
    return query_write(&q);
}

/* Those that expire first go first. */
static int answer_prune(struct store *s)
{
    _cleanup_(query_end) struct query q = query_on(
        s, "DELETE FROM answer WHERE block IN (SELECT block FROM answer ORDER BY expires"
           " LIMIT max(0, (SELECT count(*) FROM answer) - ?))");

    query_int(&q, ANSWERS_MAX);
    return query_write(&q);
}

int store_answer_put(struct store *s, const struct net *block, const char *json,
                     int64_t expires)
{
    bool own;
    int r = store_enter(s, &own);

    if (r != 0)
        return r;
    r = answer_write(s, block, json, expires);
    if (r == 0)
        r = answer_prune(s);
    return store_leave(s, own, r);
}

int store_answer_get(struct store *s, const struct net *block, int64_t now, char **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT json FROM answer WHERE block = ? AND expires > ?");
    char *json;
    int r;

    query_net(&q, block);
    query_int(&q, now);
    r = query_row(&q);
    if (r != 0)
        return r;
    json = column_text(&q);
    if (q.r == 0)
        *ret = json;
    return q.r;
}

static int pause_write(struct store *s, const char *host, int64_t until)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO pause(host, until) VALUES (?, ?)"
                    " ON CONFLICT(host) DO UPDATE SET until = excluded.until");

    query_text(&q, host);
    query_int(&q, until);
    return query_write(&q);
}

static int pause_prune(struct store *s)
{
    _cleanup_(query_end) struct query q = query_on(
        s, "DELETE FROM pause WHERE host IN (SELECT host FROM pause ORDER BY until"
           " LIMIT max(0, (SELECT count(*) FROM pause) - ?))");

    query_int(&q, PAUSES_MAX);
    return query_write(&q);
}

int store_pause_put(struct store *s, const char *host, int64_t until)
{
    bool own;
    int r = store_enter(s, &own);

    if (r != 0)
        return r;
    r = pause_write(s, host, until);
    if (r == 0)
        r = pause_prune(s);
    return store_leave(s, own, r);
}

int store_pause_get(struct store *s, const char *host, int64_t *ret_until)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT until FROM pause WHERE host = ?");
    int r;

    query_text(&q, host);
    r = query_row(&q);
    if (r == 0)
        *ret_until = column_int(&q);
    return r;
}
