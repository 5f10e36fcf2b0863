/* Registries limit how often they may be asked, and block those who do not listen. So
 * each server gets one request at a time, with a distance between them, and a server that
 * says "slow down" (429) or "go away" (403) is left alone until the time that it names;
 * that time outlives a restart, in the store. A server that does not work is left alone
 * for a short while only, and in memory: else a queue of thousands would run into its
 * timeout one by one.
 *
 * Nothing waits for a pause here: the lookup fails with the time to wait, and the
 * incident's own retry comes back. */
#include "resolver-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "loop.h"
#include "store.h"
#include "text.h"

#define SPACING        (INT64_C(200) * 1000)
#define PAUSE_DEFAULT  (60 * USEC_PER_SEC)
#define PAUSE_GROWN    (3600 * USEC_PER_SEC) /* a default pause doubles up to this */
#define PAUSE_MAX      (24 * 3600 * USEC_PER_SEC)
#define STRIKES_MAX    3
#define STRIKE_PAUSE   (60 * USEC_PER_SEC)
#define STRIKE_LAB     (5 * USEC_PER_SEC)
#define HOSTS_IDLE_MAX 64
#define ASKING_MAX     16 /* servers at one time: a redirect may name any number of them */
/* Who would wait longer in a queue is sent away with a time to come back. */
#define WAIT_MAX      (30 * 60 * USEC_PER_SEC)
#define WAIT_MAX_ONCE (2 * 60 * USEC_PER_SEC)

/* LACNIC: 10 a minute and 1000 an hour, then about five minutes of nothing. */
static const struct manners {
    const char *domain;
    int64_t spacing, pause;
} manners[] = {
    {"lacnic.net", 7 * USEC_PER_SEC, 300 * USEC_PER_SEC},
    {NULL, SPACING, PAUSE_DEFAULT},
};

static const struct manners *manners_of(const char *name)
{
    size_t n = strcspn(name, ":"); /* without the port */
    const struct manners *m;

    for (m = manners; m->domain; m++) {
        size_t k = strlen(m->domain);

        if (n >= k && memcmp(name + n - k, m->domain, k) == 0 &&
            (n == k || name[n - k - 1] == '.'))
            break;
    }
    return m;
}

static struct host *host_free(struct host *h)
{
    free(h->name);
    free(h);
    return NULL;
}

/* Takes name over. NULL when out of memory. */
static struct host *host_of(struct resolver *r, char *name)
{
    _cleanup_(cleanup_free) char *owned = name;
    const struct manners *m;
    struct host *h;

    TAILQ_FOREACH(h, &r->hosts, link)
    {
        if (strcmp(h->name, name) == 0)
            return h;
    }
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    m = manners_of(name);
    h->name = TAKE_PTR(owned);
    h->spacing = r->lab ? 0 : m->spacing;
    h->default_pause = m->pause;
    h->next = INT64_MIN;
    h->paused_until = INT64_MIN;
    TAILQ_INIT(&h->queue);
    TAILQ_INSERT_TAIL(&r->hosts, h, link);
    r->n_hosts++;
    return h;
}

/* Forgets servers that nobody waits for, the ones longest known first. What they asked
 * for is in the store. */
static void forget_idle(struct resolver *r, int64_t now)
{
    struct host *h = TAILQ_FIRST(&r->hosts);

    while (h && r->n_hosts > HOSTS_IDLE_MAX) {
        struct host *next = TAILQ_NEXT(h, link);

        if (!h->asking && h->n_queue == 0 && h->next <= now) {
            TAILQ_REMOVE(&r->hosts, h, link);
            r->n_hosts--;
            host_free(h);
        }
        h = next;
    }
}

/* How long the host wants to be left alone from now on; 0 not at all. */
static int64_t pause_left(struct resolver *r, const struct host *h)
{
    int64_t now = now_wall(), until, stored;

    until = h->paused_until;
    if (store_pause_get(r->store, h->name, &stored) == 0 && stored > until)
        until = stored;
    /* Later than any pause can end: the clock was set back meanwhile. */
    if (until <= now || until - now > PAUSE_MAX)
        return 0;
    return until - now;
}

static void arm_turn(struct resolver *r, int64_t usec)
{
    if (watch_arm(r->turn_timer, usec) < 0)
        log_error("contact: the timer cannot be set, look-ups wait");
}

void host_enqueue(struct query *q)
{
    struct resolver *r = q->r;
    int64_t wait_max = r->once ? WAIT_MAX_ONCE : WAIT_MAX, now = now_monotonic(), wait;
    char *name = rdap_url_host(chain_url(&q->chain));
    struct host *h = name ? host_of(r, name) : NULL;

    if (!h) {
        query_fail(q, NULL, true, 0, "out of memory");
        return;
    }
    wait = (int64_t)h->n_queue * (h->spacing + h->took) +
           (h->next > now ? h->next - now : 0);
    if (wait > wait_max) {
        query_fail(q, h->name, true, wait, "too many others wait to ask this server");
        return;
    }
    q->host = h;
    TAILQ_INSERT_TAIL(&h->queue, q, turn);
    h->n_queue++;
    arm_turn(r, 0);
}

void host_leave(struct query *q)
{
    struct host *h = q->host;
    int64_t now = now_monotonic();

    if (!h)
        return;
    if (h->asking == q) {
        h->asking = NULL;
        h->took = now - h->began;
        h->next = now + h->spacing;
        q->r->n_asking--;
        arm_turn(q->r, 0);
    } else {
        TAILQ_REMOVE(&h->queue, q, turn);
        h->n_queue--;
    }
    q->host = NULL;
}

void host_worked(struct query *q)
{
    q->host->strikes = 0;
    q->host->slowdowns = 0;
}

void host_failed(struct query *q)
{
    struct host *h = q->host;
    int64_t until = now_wall() + (q->r->lab ? STRIKE_LAB : STRIKE_PAUSE);

    if (++h->strikes < STRIKES_MAX)
        return;
    /* Not stored: a restart may as well try. One more failure after it begins anew. */
    h->strikes = STRIKES_MAX - 1;
    if (until > h->paused_until)
        h->paused_until = until;
}

static int64_t grown_pause(struct host *h)
{
    int64_t usec = h->default_pause;

    for (unsigned i = 0; i < h->slowdowns && usec < PAUSE_GROWN; i++)
        usec *= 2;
    h->slowdowns++;
    return usec < PAUSE_GROWN ? usec : PAUSE_GROWN;
}

int64_t host_pause(struct query *q, int64_t usec)
{
    struct host *h = q->host;
    _cleanup_(cleanup_free) char *shown = text_escape(h->name, strlen(h->name), 100);
    int k;

    h->strikes = 0;
    if (usec <= 0)
        usec = grown_pause(h);
    if (usec < USEC_PER_SEC)
        usec = USEC_PER_SEC;
    if (usec > PAUSE_MAX)
        usec = PAUSE_MAX;
    h->paused_until = now_wall() + usec;
    log_notice("contact: %s is left alone for %" PRId64 " s", shown ? shown : "a server",
               usec / USEC_PER_SEC);
    k = store_pause_put(q->r->store, h->name, h->paused_until);
    if (k != 0)
        log_warning("contact: that pause cannot be stored (%s), ignoring",
                    k > 0 ? store_error_text(k) : strerror(-k));
    return usec;
}

static void fail_queue(struct host *h, int64_t left)
{
    while (!TAILQ_EMPTY(&h->queue)) {
        struct query *q = TAILQ_FIRST(&h->queue);

        query_fail(q, h->name, true, left, "the server is left alone for a while");
    }
}

/* The host's next request, if it may be made. Returns when it may, else INT64_MAX. */
static int64_t host_turn(struct resolver *r, struct host *h, int64_t now)
{
    struct query *q = TAILQ_FIRST(&h->queue);
    int64_t left;

    if (!q || h->asking)
        return INT64_MAX;
    left = pause_left(r, h);
    if (left > 0) {
        fail_queue(h, left);
        return INT64_MAX;
    }
    if (h->next > now)
        return h->next;
    if (r->n_asking >= ASKING_MAX)
        return now + SPACING;
    TAILQ_REMOVE(&h->queue, q, turn);
    h->n_queue--;
    h->asking = q;
    h->began = now;
    r->n_asking++;
    query_send(q);
    return TAILQ_EMPTY(&h->queue) ? INT64_MAX : now + h->spacing;
}

void hosts_turn(void *userdata, unsigned what)
{
    struct resolver *r = userdata;
    int64_t now = now_monotonic(), due = INT64_MAX;
    struct host *h;

    TAILQ_FOREACH(h, &r->hosts, link)
    {
        int64_t next = host_turn(r, h, now);

        if (next < due)
            due = next;
    }
    forget_idle(r, now);
    if (due != INT64_MAX)
        arm_turn(r, due > now ? due - now : 0);
}

void hosts_done(struct resolver *r)
{
    struct host *h;

    while ((h = TAILQ_FIRST(&r->hosts))) {
        TAILQ_REMOVE(&r->hosts, h, link);
        host_free(h);
    }
    r->n_hosts = 0;
}
