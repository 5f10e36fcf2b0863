/* Answers to ip/<address> (RFC 9083 section 5.4), as they have been since 2015.
 *
 * Next to nothing is required: every member is optional in practice, and the type of each
 * is what the server made it. Two things are decided here because nobody after can:
 * whether the answer is a network at all (rate limits and errors come with status 200
 * too), and whether it is the network of the address that was asked about. The rest is
 * carried to contact.c as it stood. */
#include "rdap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "rdap-internal.h"

#define DETAIL_MAX 200

DEFINE_CLEANUP(struct rdap_network *, rdap_network_free)

static void decref(json_t **json)
{
    json_decref(*json);
}

static bool says(struct slice s, const char *words)
{
    return strcasestr(s.p, words) != NULL; /* slices of JSON strings end in NUL */
}

/* Copies a string member; NULL stays when it is absent or no string. */
static int take_text(const json_t *object, const char *key, char **ret)
{
    struct slice s;

    if (!json_slice(json_object_get(object, key), &s))
        return 0;
    *ret = slice_dup(s);
    return *ret ? 0 : -ENOMEM;
}

/* An address as servers wrote it: with "/32" behind it (RIPE until 2020), with zeros
 * before its numbers (ARIN until 2016; octal to inet_aton(3), nothing to inet_pton(3)).
 */
static bool read_address(const json_t *value, struct addr *ret)
{
    char text[64];
    size_t n = 0;
    struct slice s;

    if (!json_slice(value, &s))
        return false;
    for (; s.n > 0 && s.p[0] == ' '; s.p++)
        s.n--;
    for (size_t i = 0; i < s.n && s.p[i] != '/' && s.p[i] != ' '; i++) {
        bool first = n == 0 || text[n - 1] == '.';
        bool more = i + 1 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '9';

        if (first && more && s.p[i] == '0' && !memchr(s.p, ':', s.n))
            continue;
        if (n == sizeof(text))
            return false;
        text[n++] = s.p[i];
    }
    return addr_parse(text, n, ret);
}

static void read_range(struct rdap_network *net, const json_t *root)
{
    struct addr start, end;

    if (!read_address(json_object_get(root, "startAddress"), &start) ||
        !read_address(json_object_get(root, "endAddress"), &end) ||
        start.family != end.family || addr_compare(&start, &end) > 0)
        return;
    net->start = start;
    net->end = end;
}

static bool range_known(const struct rdap_network *net)
{
    return net->start.family != 0;
}

static int read_network(const json_t *root, struct rdap_network *net)
{
    int r;

    read_range(net, root);
    r = take_text(root, "handle", &net->handle);
    if (r == 0)
        r = take_text(root, "name", &net->name);
    if (r == 0)
        r = take_text(root, "type", &net->type);
    if (r == 0)
        r = take_text(root, "country", &net->country);
    if (r == 0)
        r = take_text(root, "parentHandle", &net->parent_handle);
    if (r == 0)
        r = rdap_read_remarks(net, json_object_get(root, "remarks"), &net->remarks, NULL);
    if (r == 0)
        r = rdap_read_remarks(net, json_object_get(root, "notices"), NULL, NULL);
    if (r == 0)
        r = rdap_read_entities(net, root);
    return r;
}

static bool is_network(const json_t *root)
{
    struct slice class;

    if (json_slice(json_object_get(root, "objectClassName"), &class))
        return strcasecmp(class.p, "ip network") == 0;
    /* RIPE did without until 2016. */
    return json_object_get(root, "startAddress") || json_object_get(root, "endAddress") ||
           json_object_get(root, "ipVersion");
}

/* LACNIC's way to say "slow down": status 200, and nothing but this notice. */
static bool is_rate_limit_notice(const json_t *root)
{
    const json_t *notices = json_object_get(root, "notices");
    struct slice title;

    for (size_t i = 0; i < json_array_size(notices); i++)
        if (json_slice(json_object_get(json_array_get(notices, i), "title"), &title) &&
            says(title, "rate limit"))
            return true;
    return false;
}

/* The errorCode member (RFC 9083 section 6), as a number or as digits; 0 without one. */
static json_int_t error_code(const json_t *root)
{
    const json_t *code = json_object_get(root, "errorCode");
    struct slice s;

    if (json_is_integer(code))
        return json_integer_value(code);
    if (json_slice(code, &s) && s.n == 3 && strspn(s.p, "0123456789") == 3)
        return (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
    return code ? -1 : 0;
}

/* Says what an answer is that is no network. The text goes to *ret_detail. */
static int judge_other(const json_t *root, char **ret_detail)
{
    json_int_t code = error_code(root);
    _cleanup_(cleanup_free) char *title = NULL;
    struct slice s = SLICE("");
    int n;

    if (code != 0) {
        if (!json_slice(json_object_get(root, "title"), &s))
            s = SLICE("no title");
        title = text_escape(s.p, s.n, DETAIL_MAX);
        if (!title)
            return -ENOMEM;
        n = asprintf(ret_detail, "the server answers with error %lld (%s)",
                     (long long)code, title);
    } else if (is_rate_limit_notice(root)) {
        n = asprintf(ret_detail, "the server limits the rate of questions");
    } else {
        n = asprintf(ret_detail, "the answer is JSON, but describes no IP network");
    }
    if (n < 0) {
        *ret_detail = NULL;
        return -ENOMEM;
    }
    if (code == 404)
        return RDAP_E_NO_DATA;
    if (code == 429 || (code == 0 && is_rate_limit_notice(root)))
        return RDAP_E_RATE_LIMIT;
    return RDAP_E_NOT_NETWORK;
}

/* A range is the queried address's or the answer is somebody else's. */
static int check_range(const struct rdap_network *net, const struct addr *query,
                       char **ret_detail)
{
    char start[ADDR_TEXT_MAX], end[ADDR_TEXT_MAX];

    if (!range_known(net) ||
        (net->start.family == query->family && addr_compare(&net->start, query) <= 0 &&
         addr_compare(query, &net->end) <= 0))
        return 0;
    if (asprintf(ret_detail, "the answer is about another network, %s - %s",
                 addr_format(&net->start, start), addr_format(&net->end, end)) < 0) {
        *ret_detail = NULL;
        return -ENOMEM;
    }
    return RDAP_E_OTHER_NETWORK;
}

static int not_json(const char *why, char **ret_detail)
{
    *ret_detail = strdup(why);
    return *ret_detail ? RDAP_E_NOT_JSON : -ENOMEM;
}

int rdap_parse(const char *body, size_t n, const struct addr *query,
               struct rdap_network **ret, char **ret_detail)
{
    _cleanup_(rdap_network_freep) struct rdap_network *net = NULL;
    _cleanup_(cleanup_free) char *detail = NULL;
    _cleanup_(decref) json_t *root = NULL;
    char why[128];
    int r;

    if (n > RDAP_BODY_MAX) {
        r = not_json("an answer of more than 1 MiB", &detail);
    } else if (!(root = rdap_load_json(body, n, why))) {
        r = not_json(why, &detail);
    } else if (!json_is_object(root) || error_code(root) != 0 || !is_network(root)) {
        r = judge_other(root, &detail);
    } else {
        net = calloc(1, sizeof(*net));
        r = net ? read_network(root, net) : -ENOMEM;
        if (r == 0)
            r = check_range(net, query, &detail);
    }
    if (r > 0 && ret_detail)
        *ret_detail = TAKE_PTR(detail);
    if (r == 0)
        *ret = TAKE_PTR(net);
    return r;
}

struct rdap_network *rdap_network_free(struct rdap_network *net)
{
    if (!net)
        return NULL;
    for (unsigned i = 0; i < net->n_entities; i++) {
        struct rdap_entity *entity = &net->entities[i];

        free(entity->handle);
        free(entity->name);
        free(entity->form);
        rdap_lines_free(entity->roles);
        rdap_lines_free(entity->remarks);
    }
    for (unsigned i = 0; i < net->n_mails; i++)
        free(net->mails[i].value);
    free(net->entities);
    free(net->mails);
    rdap_lines_free(net->remarks);
    free(net->handle);
    free(net->name);
    free(net->type);
    free(net->country);
    free(net->parent_handle);
    free(net);
    return NULL;
}

char *rdap_range_text(const struct rdap_network *net, const struct addr *query)
{
    char start[ADDR_TEXT_MAX], end[ADDR_TEXT_MAX];
    char *text;

    if (!range_known(net))
        return strdup(addr_format(query, start));
    if (asprintf(&text, "%s - %s", addr_format(&net->start, start),
                 addr_format(&net->end, end)) < 0)
        return NULL;
    return text;
}
