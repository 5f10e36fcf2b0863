/* How many attempts the lines of a connection make.
 *
 * sshd writes several lines about one refused password, and a few about none: a name that
 * does not exist, PAM's own words, the end of the connection. What counts is a refused
 * credential, once. Three kinds of lines need the others of their session for that:
 *
 * - An unknown name (RULE_UNKNOWN_USER) is an attempt if nothing that was counted follows
 *   it. So it is held until the session ends, or is refused something.
 * - The same refusal told by the program and by PAM (RULE_OWN, RULE_PAM): the more
 * numerous of both counts, whatever their order. PAM's line has no port; by pid it is
 * held until the next line, which may give one, or take its place.
 * - The end (RULE_END) counts nothing, but settles what is held.
 *
 * A process id comes back: a line about another address or port ends the session before
 * it. What never ends does so after EXPIRY without a line, by the lines' own times, so
 * that a finished log and a live one give the same. Services without process ids that can
 * be relied on (RULE_BY_SOURCE) have one session for each source; what they count, they
 * count at once.
 *
 * Outsiders make the table grow, hence the cap, under which the session that was silent
 * longest ends first. */
#include "sessions-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "incident.h"
#include "siphash.h"

#define EXPIRY   (600 * USEC_PER_SEC)
#define BUCKETS  1024 /* a power of two */
#define HOST_MAX 255

DEFINE_CLEANUP(struct sessions *, sessions_free)

/* ---- the table ---- */

static struct slice cut(struct slice s, size_t max)
{
    const char *nul = s.n > 0 ? memchr(s.p, '\0', s.n) : NULL;

    if (nul)
        s.n = (size_t)(nul - s.p);
    s.n = s.n < max ? s.n : max;
    return s;
}

static uint64_t hash_of(const struct sessions *s, const char *family, struct slice host,
                        int64_t pid, const struct addr *peer)
{
    struct {
        char family[16];
        char host[HOST_MAX + 1];
        int64_t pid;
        uint8_t peer[17];
    } key;

    memset(&key, 0, sizeof(key));
    strncpy(key.family, family, sizeof(key.family) - 1);
    if (host.n > 0)
        memcpy(key.host, host.p, host.n);
    key.pid = pid;
    if (pid < 0) {
        key.peer[0] = peer->family;
        memcpy(key.peer + 1, peer->bytes, 16);
    }
    return siphash24(&key, sizeof(key), s->hash_key);
}

static struct session *find(const struct sessions *s, const char *family,
                            struct slice host, int64_t pid, const struct addr *peer)
{
    uint64_t hash;

    host = cut(host, HOST_MAX);
    hash = hash_of(s, family, host, pid, peer);
    for (struct session *i = s->buckets[hash & (BUCKETS - 1)]; i; i = i->next)
        if (i->hash == hash && i->pid == pid && strcmp(i->family, family) == 0 &&
            slice_equal_str(host, i->host) && (pid >= 0 || addr_equal(&i->peer, peer)))
            return i;
    return NULL;
}

static void unlink_age(struct sessions *s, struct session *i)
{
    *(i->older ? &i->older->newer : &s->oldest) = i->newer;
    *(i->newer ? &i->newer->older : &s->newest) = i->older;
}

static void link_newest(struct sessions *s, struct session *i)
{
    i->older = s->newest;
    i->newer = NULL;
    *(s->newest ? &s->newest->newer : &s->oldest) = i;
    s->newest = i;
}

void session_drop(struct sessions *s, struct session *session)
{
    struct session **p = &s->buckets[session->hash & (BUCKETS - 1)];

    while (*p != session)
        p = &(*p)->next;
    *p = session->next;
    unlink_age(s, session);
    s->n--;
    s->changed = true;
    free(session->held);
    free(session->host);
    free(session);
}

/* What is held becomes an attempt, if it is known whose. */
static void give_held(struct sessions *s, struct session *i)
{
    struct held *h = TAKE_PTR(i->held);

    if (!h)
        return;
    if (h->attempt.source.family == 0)
        h->attempt.source = i->peer;
    if (h->attempt.port == 0)
        h->attempt.port = i->port;
    if (h->attempt.source.family == 0) {
        free(h);
        return;
    }
    if (h->attempt.kind == ATTEMPT_REFUSED)
        i->given += h->attempt.count;
    else
        i->probe_given = true;
    h->next = NULL;
    *s->ready_end = h;
    s->ready_end = &h->next;
    s->changed = true;
}

static void end(struct sessions *s, struct session *i)
{
    give_held(s, i);
    session_drop(s, i);
}

struct session *session_add(struct sessions *s, const char *family, struct slice host,
                            int64_t pid, const struct addr *peer)
{
    struct session *i = calloc(1, sizeof(*i));

    host = cut(host, HOST_MAX);
    if (!i || !(i->host = slice_dup(host))) {
        free(i);
        return NULL;
    }
    if (s->n == SESSIONS_MAX) {
        end(s, s->oldest);
        s->evicted++;
    }
    strncpy(i->family, family, sizeof(i->family) - 1);
    i->pid = pid;
    i->peer = *peer;
    i->hash = hash_of(s, family, host, pid, peer);
    i->next = s->buckets[i->hash & (BUCKETS - 1)];
    s->buckets[i->hash & (BUCKETS - 1)] = i;
    link_newest(s, i);
    s->n++;
    s->changed = true;
    return i;
}

int sessions_new(bool publickey, const uint8_t hash_key[static 16], struct sessions **ret)
{
    _cleanup_(sessions_freep) struct sessions *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->publickey = publickey;
    memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
    s->ready_end = &s->ready;
    s->buckets = calloc(BUCKETS, sizeof(struct session *));
    if (!s->buckets)
        return -ENOMEM;
    *ret = TAKE_PTR(s);
    return 0;
}

struct sessions *sessions_free(struct sessions *s)
{
    if (!s)
        return NULL;
    while (s->oldest)
        session_drop(s, s->oldest);
    for (struct held *h = s->ready, *next; h; h = next) {
        next = h->next;
        free(h);
    }
    free(s->buckets);
    free(s);
    return NULL;
}

struct held *held_new(const struct attempt *attempt)
{
    struct slice line = cut(attempt->line, INCIDENT_LINE_MAX);
    struct slice user = cut(attempt->user, INCIDENT_LINE_MAX);
    size_t n = strlen(attempt->service);
    struct held *h = malloc(sizeof(*h) + line.n + user.n + n + 1);
    char *p;

    if (!h)
        return NULL;
    *h = (struct held){.attempt = *attempt};
    p = h->data;
    if (line.n > 0)
        memcpy(p, line.p, line.n);
    h->attempt.line = (struct slice){p, line.n};
    p += line.n;
    if (user.n > 0)
        memcpy(p, user.p, user.n);
    if (user.p)
        h->attempt.user = (struct slice){p, user.n};
    p += user.n;
    memcpy(p, attempt->service, n + 1);
    h->attempt.service = p;
    return h;
}

/* ---- the lines ---- */

/* Whether a line of the same process is about another connection. */
static bool is_other(const struct session *i, const struct attempt *a)
{
    if (a->source.family == 0 || i->peer.family == 0)
        return false;
    return !addr_equal(&i->peer, &a->source) ||
           (i->port != 0 && a->port != 0 && i->port != a->port);
}

static void learn(struct sessions *s, struct session *i, const struct attempt *a)
{
    if (i->peer.family == 0)
        i->peer = a->source;
    if (i->port == 0 && i->pid >= 0)
        i->port = a->port;
    i->last = a->time.usec;
    unlink_age(s, i);
    link_newest(s, i);
    s->changed = true;
}

static void drop_probe(struct session *i)
{
    if (i->held && i->held->attempt.kind == ATTEMPT_PROBE) {
        free(i->held);
        i->held = NULL;
    }
}

/* A refused credential takes the place of the unknown name before it. */
static int refuse(struct session *i, const struct attempt *a, struct attempt *ret)
{
    *ret = *a;
    if (!i)
        return 1;
    drop_probe(i);
    i->refused = true;
    if (i->probe_given)
        ret->count--;
    i->probe_given = false;
    return ret->count > 0;
}

static uint64_t more(const struct session *i)
{
    uint64_t most = i->own > i->pam ? i->own : i->pam;

    return most > i->given ? most - i->given : 0;
}

/* One of two lines about the same refusal. */
static int pair(struct sessions *s, struct session *i, const struct attempt *a, bool own,
                struct attempt *ret)
{
    uint64_t pending = 0, *told = own ? &i->own : &i->pam;
    struct held *h;

    drop_probe(i);
    i->refused = true;
    *told += a->count;
    if (i->probe_given)
        i->given++;
    i->probe_given = false;
    if (i->held)
        pending = i->held->attempt.count;
    *ret = *a;
    ret->count = more(i);
    if (own || i->pid < 0) {
        free(i->held);
        i->held = NULL;
        i->given += ret->count;
        return ret->count > 0;
    }
    if (ret->count <= pending)
        return 0;
    ret->count -= pending;
    h = held_new(ret);
    if (!h)
        return -ENOMEM;
    give_held(s, i);
    i->held = h;
    return 0;
}

/* Holds it, unless the session has had more than that. */
static int hold_name(struct session *i, const struct attempt *a)
{
    struct attempt probe = *a;

    if (i->refused || i->held || i->probe_given)
        return 0;
    probe.kind = ATTEMPT_PROBE;
    probe.count = 1;
    i->held = held_new(&probe);
    return i->held ? 0 : -ENOMEM;
}

static int64_t age_of(const struct session *i, int64_t now)
{
    int64_t age;

    if (__builtin_sub_overflow(now, i->last, &age))
        return now > i->last ? INT64_MAX : INT64_MIN;
    return age;
}

static void expire_before(struct sessions *s, int64_t time)
{
    /* Stamps of the future shall not keep the table busy either. */
    while (s->oldest &&
           (age_of(s->oldest, time) >= EXPIRY || age_of(s->oldest, time) <= -EXPIRY))
        end(s, s->oldest);
}

/* The session of the line: one there is, or where the line needs one, a new one. */
static int session_of(struct sessions *s, const struct session_line *line, bool needed,
                      struct session **ret)
{
    const struct rules_result *r = line->result;
    const struct attempt *a = &line->attempt;
    int64_t pid = r->flags & RULE_BY_PID ? line->pid : -1;
    struct session *i = find(s, r->family, line->host, pid, &a->source);

    if (i && pid >= 0 && (is_other(i, a) || r->meaning == RULE_BEGIN)) {
        end(s, i);
        i = NULL;
    }
    if (!i && needed) {
        i = session_add(s, r->family, line->host, pid, &a->source);
        if (!i)
            return -ENOMEM;
    }
    if (i)
        learn(s, i, a);
    *ret = i;
    return 0;
}

/* A line that belongs to no session. What needs another line to be understood is nothing.
 */
static int take_alone(const struct session_line *line, struct attempt *ret)
{
    enum rule_meaning meaning = line->result->meaning;

    if (meaning != RULE_REFUSED && meaning != RULE_OWN && meaning != RULE_SUCCESS &&
        !(meaning == RULE_REFUSED_KEY && line->attempt.kind == ATTEMPT_PROBE))
        return 0;
    *ret = line->attempt;
    return 1;
}

static int take(struct sessions *s, const struct session_line *line, struct attempt *ret)
{
    enum rule_meaning meaning = line->result->meaning;
    bool needed = meaning == RULE_OWN || meaning == RULE_PAM ||
                  meaning == RULE_UNKNOWN_USER || meaning == RULE_BEGIN;
    struct session *i;
    int r = session_of(s, line, needed, &i);

    if (r < 0)
        return r;
    switch (meaning) {
    case RULE_REFUSED: return refuse(i, &line->attempt, ret);
    case RULE_REFUSED_KEY: return s->publickey ? refuse(i, &line->attempt, ret) : 0;
    case RULE_OWN: return pair(s, i, &line->attempt, true, ret);
    case RULE_PAM: return pair(s, i, &line->attempt, false, ret);
    case RULE_UNKNOWN_USER: return hold_name(i, &line->attempt);
    case RULE_END:
    case RULE_SUCCESS:
        if (i && i->pid >= 0)
            end(s, i);
        *ret = line->attempt;
        return meaning == RULE_SUCCESS;
    default: return 0;
    }
}

int sessions_take(struct sessions *s, const struct session_line *line,
                  struct attempt *ret)
{
    unsigned flags = line->result->flags;
    struct session_line known = *line;

    if (line->result->meaning == RULE_REFUSED_KEY && s->publickey)
        known.attempt.kind = ATTEMPT_PROBE;
    if (line->result->meaning == RULE_BLOCKED) {
        *ret = line->attempt;
        ret->kind = ATTEMPT_BLOCKED;
        return 1;
    }
    if (flags & RULE_BY_PID ? line->pid < 0 : !(flags & RULE_BY_SOURCE))
        return take_alone(&known, ret);
    expire_before(s, line->attempt.time.usec);
    return take(s, &known, ret);
}

/* ---- what comes later ---- */

static int give_ready(struct sessions *s, attempts_fn fn, void *userdata)
{
    while (s->ready) {
        struct held *h = s->ready;
        int r;

        s->ready = h->next;
        if (!s->ready)
            s->ready_end = &s->ready;
        r = fn(userdata, &h->attempt);
        free(h);
        if (r != 0)
            return r;
    }
    return 0;
}

int sessions_expire(struct sessions *s, int64_t now, attempts_fn fn, void *userdata)
{
    while (now != MOMENT_NONE && s->oldest && age_of(s->oldest, now) >= EXPIRY)
        end(s, s->oldest);
    return give_ready(s, fn, userdata);
}

int sessions_finish(struct sessions *s, attempts_fn fn, void *userdata)
{
    for (struct session *i = s->oldest; i; i = i->newer)
        give_held(s, i);
    return give_ready(s, fn, userdata);
}

int64_t sessions_next(const struct sessions *s)
{
    int64_t next;

    if (!s->oldest)
        return MOMENT_NONE;
    return __builtin_add_overflow(s->oldest->last, EXPIRY, &next) ? INT64_MAX : next;
}

int64_t sessions_held(const struct sessions *s)
{
    int64_t first = MOMENT_NONE;

    for (const struct session *i = s->oldest; i; i = i->newer)
        if (i->held && (first == MOMENT_NONE || i->held->attempt.time.usec < first))
            first = i->held->attempt.time.usec;
    return first;
}

uint64_t sessions_held_mark(const struct sessions *s)
{
    uint64_t first = UINT64_MAX;

    for (const struct session *i = s->oldest; i; i = i->newer)
        if (i->held && i->held->attempt.mark < first)
            first = i->held->attempt.mark;
    for (const struct held *h = s->ready; h; h = h->next)
        if (h->attempt.mark < first)
            first = h->attempt.mark;
    return first;
}

bool sessions_changed(const struct sessions *s)
{
    return s->changed;
}

void sessions_saved(struct sessions *s)
{
    s->changed = false;
}

uint64_t sessions_count(const struct sessions *s)
{
    return s->n;
}

uint64_t sessions_evicted(const struct sessions *s)
{
    return s->evicted;
}
