/* The values of the configuration that name places: addresses, networks, URLs, mailboxes.
 */
#include "config-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mailaddr.h"

#define NETWORK_WANT "an address or a network such as 192.0.2.0/24 or 2001:db8::/32"

/* Tells that a network is none, and which one was probably meant. */
static int bad_network(struct config_reader *r, const struct config_key *key,
                       const struct yamlnode *value, struct slice text)
{
    const char *slash = memchr(text.p, '/', text.n);
    char shown[NET_TEXT_MAX];
    struct addr addr;
    struct net net;
    unsigned len = 0;

    if (!slash || !addr_parse(text.p, (size_t)(slash - text.p), &addr))
        return config_bad(r, key, value, NETWORK_WANT);
    for (const char *p = slash + 1; p < text.p + text.n; p++) {
        if (*p < '0' || *p > '9' || len > 128)
            return config_bad(r, key, value, NETWORK_WANT);
        len = len * 10 + (unsigned)(*p - '0');
    }
    if (slash + 1 == text.p + text.n || len > addr_bits(&addr))
        return config_bad(r, key, value, NETWORK_WANT);
    net = addr_network(&addr, len);
    return config_tell(r, value,
                       "%s: bits of the address stand beyond the prefix length; "
                       "do you mean %s?",
                       key->path, net_format(&net, shown));
}

int config_read_networks(struct config_reader *r, const struct config_key *key,
                         const struct yamlnode *value, void *field)
{
    int x = config_list(r, key, value, "networks");

    for (size_t i = 0; x > 0 && i < value->n_items; i++) {
        const struct yamlnode *item = value->items[i];
        struct slice text;
        struct net net;
        int y = config_scalar(r, key, item, NETWORK_WANT, &text);

        if (y > 0 && net_parse(text.p, text.n, &net))
            y = netlist_add(field, &net);
        else if (y > 0)
            y = bad_network(r, key, item, text);
        if (y < 0)
            return y;
    }
    return x < 0 ? x : 0;
}

static int add_address(struct config_reader *r, const struct config_key *key,
                       const struct yamlnode *item, struct report_params *report)
{
    struct slice text;
    struct addr addr;
    int x = config_scalar(r, key, item, "an address", &text);

    if (x <= 0)
        return x;
    if (!addr_parse(text.p, text.n, &addr))
        return config_bad(r, key, item, "an IPv4 or IPv6 address");
    for (size_t i = 0; i < report->n_addresses; i++)
        if (addr_equal(&report->addresses[i], &addr))
            return config_tell(r, item, "%s: this address is listed already", key->path);
    report->addresses[report->n_addresses++] = addr;
    return 0;
}

int config_read_addresses(struct config_reader *r, const struct config_key *key,
                          const struct yamlnode *value, void *field)
{
    struct report_params *report = field;
    int x = config_list(r, key, value, "addresses");

    if (x <= 0 || value->n_items == 0)
        return x < 0 ? x : 0;
    if (value->n_items > CONFIG_ADDRS_MAX)
        return config_tell(r, value, "%s: more than %d addresses", key->path,
                           CONFIG_ADDRS_MAX);
    report->addresses = calloc(value->n_items, sizeof(*report->addresses));
    if (!report->addresses)
        return -ENOMEM;
    for (size_t i = 0; i < value->n_items; i++) {
        x = add_address(r, key, value->items[i], report);
        if (x < 0)
            return x;
    }
    return 0;
}

/* The services that a report can be about: those that are built in, then those of the
 * operator's rules. NULL past the end. */
static const char *known_service(const struct config *c, size_t i)
{
    if (i < rules_n_builtin)
        return rules_builtin[i]->name;
    i -= rules_n_builtin;
    return i < c->n_rules ? c->rules[i].name : NULL;
}

static int put_port(struct report_params *report, const char *service, uint16_t port)
{
    struct report_port *ports;

    for (size_t i = 0; i < report->n_ports; i++)
        if (strcmp(report->ports[i].service, service) == 0) {
            report->ports[i].port = port;
            return 0;
        }
    ports = reallocarray(report->ports, report->n_ports + 1, sizeof(*ports));
    if (!ports)
        return -ENOMEM;
    report->ports = ports;
    ports[report->n_ports] = (struct report_port){strdup(service), port};
    if (!ports[report->n_ports].service)
        return -ENOMEM;
    report->n_ports++;
    return 0;
}

/* Sets one service's port. A service that nothing here can report about is a slip of the
 * pen, after which the reports would name a wrong port. */
static int set_port(struct config_reader *r, const struct config_key *key,
                    const struct yamlnode *name, const struct yamlnode *value)
{
    const struct config_key row = {.path = key->path, .min = 1, .max = 65535};
    struct config_nearest nearest = {0};
    struct slice service = {name->text, name->n};
    const char *known;
    unsigned port = 0;
    int x;

    for (size_t i = 0; (known = known_service(r->config, i)); i++) {
        if (slice_equal_str(service, known)) {
            x = config_read_unsigned(r, &row, value, &port);
            if (port > 0)
                x = put_port(&r->config->report, known, (uint16_t)port);
            return x;
        }
        config_nearest_try(&nearest, service, known, strlen(known));
    }
    if (nearest.word)
        return config_tell(r, name, "%s: unknown service; do you mean %s?", key->path,
                           nearest.word);
    return config_tell(
        r, name, "%s: unknown service; known are sshd and those of `rules`", key->path);
}

int config_read_ports(struct config_reader *r, const struct config_key *key,
                      const struct yamlnode *value, void *field)
{
    return 0; /* `rules` may stand behind it */
}

int config_settle_ports(struct config_reader *r)
{
    static const struct config_key key = {.path = "report.ports"};
    const struct yamlnode *value = config_seen(r, key.path);

    if (!value || value->kind == YAMLNODE_BROKEN || yamlnode_is_null(value))
        return 0;
    if (value->kind != YAMLNODE_MAP)
        return config_tell(r, value, "%s must be a mapping such as {sshd: 22}", key.path);
    for (size_t i = 0; i < value->n_items; i++) {
        int x = set_port(r, &key, value->keys[i], value->items[i]);

        if (x < 0)
            return x;
    }
    return 0;
}

/* A URL's parts, as far as they matter here. */
struct url {
    struct slice scheme, host, rest; /* rest: from the path on */
    struct addr addr;                /* of a host that is an address, or {0} */
};

/* A host name: labels of letters, digits and hyphens, the last not a number. */
static bool name_ok(struct slice name)
{
    size_t start = 0;
    bool digits = true;

    if (name.n == 0 || name.n > 253)
        return false;
    for (size_t i = 0; i <= name.n; i++) {
        char c = i < name.n ? name.p[i] : '.';
        bool digit = c >= '0' && c <= '9';

        if (c == '.') {
            if (i == start || i - start > 63 || name.p[start] == '-' ||
                name.p[i - 1] == '-' || (i == name.n && digits))
                return false;
            start = i + 1;
            digits = true;
            continue;
        }
        if (!digit && c != '-' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
            return false;
        digits = digits && digit;
    }
    return true;
}

static bool host_ok(struct slice host, struct addr *ret_addr)
{
    *ret_addr = (struct addr){0};
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return memchr(host.p, ':', host.n) &&
               addr_parse(host.p + 1, host.n - 2, ret_addr);
    return addr_parse(host.p, host.n, ret_addr) ? ret_addr->family == 4 : name_ok(host);
}

static bool port_ok(struct slice port)
{
    unsigned n = 0;

    if (port.n == 0 || port.n > 5)
        return false;
    for (size_t i = 0; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(port.p[i] - '0');
    }
    return n >= 1 && n <= 65535;
}

/* SCHEME://HOST[:PORT][/…] of printable ASCII without blanks; no user or password. */
static bool url_parse(struct slice text, struct url *ret)
{
    const char *end = text.p + text.n, *p = memmem(text.p, text.n, "://", 3);
    const char *bracket, *colon = NULL;
    struct slice host;
    struct url url;

    if (!p || text.n > 2000 || !text_is_printable(text.p, text.n) ||
        memchr(text.p, ' ', text.n))
        return false;
    url.scheme = (struct slice){text.p, (size_t)(p - text.p)};
    host.p = p + 3;
    for (p = host.p; p < end && !strchr("/?#", *p); p++)
        ;
    host.n = (size_t)(p - host.p);
    url.rest = (struct slice){p, (size_t)(end - p)};
    bracket = memrchr(host.p, ']', host.n);
    colon = memrchr(host.p, ':', host.n);
    if (colon && (!bracket || colon > bracket)) {
        if (!port_ok((struct slice){colon + 1, host.n - (size_t)(colon + 1 - host.p)}))
            return false;
        host.n = (size_t)(colon - host.p);
    }
    if (!host_ok(host, &url.addr))
        return false;
    url.host = host;
    *ret = url;
    return true;
}

int config_read_bootstrap(struct config_reader *r, const struct config_key *key,
                          const struct yamlnode *value, void *field)
{
    static const char want[] = "an https URL or an absolute path";
    struct slice text;
    struct url url;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (!config_path_ok(text) &&
        (!url_parse(text, &url) ||
         (!slice_equal_str(url.scheme, "https") && !slice_equal_str(url.scheme, "http"))))
        return config_bad(r, key, value, want);
    return config_set_text(field, text);
}

bool config_url_public(const char *text, const char **ret_why)
{
    struct slice s = {text, strlen(text)};
    struct url url;

    if (!url_parse(s, &url)) /* a path */
        return true;
    if (!slice_equal_str(url.scheme, "https")) {
        *ret_why = "must be https";
        return false;
    }
    if ((url.addr.family && addr_special(&url.addr, NULL)) ||
        (url.host.n >= 9 &&
         strncasecmp(url.host.p + url.host.n - 9, "localhost", 9) == 0)) {
        *ret_why = "names a special-purpose address";
        return false;
    }
    return true;
}

int config_read_proxy(struct config_reader *r, const struct config_key *key,
                      const struct yamlnode *value, void *field)
{
    static const char want[] =
        "a proxy such as http://proxy.example.org:3128 (no password)";
    struct slice text;
    struct url url;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (!url_parse(text, &url) || url.rest.n > 1 ||
        (!slice_equal_str(url.scheme, "https") && !slice_equal_str(url.scheme, "http")))
        return config_bad(r, key, value, want);
    return config_set_text(field, text);
}

int config_read_mta(struct config_reader *r, const struct config_key *key,
                    const struct yamlnode *value, void *field)
{
    static const char want[] = "smtp://HOST or smtp://HOST:PORT of the local mail server";
    struct slice text;
    struct url url;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (!url_parse(text, &url) || url.rest.n > 0 || !slice_equal_str(url.scheme, "smtp"))
        return config_bad(r, key, value, want);
    return config_set_text(field, text);
}

int config_read_mta_log(struct config_reader *r, const struct config_key *key,
                        const struct yamlnode *value, void *field)
{
    static const char want[] = "\"journal\" or an absolute path (without //, . or ..)";
    struct slice text;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (!slice_equal_str(text, "journal") && !config_path_ok(text))
        return config_bad(r, key, value, want);
    return config_set_text(field, text);
}

int config_read_mailbox(struct config_reader *r, const struct config_key *key,
                        const struct yamlnode *value, void *field)
{
    static const char want[] =
        "a mailbox such as \"Abuse reports <abuse-reports@example.org>\", in ASCII";
    char addr[MAILADDR_MAX + 1];
    struct slice text;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (text.n > (uint64_t)key->max || !text_is_printable(text.p, text.n) ||
        !mailaddr_parse_mailbox(text.p, addr, NULL))
        return config_bad(r, key, value, want);
    return config_set_text(field, text);
}

static bool local_name_ok(struct slice name)
{
    if (name.n == 0 || name.n > 64 || name.p[0] == '-' || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

int config_read_local_contact(struct config_reader *r, const struct config_key *key,
                              const struct yamlnode *value, void *field)
{
    static const char want[] = "a local user's name such as root, or a mail address";
    char addr[MAILADDR_MAX + 1];
    struct slice text;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (local_name_ok(text))
        return config_set_text(field, text);
    if (!mailaddr_parse(text.p, text.n, addr))
        return config_bad(r, key, value, want);
    return config_set_text(field, (struct slice){addr, strlen(addr)});
}
