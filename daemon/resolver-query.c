/* One question to the registries: from the bootstrap table's server through the redirects
 * to an answer. Each hop is judged before it is asked, here by its URL and in fetch.c by
 * the address that its name leads to: what registries publish is written by strangers.
 *
 * Whatever is not an answer and not an authoritative no is a failed look-up, never "no
 * contact": the difference decides whether the incident is tried again. */
#include "resolver-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "cleanup.h"
#include "log.h"
#include "text.h"

#define TTL           (24 * 3600 * USEC_PER_SEC)
#define TTL_TRUNCATED (3600 * USEC_PER_SEC) /* the server left something out */
#define REFUSED_PAUSE (24 * 3600 * USEC_PER_SEC)
#define SHOWN_MAX     200

DEFINE_CLEANUP(struct rdap_network *, rdap_network_free)

/* The chain */

static const char *chain_add(struct chain *c, const struct resolver *r, char *url)
{
    _cleanup_(cleanup_free) char *owned = url;

    switch (rdap_check_url(url, c->n ? chain_url(c) : NULL,
                           r->lab ? &r->reportable : NULL, r->lab)) {
    case 0: break;
    case RDAP_URL_NOT_HTTPS: return "a URL that is not https";
    case RDAP_URL_PRIVATE: return "a URL of a host that may not be asked";
    default: return "not a URL that can be asked";
    }
    for (unsigned i = 0; i < c->n; i++)
        if (strcmp(c->urls[i], url) == 0)
            return "a redirect in a circle";
    if (c->n == RDAP_HOPS_MAX + 1)
        return "too many redirects";
    c->urls[c->n++] = TAKE_PTR(owned);
    return NULL;
}

const char *chain_begin(struct chain *c, const struct resolver *r, const char *url)
{
    char *copy = strdup(url);

    chain_done(c);
    return copy ? chain_add(c, r, copy) : "out of memory";
}

const char *chain_follow(struct chain *c, const struct resolver *r, const char *location)
{
    char *url;

    if (!location)
        return "a redirect that leads nowhere";
    url = rdap_resolve_location(chain_url(c), location);
    return url ? chain_add(c, r, url) : "a redirect to something that is no URL";
}

const char *chain_url(const struct chain *c)
{
    return c->urls[c->n - 1];
}

void chain_done(struct chain *c)
{
    for (unsigned i = 0; i < c->n; i++)
        free(c->urls[i]);
    *c = (struct chain){0};
}

/* Ends */

static const char no_data[] = "the registry has no data (404)";

/* The server's name out of a URL that has passed rdap_check_url(); printable. */
static char *server_name(const struct query *q)
{
    _cleanup_(cleanup_free) char *host = rdap_url_host(chain_url(&q->chain));

    return host ? text_escape(host, strlen(host), SHOWN_MAX) : NULL;
}

/* In the lookup's own words; an answer that cannot be made is a failure of its own. */
static void end_with_no(struct query *q, const char *server, const char *detail,
                        bool keep)
{
    struct contact_result *result = &q->answer->result;

    if (contact_result_make(CONTACT_NONE_PUBLISHED, detail, false, result) < 0) {
        query_fail(q, server, true, 0, "out of memory");
        return;
    }
    if (server)
        result->server = strdup(server);
    if (keep)
        cache_put(q->r, &q->addr, result, TTL);
    query_done(q);
}

static void end_with_network(struct query *q, const char *server,
                             const struct rdap_network *net)
{
    struct contact_rules rules = {.lab = q->r->lab, .any_domain = q->r->any_domain};
    struct contact_result *result = &q->answer->result;

    if (contact_choose(net, &q->addr, &rules, result) < 0) {
        query_fail(q, server, true, 0, "out of memory");
        return;
    }
    if (server)
        result->server = strdup(server);
    cache_put(q->r, &q->addr, result,
              net->truncated && result->outcome != CONTACT_FOUND ? TTL_TRUNCATED : TTL);
    query_done(q);
}

/* What an answer means. Each of these has left the host before it ends the query, and
 * told it before that how the request went. */

static void slow_down(struct query *q, const char *server, int64_t retry_after)
{
    int64_t usec = host_pause(q, retry_after);

    host_leave(q);
    query_fail(q, server, true, usec, "%s asks to be asked less often", server);
}

static void refused(struct query *q, const char *server, long status)
{
    int64_t usec = host_pause(q, REFUSED_PAUSE);

    log_warning("contact: %s refuses to answer (%ld)", server, status);
    host_leave(q);
    query_fail(q, server, true, usec, "%s refuses to answer (%ld)", server, status);
}

static void transient(struct query *q, const char *server,
                      const struct fetch_result *result)
{
    int64_t usec = result->retry_after;

    if (usec > 0)
        usec = host_pause(q, usec); /* a 503 may say when */
    else
        host_failed(q);
    host_leave(q);
    if (result->status == 200)
        query_fail(q, server, true, usec, "%s answered with a page for people", server);
    else
        query_fail(q, server, true, usec, "%s answered %ld", server, result->status);
}

static void redirected(struct query *q, const char *server,
                       const struct fetch_result *result)
{
    const char *problem = chain_follow(&q->chain, q->r, result->location);

    host_worked(q);
    host_leave(q);
    if (problem) {
        query_fail(q, server, true, 0, "%s answered with %s", server, problem);
        return;
    }
    q->r->counters.redirects++;
    host_enqueue(q);
}

static void answered(struct query *q, const char *server,
                     const struct fetch_result *result)
{
    _cleanup_(rdap_network_freep) struct rdap_network *net = NULL;
    _cleanup_(cleanup_free) char *detail = NULL, *shown = NULL;
    int k = rdap_parse(result->body, result->n, &q->addr, &net, &detail);

    if (k == RDAP_E_RATE_LIMIT) {
        slow_down(q, server, result->retry_after);
        return;
    }
    host_worked(q);
    host_leave(q);
    if (k == 0) {
        end_with_network(q, server, net);
        return;
    }
    if (k == RDAP_E_NO_DATA) {
        end_with_no(q, server, no_data, true);
        return;
    }
    if (detail)
        shown = text_escape(detail, strlen(detail), SHOWN_MAX);
    query_fail(q, server, true, 0, "%s: %s", server,
               k < 0   ? strerror(-k)
               : shown ? shown
                       : "the answer cannot be used");
}

static void judge(struct query *q, const char *server, const struct fetch_result *result)
{
    switch (rdap_judge_status(result->status, result->content_type)) {
    case RDAP_ANSWER: answered(q, server, result); break;
    case RDAP_REDIRECT: redirected(q, server, result); break;
    case RDAP_NO_DATA:
        host_worked(q);
        host_leave(q);
        end_with_no(q, server, no_data, true);
        break;
    case RDAP_SLOW_DOWN: slow_down(q, server, result->retry_after); break;
    case RDAP_REFUSED: refused(q, server, result->status); break;
    case RDAP_OUR_FAULT:
    case RDAP_UNSUPPORTED:
        host_worked(q);
        host_leave(q);
        query_fail(q, server, false, 0, "%s answered %ld", server, result->status);
        break;
    default: transient(q, server, result); break;
    }
}

static void fetched(void *userdata, const struct fetch_result *result)
{
    struct query *q = userdata;
    _cleanup_(cleanup_free) char *name = server_name(q);
    const char *server = name ? name : "the server";

    q->fetch = NULL;
    if (result->outcome == FETCH_OK) {
        judge(q, server, result);
        return;
    }
    if (result->outcome == FETCH_TOO_BIG)
        host_worked(q);
    else
        host_failed(q);
    host_leave(q);
    query_fail(q, server, true, 0, "%s: %s", server, result->error);
}

/* Beginnings */

void query_send(struct query *q)
{
    int r = fetch_start(q->r->fetcher, chain_url(&q->chain), RDAP_ACCEPT, fetched, q,
                        &q->fetch);

    if (r < 0) {
        host_leave(q);
        query_fail(q, NULL, true, 0, "the request cannot be made: %s", strerror(-r));
        return;
    }
    q->r->counters.queries++;
}

void query_begin(struct query *q)
{
    struct resolver *r = q->r;
    struct bootstrap_table *t = q->addr.family == 6 ? &r->ipv6 : &r->ipv4;
    _cleanup_(cleanup_free) char *url = NULL;
    const char *base, *problem;

    switch (table_ask(t, q)) {
    case TABLE_WAIT: return;
    case TABLE_FAILED:
        query_fail(q, NULL, true, 0, "%s", t->error ? t->error : "out of memory");
        return;
    case TABLE_READY: break;
    }
    base = bootstrap_find(t->rows, &q->addr);
    if (!base) {
        /* Not kept: it costs nothing to find out, and the table may change. */
        end_with_no(q, NULL, "no registry's server is known for this address", false);
        return;
    }
    url = rdap_query_url(base, &q->addr);
    problem = url ? chain_begin(&q->chain, r, url) : "out of memory";
    if (problem)
        query_fail(q, NULL, true, 0, "the bootstrap file names %s", problem);
    else
        host_enqueue(q);
}
