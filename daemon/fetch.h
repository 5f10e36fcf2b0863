/* HTTP GET in the loop, over libcurl's multi interface. One hop: redirects are the
 * caller's, who must check them. curl's HTTP side is called from fetch.c only. */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct loop;
struct fetcher;
struct fetch;

struct fetch_params {
    const char *ca_file; /* or NULL */
    const char *proxy;   /* or NULL: none, whatever the environment says */
    const char *user_agent;
    int64_t timeout; /* µs for the whole exchange */
    size_t max_body; /* of the decoded body; no compression is asked for */
    /* Asked with the address that is about to be connected to; false refuses. Not asked
     * for the proxy's own address. */
    bool (*peer_allowed)(void *userdata, const struct addr *peer);
    void *userdata;
};

enum fetch_outcome {
    FETCH_OK,      /* an HTTP answer is there, of whatever status */
    FETCH_REFUSED, /* peer_allowed said no */
    FETCH_TOO_BIG,
    FETCH_TIMEOUT,
    FETCH_TLS,    /* the certificate or the handshake */
    FETCH_FAILED, /* name, connection, protocol */
};

struct fetch_result {
    enum fetch_outcome outcome;
    long status;
    const char *body; /* NUL-terminated; valid during the callback */
    size_t n;
    const char *content_type; /* or NULL */
    const char *location;     /* or NULL */
    const char *etag;         /* or NULL */
    int64_t retry_after;      /* µs; 0 none, past or negative; at most 24 h */
    const char *error;        /* for people, printable; NULL with FETCH_OK */
};

typedef void (*fetch_fn)(void *userdata, const struct fetch_result *result);

int fetcher_new(struct loop *loop, const struct fetch_params *params,
                struct fetcher **ret);
struct fetcher *fetcher_free(struct fetcher *f); /* cancels; takes NULL, returns NULL */

/* Starts a GET. fn is called once, later, from the loop; the handle is gone then. */
int fetch_start(struct fetcher *f, const char *url, const char *accept, fetch_fn fn,
                void *userdata, struct fetch **ret);
/* Without calling fn. Takes NULL, returns NULL. */
struct fetch *fetch_cancel(struct fetch *job);

#endif
