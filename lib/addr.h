/* Internet addresses and networks: strict reading, canonical text, and which of them
 * are special-purpose (IANA registries, RFC 6890), so that nobody else can be told. */
#ifndef ADDR_H
#define ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is "no address". IPv4 uses the first four bytes; the rest are zero, so that two
 * equal addresses are equal bytes. An IPv4-mapped IPv6 address never occurs: it is
 * turned into IPv4 when it is read. */
struct addr {
    uint8_t family; /* 0, 4 or 6 */
    uint8_t bytes[16];
};

/* The host bits beyond len are zero. {0} is "no network". */
struct net {
    struct addr addr;
    uint8_t len; /* 0 to 32 or 128 */
};

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN, with the NUL */
#define NET_TEXT_MAX  50

/* Reads n bytes of text as one address in the form that inet_pton(3) takes: no leading
 * zeros, no host name, no zone, no blanks. ::ffff:a.b.c.d becomes IPv4. Returns false
 * and leaves *ret alone when it is anything else. Never resolves. */
bool addr_parse(const char *text, size_t n, struct addr *ret);

/* Writes the canonical text (RFC 5952) into buf and returns buf; "-" for {0}. */
char *addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX]);

/* From and to the socket address structures; addr_from_sockaddr returns false for a
 * family that is neither AF_INET nor AF_INET6. Mapped addresses become IPv4. */
struct sockaddr;
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret);

bool addr_equal(const struct addr *a, const struct addr *b);
/* Total order: family, then numerically. */
int addr_compare(const struct addr *a, const struct addr *b);
/* 32, 128, or 0 for {0}. */
unsigned addr_bits(const struct addr *addr);

/* The network of that length around an address; len is cut to the family's bits. */
struct net addr_network(const struct addr *addr, unsigned len);

/* Reads "ADDRESS/LEN", or "ADDRESS" as a network of one. Host bits must be zero when
 * a length is given. Returns false and leaves *ret alone otherwise. */
bool net_parse(const char *text, size_t n, struct net *ret);

/* "203.0.113.5" for a network of one, else "2001:db8::/64". */
char *net_format(const struct net *net, char buf[static NET_TEXT_MAX]);

bool net_contains(const struct net *net, const struct addr *addr);
bool net_equal(const struct net *a, const struct net *b);
/* First and last address of a network. */
void net_range(const struct net *net, struct addr *ret_first, struct addr *ret_last);

/* A growing list of networks; {0} is the empty list. */
struct netlist {
    struct net *nets;
    size_t n;
};

/* Returns 0 or -ENOMEM. */
int netlist_add(struct netlist *list, const struct net *net);
bool netlist_contains(const struct netlist *list, const struct addr *addr);
/* Frees the content and leaves the empty list. */
void netlist_done(struct netlist *list);

/* Whether the IANA special-purpose registries (or multicast, reserved space) say that
 * an address is not globally reachable; the most specific row wins. The name of that
 * row ("Private-Use") goes to *ret_name when ret_name is given. The embedded IPv4
 * address of 64:ff9b::/96 (RFC 6052) is judged instead of the prefix. */
bool addr_special(const struct addr *addr, const char **ret_name);

#endif
