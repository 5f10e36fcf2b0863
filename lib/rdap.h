/* What an RDAP server's bytes say (RFC 7480, 9083, 7095). Judges; fetches nothing. */
#ifndef RDAP_H
#define RDAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define RDAP_BODY_MAX  (1024 * 1024)
#define RDAP_HOPS_MAX  5
#define RDAP_DEPTH_MAX 8
#define RDAP_ENTITIES_MAX 500

/* One mail address of one entity, as it stood there. */
struct rdap_mail {
    char *value;     /* foreign UTF-8, not yet checked */
    unsigned entity; /* index into rdap_network.entities */
    unsigned pref;   /* 1 to 100; 100 when absent */
    bool type_abuse; /* jCard parameter type=abuse (RIPE) */
};

struct rdap_entity {
    char *handle; /* or NULL */
    char *name;   /* fn, or NULL */
    char **roles; /* lower-cased, NULL-terminated; of all places with this handle */
    unsigned depth;
    bool validated;   /* status validated */
    bool doubted;     /* "Unvalidated POC", "validation failed" */
    char **remarks;   /* lines, NULL-terminated */
    char *form;       /* contact-uri by https (RFC 8605), or NULL */
};

struct rdap_network {
    struct addr start, end; /* {0} when the answer's range is missing or unusable */
    char *handle, *name, *type, *country; /* or NULL; foreign UTF-8 */
    char *parent_handle;
    bool truncated; /* "object truncated…" remark or notice */
    struct rdap_entity *entities;
    unsigned n_entities;
    struct rdap_mail *mails;
    unsigned n_mails;
    char **remarks; /* of the network itself, lines, NULL-terminated */
};

/* Positive outcomes of rdap_parse(). */
enum {
    RDAP_E_NOT_JSON = 1, /* HTML, truncated, not UTF-8, too deep */
    RDAP_E_NOT_NETWORK,  /* JSON, but no ip network */
    RDAP_E_RATE_LIMIT,   /* a rate limit notice in a 200 body (LACNIC) */
    RDAP_E_OTHER_NETWORK, /* a network that does not contain the queried address */
    RDAP_E_NO_DATA,       /* an error body with errorCode 404: as RDAP_NO_DATA */
};

/* Reads an answer to ip/<query>. 0 fills *ret, else one of the above (what tells people
 * more goes to *ret_detail, which the caller frees), or -ENOMEM. A range that cannot be
 * read is no error (start and end stay {0}); one that does not contain query is. */
int rdap_parse(const char *body, size_t n, const struct addr *query,
               struct rdap_network **ret, char **ret_detail);
struct rdap_network *rdap_network_free(struct rdap_network *net);

/* "203.0.113.0 - 203.0.113.255", or the queried address where the range is unusable. */
char *rdap_range_text(const struct rdap_network *net, const struct addr *query);

/* What an HTTP exchange means. */
enum rdap_meaning {
    RDAP_ANSWER,      /* 200: parse the body */
    RDAP_REDIRECT,    /* follow Location */
    RDAP_NO_DATA,     /* 404: an authoritative no */
    RDAP_SLOW_DOWN,   /* 429 */
    RDAP_REFUSED,     /* 401, 403: leave that server alone for a day */
    RDAP_OUR_FAULT,   /* 400, 422: no retry */
    RDAP_UNSUPPORTED, /* 501 */
    RDAP_TRANSIENT,   /* 5xx and everything else: retry */
};
/* status as HTTP gives it; content_type may be NULL. A 200 of text/html is
 * RDAP_TRANSIENT. */
enum rdap_meaning rdap_judge_status(long status, const char *content_type);

/* base + "ip/" + address with exactly one slash between. The caller frees it. */
char *rdap_query_url(const char *base, const struct addr *addr);

/* What one hop of a chain may be. allowed says which special-purpose networks a lab adds;
 * NULL outside a lab. */
enum {
    RDAP_URL_INVALID = 1,   /* no absolute http(s) URL, credentials in it, bad port, over
                               2048 bytes, control bytes */
    RDAP_URL_NOT_HTTPS,     /* http outside a lab; in a lab it may follow https too */
    RDAP_URL_PRIVATE,       /* an address literal, or localhost, that is special-purpose */
};
int rdap_check_url(const char *url, const char *previous_url,
                   const struct netlist *lab_networks, bool lab);
/* Whether an address that is about to be connected to may be: not special-purpose,
 * or, in a lab, loopback or in lab_networks. */
bool rdap_check_peer(const struct addr *peer, const struct netlist *lab_networks,
                     bool lab);
/* A Location header's value made absolute against the URL that gave it (RFC 3986 5.3 for
 * absolute, scheme-relative, absolute-path and relative-path references). The caller frees
 * it; NULL when it makes no URL or out of memory. */
char *rdap_resolve_location(const char *url, const char *location);
/* Lower-cased host of a URL (and port, unless it is the scheme's own), the key of per-server pauses. Frees as
 * above; NULL when it has none. */
char *rdap_url_host(const char *url);

#endif
