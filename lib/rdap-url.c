/* URLs of RDAP servers, which come out of bootstrap files, redirects and records.
 *
 * The splitter is strict where programs differ in what they read, because the one that
 * checks (this one) and the one that connects (curl) must mean the same host: no user
 * information, no backslash, no percent sign in the host, no host whose last label is a
 * number unless it is a dotted quad that inet_pton(3) takes ("127.1", "0x7f000001" and
 * "2130706433" are 127.0.0.1 to curl). A host name that resolves to a private address is
 * the business of rdap_check_peer(), asked when the connection is made. */
#include "rdap.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "rdap-internal.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_url_byte(char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static bool port_ok(struct slice s)
{
    unsigned long port = 0;

    if (s.n == 0 || s.n > 5)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        port = port * 10 + (unsigned long)(s.p[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* One dot at the end is the DNS root: the same host. */
static struct slice without_root(struct slice host)
{
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

/* Whether the last label is one that a resolver may read as a number. */
static bool last_label_numeric(struct slice host)
{
    const char *dot = memrchr(host.p, '.', host.n);
    const char *p = dot ? dot + 1 : host.p;
    size_t n = host.n - (size_t)(p - host.p);

    if (n >= 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return true;
    for (size_t i = 0; i < n; i++)
        if (!is_digit(p[i]))
            return false;
    return true;
}

static bool host_ok(struct slice host, bool literal6)
{
    struct addr addr;

    host = without_root(host);
    if (literal6)
        return memchr(host.p, ':', host.n) && addr_parse(host.p, host.n, &addr);
    if (host.n == 0 || host.n > 253 || host.p[0] == '.' || host.p[0] == '-')
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
        if (c == '.' && (i + 1 == host.n || host.p[i + 1] == '.'))
            return false;
    }
    return !last_label_numeric(host) || addr_parse(host.p, host.n, &addr);
}

static bool split_authority(struct slice s, struct url *url)
{
    const char *colon;
    size_t host_end;

    if (s.n == 0 || memchr(s.p, '@', s.n))
        return false;
    if (s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);

        if (!close)
            return false;
        url->literal6 = true;
        url->host = (struct slice){s.p + 1, (size_t)(close - s.p) - 1};
        host_end = (size_t)(close - s.p) + 1;
    } else {
        colon = memchr(s.p, ':', s.n);
        host_end = colon ? (size_t)(colon - s.p) : s.n;
        url->host = (struct slice){s.p, host_end};
    }
    if (host_end < s.n) {
        if (s.p[host_end] != ':')
            return false;
        url->port = (struct slice){s.p + host_end + 1, s.n - host_end - 1};
        if (!port_ok(url->port))
            return false;
    }
    return url->host.n > 0 && host_ok(url->host, url->literal6);
}

bool url_split(const char *text, struct url *ret)
{
    struct url url = {0};
    size_t n = strnlen(text, URL_MAX + 1), scheme, end;

    if (n > URL_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_url_byte(text[i]))
            return false;
    if (strncasecmp(text, "https://", 8) == 0) {
        url.https = true;
        scheme = 8;
    } else if (strncasecmp(text, "http://", 7) == 0) {
        scheme = 7;
    } else {
        return false;
    }
    end = scheme + strcspn(text + scheme, "/?#");
    if (!split_authority((struct slice){text + scheme, end - scheme}, &url))
        return false;
    url.path = (struct slice){text + end, strcspn(text + end, "?#")};
    url.tail = (struct slice){url.path.p + url.path.n, n - end - url.path.n};
    *ret = url;
    return true;
}

static bool is_localhost(struct slice host)
{
    static const char name[] = "localhost";
    size_t n = sizeof(name) - 1;

    host = without_root(host);
    if (host.n < n || strncasecmp(host.p + host.n - n, name, n) != 0)
        return false;
    return host.n == n || host.p[host.n - n - 1] == '.';
}

static bool is_loopback(const struct addr *addr)
{
    static const uint8_t one[16] = {[15] = 1};

    if (addr->family == 4)
        return addr->bytes[0] == 127;
    return addr->family == 6 && memcmp(addr->bytes, one, 16) == 0;
}

bool rdap_check_peer(const struct addr *peer, const struct netlist *lab_networks,
                     bool lab)
{
    if (peer->family == 0)
        return false;
    if (!addr_special(peer, NULL))
        return true;
    if (!lab)
        return false;
    return is_loopback(peer) || (lab_networks && netlist_contains(lab_networks, peer));
}

int rdap_check_url(const char *url, const char *previous_url,
                   const struct netlist *lab_networks, bool lab)
{
    struct url parts;
    struct addr addr;
    struct slice host;

    if (!url_split(url, &parts))
        return RDAP_URL_INVALID;
    /* Outside a lab each hop must be https, so that no downgrade is left to look for. */
    if (!parts.https && !lab)
        return RDAP_URL_NOT_HTTPS;
    host = without_root(parts.host);
    if (addr_parse(host.p, host.n, &addr)) {
        if (!rdap_check_peer(&addr, lab_networks, lab))
            return RDAP_URL_PRIVATE;
    } else if (is_localhost(host) && !lab) {
        return RDAP_URL_PRIVATE;
    }
    return 0;
}

/* Leading zeros do not make it another port (RFC 3986 section 6.2.3 on the default). */
static struct slice without_default(const struct url *url)
{
    struct slice port = url->port;

    while (port.n > 1 && port.p[0] == '0')
        port = (struct slice){port.p + 1, port.n - 1};
    if (slice_equal_str(port, url->https ? "443" : "80"))
        port.n = 0;
    return port;
}

char *rdap_url_host(const char *url)
{
    struct url parts;
    struct slice host, port;
    char *text;
    int n;

    if (!url_split(url, &parts))
        return NULL;
    host = without_root(parts.host);
    port = without_default(&parts);
    n = asprintf(&text, "%s%.*s%s%s%.*s", parts.literal6 ? "[" : "", (int)host.n, host.p,
                 parts.literal6 ? "]" : "", port.n > 0 ? ":" : "", (int)port.n,
                 port.p ? port.p : "");
    if (n < 0)
        return NULL;
    for (char *p = text; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return text;
}

char *rdap_query_url(const char *base, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];
    size_t n = strlen(base);
    char *url;

    while (n > 0 && base[n - 1] == '/')
        n--;
    if (n > URL_MAX ||
        asprintf(&url, "%.*s/ip/%s", (int)n, base, addr_format(addr, text)) < 0)
        return NULL;
    return url;
}

/* RFC 3986 section 5.2.4, in place: path begins with "/". */
static void remove_dot_segments(char *path)
{
    char *out = path, *in = path;

    while (*in) {
        size_t n = 1 + strcspn(in + 1, "/"); /* "/segment" */
        bool last = in[n] == '\0';

        if ((n == 2 && in[1] == '.') || (n == 3 && in[1] == '.' && in[2] == '.')) {
            if (n == 3)
                while (out > path && *--out != '/')
                    ;
            if (last)
                *out++ = '/';
        } else {
            memmove(out, in, n);
            out += n;
        }
        in += n;
    }
    *out = '\0';
}

/* Writes "scheme://authority" of url and the joined path and tail. */
static char *join(const char *url, const struct url *parts, struct slice directory,
                  struct slice path, struct slice tail)
{
    _cleanup_(cleanup_free) char *joined = NULL;
    size_t authority = (size_t)(parts->path.p - url);
    char *result;

    if (asprintf(&joined, "%.*s%.*s", (int)directory.n, directory.n ? directory.p : "",
                 (int)path.n, path.n ? path.p : "") < 0) {
        joined = NULL;
        return NULL;
    }
    if (joined[0] == '/')
        remove_dot_segments(joined);
    if (asprintf(&result, "%.*s%s%.*s", (int)authority, url, joined, (int)tail.n,
                 tail.n ? tail.p : "") < 0)
        return NULL;
    return result;
}

/* "scheme:" as RFC 3986 section 3.1 has it. */
static bool has_scheme(const char *s)
{
    if (!is_alpha(*s))
        return false;
    while (is_alpha(*s) || is_digit(*s) || *s == '+' || *s == '-' || *s == '.')
        s++;
    return *s == ':';
}

static char *resolve(const char *url, const struct url *base, const char *ref)
{
    struct slice path = {ref, strcspn(ref, "?#")};
    struct slice tail = {ref + path.n, strlen(ref + path.n)};
    struct slice directory = {base->path.p, 0}, old_tail = {base->tail.p, 0};
    const char *slash;
    char *result;

    if (has_scheme(ref))
        return strdup(ref);
    if (ref[0] == '/' && ref[1] == '/')
        return asprintf(&result, "%s:%s", base->https ? "https" : "http", ref) < 0
                   ? NULL
                   : result;
    if (path.n == 0) {
        /* The same path; also the same query, unless there is a new one. */
        if (tail.n > 0 && tail.p[0] == '?')
            return join(url, base, base->path, path, tail);
        old_tail.n = base->tail.n > 0 ? strcspn(base->tail.p, "#") : 0;
        return join(url, base, base->path, path, old_tail);
    }
    if (path.p[0] == '/')
        return join(url, base, directory, path, tail);
    slash = base->path.n > 0 ? memrchr(base->path.p, '/', base->path.n) : NULL;
    directory = slash ? (struct slice){base->path.p, (size_t)(slash - base->path.p) + 1}
                      : (struct slice){"/", 1};
    return join(url, base, directory, path, tail);
}

char *rdap_resolve_location(const char *url, const char *location)
{
    _cleanup_(cleanup_free) char *ref = NULL, *result = NULL;
    struct url base, check;
    size_t n;

    if (!url_split(url, &base))
        return NULL;
    location += strspn(location, " \t");
    n = strnlen(location, URL_MAX + 1);
    while (n > 0 && (location[n - 1] == ' ' || location[n - 1] == '\t'))
        n--;
    if (n > URL_MAX)
        return NULL;
    ref = strndup(location, n);
    if (!ref)
        return NULL;
    result = resolve(url, &base, ref);
    if (!result || !url_split(result, &check))
        return NULL;
    return TAKE_PTR(result);
}

static bool starts(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

enum rdap_meaning rdap_judge_status(long status, const char *content_type)
{
    switch (status) {
    case 200:
        /* A challenge or error page of something in front of the server. */
        if (content_type) {
            content_type += strspn(content_type, " \t");
            if (starts(content_type, "text/html") ||
                starts(content_type, "application/xhtml"))
                return RDAP_TRANSIENT;
        }
        return RDAP_ANSWER;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return RDAP_REDIRECT;
    case 400:
    case 422: return RDAP_OUR_FAULT;
    case 401:
    case 403: return RDAP_REFUSED;
    case 404: return RDAP_NO_DATA;
    case 429: return RDAP_SLOW_DOWN;
    case 501: return RDAP_UNSUPPORTED;
    default: return RDAP_TRANSIENT;
    }
}
