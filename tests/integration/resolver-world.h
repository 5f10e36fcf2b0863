/* The resolver in a real loop, against the registries that run-resolver started. What
 * each address does there stands in resolver-script.json. Every test has a world of its
 * own, with a store in memory, and a lab in which 198.18.0.0/15 (RFC 2544) counts as
 * public. */
#ifndef RESOLVER_WORLD_H
#define RESOLVER_WORLD_H

#include <check.h>

#include "cleanup.h"
#include "loop.h"
#include "resolver-internal.h"
#include "store.h"

#define ASKED_MAX 128
#define DAY       (24 * 3600 * USEC_PER_SEC)

struct asked {
    struct world *w;
    struct lookup *lookup;
    struct contact_result result;
    bool done;
    int (*then)(struct asked *a); /* in the answer's callback; non-zero stops */
};

struct world {
    struct loop *loop;
    struct store *store;
    struct resolver *resolver;
    struct resolver_params params;
    struct netlist reportable;
    struct watch *patience;
    char bootstrap_ipv4[200], bootstrap_ipv6[200], ca_file[200];
    struct asked asked[ASKED_MAX];
    size_t n_asked, n_waiting;
};

/* Of the registry "plain" or "tls": its port, and how many requests it has seen whose
 * line in the log has this in it. */
int port_of(const char *name);
unsigned requests(const char *name, const char *part);
const char *test_dir(void);

/* prepare fills in params, which a test may change before start. */
void world_prepare(struct world *w);
void world_start(struct world *w);
void world_new(struct world *w);     /* both */
void world_restart(struct world *w); /* a new resolver on the same store */
void world_done(struct world *w);

struct addr address(const char *text);
void add_network(struct netlist *list, const char *text);
struct asked *begin(struct world *w, const char *text);
void run(struct world *w); /* until all that were begun are answered */
void run_for(struct world *w, int64_t usec);
const struct contact_result *ask(struct world *w, const char *text); /* begin and run */

void expect_found(const struct contact_result *r, const char *contact);
void expect_failed(const struct contact_result *r, bool temporary, const char *detail);
void expect_seconds(int64_t usec, int64_t low, int64_t high);

void add_answer_tests(TCase *tc);
void add_server_tests(TCase *tc);
void add_lookup_tests(TCase *tc);

#endif
