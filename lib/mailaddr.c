/* Mail addresses, read strictly.
 *
 * The grammar is narrower than RFC 5321: no quoted local parts, no comments, no address
 * literals, no UTF-8. What an abuse mailbox is published as fits into it, and what does
 * not fit could mean something else to the next program in the chain: a blank or a line
 * end becomes an SMTP command, a leading "-" an option of sendmail, a "," a second
 * recipient. */
#include "mailaddr.h"

#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "text.h"

#define LOCAL_MAX 64 /* RFC 5321 section 4.5.3.1.1 */
#define LABEL_MAX 63 /* RFC 1035 section 2.3.4 */

/* Not <ctype.h>: its answers depend on the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_alnum(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* atext of RFC 5322 section 3.2.3. */
static bool is_atext(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+/=?^_`{|}~-", c));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static struct slice without_mailto(struct slice s)
{
    if (s.n >= 7 && strncasecmp(s.p, "mailto:", 7) == 0)
        s = trim((struct slice){.p = s.p + 7, .n = s.n - 7});
    return s;
}

/* A dot-atom that cannot be taken for an option. */
static bool local_part_ok(struct slice s)
{
    if (s.n == 0 || s.n > LOCAL_MAX || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool between = i > 0 && i + 1 < s.n && s.p[i - 1] != '.';

        if (s.p[i] == '.' ? !between : !is_atext(s.p[i]))
            return false;
    }
    return true;
}

static bool label_ok(struct slice s)
{
    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool domain_ok(struct slice s)
{
    size_t labels = 0;
    bool numeric = true;

    for (;;) {
        const char *dot = s.n > 0 ? memchr(s.p, '.', s.n) : NULL;
        struct slice label = {.p = s.p, .n = dot ? (size_t)(dot - s.p) : s.n};

        if (!label_ok(label))
            return false;
        labels++;
        numeric = true;
        for (size_t i = 0; i < label.n; i++)
            numeric = numeric && is_digit(label.p[i]);
        if (!dot)
            return labels >= 2 && !numeric;
        s.p += label.n + 1;
        s.n -= label.n + 1;
    }
}

static bool parse_bare(struct slice s, char ret[static MAILADDR_MAX + 1])
{
    const char *at = s.n > 0 ? memchr(s.p, '@', s.n) : NULL;
    struct slice local, domain;

    if (!at || s.n > MAILADDR_MAX)
        return false;
    local = (struct slice){.p = s.p, .n = (size_t)(at - s.p)};
    domain = (struct slice){.p = at + 1, .n = s.n - local.n - 1};
    if (!local_part_ok(local) || !domain_ok(domain))
        return false;
    memcpy(ret, s.p, s.n);
    for (size_t i = local.n + 1; i < s.n; i++)
        ret[i] = lower(ret[i]);
    ret[s.n] = '\0';
    return true;
}

bool mailaddr_parse(const char *text, size_t n, char ret[static MAILADDR_MAX + 1])
{
    struct slice s = without_mailto(trim((struct slice){.p = text, .n = n}));

    if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>') {
        s = trim((struct slice){.p = s.p + 1, .n = s.n - 2});
        s = without_mailto(s);
    }
    return parse_bare(s, ret);
}

/* Copies a display name: a phrase of atoms, or one quoted string whose quotes and
 * backslashes are taken off. Returns false when it is neither. */
static bool copy_name(struct slice s, char *out)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
        for (size_t i = 1; i + 1 < s.n; i++) {
            if (s.p[i] == '"' || (s.p[i] == '\\' && i + 2 >= s.n))
                return false;
            if (s.p[i] == '\\')
                i++;
            *out++ = s.p[i];
        }
    } else {
        for (size_t i = 0; i < s.n; i++) {
            if (!is_atext(s.p[i]) && s.p[i] != '.' && s.p[i] != ' ')
                return false;
            *out++ = s.p[i];
        }
    }
    *out = '\0';
    return true;
}

bool mailaddr_parse_mailbox(const char *text, char ret[static MAILADDR_MAX + 1],
                            char **name)
{
    _cleanup_(cleanup_free) char *phrase = NULL;
    char addr[MAILADDR_MAX + 1];
    struct slice s = trim((struct slice){.p = text, .n = strlen(text)});
    const char *open;

    if (!text_is_printable(s.p, s.n))
        return false;
    phrase = calloc(1, s.n + 1);
    if (!phrase)
        return false;
    if (s.n > 0 && s.p[s.n - 1] == '>') {
        /* The last "<": an earlier one can only stand in a quoted name. */
        open = memrchr(s.p, '<', s.n);
        if (!open ||
            !parse_bare((struct slice){open + 1, (size_t)(s.p + s.n - open) - 2}, addr))
            return false;
        if (!copy_name(trim((struct slice){s.p, (size_t)(open - s.p)}), phrase))
            return false;
    } else if (!parse_bare(s, addr)) {
        return false;
    }
    memcpy(ret, addr, strlen(addr) + 1);
    if (name)
        *name = TAKE_PTR(phrase);
    return true;
}

const char *mailaddr_domain(const char *addr)
{
    const char *at = strrchr(addr, '@');

    return at ? at + 1 : "";
}

bool mailaddr_domain_within(const char *domain, const char *parent)
{
    size_t n = strlen(domain), m = strlen(parent);

    if (n < m || strcasecmp(domain + n - m, parent) != 0)
        return false;
    return n == m || domain[n - m - 1] == '.';
}

bool mailaddr_reserved(const char *addr)
{
    static const char *const reserved[] = {"example",     "example.com", "example.net",
                                           "example.org", "test",        "invalid",
                                           "localhost"};
    const char *domain = mailaddr_domain(addr);

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (mailaddr_domain_within(domain, reserved[i]))
            return true;
    return false;
}

static bool is_joint(char c)
{
    return c == '-' || c == '_' || c == '.';
}

/* Whether the local part p, read from a token's beginning and without its joints, says
 * word and then ends a token. Digits may follow, as in "noreply2". */
static bool says(const char *p, const char *word)
{
    for (; *word; p++) {
        if (is_joint(*p))
            continue;
        if (lower(*p) != *word++)
            return false;
    }
    while (is_digit(*p))
        p++;
    return !is_alnum(*p);
}

bool mailaddr_noreply(const char *addr)
{
    static const char *const words[] = {"noreply",    "noreplies",    "donotreply",
                                        "dontreply",  "donotrespond", "noresponse",
                                        "unattended", "unmonitored",  "devnull",
                                        "nobody",     "blackhole"};

    for (const char *p = addr; *p && *p != '@' && *p != '+'; p++) {
        if (p != addr && !is_joint(p[-1]))
            continue;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (says(p, words[i]))
                return true;
    }
    return false;
}

bool mailaddr_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}
