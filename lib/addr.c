/* Internet addresses and networks.
 *
 * inet_pton(3) does the reading, because it is the one reader that takes no host names,
 * no zones, no octal and no short forms such as "10.1"; everything looser has been used
 * to make two programs disagree about whom a text means. A mapped address is the same
 * host as its IPv4 form, so it becomes that form here, once, and no table further on can
 * hold one host twice. */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_LEN 96
#define NAT64_LEN  96

static const struct addr mapped_prefix = {6, {[10] = 0xff, [11] = 0xff}};
static const struct addr nat64_prefix = {6, {0x00, 0x64, 0xff, 0x9b}};

static bool same_prefix(const struct addr *a, const struct addr *b, unsigned len)
{
    unsigned whole = len / 8;
    unsigned rest = len % 8;

    if (a->family != b->family || memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

static struct addr embedded_ipv4(const struct addr *a)
{
    struct addr r = {.family = 4};

    memcpy(r.bytes, a->bytes + 12, 4);
    return r;
}

static struct addr unmap(const struct addr *a)
{
    return same_prefix(a, &mapped_prefix, MAPPED_LEN) ? embedded_ipv4(a) : *a;
}

/* As addr_parse(), but leaves a mapped address as it is written. */
static bool parse_as_written(const char *text, size_t n, struct addr *ret)
{
    char buf[ADDR_TEXT_MAX];
    struct addr a = {0};
    int family;

    if (n == 0 || n >= sizeof(buf) || memchr(text, '\0', n))
        return false;
    memcpy(buf, text, n);
    buf[n] = '\0';
    a.family = memchr(buf, ':', n) ? 6 : 4;
    family = a.family == 6 ? AF_INET6 : AF_INET;
    if (inet_pton(family, buf, a.bytes) != 1)
        return false;
    *ret = a;
    return true;
}

bool addr_parse(const char *text, size_t n, struct addr *ret)
{
    struct addr a;

    if (!parse_as_written(text, n, &a))
        return false;
    *ret = unmap(&a);
    return true;
}

char *addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX])
{
    int family = addr->family == 6 ? AF_INET6 : AF_INET;

    if (addr_bits(addr) == 0 || !inet_ntop(family, addr->bytes, buf, ADDR_TEXT_MAX))
        memcpy(buf, "-", 2);
    return buf;
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret)
{
    struct addr a = {0};

    if (sa->sa_family == AF_INET) {
        struct sockaddr_in sin;

        memcpy(&sin, sa, sizeof(sin));
        a.family = 4;
        memcpy(a.bytes, &sin.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 sin6;

        memcpy(&sin6, sa, sizeof(sin6));
        a.family = 6;
        memcpy(a.bytes, &sin6.sin6_addr, 16);
    } else {
        return false;
    }
    *ret = unmap(&a);
    return true;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

unsigned addr_bits(const struct addr *addr)
{
    return addr->family == 4 ? 32 : addr->family == 6 ? 128 : 0;
}

struct net addr_network(const struct addr *addr, unsigned len)
{
    unsigned bits = addr_bits(addr);
    struct net net = {.addr = *addr};

    net.len = (uint8_t)(len < bits ? len : bits);
    for (unsigned i = net.len / 8; i < sizeof(net.addr.bytes); i++) {
        unsigned keep = i == net.len / 8 ? net.len % 8 : 0;

        net.addr.bytes[i] &= (uint8_t)(0xff00 >> keep);
    }
    return net;
}

/* A prefix length: decimal, no sign, no leading zero. */
static bool parse_len(const char *text, size_t n, unsigned *ret)
{
    unsigned v = 0;

    if (n == 0 || n > 3 || (n > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    *ret = v;
    return true;
}

bool net_parse(const char *text, size_t n, struct net *ret)
{
    const char *slash = n > 0 ? memchr(text, '/', n) : NULL;
    size_t addr_n = slash ? (size_t)(slash - text) : n;
    struct addr written, addr;
    struct net net;
    unsigned len;

    if (!parse_as_written(text, addr_n, &written))
        return false;
    addr = unmap(&written);
    if (!slash) {
        *ret = addr_network(&addr, addr_bits(&addr));
        return true;
    }
    if (!parse_len(slash + 1, n - addr_n - 1, &len) || len > addr_bits(&written))
        return false;
    if (addr.family != written.family) {
        if (len < MAPPED_LEN)
            return false; /* more than IPv4: no list here can hold both families */
        len -= MAPPED_LEN;
    }
    net = addr_network(&addr, len);
    if (!addr_equal(&net.addr, &addr))
        return false;
    *ret = net;
    return true;
}

char *net_format(const struct net *net, char buf[static NET_TEXT_MAX])
{
    char text[ADDR_TEXT_MAX];

    addr_format(&net->addr, text);
    if (net->len == addr_bits(&net->addr))
        memcpy(buf, text, strlen(text) + 1);
    else if (snprintf(buf, NET_TEXT_MAX, "%s/%u", text, net->len) >= NET_TEXT_MAX)
        memcpy(buf, "-", 2);
    return buf;
}

bool net_contains(const struct net *net, const struct addr *addr)
{
    return net->addr.family != 0 && same_prefix(&net->addr, addr, net->len);
}

bool net_equal(const struct net *a, const struct net *b)
{
    return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

void net_range(const struct net *net, struct addr *ret_first, struct addr *ret_last)
{
    struct addr last = net->addr;

    for (unsigned i = net->len; i < addr_bits(&last); i++)
        last.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
    *ret_first = net->addr;
    *ret_last = last;
}

int netlist_add(struct netlist *list, const struct net *net)
{
    /* The room is the next power of two, so it need not be stored. */
    if ((list->n & (list->n - 1)) == 0) {
        size_t room = list->n == 0 ? 1 : list->n * 2;
        struct net *nets = reallocarray(list->nets, room, sizeof(*nets));

        if (!nets)
            return -ENOMEM;
        list->nets = nets;
    }
    list->nets[list->n++] = *net;
    return 0;
}

bool netlist_contains(const struct netlist *list, const struct addr *addr)
{
    for (size_t i = 0; i < list->n; i++)
        if (net_contains(&list->nets[i], addr))
            return true;
    return false;
}

void netlist_done(struct netlist *list)
{
    free(list->nets);
    *list = (struct netlist){0};
}

struct special {
    struct net net;
    bool global;
    const char *name;
};

#define V4(len, ...)              \
    {                             \
        {4, {__VA_ARGS__}}, (len) \
    }
#define V6(len, ...)              \
    {                             \
        {6, {__VA_ARGS__}}, (len) \
    }

/* The IANA IPv4 and IPv6 Special-Purpose Address Registries, and around them what is no
 * unicast space at all: multicast, and IPv6 outside 2000::/3, which IANA has not handed
 * out (RFC 4291 section 2.4). "N/A" in a registry counts as not global, since there is
 * nobody to write to. */
static const struct special specials[] = {
    {V4(8, 0), false, "This-Network"},
    {V4(32, 0), false, "This-Host"},
    {V4(8, 10), false, "Private-Use"},
    {V4(10, 100, 64), false, "Shared-Address-Space"},
    {V4(8, 127), false, "Loopback"},
    {V4(16, 169, 254), false, "Link-Local"},
    {V4(12, 172, 16), false, "Private-Use"},
    {V4(24, 192, 0, 0), false, "IETF-Protocol-Assignments"},
    {V4(29, 192, 0, 0), false, "Service-Continuity"},
    {V4(32, 192, 0, 0, 8), false, "Dummy-Address"},
    {V4(32, 192, 0, 0, 9), true, "PCP-Anycast"},
    {V4(32, 192, 0, 0, 10), true, "TURN-Anycast"},
    {V4(32, 192, 0, 0, 170), false, "NAT64-Discovery"},
    {V4(32, 192, 0, 0, 171), false, "NAT64-Discovery"},
    {V4(24, 192, 0, 2), false, "Documentation"},
    {V4(24, 192, 31, 196), true, "AS112"},
    {V4(24, 192, 52, 193), true, "AMT"},
    {V4(24, 192, 88, 99), false, "6to4-Relay-Anycast"},
    {V4(32, 192, 88, 99, 2), false, "6a44-Relay-Anycast"},
    {V4(16, 192, 168), false, "Private-Use"},
    {V4(24, 192, 175, 48), true, "AS112"},
    {V4(15, 198, 18), false, "Benchmarking"},
    {V4(24, 198, 51, 100), false, "Documentation"},
    {V4(24, 203, 0, 113), false, "Documentation"},
    {V4(4, 224), false, "Multicast"},
    {V4(4, 240), false, "Reserved"},
    {V4(32, 255, 255, 255, 255), false, "Limited-Broadcast"},

    {V6(0, 0), false, "Reserved"},
    {V6(3, 0x20), true, "Global-Unicast"},
    {V6(128, 0), false, "Unspecified"},
    {V6(128, [15] = 1), false, "Loopback"},
    {V6(96, [10] = 0xff, [11] = 0xff), false, "IPv4-Mapped"},
    {V6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), false, "NAT64-Local-Use"},
    {V6(64, 0x01), false, "Discard-Only"},
    {V6(64, 0x01, [7] = 1), false, "Dummy-Address"},
    {V6(23, 0x20, 0x01), false, "IETF-Protocol-Assignments"},
    {V6(32, 0x20, 0x01), false, "Teredo"},
    {V6(128, 0x20, 0x01, 0, 1, [15] = 1), true, "PCP-Anycast"},
    {V6(128, 0x20, 0x01, 0, 1, [15] = 2), true, "TURN-Anycast"},
    {V6(128, 0x20, 0x01, 0, 1, [15] = 3), true, "SRP-Anycast"},
    {V6(48, 0x20, 0x01, 0, 2), false, "Benchmarking"},
    {V6(32, 0x20, 0x01, 0, 3), true, "AMT"},
    {V6(48, 0x20, 0x01, 0, 4, 0x01, 0x12), true, "AS112"},
    {V6(28, 0x20, 0x01, 0, 0x10), false, "ORCHID"},
    {V6(28, 0x20, 0x01, 0, 0x20), true, "ORCHIDv2"},
    {V6(28, 0x20, 0x01, 0, 0x30), true, "Drone-Remote-ID"},
    {V6(32, 0x20, 0x01, 0x0d, 0xb8), false, "Documentation"},
    {V6(16, 0x20, 0x02), false, "6to4"},
    {V6(48, 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00), true, "AS112"},
    {V6(20, 0x3f, 0xff), false, "Documentation"},
    {V6(16, 0x5f), false, "SRv6-SIDs"},
    {V6(7, 0xfc), false, "Unique-Local"},
    {V6(10, 0xfe, 0x80), false, "Link-Local"},
    {V6(8, 0xff), false, "Multicast"},
};

bool addr_special(const struct addr *addr, const char **ret_name)
{
    const struct special *best = NULL;
    const char *name;
    struct addr inner;

    if (same_prefix(addr, &nat64_prefix, NAT64_LEN)) {
        inner = embedded_ipv4(addr);
        addr = &inner;
    }
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        const struct special *s = &specials[i];

        if (net_contains(&s->net, addr) && (!best || s->net.len > best->net.len))
            best = s;
    }
    if (best ? best->global : addr->family != 0)
        return false;
    name = best ? best->name : "No-Address";
    if (ret_name)
        *ret_name = name;
    return true;
}
