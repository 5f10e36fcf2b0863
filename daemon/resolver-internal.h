/* The parts of the resolver to each other; for nobody else.
 *
 *   resolver.c            lookups: cache, waiters, giving the answers
 *   resolver-cache.c      answers in the store
 *   resolver-bootstrap.c  which server to begin with
 *   resolver-host.c       taking turns at each server, and leaving it alone when it says
 * so resolver-query.c      one question: the chain of requests, and what they mean
 */
#ifndef RESOLVER_INTERNAL_H
#define RESOLVER_INTERNAL_H

#include <sys/queue.h>

#include "fetch.h"
#include "moment.h"
#include "rdap.h"
#include "resolver.h"

struct bootstrap;
struct watch;

#define RESOLVER_LOOKUPS_MAX 10000 /* waiting at one time; more are turned away */
#define RESOLVER_BUCKETS     1024

#define RDAP_ACCEPT "application/rdap+json, application/json"

/* What all waiters of a query are given. */
struct answer {
    unsigned refs;
    struct contact_result result;
};

struct lookup {
    struct resolver *r;
    struct addr addr;
    resolver_fn fn;
    void *userdata;
    struct query *query;   /* waiting for it, in its list */
    struct answer *answer; /* or ready, in the resolver's list */
    uint64_t round;        /* of giving answers, in which it became ready */
    TAILQ_ENTRY(lookup) link;
};
TAILQ_HEAD(lookups, lookup);

/* The URLs of one chain of redirects; the last is the present one. */
struct chain {
    char *urls[RDAP_HOPS_MAX + 1];
    unsigned n;
};

/* One question, asked once for all lookups of its block. */
struct query {
    struct resolver *r;
    struct addr addr;
    struct net block;
    struct lookups waiters;
    struct answer *answer; /* made at the beginning, so that the end cannot fail */
    struct chain chain;
    struct host *host;             /* in its queue, or being fetched from it */
    struct bootstrap_table *table; /* or waiting for this */
    struct fetch *fetch;
    TAILQ_ENTRY(query) turn; /* the host's or the table's queue */
    TAILQ_ENTRY(query) in_bucket;
};
TAILQ_HEAD(queries, query);

/* One server, by host and port. */
struct host {
    char *name;
    struct queries queue;
    size_t n_queue;
    struct query *asking;  /* one request at a time */
    int64_t spacing;       /* µs between the end of one and the next */
    int64_t default_pause; /* after a 429 that names no time */
    int64_t next;          /* not before, by the monotonic clock */
    int64_t began, took;   /* the present request, the last one */
    int64_t paused_until;  /* by the wall clock; what the store says, should it fail */
    unsigned slowdowns;    /* 429s in a row */
    unsigned strikes;      /* requests in a row that came to nothing */
    TAILQ_ENTRY(host) link;
};

/* Of one address family. */
struct bootstrap_table {
    struct resolver *r;
    char *source; /* URL or path */
    bool is_path;
    bool configured;        /* not IANA's own */
    struct bootstrap *rows; /* or NULL: none yet */
    bool builtin;
    int64_t next_try; /* by the monotonic clock */
    struct chain chain;
    struct fetch *fetch;
    struct queries waiting;
    char *error; /* of the last try, printable, or NULL */
};

struct resolver {
    struct loop *loop;
    struct store *store;
    struct fetcher *fetcher;
    struct watch *ready_timer, *turn_timer;
    struct netlist reportable;
    bool lab, once, any_domain;
    char *rules_text; /* under which rules cached answers were made */
    struct bootstrap_table ipv4, ipv6;
    TAILQ_HEAD(, host) hosts;
    size_t n_hosts, n_asking;
    uint8_t key[16];
    struct queries buckets[RESOLVER_BUCKETS];
    struct lookups ready;
    uint64_t round;
    bool giving; /* resolver_fn may run */
    bool dead;   /* freed meanwhile */
    struct answer out_of_memory;
    struct resolver_counters counters;
};

int64_t now_wall(void);
int64_t now_monotonic(void);

/* resolver.c */

/* The answer in q->answer is complete: gives it to all waiters that it holds for, asks
 * again for the others, frees q. */
void query_done(struct query *q);
/* The same with a LOOKUP_FAILED. server may be NULL. Foreign text in the arguments must
 * be printable. */
void query_fail(struct query *q, const char *server, bool temporary, int64_t retry_after,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* resolver-query.c */

/* Finds the server and asks; may end the query at once. */
void query_begin(struct query *q);
/* It is q's turn at its host. */
void query_send(struct query *q);

/* The first URL, or a Location against the present one. NULL, or why not. */
const char *chain_begin(struct chain *c, const struct resolver *r, const char *url);
const char *chain_follow(struct chain *c, const struct resolver *r, const char *location);
const char *chain_url(const struct chain *c);
void chain_done(struct chain *c);

/* resolver-host.c */

/* Puts q, whose chain has a URL, into its host's queue; may end the query at once. */
void host_enqueue(struct query *q);
/* q leaves its host, from the queue or after its request. */
void host_leave(struct query *q);
/* What a request to q's host came to, before q leaves it. */
void host_worked(struct query *q);
void host_failed(struct query *q);
/* Leaves the host alone for so long (0: its default, growing); returns how long. */
int64_t host_pause(struct query *q, int64_t usec);
void hosts_turn(void *userdata, unsigned what); /* loop_fn */
void hosts_done(struct resolver *r);

/* resolver-bootstrap.c */

int table_init(struct bootstrap_table *t, struct resolver *r, const char *configured,
               const char *iana);
void table_done(struct bootstrap_table *t);
enum table_state {
    TABLE_READY,
    TABLE_WAIT,   /* q is in the table's queue; query_begin() will be called again */
    TABLE_FAILED, /* see error */
};
enum table_state table_ask(struct bootstrap_table *t, struct query *q);
void table_leave(struct query *q);

/* resolver-cache.c */

/* What is asked and cached as one: IPv4 /24, IPv6 /64. A larger range may have other
 * registrations within, which only a query of their own shows. */
struct net cache_block(const struct addr *addr);
/* Whether a judgement made for `asked` holds for addr too. */
bool cache_holds(const struct contact_result *result, const struct addr *asked,
                 const struct addr *addr);
/* 0 and the result, or 1. A store that cannot be read is as good as empty. */
int cache_get(struct resolver *r, const struct addr *addr, struct contact_result *ret);
void cache_put(struct resolver *r, const struct addr *addr,
               const struct contact_result *result, int64_t ttl);

#endif
