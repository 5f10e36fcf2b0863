/* Whom to write to about an address: cache, waiters, RDAP with its redirects, limits. */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "contact.h"

struct loop;
struct store;
struct resolver;
struct lookup;

struct resolver_params {
    const char *bootstrap_ipv4, *bootstrap_ipv6; /* URL, absolute path, or NULL: IANA's */
    const char *ca_file, *proxy;                 /* or NULL */
    const char *user_agent;
    int64_t timeout;                  /* µs per request */
    const struct netlist *reportable; /* not empty: a lab */
    /* Nobody comes back later: a lookup waits for its turn at a server for 2 minutes at
     * most, not for half an hour. A pause that a server asked for is never waited for. */
    bool once;
    bool any_domain; /* contact_rules.any_domain */
};

/* Called once, later, from the loop (also for answers out of the cache). */
typedef void (*resolver_fn)(void *userdata, const struct contact_result *result);

/* store keeps answers and pauses; not owned. Everything in params is copied. */
int resolver_new(struct loop *loop, struct store *store,
                 const struct resolver_params *params, struct resolver **ret);
struct resolver *resolver_free(struct resolver *r); /* cancels all; NULL in and out */

/* Asks for the abuse contact of an address. Special-purpose addresses that are not
 * reportable are answered without asking anybody. */
int resolver_lookup(struct resolver *r, const struct addr *addr, resolver_fn fn,
                    void *userdata, struct lookup **ret);
struct lookup *lookup_cancel(struct lookup *l); /* without calling fn */

struct resolver_counters {
    uint64_t lookups, cached, queries, redirects, failures, running;
    uint64_t overflow; /* turned away because too many waited */
};
void resolver_counters(const struct resolver *r, struct resolver_counters *ret);

#endif
