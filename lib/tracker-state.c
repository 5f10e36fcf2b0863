/* A source as bytes for the store: version, then integers in little-endian order. All but
 * the open burst's numbers, which the store keeps as an incident.
 *
 *   u8  version (2)
 *   i64 id of the open incident, 0: none; i64 opened_at; i64 success
 *   u8  whether a slow window opened it
 *   u32 marks, newest first: i64 id, i64 first, i64 last, i64 end, u8 told
 *   u32 pending attempts, oldest first: i64 time, u8 digits, u64 count, u8 family,
 * address (4 or 16 bytes), u16 port, u8 clock, and 16 where no password was refused, i64
 * clock error, u8 1 if it has a user, 2 if that user is unknown, and line, user and
 * service, each as u16 length and bytes
 *   u32 left-over attempts in the same form
 *
 * Version 1 had neither the slow window's byte nor left-over attempts.
 *
 * We wrote it, but the file may be damaged: what it says must fit together, or nothing of
 * it is believed. */
#include "tracker-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define STATE_VERSION 2
#define KIND_SHIFT    4 /* of an attempt's kind beside the clock */

void bytes_done(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

/* Room for n more bytes, or NULL. */
static uint8_t *more(struct bytes *b, size_t n)
{
    if (b->room - b->n < n) {
        size_t room = (b->n + n) * 2;
        uint8_t *p = realloc(b->p, room);

        if (!p)
            return NULL;
        b->p = p;
        b->room = room;
    }
    b->n += n;
    return b->p + b->n - n;
}

/* The largest that write_pending() and the others need at once, beside texts. */
#define FIXED_MAX 128

static uint8_t *put(uint8_t *p, uint64_t x, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        *p++ = (uint8_t)(x >> (8 * i));
    return p;
}

static uint8_t *put_text(uint8_t *p, const char *text, size_t n)
{
    p = put(p, n, 2);
    memcpy(p, text, n);
    return p + n;
}

static int write_pending(struct bytes *b, const struct pending *pending)
{
    size_t texts = (size_t)pending->n_line + pending->n_user + pending->n_service;
    unsigned n_addr = pending->source.family == 4 ? 4 : 16;
    const char *text = pending->data;
    uint8_t *p = more(b, FIXED_MAX + texts);

    if (!p)
        return -ENOMEM;
    p = put(p, (uint64_t)pending->time.usec, 8);
    p = put(p, pending->time.digits, 1);
    p = put(p, pending->count, 8);
    p = put(p, pending->source.family, 1);
    memcpy(p, pending->source.bytes, n_addr);
    p = put(p + n_addr, pending->port, 2);
    p = put(p, pending->clock | (uint64_t)pending->kind << KIND_SHIFT, 1);
    p = put(p, (uint64_t)pending->clock_error, 8);
    p = put(p, pending->has_user + 2u * pending->unknown_user, 1);
    p = put_text(p, text, pending->n_line);
    p = put_text(p, text += pending->n_line, pending->n_user);
    p = put_text(p, text + pending->n_user, pending->n_service);
    b->n = (size_t)(p - b->p);
    return 0;
}

static int write_head(struct bytes *b, const struct source *s)
{
    uint8_t *p = more(b, FIXED_MAX);

    if (!p)
        return -ENOMEM;
    p = put(p, STATE_VERSION, 1);
    p = put(p, s->open ? (uint64_t)s->open->id : 0, 8);
    p = put(p, (uint64_t)s->opened_at, 8);
    p = put(p, (uint64_t)s->success, 8);
    p = put(p, s->slow, 1);
    p = put(p, s->n_marks, 4);
    b->n = (size_t)(p - b->p);
    return 0;
}

static int write_list(struct bytes *b, const struct link *list)
{
    uint32_t n = 0;
    uint8_t *p = more(b, 4);
    int r = 0;

    if (!p)
        return -ENOMEM;
    for (struct link *l = list->next; l != list; l = l->next)
        n++;
    put(p, n, 4);
    for (struct link *l = list->next; r == 0 && l != list; l = l->next)
        r = write_pending(b, link_owner(l, struct pending, link));
    return r;
}

int source_encode(const struct source *s, struct bytes *b)
{
    uint8_t *p;
    int r;

    b->n = 0;
    r = write_head(b, s);
    if (r < 0)
        return r;
    for (const struct mark *m = s->marks; m; m = m->next) {
        p = more(b, 33);
        if (!p)
            return -ENOMEM;
        p = put(p, (uint64_t)m->id, 8);
        p = put(p, (uint64_t)m->first, 8);
        p = put(p, (uint64_t)m->last, 8);
        p = put(p, (uint64_t)m->end, 8);
        put(p, m->told, 1);
    }
    r = write_list(b, &s->pending);
    return r < 0 ? r : write_list(b, &s->left);
}

/* Reading: past the end everything is 0 and `bad` is set. */
struct reader {
    const uint8_t *p;
    size_t n;
    uint8_t version;
    bool bad;
};

static const uint8_t *take(struct reader *in, size_t n)
{
    const uint8_t *p = in->p;

    if (in->n < n) {
        in->bad = true;
        in->n = 0;
        return NULL;
    }
    in->p += n;
    in->n -= n;
    return p;
}

static uint64_t get(struct reader *in, unsigned n)
{
    const uint8_t *p = take(in, n);
    uint64_t x = 0;

    for (unsigned i = 0; p && i < n; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static int64_t get_moment(struct reader *in)
{
    return (int64_t)get(in, 8);
}

static uint8_t get_upto(struct reader *in, uint8_t max)
{
    uint64_t x = get(in, 1);

    if (x > max)
        in->bad = true;
    return (uint8_t)x;
}

static struct slice get_text(struct reader *in)
{
    size_t n = get(in, 2);
    const uint8_t *p = NULL;

    if (n > INCIDENT_LINE_MAX)
        in->bad = true;
    else
        p = take(in, n);
    return p ? (struct slice){.p = (const char *)p, .n = n}
             : (struct slice){.p = "", .n = 0};
}

static void get_addr(struct reader *in, const struct net *within, struct addr *ret)
{
    const uint8_t *p;
    unsigned n;

    ret->family = get_upto(in, 6);
    n = ret->family == 4 ? 4 : 16;
    p = take(in, n);
    if (p)
        memcpy(ret->bytes, p, n);
    if (!p || !net_contains(within, ret))
        in->bad = true;
}

/* At the end of the list, pending or left over. */
static int read_pending(struct source *s, struct link *list, struct reader *in)
{
    struct attempt a = {.outcome = ATTEMPT_FAILURE};
    _cleanup_(cleanup_free) char *service = NULL;
    enum clock_state clock;
    int64_t clock_error;
    unsigned flags;
    uint8_t kind;
    struct pending *p;

    a.time.usec = get_moment(in);
    a.time.digits = get_upto(in, 6);
    a.count = get(in, 8);
    get_addr(in, &s->key, &a.source);
    a.port = (uint16_t)get(in, 2);
    kind = get_upto(in, ATTEMPT_PROBE << KIND_SHIFT | 0xf);
    clock = (enum clock_state)(kind & 0xf);
    a.kind = (enum attempt_kind)(kind >> KIND_SHIFT);
    if (clock > CLOCK_UNSYNCED)
        in->bad = true;
    clock_error = get_moment(in);
    flags = get_upto(in, in->version == 1 ? 1 : 3);
    a.line = get_text(in);
    a.user = get_text(in);
    if (!(flags & 1))
        a.user = (struct slice){0};
    a.unknown_user = flags & 2;
    service = slice_dup(get_text(in));
    if (!service)
        return -ENOMEM;
    a.service = service;
    if (in->bad || a.count == 0 || a.count > INT64_MAX - s->n_pending - s->n_left)
        return -EBADMSG;
    if (!link_alone(list) &&
        link_owner(list->prev, struct pending, link)->time.usec > a.time.usec)
        return -EBADMSG;
    p = pending_new(&a, clock, clock_error);
    if (!p)
        return -ENOMEM;
    if (list == &s->left)
        source_add_left(s, p);
    else
        source_add_pending(s, list->prev, p);
    return 0;
}

static int read_list(struct source *s, struct link *list, struct reader *in)
{
    int r = 0;

    for (uint64_t n = get(in, 4); n > 0 && r == 0; n--)
        r = read_pending(s, list, in);
    return r;
}

static int read_mark(struct mark **end, struct reader *in)
{
    struct mark *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    *end = m;
    m->id = get_moment(in);
    m->first = get_moment(in);
    m->last = get_moment(in);
    m->end = get_moment(in);
    m->told = get_upto(in, 1);
    return in->bad || m->last < m->first ? -EBADMSG : 0;
}

static int read_lists(struct source *s, struct reader *in)
{
    struct mark **end = &s->marks;
    uint64_t n = get(in, 4);
    int r;

    for (; n > 0; n--) {
        r = read_mark(end, in);
        if (*end) {
            end = &(*end)->next;
            s->n_marks++;
        }
        if (r < 0)
            return r;
    }
    r = read_list(s, &s->pending, in);
    if (r == 0 && in->version > 1)
        r = read_list(s, &s->left, in);
    if (r < 0)
        return r;
    if (!link_alone(&s->left) && !link_alone(&s->pending) &&
        link_owner(s->left.prev, struct pending, link)->time.usec >
            link_owner(s->pending.next, struct pending, link)->time.usec)
        return -EBADMSG;
    return in->bad || in->n > 0 ? -EBADMSG : 0;
}

static int read_open_id(struct reader *in, int64_t *ret)
{
    in->version = get_upto(in, UINT8_MAX);
    if (in->version < 1 || in->version > STATE_VERSION)
        return -EBADMSG;
    *ret = get_moment(in);
    return in->bad || *ret < 0 ? -EBADMSG : 0;
}

int tracker_state_open_id(const void *state, size_t n, int64_t *ret)
{
    struct reader in = {.p = state, .n = n};
    int64_t id;
    int r = read_open_id(&in, &id);

    if (r == 0)
        *ret = id;
    return r;
}

int source_decode(struct source *s, const void *state, size_t n,
                  struct incident *incident)
{
    struct reader in = {.p = state, .n = n};
    int64_t id;
    int r = read_open_id(&in, &id);

    if (r < 0)
        return r;
    s->opened_at = get_moment(&in);
    s->success = get_moment(&in);
    s->slow = in.version > 1 && get_upto(&in, 1);
    r = read_lists(s, &in);
    if (r < 0)
        return r;
    if (id != (incident ? incident->id : 0))
        return -EBADMSG;
    if (!incident)
        return s->opened_at == MOMENT_NONE && !s->slow ? 0 : -EBADMSG;
    if (!net_equal(&incident->source, &s->key) || incident->first.usec == MOMENT_NONE ||
        incident->first.usec > incident->last.usec || s->opened_at == MOMENT_NONE ||
        !link_alone(&s->left) || (!link_alone(&s->pending) && !s->slow))
        return -EBADMSG;
    s->ticket = malloc(sizeof(*s->ticket));
    if (!s->ticket)
        return -ENOMEM;
    s->open = incident;
    return 0;
}
