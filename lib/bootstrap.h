/* Which RDAP server knows an address (RFC 9224): the IANA bootstrap table. */
#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

#include <stddef.h>

#include "addr.h"

struct bootstrap;

enum {
    BOOTSTRAP_E_INVALID = 1, /* not a bootstrap file, or without any usable row */
};

/* The table that is built in, for both families. Returns 0 or -ENOMEM. */
int bootstrap_new_builtin(struct bootstrap **ret);
/* Reads an IANA file of n bytes (ipv4.json or ipv6.json). Services of another shape and
 * unknown members are skipped; among a service's URLs the first https one is taken, else,
 * if allow_http (a lab), the first http one. 0, BOOTSTRAP_E_INVALID or -ENOMEM. */
int bootstrap_new_json(const char *text, size_t n, bool allow_http,
                       struct bootstrap **ret);
struct bootstrap *bootstrap_free(struct bootstrap *b); /* takes NULL, returns NULL */

/* The base URL (ending in one "/") of the longest prefix that contains the address, or
 * NULL: no RDAP server is known, which is no reason to retry. Points into b. */
const char *bootstrap_find(const struct bootstrap *b, const struct addr *addr);

#endif
