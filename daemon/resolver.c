/* Lookups are what callers have, queries are what goes out: the first lookup of a block
 * begins a query, the others of that block wait for the same one.
 *
 * All answers, also those that are known at once, go to a list of ready lookups and are
 * given from a timer, so that a caller is never called back while it asks. A resolver_fn
 * may ask, cancel and free; lookups that become ready meanwhile have their turn in the
 * next round, and a resolver that is freed there is released when the round returns. */
#include "resolver-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "host.h"
#include "loop.h"
#include "siphash.h"
#include "store.h"

#define IANA_IPV4 "https://data.iana.org/rdap/ipv4.json"
#define IANA_IPV6 "https://data.iana.org/rdap/ipv6.json"

static int64_t now_of(clockid_t clock)
{
    struct timespec ts = {0};

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t now_wall(void)
{
    return now_of(CLOCK_REALTIME);
}

int64_t now_monotonic(void)
{
    return now_of(CLOCK_MONOTONIC);
}

/* Answers */

static struct answer *answer_unref(struct answer *a)
{
    if (a && --a->refs == 0) {
        contact_result_done(&a->result);
        free(a);
    }
    return NULL;
}
DEFINE_CLEANUP(struct answer *, answer_unref)

static struct answer *answer_new(void)
{
    struct answer *a = calloc(1, sizeof(*a));

    if (a)
        a->refs = 1;
    return a;
}

/* The lookup, which waits for nothing any more, is given a reference of a. */
static void lookup_ready(struct lookup *l, struct answer *a)
{
    struct resolver *r = l->r;

    a->refs++;
    l->query = NULL;
    l->answer = a;
    l->round = r->round;
    TAILQ_INSERT_TAIL(&r->ready, l, link);
    if (a->result.outcome == CONTACT_LOOKUP_FAILED)
        r->counters.failures++;
    watch_arm(r->ready_timer, 0);
}

static void resolver_release(struct resolver *r)
{
    watch_free(r->ready_timer);
    free(r);
}

static void give_ready(void *userdata, unsigned what)
{
    struct resolver *r = userdata;
    struct lookup *l;

    r->round++;
    r->giving = true;
    while ((l = TAILQ_FIRST(&r->ready)) && l->round < r->round) {
        struct answer *a = l->answer;

        TAILQ_REMOVE(&r->ready, l, link);
        r->counters.running--;
        l->fn(l->userdata, &a->result);
        free(l);
        answer_unref(a);
    }
    r->giving = false;
    if (r->dead)
        resolver_release(r);
}

/* Queries */

static struct queries *bucket_of(struct resolver *r, const struct net *block)
{
    return &r->buckets[siphash24(block, sizeof(*block), r->key) % RESOLVER_BUCKETS];
}

static struct query *query_find(struct resolver *r, const struct net *block)
{
    struct query *q;

    TAILQ_FOREACH(q, bucket_of(r, block), in_bucket)
    {
        if (net_equal(&q->block, block))
            return q;
    }
    return NULL;
}

static int query_new(struct resolver *r, const struct addr *addr, struct query **ret)
{
    struct query *q = calloc(1, sizeof(*q));

    if (!q)
        return -ENOMEM;
    q->answer = answer_new();
    if (!q->answer) {
        free(q);
        return -ENOMEM;
    }
    q->r = r;
    q->addr = *addr;
    q->block = cache_block(addr);
    TAILQ_INIT(&q->waiters);
    TAILQ_INSERT_TAIL(bucket_of(r, &q->block), q, in_bucket);
    *ret = q;
    return 0;
}

/* Out of everything it stands in; its waiters are gone already. */
static void query_free(struct query *q)
{
    q->fetch = fetch_cancel(q->fetch);
    host_leave(q);
    table_leave(q);
    TAILQ_REMOVE(bucket_of(q->r, &q->block), q, in_bucket);
    chain_done(&q->chain);
    answer_unref(q->answer);
    free(q);
}

static void wait_for(struct lookup *l, struct query *q)
{
    l->query = q;
    TAILQ_INSERT_TAIL(&q->waiters, l, link);
}

/* Joins the query of the lookup's block, or begins one. */
static int lookup_ask(struct lookup *l)
{
    struct net block = cache_block(&l->addr);
    struct query *q = query_find(l->r, &block);
    int r;

    if (q) {
        wait_for(l, q);
        return 0;
    }
    r = query_new(l->r, &l->addr, &q);
    if (r < 0)
        return r;
    wait_for(l, q);
    query_begin(q);
    return 0;
}

void query_done(struct query *q)
{
    const struct contact_result *result = &q->answer->result;
    struct resolver *r = q->r;
    struct lookups others;
    struct lookup *l;

    TAILQ_INIT(&others);
    while ((l = TAILQ_FIRST(&q->waiters))) {
        TAILQ_REMOVE(&q->waiters, l, link);
        if (result->outcome == CONTACT_LOOKUP_FAILED ||
            cache_holds(result, &q->addr, &l->addr))
            lookup_ready(l, q->answer);
        else
            TAILQ_INSERT_TAIL(&others, l, link);
    }
    query_free(q);
    while ((l = TAILQ_FIRST(&others))) {
        TAILQ_REMOVE(&others, l, link);
        if (lookup_ask(l) < 0)
            lookup_ready(l, &r->out_of_memory);
    }
}

void query_fail(struct query *q, const char *server, bool temporary, int64_t retry_after,
                const char *format, ...)
{
    struct contact_result *result = &q->answer->result;
    _cleanup_(cleanup_free) char *detail = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&detail, format, args) < 0)
        detail = NULL;
    va_end(args);
    contact_result_done(result);
    if (contact_result_make(CONTACT_LOOKUP_FAILED, detail, temporary, result) < 0)
        *result = (struct contact_result){.outcome = CONTACT_LOOKUP_FAILED,
                                          .temporary = temporary};
    result->retry_after = retry_after;
    if (server)
        result->server = strdup(server);
    query_done(q);
}

/* Lookups */

/* What can be said without asking anybody: 0 and *ret, 1 when nothing, -ENOMEM. */
static int known_already(struct resolver *r, const struct addr *addr,
                         struct contact_result *ret)
{
    const char *name = NULL;

    if (addr_special(addr, &name) && !netlist_contains(&r->reportable, addr))
        return contact_result_make(CONTACT_SPECIAL_PURPOSE, name, false, ret);
    if (cache_get(r, addr, ret) == 0) {
        r->counters.cached++;
        return 0;
    }
    if (r->counters.running >= RESOLVER_LOOKUPS_MAX) {
        r->counters.overflow++;
        return contact_result_make(CONTACT_LOOKUP_FAILED, "too many look-ups wait", true,
                                   ret);
    }
    return 1;
}

static int lookup_begin(struct lookup *l)
{
    struct contact_result result = {0};
    _cleanup_(answer_unrefp) struct answer *a = NULL;
    int k = known_already(l->r, &l->addr, &result);

    if (k < 0)
        return k;
    if (k > 0)
        return lookup_ask(l);
    a = answer_new();
    if (!a) {
        contact_result_done(&result);
        return -ENOMEM;
    }
    a->result = result;
    lookup_ready(l, a);
    return 0;
}

int resolver_lookup(struct resolver *r, const struct addr *addr, resolver_fn fn,
                    void *userdata, struct lookup **ret)
{
    struct lookup *l;
    int k;

    if (r->dead)
        return -ESHUTDOWN;
    if (addr->family != 4 && addr->family != 6)
        return -EINVAL;
    l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->r = r;
    l->addr = *addr;
    l->fn = fn;
    l->userdata = userdata;
    k = lookup_begin(l);
    if (k < 0) {
        free(l);
        return k;
    }
    r->counters.lookups++;
    r->counters.running++;
    *ret = l;
    return 0;
}

struct lookup *lookup_cancel(struct lookup *l)
{
    if (!l)
        return NULL;
    l->r->counters.running--;
    if (l->query) {
        TAILQ_REMOVE(&l->query->waiters, l, link);
        if (TAILQ_EMPTY(&l->query->waiters))
            query_free(l->query);
    } else {
        TAILQ_REMOVE(&l->r->ready, l, link);
        answer_unref(l->answer);
    }
    free(l);
    return NULL;
}

/* The resolver */

static bool peer_allowed(void *userdata, const struct addr *peer)
{
    const struct resolver *r = userdata;

    return rdap_check_peer(peer, r->lab ? &r->reportable : NULL, r->lab);
}

static int fill_fetcher(struct resolver *r, const struct resolver_params *params)
{
    struct fetch_params fetch = {
        .ca_file = params->ca_file,
        .proxy = params->proxy,
        .user_agent = params->user_agent,
        .timeout = params->timeout,
        .max_body = RDAP_BODY_MAX,
        .peer_allowed = peer_allowed,
        .userdata = r,
    };

    return fetcher_new(r->loop, &fetch, &r->fetcher);
}

static int fill_rules(struct resolver *r, const struct resolver_params *params)
{
    int k;

    for (size_t i = 0; params->reportable && i < params->reportable->n; i++) {
        k = netlist_add(&r->reportable, &params->reportable->nets[i]);
        if (k < 0)
            return k;
    }
    r->lab = r->reportable.n > 0;
    r->once = params->once;
    r->any_domain = params->any_domain;
    if (asprintf(&r->rules_text, "lab=%d any=%d ipv4=%s ipv6=%s\n", r->lab, r->any_domain,
                 params->bootstrap_ipv4 ? params->bootstrap_ipv4 : "",
                 params->bootstrap_ipv6 ? params->bootstrap_ipv6 : "") < 0) {
        r->rules_text = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int resolver_fill(struct resolver *r, const struct resolver_params *params)
{
    int k;

    if ((k = host_random(r->key, sizeof(r->key))) < 0 ||
        (k = fill_rules(r, params)) < 0 ||
        (k = loop_timer(r->loop, give_ready, r, &r->ready_timer)) < 0 ||
        (k = loop_timer(r->loop, hosts_turn, r, &r->turn_timer)) < 0 ||
        (k = fill_fetcher(r, params)) < 0 ||
        (k = table_init(&r->ipv4, r, params->bootstrap_ipv4, IANA_IPV4)) < 0)
        return k;
    return table_init(&r->ipv6, r, params->bootstrap_ipv6, IANA_IPV6);
}

int resolver_new(struct loop *loop, struct store *store,
                 const struct resolver_params *params, struct resolver **ret)
{
    struct resolver *r = calloc(1, sizeof(*r));
    int k;

    if (!r)
        return -ENOMEM;
    r->loop = loop;
    r->store = store;
    TAILQ_INIT(&r->hosts);
    TAILQ_INIT(&r->ready);
    TAILQ_INIT(&r->ipv4.waiting);
    TAILQ_INIT(&r->ipv6.waiting);
    for (size_t i = 0; i < RESOLVER_BUCKETS; i++)
        TAILQ_INIT(&r->buckets[i]);
    r->out_of_memory.refs = 1;
    r->out_of_memory.result.outcome = CONTACT_LOOKUP_FAILED;
    r->out_of_memory.result.temporary = true;
    k = resolver_fill(r, params);
    if (k < 0) {
        resolver_free(r);
        return k;
    }
    *ret = r;
    return 0;
}

static void cancel_all(struct resolver *r)
{
    while (!TAILQ_EMPTY(&r->ready))
        lookup_cancel(TAILQ_FIRST(&r->ready));
    for (size_t i = 0; i < RESOLVER_BUCKETS; i++) {
        struct query *q;

        while ((q = TAILQ_FIRST(&r->buckets[i])))
            /* The last waiter takes the query with it. */
            lookup_cancel(TAILQ_FIRST(&q->waiters));
    }
}

struct resolver *resolver_free(struct resolver *r)
{
    if (!r)
        return NULL;
    cancel_all(r);
    table_done(&r->ipv4);
    table_done(&r->ipv6);
    hosts_done(r);
    r->fetcher = fetcher_free(r->fetcher);
    r->turn_timer = watch_free(r->turn_timer);
    netlist_done(&r->reportable);
    free(TAKE_PTR(r->rules_text));
    if (r->giving)
        r->dead = true;
    else
        resolver_release(r);
    return NULL;
}

void resolver_counters(const struct resolver *r, struct resolver_counters *ret)
{
    *ret = r->counters;
}
