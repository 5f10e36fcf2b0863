/* Incidents. The tracker's side (times, count, evidence) and what became of them are
 * written apart, since they change at different times in different hands. */
#include "store-internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define INCIDENT_COLUMNS                                                           \
    "i.id, i.source, i.service, i.first_time, i.first_digits, i.last_time,"        \
    " i.last_digits, i.count, i.success, i.state, i.reason, i.reason_text, i.due," \
    " i.attempts, i.opened, i.closed, i.contact, i.contact_source, i.network, "    \
    "i.approved"
#define LIMIT_DEFAULT 1000

static int write_row(struct store *s, int64_t id, const struct incident *inc)
{
    _cleanup_(query_end) struct query q = query_on(
        s,
        "INSERT INTO incident(id, source, service, first_time, first_digits, last_time,"
        " last_digits, count, success, state, reason, reason_text, due, attempts,"
        " opened, closed, contact, contact_source, network, approved)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET source = excluded.source,"
        " service = excluded.service, first_time = excluded.first_time,"
        " first_digits = excluded.first_digits, last_time = excluded.last_time,"
        " last_digits = excluded.last_digits, count = excluded.count,"
        " success = coalesce(success, excluded.success)");

    query_int(&q, id);
    query_net(&q, &inc->source);
    query_text(&q, inc->service);
    query_moment(&q, inc->first.usec);
    query_int(&q, inc->first.digits);
    query_moment(&q, inc->last.usec);
    query_int(&q, inc->last.digits);
    query_count(&q, inc->count);
    query_moment(&q, inc->success);
    query_int(&q, inc->state);
    query_text(&q, inc->reason);
    query_text(&q, inc->detail);
    query_moment(&q, inc->due);
    query_int(&q, inc->attempts);
    query_moment(&q, inc->opened);
    query_moment(&q, inc->closed);
    query_text(&q, inc->contact);
    query_text(&q, inc->contact_source);
    query_text(&q, inc->network);
    query_int(&q, inc->approved);
    return query_write(&q);
}

static int write_evidence(struct store *s, int64_t id, const struct incident *inc)
{
    _cleanup_(cleanup_free) char *facts = NULL, *lines = NULL;
    _cleanup_(query_end) struct query q = query_on(
        s, "INSERT INTO incident_evidence(incident, facts, lines) VALUES (?, ?, ?)"
           " ON CONFLICT(incident) DO UPDATE SET facts = excluded.facts,"
           " lines = excluded.lines");
    int r = incident_detail_json(inc, &facts);

    if (r == 0)
        r = incident_evidence_json(inc, &lines);
    if (r != 0)
        return r;
    query_int(&q, id);
    query_text(&q, facts);
    query_text(&q, lines);
    r = query_write(&q);
    query_end(&q); /* before the texts go */
    return r;
}

/* Ids are counted here and not by SQLite, so that one that was given in a transaction
 * that was rolled back is not given to another incident: the same put can be repeated. */
int store_incident_put(struct store *s, struct incident *inc)
{
    int64_t id = inc->id != 0 ? inc->id : s->next_incident;
    bool own;
    int r = store_enter(s, &own);

    if (r != 0)
        return r;
    r = write_row(s, id, inc);
    if (r == 0)
        r = write_evidence(s, id, inc);
    r = store_leave(s, own, r);
    if (r != 0)
        return r;
    if (id >= s->next_incident)
        s->next_incident = id + 1;
    inc->id = id;
    return 0;
}

int store_incident_put_fate(struct store *s, const struct incident *inc)
{
    _cleanup_(query_end) struct query q = query_on(
        s, "UPDATE incident SET success = coalesce(?, success), state = ?, reason = ?,"
           " reason_text = ?, due = ?, attempts = ?, opened = ?, closed = ?, contact = ?,"
           " contact_source = ?, network = ?, approved = ? WHERE id = ?");

    query_moment(&q, inc->success);
    query_int(&q, inc->state);
    query_text(&q, inc->reason);
    query_text(&q, inc->detail);
    query_moment(&q, inc->due);
    query_int(&q, inc->attempts);
    query_moment(&q, inc->opened);
    query_moment(&q, inc->closed);
    query_text(&q, inc->contact);
    query_text(&q, inc->contact_source);
    query_text(&q, inc->network);
    query_int(&q, inc->approved);
    query_int(&q, inc->id);
    return query_write_one(&q);
}

static void read_stamp(struct query *q, struct stamp *ret)
{
    ret->usec = column_moment(q);
    ret->digits = (uint8_t)column_range(q, 0, 6);
}

/* The columns of INCIDENT_COLUMNS as an incident. */
static int read_row(struct query *q, struct incident **ret)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    int64_t id = column_int(q);
    struct net source = {0};

    column_net(q, &source);
    if (q->r != 0)
        return q->r;
    inc = incident_new(&source);
    if (!inc)
        return -ENOMEM;
    inc->id = id;
    column_string(q, inc->service, sizeof(inc->service));
    read_stamp(q, &inc->first);
    read_stamp(q, &inc->last);
    inc->count = (uint64_t)column_range(q, 0, INT64_MAX);
    inc->success = column_moment(q);
    inc->state = (enum incident_state)column_range(q, 0, INCIDENT_STATES - 1);
    column_string(q, inc->reason, sizeof(inc->reason));
    inc->detail = column_text(q);
    inc->due = column_moment(q);
    inc->attempts = (unsigned)column_range(q, 0, UINT_MAX);
    inc->opened = column_moment(q);
    inc->closed = column_moment(q);
    inc->contact = column_text(q);
    inc->contact_source = column_text(q);
    inc->network = column_text(q);
    inc->approved = column_range(q, 0, 1) != 0;
    if (q->r == 0)
        *ret = TAKE_PTR(inc);
    return q->r;
}

/* Both are NULL when they have been cleared. */
static int read_evidence(struct query *q, struct incident *inc)
{
    _cleanup_(cleanup_free) char *facts = column_text(q);
    _cleanup_(cleanup_free) char *lines = column_text(q);
    int r = q->r;

    if (r == 0 && facts)
        r = incident_detail_from_json(inc, facts);
    if (r == 0 && lines)
        r = incident_evidence_from_json(inc, lines);
    return r == -EBADMSG ? 0 : r; /* this row, not the file: see incident_damaged() */
}

int store_incident_get(struct store *s, int64_t id, struct incident **ret)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    _cleanup_(query_end) struct query q = query_on(
        s, "SELECT " INCIDENT_COLUMNS ", e.facts, e.lines FROM incident AS i"
           " LEFT JOIN incident_evidence AS e ON e.incident = i.id WHERE i.id = ?");
    int r;

    query_int(&q, id);
    r = query_row(&q);
    if (r == 0)
        r = read_row(&q, &inc);
    if (r == 0)
        r = read_evidence(&q, inc);
    if (r == 0)
        *ret = TAKE_PTR(inc);
    return r;
}

int store_incident_each(struct store *s, const struct store_incident_filter *filter,
                        store_incident_fn fn, void *userdata)
{
    _cleanup_(query_end) struct query q =
        filter->state < 0
            ? query_on(s, "SELECT " INCIDENT_COLUMNS " FROM incident AS i"
                          " WHERE i.id < ? ORDER BY i.id DESC")
            : query_on(s, "SELECT " INCIDENT_COLUMNS " FROM incident AS i"
                          " WHERE i.id < ? AND i.state = ? ORDER BY i.id DESC");
    unsigned left = filter->limit > 0 ? filter->limit : LIMIT_DEFAULT;
    int r = 0;

    query_int(&q, filter->before_id > 0 ? filter->before_id : INT64_MAX);
    if (filter->state >= 0)
        query_int(&q, filter->state);
    while (left > 0 && (r = query_row(&q)) == 0) {
        _cleanup_(incident_freep) struct incident *inc = NULL;

        r = read_row(&q, &inc);
        if (r != 0)
            return r;
        if (filter->source && !net_contains(&inc->source, filter->source))
            continue;
        left--;
        r = fn(userdata, inc);
        if (r != 0)
            return r;
    }
    return r == STORE_E_MISSING ? 0 : r;
}

int store_incident_counts(struct store *s, uint64_t ret[static INCIDENT_STATES])
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT state, count(*) FROM incident GROUP BY state");
    uint64_t counts[INCIDENT_STATES] = {0};
    int r;

    while ((r = query_row(&q)) == 0) {
        int64_t state = column_range(&q, 0, INCIDENT_STATES - 1);

        counts[state] = (uint64_t)column_int(&q);
        if (q.r != 0)
            return q.r;
    }
    if (r != STORE_E_MISSING)
        return r;
    memcpy(ret, counts, sizeof(counts));
    return 0;
}

static bool contains(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

int store_incident_due(struct store *s, int64_t now, const int64_t *skip, size_t n_skip,
                       int64_t *ret_id)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT id FROM incident WHERE state IN (1, 2) AND due <= ?"
                    " ORDER BY due, id");
    int64_t id;
    int r;

    query_int(&q, now);
    while ((r = query_row(&q)) == 0) {
        id = column_int(&q);
        if (contains(skip, n_skip, id))
            continue;
        *ret_id = id;
        return 0;
    }
    return r;
}

int store_next_due(struct store *s, int64_t *ret_due)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT due FROM incident WHERE state IN (1, 2) AND due IS NOT NULL"
                    " ORDER BY due LIMIT 1");
    int r = query_row(&q);

    if (r == 0)
        *ret_due = column_int(&q);
    return r;
}

int store_incident_large(struct store *s, const struct net *source, uint64_t count,
                         int64_t began, int64_t since, int64_t *ret_id)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT id FROM incident WHERE source = ? AND count >= ?"
                    " AND first_time <= ? AND last_time >= ? ORDER BY id DESC LIMIT 1");
    int r;

    query_net(&q, source);
    query_count(&q, count);
    query_int(&q, began);
    query_int(&q, since);
    r = query_row(&q);
    if (r == 0)
        *ret_id = column_int(&q);
    return r;
}
