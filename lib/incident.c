/* An incident grows by one attempt at a time and stays small whatever its source does:
 * each list has a cap, and beyond it only numbers grow.
 *
 * Lines are evidence, and a report shows the first and the last of them next to the times
 * of the first and the last attempt. Logs of several sources are not strictly in order,
 * so head and tail are kept by time, not by arrival: head holds the earliest lines, tail
 * the latest of the rest. A line that is pushed out of the head falls to the front of the
 * tail, or between the two. */
#include "incident.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "siphash.h"

struct incident *incident_new(const struct net *source)
{
    struct incident *inc = calloc(1, sizeof(*inc));

    if (!inc)
        return NULL;
    inc->source = *source;
    inc->first = inc->last = STAMP_NONE;
    inc->success = inc->due = inc->opened = inc->closed = MOMENT_NONE;
    return inc;
}

struct incident *incident_free(struct incident *inc)
{
    if (!inc)
        return NULL;
    for (unsigned i = 0; i < inc->n_users; i++)
        free(inc->users[i]);
    for (unsigned i = 0; i < inc->n_head; i++)
        free(inc->head[i].line);
    for (unsigned i = 0; i < inc->n_tail; i++)
        free(inc->tail[i].line);
    free(inc->detail);
    free(inc->contact);
    free(inc->contact_source);
    free(inc->network);
    free(inc);
    return NULL;
}

/* The database keeps 63 bits. */
static uint64_t capped(uint64_t count)
{
    return count > INT64_MAX ? INT64_MAX : count;
}

static void grow(uint64_t *count, uint64_t by)
{
    *count = by > INT64_MAX - *count ? INT64_MAX : *count + by;
}

static struct slice keepable(struct slice s)
{
    const char *nul;

    if (s.n > INCIDENT_LINE_MAX)
        s.n = INCIDENT_LINE_MAX;
    nul = s.n > 0 ? memchr(s.p, '\0', s.n) : NULL;
    if (nul)
        s.n = (size_t)(nul - s.p);
    return s;
}

static bool has_user(const struct incident *inc, struct slice user)
{
    for (unsigned i = 0; i < inc->n_users; i++)
        if (strncmp(inc->users[i], user.p, user.n) == 0 && inc->users[i][user.n] == '\0')
            return true;
    return false;
}

static void add_addr(struct incident *inc, const struct addr *addr, uint64_t count)
{
    for (unsigned i = 0; i < inc->n_addrs; i++)
        if (addr_equal(&inc->addrs[i].addr, addr)) {
            grow(&inc->addrs[i].count, count);
            return;
        }
    if (inc->n_addrs < INCIDENT_ADDRS)
        inc->addrs[inc->n_addrs++] =
            (struct incident_addr){.addr = *addr, .count = count};
    else
        grow(&inc->addrs_more, count);
}

static void add_port(struct incident *inc, uint16_t port)
{
    if (port == 0)
        return;
    for (unsigned i = 0; i < inc->n_ports; i++)
        if (inc->ports[i] == port)
            return;
    if (inc->n_ports < INCIDENT_PORTS)
        inc->ports[inc->n_ports++] = port;
    else
        inc->ports_more = true;
}

static void insert(struct evidence *lines, unsigned *n, unsigned i, struct evidence e)
{
    memmove(&lines[i + 1], &lines[i], (*n - i) * sizeof(*lines));
    lines[i] = e;
    (*n)++;
}

static void drop_line(struct incident *inc, struct evidence e)
{
    inc->bytes -= strlen(e.line) + 1;
    free(e.line);
}

/* Among lines of the same time the order of arrival stays; displaced says that e comes
 * from the head, so before all that the tail has. */
static void add_to_tail(struct incident *inc, struct evidence e, bool displaced)
{
    unsigned i = displaced ? 0 : inc->n_tail;

    while (i > 0 && inc->tail[i - 1].time.usec > e.time.usec)
        i--;
    if (inc->n_tail == INCIDENT_TAIL) {
        if (i == 0) {
            drop_line(inc, e);
            return;
        }
        drop_line(inc, inc->tail[0]);
        inc->n_tail--;
        i--;
        memmove(&inc->tail[0], &inc->tail[1], inc->n_tail * sizeof(inc->tail[0]));
    }
    insert(inc->tail, &inc->n_tail, i, e);
}

static void add_line(struct incident *inc, struct evidence e)
{
    unsigned i = inc->n_head;

    grow(&inc->lines, 1);
    inc->bytes += strlen(e.line) + 1;
    while (i > 0 && inc->head[i - 1].time.usec > e.time.usec)
        i--;
    if (i == INCIDENT_HEAD) {
        add_to_tail(inc, e, false);
        return;
    }
    if (inc->n_head == INCIDENT_HEAD)
        add_to_tail(inc, inc->head[--inc->n_head], true);
    insert(inc->head, &inc->n_head, i, e);
}

int incident_add(struct incident *inc, const struct attempt *attempt,
                 enum clock_state clock, int64_t clock_error)
{
    _cleanup_(cleanup_free) char *line = slice_dup(keepable(attempt->line));
    _cleanup_(cleanup_free) char *user = NULL;
    uint64_t count = capped(attempt->count);

    if (!line)
        return -ENOMEM;
    if (attempt->user.p && !has_user(inc, keepable(attempt->user))) {
        if (inc->n_users == INCIDENT_USERS)
            inc->users_more = true;
        else if (!(user = slice_dup(keepable(attempt->user))))
            return -ENOMEM;
    }
    if (inc->first.usec == MOMENT_NONE || attempt->time.usec < inc->first.usec)
        inc->first = attempt->time;
    if (inc->last.usec == MOMENT_NONE || attempt->time.usec > inc->last.usec)
        inc->last = attempt->time;
    if (inc->service[0] == '\0' && attempt->service)
        strncpy(inc->service, attempt->service, sizeof(inc->service) - 1);
    else if (attempt->service &&
             strncmp(inc->service, attempt->service, sizeof(inc->service) - 1) != 0)
        inc->services_more = true;
    grow(&inc->count, count);
    if (attempt->kind == ATTEMPT_PROBE)
        grow(&inc->probes, count);
    add_addr(inc, &attempt->source, count);
    add_port(inc, attempt->port);
    if (user) {
        inc->bytes += strlen(user) + 1;
        inc->users[inc->n_users++] = TAKE_PTR(user);
    }
    add_line(inc, (struct evidence){
                      .time = attempt->time, .count = count, .line = TAKE_PTR(line)});
    grow(&inc->clock_attempts[clock], count);
    if (clock == CLOCK_SYNCED && clock_error > inc->clock_error)
        inc->clock_error = clock_error;
    return 0;
}

void incident_add_blocked(struct incident *inc, uint64_t count)
{
    grow(&inc->blocked, count);
}

const struct evidence *incident_tail(const struct incident *inc, unsigned i)
{
    assert(i < inc->n_tail);
    return &inc->tail[i];
}

static int more_attempts(const void *a, const void *b)
{
    const struct incident_addr *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return addr_compare(&x->addr, &y->addr);
}

bool incident_damaged(const struct incident *inc)
{
    return inc->n_addrs == 0 || inc->n_head == 0;
}

void incident_sort_addrs(struct incident *inc)
{
    qsort(inc->addrs, inc->n_addrs, sizeof(inc->addrs[0]), more_attempts);
}

static const char *const state_names[INCIDENT_STATES] = {
    [INCIDENT_OPEN] = "open",         [INCIDENT_LOOKUP] = "lookup",
    [INCIDENT_WAITING] = "waiting",   [INCIDENT_HELD] = "held",
    [INCIDENT_QUEUED] = "queued",     [INCIDENT_SENT] = "sent",
    [INCIDENT_OBSERVED] = "observed", [INCIDENT_DROPPED] = "dropped",
};

const char *incident_state_name(enum incident_state state)
{
    return state_names[state];
}

int incident_state_parse(const char *name)
{
    for (int i = 0; i < INCIDENT_STATES; i++)
        if (strcmp(name, state_names[i]) == 0)
            return i;
    return -EINVAL;
}

char *incident_reference(int64_t id, const uint8_t secret[static 16],
                         char buf[static INCIDENT_REFERENCE_MAX])
{
    uint8_t bytes[8];
    int n;

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((uint64_t)id >> (8 * i));
    n = snprintf(buf, INCIDENT_REFERENCE_MAX, "AR-%" PRId64 "-%08" PRIx32, id,
                 (uint32_t)siphash24(bytes, sizeof(bytes), secret));
    assert(n > 0 && n < INCIDENT_REFERENCE_MAX);
    return buf;
}
