/* How the store keeps the lists of an incident. Log lines and user names are foreign
 * bytes in no known encoding, while JSON is UTF-8: they are written as text_escape()
 * does, in printable ASCII, and read back byte for byte. What is read was written by us,
 * but the file may be damaged or edited: everything is checked before the incident
 * changes. */
#include "incident.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

#define DETAIL_VERSION   1
#define EVIDENCE_VERSION 1

DEFINE_CLEANUP(struct incident *, incident_free)

static json_t *escaped(const char *bytes)
{
    size_t n = strlen(bytes);
    _cleanup_(cleanup_free) char *text = text_escape(bytes, n, n);

    return text ? json_string(text) : NULL;
}

/* The inverse: 0, -EBADMSG, -ENOMEM. */
static int unescaped(const json_t *value, char **ret)
{
    const char *s = json_string_value(value);

    if (!s || json_string_length(value) > 4 * INCIDENT_LINE_MAX)
        return -EBADMSG;
    return text_unescape(s, INCIDENT_LINE_MAX, ret);
}

static int dump(json_t *root, char **ret)
{
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* A list of n elements made by item(); NULL when out of memory. */
static json_t *list(const struct incident *inc, unsigned n,
                    json_t *(*item)(const struct incident *inc, unsigned i))
{
    _cleanup_(json_decrefp) json_t *array = json_array();

    for (unsigned i = 0; array && i < n; i++)
        if (json_array_append_new(array, item(inc, i)) < 0)
            return NULL;
    return TAKE_PTR(array);
}

static json_t *addr_item(const struct incident *inc, unsigned i)
{
    char text[ADDR_TEXT_MAX];

    return json_pack("[sI]", addr_format(&inc->addrs[i].addr, text),
                     (json_int_t)inc->addrs[i].count);
}

static json_t *port_item(const struct incident *inc, unsigned i)
{
    return json_integer(inc->ports[i]);
}

static json_t *user_item(const struct incident *inc, unsigned i)
{
    return escaped(inc->users[i]);
}

static json_t *line_item(const struct evidence *e)
{
    return json_pack("[IiIo]", (json_int_t)e->time.usec, (int)e->time.digits,
                     (json_int_t)e->count, escaped(e->line));
}

static json_t *head_item(const struct incident *inc, unsigned i)
{
    return line_item(&inc->head[i]);
}

static json_t *tail_item(const struct incident *inc, unsigned i)
{
    return line_item(&inc->tail[i]);
}

int incident_detail_json(const struct incident *inc, char **ret)
{
    _cleanup_(json_decrefp) json_t *root = json_pack(
        "{sisosIsosbsosbs[III]sIsIsIsb}", "v", DETAIL_VERSION, "addrs",
        list(inc, inc->n_addrs, addr_item), "addrs_more", (json_int_t)inc->addrs_more,
        "ports", list(inc, inc->n_ports, port_item), "ports_more", (int)inc->ports_more,
        "users", list(inc, inc->n_users, user_item), "users_more", (int)inc->users_more,
        "clock", (json_int_t)inc->clock_attempts[0], (json_int_t)inc->clock_attempts[1],
        (json_int_t)inc->clock_attempts[2], "clock_error", (json_int_t)inc->clock_error,
        "probes", (json_int_t)inc->probes, "blocked", (json_int_t)inc->blocked,
        "services_more", (int)inc->services_more);

    return dump(root, ret);
}

int incident_evidence_json(const struct incident *inc, char **ret)
{
    _cleanup_(json_decrefp) json_t *root = json_pack(
        "{sisIsoso}", "v", EVIDENCE_VERSION, "lines", (json_int_t)inc->lines, "head",
        list(inc, inc->n_head, head_item), "tail", list(inc, inc->n_tail, tail_item));

    return dump(root, ret);
}

static bool count_value(json_int_t value, uint64_t *ret)
{
    if (value < 0)
        return false;
    *ret = (uint64_t)value;
    return true;
}

static int read_addrs(struct incident *into, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct incident_addr *a = &into->addrs[i];
        const char *text;
        json_int_t count;

        if (i >= INCIDENT_ADDRS ||
            json_unpack(json_array_get(array, i), "[sI!]", &text, &count) < 0 ||
            !addr_parse(text, strlen(text), &a->addr) || !count_value(count, &a->count))
            return -EBADMSG;
        into->n_addrs++;
    }
    return 0;
}

static int read_ports(struct incident *into, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_int_t port = json_integer_value(json_array_get(array, i));

        if (i >= INCIDENT_PORTS || port < 1 || port > UINT16_MAX)
            return -EBADMSG;
        into->ports[into->n_ports++] = (uint16_t)port;
    }
    return 0;
}

static int read_users(struct incident *into, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        int r;

        if (i >= INCIDENT_USERS)
            return -EBADMSG;
        r = unescaped(json_array_get(array, i), &into->users[i]);
        if (r < 0)
            return r;
        into->n_users++;
        into->bytes += strlen(into->users[i]) + 1;
    }
    return 0;
}

static int read_lines(struct incident *into, const json_t *array, struct evidence *lines,
                      unsigned max, unsigned *n)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct evidence *e = &lines[i];
        json_int_t usec, count;
        json_t *line;
        int digits, r;

        if (i >= max ||
            json_unpack(json_array_get(array, i), "[IiIo!]", &usec, &digits, &count,
                        &line) < 0 ||
            digits < 0 || digits > 6 || !count_value(count, &e->count))
            return -EBADMSG;
        e->time = (struct stamp){.usec = usec, .digits = (uint8_t)digits};
        r = unescaped(line, &e->line);
        if (r < 0)
            return r;
        (*n)++;
        into->bytes += strlen(e->line) + 1;
    }
    return 0;
}

/* The lists are read into an incident of their own, and handed over when all is good. */
static void take_users(struct incident *inc, struct incident *read)
{
    for (unsigned i = 0; i < inc->n_users; i++)
        free(inc->users[i]);
    memcpy(inc->users, read->users, sizeof(inc->users));
    inc->n_users = read->n_users;
    read->n_users = 0;
}

static void take_lines(struct evidence *lines, unsigned *n, struct evidence *read,
                       unsigned *n_read)
{
    for (unsigned i = 0; i < *n; i++)
        free(lines[i].line);
    memcpy(lines, read, *n_read * sizeof(*lines));
    *n = *n_read;
    *n_read = 0;
}

static size_t user_bytes(const struct incident *inc)
{
    size_t bytes = 0;

    for (unsigned i = 0; i < inc->n_users; i++)
        bytes += strlen(inc->users[i]) + 1;
    return bytes;
}

int incident_detail_from_json(struct incident *inc, const char *text)
{
    _cleanup_(json_decrefp) json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    _cleanup_(incident_freep) struct incident *read = incident_new(&inc->source);
    json_t *addrs, *ports, *users;
    json_int_t more, clock[3], error, probes = 0, blocked = 0; /* older ones lack these */
    int version, ports_more, users_more, services_more = 0, r;

    if (!read)
        return -ENOMEM;
    if (json_unpack(root, "{sisosIsosbsosbs[III!]sIs?Is?Is?b!}", "v", &version, "addrs",
                    &addrs, "addrs_more", &more, "ports", &ports, "ports_more",
                    &ports_more, "users", &users, "users_more", &users_more, "clock",
                    &clock[0], &clock[1], &clock[2], "clock_error", &error, "probes",
                    &probes, "blocked", &blocked, "services_more", &services_more) < 0 ||
        version != DETAIL_VERSION || !json_is_array(addrs) || !json_is_array(ports) ||
        !json_is_array(users) || !count_value(more, &read->addrs_more) || error < 0 ||
        !count_value(probes, &read->probes) || !count_value(blocked, &read->blocked))
        return -EBADMSG;
    for (unsigned i = 0; i < 3; i++)
        if (!count_value(clock[i], &read->clock_attempts[i]))
            return -EBADMSG;
    if ((r = read_addrs(read, addrs)) < 0 || (r = read_ports(read, ports)) < 0 ||
        (r = read_users(read, users)) < 0)
        return r;

    inc->bytes += read->bytes - user_bytes(inc);
    memcpy(inc->addrs, read->addrs, sizeof(inc->addrs));
    inc->n_addrs = read->n_addrs;
    inc->addrs_more = read->addrs_more;
    memcpy(inc->ports, read->ports, sizeof(inc->ports));
    inc->n_ports = read->n_ports;
    inc->ports_more = ports_more;
    take_users(inc, read);
    inc->users_more = users_more;
    memcpy(inc->clock_attempts, read->clock_attempts, sizeof(inc->clock_attempts));
    inc->clock_error = error;
    inc->probes = read->probes;
    inc->blocked = read->blocked;
    inc->services_more = services_more;
    return 0;
}

int incident_evidence_from_json(struct incident *inc, const char *text)
{
    _cleanup_(json_decrefp) json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    _cleanup_(incident_freep) struct incident *read = incident_new(&inc->source);
    json_t *head, *tail;
    json_int_t lines;
    int version, r;

    if (!read)
        return -ENOMEM;
    if (json_unpack(root, "{sisIsoso!}", "v", &version, "lines", &lines, "head", &head,
                    "tail", &tail) < 0 ||
        version != EVIDENCE_VERSION || !json_is_array(head) || !json_is_array(tail) ||
        !count_value(lines, &read->lines))
        return -EBADMSG;
    if ((r = read_lines(read, head, read->head, INCIDENT_HEAD, &read->n_head)) < 0 ||
        (r = read_lines(read, tail, read->tail, INCIDENT_TAIL, &read->n_tail)) < 0)
        return r;
    if (read->lines < (uint64_t)read->n_head + read->n_tail)
        return -EBADMSG;

    inc->bytes = user_bytes(inc) + read->bytes;
    take_lines(inc->head, &inc->n_head, read->head, &read->n_head);
    take_lines(inc->tail, &inc->n_tail, read->tail, &read->n_tail);
    inc->lines = read->lines;
    return 0;
}
