/* Messages. What is sent never changes once it is stored; only what became of it does. */
#include "store-internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_COLUMNS                                                           \
    "m.id, m.incident, m.sequence, m.state, m.message_id, m.sender, m.recipient," \
    " m.attempts, m.created, m.due, m.started, m.queue_id, m.error, b.bytes"
#define MESSAGE_FROM \
    " FROM message AS m LEFT JOIN message_bytes AS b ON b.message = m.id "

struct message *message_free(struct message *m)
{
    if (!m)
        return NULL;
    free(m->message_id);
    free(m->sender);
    free(m->recipient);
    free(m->bytes);
    free(m->queue_id);
    free(m->error);
    free(m);
    return NULL;
}

const char *message_state_name(enum message_state state)
{
    switch (state) {
    case MESSAGE_QUEUED: return "queued";
    case MESSAGE_SENDING: return "sending";
    case MESSAGE_SENT: return "sent";
    case MESSAGE_HELD: return "held";
    case MESSAGE_DEAD: return "dead";
    }
    return "unknown";
}

static int write_message(struct store *s, int64_t id, const struct message *m)
{
    _cleanup_(query_end) struct query q = query_on(
        s, "INSERT INTO message(id, incident, sequence, state, message_id, sender,"
           " recipient, attempts, created, due, started, queue_id, error)"
           " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

    query_int(&q, id);
    query_int(&q, m->incident);
    query_int(&q, m->sequence);
    query_int(&q, m->state);
    query_text(&q, m->message_id);
    query_text(&q, m->sender);
    query_text(&q, m->recipient);
    query_int(&q, m->attempts);
    query_moment(&q, m->created);
    query_moment(&q, m->due);
    query_moment(&q, m->started);
    query_text(&q, m->queue_id);
    query_text(&q, m->error);
    return query_write(&q);
}

static int write_bytes(struct store *s, int64_t id, const struct message *m)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "INSERT INTO message_bytes(message, bytes) VALUES (?, ?)");

    query_int(&q, id);
    query_blob(&q, m->bytes, m->n);
    return query_write(&q);
}

int store_message_add(struct store *s, struct message *m)
{
    int64_t id = s->next_message;
    bool own;
    int r = store_enter(s, &own);

    if (r != 0)
        return r;
    r = write_message(s, id, m);
    if (r == 0)
        r = write_bytes(s, id, m);
    r = store_leave(s, own, r);
    if (r != 0)
        return r;
    s->next_message++;
    m->id = id;
    return 0;
}

int store_message_put(struct store *s, const struct message *m)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "UPDATE message SET state = ?, attempts = ?, due = ?, started = ?,"
                    " queue_id = ?, error = ? WHERE id = ?");

    if (q.r == 0 && m->state == MESSAGE_SENDING && !s->reserved) {
        /* What the MTA will answer could not be written down. */
        q.r = STORE_E_FULL;
        (void)snprintf(s->error, sizeof(s->error), "no reserve for the outcome");
    }
    query_int(&q, m->state);
    query_int(&q, m->attempts);
    query_moment(&q, m->due);
    query_moment(&q, m->started);
    query_text(&q, m->queue_id);
    query_text(&q, m->error);
    query_int(&q, m->id);
    return query_write_one(&q);
}

static int copy_bytes(struct query *q, struct message *m)
{
    const void *p = column_blob(q, &m->n);

    if (m->n == SIZE_MAX)
        return -ENOMEM;
    m->bytes = malloc(m->n + 1);
    if (!m->bytes)
        return -ENOMEM;
    if (m->n > 0)
        memcpy(m->bytes, p, m->n);
    m->bytes[m->n] = '\0';
    return 0;
}

/* The first row of a query as a message. */
static int take(struct query *q, struct message **ret)
{
    _cleanup_(message_freep) struct message *m = NULL;
    int r = query_row(q);

    if (r != 0)
        return r;
    m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->id = column_int(q);
    m->incident = column_int(q);
    m->sequence = (unsigned)column_range(q, 0, UINT_MAX);
    m->state = (enum message_state)column_range(q, MESSAGE_QUEUED, MESSAGE_DEAD);
    m->message_id = column_text(q);
    m->sender = column_text(q);
    m->recipient = column_text(q);
    m->attempts = (unsigned)column_range(q, 0, UINT_MAX);
    m->created = column_moment(q);
    m->due = column_moment(q);
    m->started = column_moment(q);
    m->queue_id = column_text(q);
    m->error = column_text(q);
    r = q->r != 0 ? q->r : copy_bytes(q, m);
    if (r == 0)
        *ret = TAKE_PTR(m);
    return r;
}

int store_message_get(struct store *s, int64_t id, struct message **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM "WHERE m.id = ?");

    query_int(&q, id);
    return take(&q, ret);
}

int store_message_of(struct store *s, int64_t incident, struct message **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM
                    "WHERE m.incident = ? AND m.sequence > 0"
                    " ORDER BY m.sequence DESC LIMIT 1");

    query_int(&q, incident);
    return take(&q, ret);
}

int store_message_alert(struct store *s, int64_t incident, struct message **ret)
{
    _cleanup_(query_end) struct query q = query_on(
        s, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM "WHERE m.incident = ? AND m.sequence = 0");

    query_int(&q, incident);
    return take(&q, ret);
}

int store_message_due(struct store *s, int64_t now, struct message **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM
                    "WHERE m.state = 0 AND m.due <= ? ORDER BY m.due, m.id LIMIT 1");

    query_int(&q, now);
    return take(&q, ret);
}

int store_message_next_due(struct store *s, int64_t *ret_due)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT due FROM message WHERE state = 0 AND due IS NOT NULL"
                    " ORDER BY due LIMIT 1");
    int r = query_row(&q);

    if (r == 0)
        *ret_due = column_int(&q);
    return r;
}

int store_message_in_state(struct store *s, enum message_state state, int64_t after,
                           struct message **ret)
{
    _cleanup_(query_end) struct query q =
        query_on(s, "SELECT " MESSAGE_COLUMNS MESSAGE_FROM
                    "WHERE m.state = ? AND m.id > ? ORDER BY m.id LIMIT 1");

    query_int(&q, state);
    query_int(&q, after);
    return take(&q, ret);
}
