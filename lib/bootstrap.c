/* The IANA bootstrap table (RFC 9224): which registry's RDAP server to ask first.
 *
 * A copy is built in, so that the first start and every failed refresh have a table. It
 * is written from IANA's registries "RDAP Bootstrap Service Registry for IPv4"
 * (publication 2019-06-07) and "for IPv6" (2024-11-01): IPv4 as one letter for each /8,
 * IPv6 as rows. Transferred blocks need no row: the registry asked first redirects. */
#include "bootstrap.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cleanup.h"
#include "rdap-internal.h"

#define ROWS_MAX     10000
#define SERVICES_MAX 1000

struct row {
    struct net net;
    unsigned url;
};

struct bootstrap {
    struct row *rows;
    size_t n_rows;
    char **urls;
    size_t n_urls;
};

enum registry {
    AFRINIC,
    APNIC,
    ARIN,
    LACNIC,
    RIPE,
    N_REGISTRIES,
};

static const char *const registry_url[N_REGISTRIES] = {
    [AFRINIC] = "https://rdap.afrinic.net/rdap/",
    [APNIC] = "https://rdap.apnic.net/",
    [ARIN] = "https://rdap.arin.net/registry/",
    [LACNIC] = "https://rdap.lacnic.net/rdap/",
    [RIPE] = "https://rdap.db.ripe.net/",
};

static const char registry_letter[N_REGISTRIES] = {
    [AFRINIC] = 'F', [APNIC] = 'P', [ARIN] = 'A', [LACNIC] = 'L', [RIPE] = 'R'};

/* 0/8 to 255/8, sixteen to a line; "." has no server. */
static const char ipv4_blocks[] = ".PRAARAAAA.AAAPA" /* 0 */
                                  "AAAAAAAAARAPAAAR" /* 16 */
                                  "AAAAPRAPAFPPAARA" /* 32 */
                                  "APARARAAARPPPPRA" /* 48 */
                                  "AAAAAAAAAAAAARRR" /* 64 */
                                  "RRRRRRRRRRRRRRRR" /* 80 */
                                  "AAAAAPFPAFPAARPP" /* 96 */
                                  "PPPPPPPPPPPPPPP." /* 112 */
                                  "AAAAAPAAAAAAARAA" /* 128 */
                                  "ARAAAAPRAPFAAAAA" /* 144 */
                                  "AAAPAAAAAAAPAAAP" /* 160 */
                                  "RLRLPLPPARLLRLLL" /* 176 */
                                  "ARRRFFAALLPPAAAA" /* 192 */
                                  "AAPPRRAAARPPPPPP" /* 208 */
                                  "................" /* 224 */
                                  "................" /* 240 */;

static const struct {
    uint16_t groups[2]; /* no row is longer than its first two groups of 16 bits */
    uint8_t len;
    uint8_t registry;
} ipv6_blocks[] = {
    {{0x2001, 0x0200}, 23, APNIC},  {{0x2001, 0x0400}, 23, ARIN},
    {{0x2001, 0x0600}, 23, RIPE},   {{0x2001, 0x0800}, 22, RIPE},
    {{0x2001, 0x0c00}, 23, APNIC},  {{0x2001, 0x0e00}, 23, APNIC},
    {{0x2001, 0x1200}, 23, LACNIC}, {{0x2001, 0x1400}, 22, RIPE},
    {{0x2001, 0x1800}, 23, ARIN},   {{0x2001, 0x1a00}, 23, RIPE},
    {{0x2001, 0x1c00}, 22, RIPE},   {{0x2001, 0x2000}, 19, RIPE},
    {{0x2001, 0x4000}, 23, RIPE},   {{0x2001, 0x4200}, 23, AFRINIC},
    {{0x2001, 0x4400}, 23, APNIC},  {{0x2001, 0x4600}, 23, RIPE},
    {{0x2001, 0x4800}, 23, ARIN},   {{0x2001, 0x4a00}, 23, RIPE},
    {{0x2001, 0x4c00}, 23, RIPE},   {{0x2001, 0x5000}, 20, RIPE},
    {{0x2001, 0x8000}, 19, APNIC},  {{0x2001, 0xa000}, 20, APNIC},
    {{0x2001, 0xb000}, 20, APNIC},  {{0x2003, 0x0000}, 18, RIPE},
    {{0x2400, 0x0000}, 12, APNIC},  {{0x2410, 0x0000}, 12, APNIC},
    {{0x2600, 0x0000}, 12, ARIN},   {{0x2610, 0x0000}, 23, ARIN},
    {{0x2620, 0x0000}, 23, ARIN},   {{0x2630, 0x0000}, 12, ARIN},
    {{0x2800, 0x0000}, 12, LACNIC}, {{0x2a00, 0x0000}, 12, RIPE},
    {{0x2a10, 0x0000}, 12, RIPE},   {{0x2c00, 0x0000}, 12, AFRINIC},
};

static int add_url(struct bootstrap *b, const char *url, size_t n)
{
    char **urls = reallocarray(b->urls, b->n_urls + 1, sizeof(*urls));
    char *copy;

    if (!urls)
        return -ENOMEM;
    b->urls = urls;
    while (n > 0 && url[n - 1] == '/')
        n--;
    copy = malloc(n + 2);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, url, n);
    memcpy(copy + n, "/", 2);
    b->urls[b->n_urls++] = copy;
    return 0;
}

/* The row belongs to the URL that was added last, or url names an earlier one. */
static int add_row(struct bootstrap *b, const struct net *net, size_t url)
{
    struct row *rows = b->rows;

    if ((b->n_rows & (b->n_rows - 1)) == 0) {
        rows = reallocarray(rows, b->n_rows ? b->n_rows * 2 : 1, sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        b->rows = rows;
    }
    rows[b->n_rows++] = (struct row){.net = *net, .url = (unsigned)url};
    return 0;
}

DEFINE_CLEANUP(struct bootstrap *, bootstrap_free)

int bootstrap_new_builtin(struct bootstrap **ret)
{
    _cleanup_(bootstrap_freep) struct bootstrap *b = calloc(1, sizeof(*b));
    int r = b ? 0 : -ENOMEM;

    for (size_t i = 0; i < N_REGISTRIES && r == 0; i++)
        r = add_url(b, registry_url[i], strlen(registry_url[i]));
    for (size_t block = 0; block < 256 && r == 0; block++) {
        struct net net = {.addr = {.family = 4, .bytes = {(uint8_t)block}}, .len = 8};
        const char *hit = memchr(registry_letter, ipv4_blocks[block], N_REGISTRIES);

        if (hit)
            r = add_row(b, &net, (size_t)(hit - registry_letter));
    }
    for (size_t i = 0; i < sizeof(ipv6_blocks) / sizeof(ipv6_blocks[0]) && r == 0; i++) {
        struct net net = {.addr = {.family = 6}, .len = ipv6_blocks[i].len};

        for (size_t g = 0; g < 2; g++) {
            net.addr.bytes[2 * g] = (uint8_t)(ipv6_blocks[i].groups[g] >> 8);
            net.addr.bytes[2 * g + 1] = (uint8_t)ipv6_blocks[i].groups[g];
        }
        r = add_row(b, &net, ipv6_blocks[i].registry);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(b);
    return 0;
}

/* The service's URL to ask: the first https one, else the first http one in a lab. URLs
 * with a query cannot take "ip/ADDRESS" behind them. */
static bool choose_url(const json_t *urls, bool allow_http, struct slice *ret)
{
    bool found = false;

    for (size_t i = 0; i < json_array_size(urls); i++) {
        struct slice text;
        struct url url;

        if (!json_slice(json_array_get(urls, i), &text) || !url_split(text.p, &url) ||
            url.tail.n > 0)
            continue;
        if (url.https) {
            *ret = text;
            return true;
        }
        if (allow_http && !found) {
            *ret = text;
            found = true;
        }
    }
    return found;
}

static int read_service(struct bootstrap *b, const json_t *service, bool allow_http)
{
    const json_t *prefixes = json_array_get(service, 0);
    struct slice url;
    int r;

    /* A service of another shape than [[prefixes], [urls]] is somebody's extension. */
    if (json_array_size(service) != 2 || !json_is_array(prefixes) ||
        !choose_url(json_array_get(service, 1), allow_http, &url))
        return 0;
    r = add_url(b, url.p, url.n);
    for (size_t i = 0; i < json_array_size(prefixes) && r == 0; i++) {
        struct slice text;
        struct net net;

        if (b->n_rows < ROWS_MAX && json_slice(json_array_get(prefixes, i), &text) &&
            net_parse(text.p, text.n, &net))
            r = add_row(b, &net, b->n_urls - 1);
    }
    return r;
}

static void decref(json_t **json)
{
    json_decref(*json);
}

int bootstrap_new_json(const char *text, size_t n, bool allow_http,
                       struct bootstrap **ret)
{
    _cleanup_(bootstrap_freep) struct bootstrap *b = NULL;
    _cleanup_(decref) json_t *root = NULL;
    const json_t *services;
    char why[128];
    int r = 0;

    root = rdap_load_json(text, n, why);
    services = json_object_get(root, "services");
    if (!json_is_array(services))
        return BOOTSTRAP_E_INVALID;
    b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(services) && i < SERVICES_MAX && r == 0; i++)
        r = read_service(b, json_array_get(services, i), allow_http);
    if (r < 0)
        return r;
    if (b->n_rows == 0)
        return BOOTSTRAP_E_INVALID;
    *ret = TAKE_PTR(b);
    return 0;
}

struct bootstrap *bootstrap_free(struct bootstrap *b)
{
    if (!b)
        return NULL;
    for (size_t i = 0; i < b->n_urls; i++)
        free(b->urls[i]);
    free(b->urls);
    free(b->rows);
    free(b);
    return NULL;
}

const char *bootstrap_find(const struct bootstrap *b, const struct addr *addr)
{
    const struct row *best = NULL;

    /* A few hundred rows, once per look-up: a walk is enough. Of equal rows the first. */
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct row *row = &b->rows[i];

        if (net_contains(&row->net, addr) && (!best || row->net.len > best->net.len))
            best = row;
    }
    return best ? b->urls[best->url] : NULL;
}
