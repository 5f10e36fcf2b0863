/* The open sessions as JSON, oldest first, so that the table comes back in its order. Log
 * lines and names are foreign bytes: they stand in it as text_escape() writes them. We
 * wrote it, but the file may be damaged: what does not fit is refused as a whole. */
#include "sessions-internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "incident.h"

#define VERSION 1

static json_t *escaped(struct slice s)
{
    _cleanup_(cleanup_free) char *text = NULL;

    if (!s.p)
        return json_null();
    text = text_escape(s.p, s.n, s.n);
    return text ? json_string(text) : NULL;
}

/* NULL when there is none; also when out of memory, which json_pack() notices. */
static json_t *held_json(const struct held *h)
{
    const struct attempt *a;
    char addr[ADDR_TEXT_MAX];

    if (!h)
        return json_null();
    a = &h->attempt;
    return json_pack("{sIsisssisosbsssisIso}", "time", (json_int_t)a->time.usec, "digits",
                     (int)a->time.digits, "source", addr_format(&a->source, addr), "port",
                     (int)a->port, "user", escaped(a->user), "unknown",
                     (int)a->unknown_user, "service", a->service, "kind", (int)a->kind,
                     "count", (json_int_t)a->count, "line", escaped(a->line));
}

static json_t *session_json(const struct session *i)
{
    char addr[ADDR_TEXT_MAX];

    return json_pack("{sssosIsssisIsbsIsIsIsbso}", "family", i->family, "host",
                     escaped((struct slice){i->host, strlen(i->host)}), "pid",
                     (json_int_t)i->pid, "peer", addr_format(&i->peer, addr), "port",
                     (int)i->port, "last", (json_int_t)i->last, "refused",
                     (int)i->refused, "own", (json_int_t)i->own, "pam",
                     (json_int_t)i->pam, "given", (json_int_t)i->given, "probe_given",
                     (int)i->probe_given, "held", held_json(i->held));
}

int sessions_save(const struct sessions *s, char **ret)
{
    _cleanup_(json_decrefp) json_t *root = NULL;
    json_t *list = json_array();
    char *text;

    for (const struct session *i = s->oldest; list && i; i = i->newer)
        if (json_array_append_new(list, session_json(i)) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    root = json_pack("{siso}", "v", VERSION, "sessions", list);
    text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* "-" is no address, which sets family 0. */
static bool read_addr(const char *text, struct addr *ret)
{
    *ret = (struct addr){0};
    return strcmp(text, "-") == 0 || addr_parse(text, strlen(text), ret);
}

static bool is_count(json_int_t n)
{
    return n >= 0 && n <= INT64_MAX / 4;
}

static int read_held(const json_t *value, struct held **ret)
{
    _cleanup_(cleanup_free) char *line = NULL, *user = NULL;
    const char *source, *line_text, *service;
    struct attempt a = {.outcome = ATTEMPT_FAILURE};
    json_t *user_json;
    int digits, port, unknown, kind, r;
    json_int_t time, count;

    if (json_is_null(value))
        return 0;
    if (json_unpack((json_t *)value, "{sIsisssisosbsssisIss!}", "time", &time, "digits",
                    &digits, "source", &source, "port", &port, "user", &user_json,
                    "unknown", &unknown, "service", &service, "kind", &kind, "count",
                    &count, "line", &line_text) < 0 ||
        digits < 0 || digits > 6 || port < 0 || port > UINT16_MAX || !is_count(count) ||
        count == 0 || (kind != ATTEMPT_REFUSED && kind != ATTEMPT_PROBE) ||
        (!json_is_null(user_json) && !json_is_string(user_json)) ||
        !read_addr(source, &a.source) || strlen(service) > INCIDENT_LINE_MAX)
        return -EBADMSG;
    r = text_unescape(line_text, INCIDENT_LINE_MAX, &line);
    if (r == 0 && json_is_string(user_json))
        r = text_unescape(json_string_value(user_json), INCIDENT_LINE_MAX, &user);
    if (r < 0)
        return r;
    a.time = (struct stamp){.usec = time, .digits = (uint8_t)digits};
    a.port = (uint16_t)port;
    a.unknown_user = unknown;
    a.kind = (enum attempt_kind)kind;
    a.count = (uint64_t)count;
    a.service = service;
    a.line = (struct slice){line, strlen(line)};
    if (user)
        a.user = (struct slice){user, strlen(user)};
    *ret = held_new(&a);
    return *ret ? 0 : -ENOMEM;
}

static int read_session(struct sessions *s, const json_t *value)
{
    _cleanup_(cleanup_free) char *host = NULL;
    const char *family, *host_text, *peer_text;
    json_int_t pid, last, own, pam, given;
    int port, refused, probe_given, r;
    struct addr peer;
    struct session *i;
    json_t *held;

    if (json_unpack((json_t *)value, "{sssssIsssisIsbsIsIsIsbso!}", "family", &family,
                    "host", &host_text, "pid", &pid, "peer", &peer_text, "port", &port,
                    "last", &last, "refused", &refused, "own", &own, "pam", &pam, "given",
                    &given, "probe_given", &probe_given, "held", &held) < 0 ||
        strlen(family) >= sizeof(i->family) || pid < -1 || !read_addr(peer_text, &peer) ||
        (pid < 0 && peer.family == 0) || port < 0 || port > UINT16_MAX ||
        !is_count(own) || !is_count(pam) || !is_count(given) || s->n == SESSIONS_MAX)
        return -EBADMSG;
    r = text_unescape(host_text, 255, &host);
    if (r < 0)
        return r;
    i = session_add(s, family, (struct slice){host, strlen(host)}, pid, &peer);
    if (!i)
        return -ENOMEM;
    i->port = (uint16_t)port;
    i->last = last;
    i->refused = refused;
    i->own = (uint64_t)own;
    i->pam = (uint64_t)pam;
    i->given = (uint64_t)given;
    i->probe_given = probe_given;
    return read_held(held, &i->held);
}

int sessions_restore(struct sessions *s, const char *text)
{
    _cleanup_(json_decrefp) json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *list;
    int version, r = 0;

    if (json_unpack(root, "{siso!}", "v", &version, "sessions", &list) < 0 ||
        version != VERSION || !json_is_array(list))
        return -EBADMSG;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
        r = read_session(s, json_array_get(list, i));
    while (r < 0 && s->oldest)
        session_drop(s, s->oldest);
    s->changed = false;
    return r;
}
