/* The template engine.
 *
 * Log lines carry text that strangers typed, and a regular expression that searches such
 * a line can be led to an address of the stranger's choice. A template leaves nothing to
 * choose: the whole message is matched, each hole has exactly one place where it can end,
 * and the only text that may hold anything is fenced in from both ends. The compiler
 * refuses templates for which that is not so, which is why there is no backtracking here
 * and matching is linear.
 *
 * Where a hole ends: each kind of hole has a set of bytes that it may hold, and the
 * literal text beside it has to have a byte outside that set. The first such byte of the
 * message then marks the place (on the right of the free hole the same is done from the
 * right end, mirrored). */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define TEMPLATE_MAX 400
#define PARTS_MAX    32
#define COUNT_MAX    1000000 /* {count} */

enum kind {
    LITERAL,
    ADDR,
    PORT,
    PEER,
    NUM,
    COUNT,
    HOST,
    WORD,
    USER,
    REST,
};

static const struct {
    const char *name;
    enum kind kind;
} holes[] = {
    {"addr", ADDR}, {"port", PORT}, {"peer", PEER}, {"num", NUM},   {"count", COUNT},
    {"host", HOST}, {"word", WORD}, {"user", USER}, {"rest", REST},
};

struct part {
    enum kind kind;
    uint16_t position; /* in the template, for errors */
    uint16_t at, n;    /* of a literal: place in rule->bytes */
    uint16_t fence;    /* of a typed hole: index in the literal beside it of the byte that
                          the hole cannot hold */
};

struct rule {
    unsigned flags;
    struct part parts[PARTS_MAX];
    size_t n_parts;
    size_t free_at;    /* index of the free hole; n_parts where there is none */
    bool has_tail;     /* the message is cut at its first ": " */
    struct slice tail; /* what {rest} has to begin with after that */
    size_t n_bytes;
    char bytes[TEMPLATE_MAX];
};

DEFINE_CLEANUP(struct rule *, rule_free)

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool is_free(enum kind kind)
{
    return kind == USER || kind == REST;
}

/* Whether a typed hole may hold that byte. */
static bool may_hold(enum kind kind, unsigned char c)
{
    switch (kind) {
    case ADDR: return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    case PEER: return may_hold(ADDR, c) || c == '[' || c == ']';
    case PORT:
    case COUNT:
    case NUM: return is_digit(c);
    case HOST:
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == ':' || c == '-' || c == '_';
    case WORD: return c != ' ' && !is_control(c);
    default: return false;
    }
}

struct rule *rule_free(struct rule *rule)
{
    free(rule);
    return NULL;
}

/* The ": " that ends the head of a message: the first one that is not the end of an
 * address such as "2001:db8::". NULL when there is none. */
static const char *find_cut(const char *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (p[i] == ':' && p[i + 1] == ' ' && (i == 0 || p[i - 1] != ':'))
            return p + i;
    return NULL;
}

/*
 * The compiler.
 */

static int refuse(struct rule_error *error, size_t position, const char *what)
{
    *error = (struct rule_error){position, what};
    return RULE_E_TEMPLATE;
}

static struct part *last_part(struct rule *rule)
{
    return rule->n_parts > 0 ? &rule->parts[rule->n_parts - 1] : NULL;
}

static struct part *add_part(struct rule *rule, enum kind kind, size_t position)
{
    struct part *p;

    if (rule->n_parts == PARTS_MAX)
        return NULL;
    p = &rule->parts[rule->n_parts++];
    *p = (struct part){
        .kind = kind, .position = (uint16_t)position, .at = (uint16_t)rule->n_bytes};
    return p;
}

static int add_byte(struct rule *rule, size_t position, char c, struct rule_error *error)
{
    struct part *p = last_part(rule);

    if (is_control((unsigned char)c))
        return refuse(error, position, "a control byte never stands in a message");
    if (!p || p->kind != LITERAL)
        p = add_part(rule, LITERAL, position);
    if (!p)
        return refuse(error, position, "too many parts");
    rule->bytes[rule->n_bytes++] = c;
    p->n++;
    return 0;
}

/* Reads the hole at text[*i] == '{' and steps over it. */
static int add_hole(struct rule *rule, const char *text, size_t n, size_t *i,
                    struct rule_error *error)
{
    const char *close = memchr(text + *i, '}', n - *i);
    const struct part *before = last_part(rule);
    struct slice name;

    if (!close)
        return refuse(error, *i, "this brace is never closed (\"{{\" is a literal one)");
    name = (struct slice){text + *i + 1, (size_t)(close - text) - *i - 1};
    for (size_t h = 0; h < sizeof(holes) / sizeof(holes[0]); h++) {
        if (!slice_equal_str(name, holes[h].name))
            continue;
        if (before && before->kind != LITERAL)
            return refuse(error, *i, "two holes need text between them");
        if (!add_part(rule, holes[h].kind, *i))
            return refuse(error, *i, "too many parts");
        *i += name.n + 2;
        return 0;
    }
    return refuse(
        error, *i,
        "no such hole; there are {user} {addr} {port} {peer} {num} {count} {host} "
        "{word} {rest}");
}

static int split(struct rule *rule, const char *text, size_t n, struct rule_error *error)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n;) {
        bool twice = i + 1 < n && text[i + 1] == text[i];

        if (text[i] == '{' && !twice) {
            r = add_hole(rule, text, n, &i, error);
        } else if (text[i] == '}' && !twice) {
            r = refuse(error, i, "a lone brace (\"}}\" is a literal one)");
        } else {
            bool brace = text[i] == '{' || text[i] == '}';

            r = add_byte(rule, i, text[i], error);
            i += brace ? 2 : 1;
        }
    }
    return r;
}

static int check_holes(const struct rule *rule, size_t n, struct rule_error *error)
{
    static const char *const twice[] = {
        [ADDR] = "a second {addr}", [PORT] = "a second {port}",
        [PEER] = "a second {peer}", [COUNT] = "a second {count}",
        [USER] = "a second {user}", [REST] = "a second {rest}",
    };
    unsigned seen[REST + 1] = {0};

    for (size_t i = 0; i < rule->n_parts; i++) {
        enum kind kind = rule->parts[i].kind;

        if (seen[kind]++ > 0 && twice[kind])
            return refuse(error, rule->parts[i].position, twice[kind]);
    }
    if (seen[PEER] > 0 && seen[ADDR] + seen[PORT] > 0)
        return refuse(error, n, "{peer} is an {addr} and a {port} already");
    if (seen[ADDR] + seen[PEER] == 0 && !(rule->flags & RULE_NO_ADDR))
        return refuse(error, n, "there is no {addr}");
    return 0;
}

/* Beside a {user}, a {rest} at the end is the foreign tail: takes it and the ": " off the
 * parts. */
static int cut_tail(struct rule *rule, struct rule_error *error)
{
    struct part *rest = last_part(rule), *text;
    bool has_user = false;
    const char *cut;

    for (size_t i = 0; i < rule->n_parts; i++)
        has_user = has_user || rule->parts[i].kind == USER;
    if (!has_user || rest->kind != REST)
        return 0;
    text = rest - 1; /* no two holes are neighbours */
    if (!(rule->flags & RULE_NO_COLON_IN_USER))
        return refuse(error, rest->position,
                      "{user} and {rest} together need a program that never writes a "
                      "colon in the name");
    cut = find_cut(rule->bytes + text->at, text->n);
    if (!cut)
        return refuse(error, rest->position,
                      "beside {user}, {rest} has to follow \": \"");
    if (find_cut(rule->bytes, text->at))
        return refuse(error, text->position,
                      "only the first \": \" of a message can end its head");
    rule->tail.p = cut + 2;
    rule->tail.n = (size_t)(rule->bytes + text->at + text->n - rule->tail.p);
    text->n = (uint16_t)(cut - (rule->bytes + text->at));
    rule->n_parts -= text->n > 0 ? 1 : 2;
    rule->has_tail = true;
    return 0;
}

/* Finds for each typed hole the byte of the literal beside it that ends it. */
static int place_fences(struct rule *rule, struct rule_error *error)
{
    rule->free_at = rule->n_parts;
    for (size_t i = 0; i < rule->n_parts; i++) {
        if (!is_free(rule->parts[i].kind))
            continue;
        if (rule->free_at < rule->n_parts)
            return refuse(error, rule->parts[i].position, "a second hole of free text");
        rule->free_at = i;
    }
    for (size_t i = 0; i < rule->n_parts; i++) {
        struct part *p = &rule->parts[i];
        bool left = i < rule->free_at;
        const struct part *text = left ? p + 1 : p - 1;
        bool found = false;

        if (p->kind == LITERAL || is_free(p->kind) || (left && i + 1 == rule->n_parts))
            continue;
        for (size_t k = 0; k < text->n && !(left && found); k++)
            if (!may_hold(p->kind, (unsigned char)rule->bytes[text->at + k])) {
                p->fence = (uint16_t)k; /* left: the first, right: the last */
                found = true;
            }
        if (!found)
            return refuse(
                error, text->position,
                "the hole beside this text could hold it, so nothing says where "
                "the hole ends");
    }
    return 0;
}

static size_t find_part(const struct rule *rule, enum kind kind)
{
    size_t i = 0;

    while (i < rule->n_parts && rule->parts[i].kind != kind)
        i++;
    return i;
}

/* The hole that the accused address comes from. */
static size_t find_source(const struct rule *rule)
{
    size_t addr = find_part(rule, ADDR), peer = find_part(rule, PEER);

    return addr < peer ? addr : peer;
}

bool rule_ends_decide(const struct rule *rule)
{
    return rule->free_at < find_source(rule);
}

/* What RULE_UNPROVEN asks for, see rules.h. With a {word} or {host} on the outer side of
 * the address and free text on its inner side, the number of blanks in the message is
 * open: the stranger whose name is there chooses where the template's own text comes to
 * lie. */
static int check_steering(const struct rule *rule, struct rule_error *error)
{
    size_t addr = find_source(rule);

    if (rule->free_at == rule->n_parts)
        return 0;
    if (rule->free_at == 0)
        return refuse(error, 0,
                      "any message that ends in a stranger's words could pass for this "
                      "one; begin with text that the program writes itself");
    for (size_t i = 0; i < rule->n_parts; i++)
        if ((rule->parts[i].kind == WORD || rule->parts[i].kind == HOST) &&
            (addr < rule->free_at ? i < addr : i > addr))
            return refuse(error, rule->parts[i].position,
                          "a name with blanks that is typed here could bring an address "
                          "of its own to the address's place, because the free text on "
                          "the other side takes up the rest; write the message out "
                          "without free text, or put a {num} that the program computes "
                          "itself, or text, in place of this hole");
    return 0;
}

int rule_compile(const char *text, size_t n, unsigned flags, struct rule **ret,
                 struct rule_error *ret_error)
{
    _cleanup_(rule_freep) struct rule *rule = NULL;
    int r;

    if (n == 0)
        return refuse(ret_error, 0, "the template is empty");
    if (n > TEMPLATE_MAX)
        return refuse(ret_error, TEMPLATE_MAX, "the template is too long");
    rule = calloc(1, sizeof(*rule));
    if (!rule)
        return -ENOMEM;
    rule->flags = flags;
    r = split(rule, text, n, ret_error);
    if (r == 0)
        r = check_holes(rule, n, ret_error);
    if (r == 0)
        r = cut_tail(rule, ret_error);
    if (r == 0)
        r = place_fences(rule, ret_error);
    if (r == 0 && (flags & RULE_UNPROVEN))
        r = check_steering(rule, ret_error);
    if (r != 0)
        return r;
    *ret = TAKE_PTR(rule);
    return 0;
}

/*
 * The matcher.
 */

static bool parse_port(struct slice s, uint16_t *ret)
{
    unsigned v = 0;

    if (s.n == 0 || s.n > 5 || s.p[0] == '0')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit((unsigned char)s.p[i]))
            return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    if (v > UINT16_MAX)
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* What programs write comes from inet_ntop(3); text that is an address all the same, but
 * not in that form, was written by somebody else. IPv4 has only one form here. */
static bool parse_canonical(struct slice s, struct addr *ret)
{
    static const char mapped[] = "::ffff:";
    const size_t mapped_n = sizeof(mapped) - 1;
    char buf[ADDR_TEXT_MAX];
    struct addr a;

    if (!addr_parse(s.p, s.n, &a))
        return false;
    if (a.family == 4 && slice_starts(s, mapped))
        s = (struct slice){s.p + mapped_n, s.n - mapped_n};
    if (memchr(s.p, ':', s.n) && !slice_equal_str(s, addr_format(&a, buf)))
        return false;
    *ret = a;
    return true;
}

/* The last colon stands before the port. */
static bool parse_peer(struct slice s, struct rule_match *match)
{
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
    struct slice addr;

    if (!colon)
        return false;
    addr = (struct slice){s.p, (size_t)(colon - s.p)};
    if (addr.n > 2 && addr.p[0] == '[' && addr.p[addr.n - 1] == ']')
        addr = (struct slice){addr.p + 1, addr.n - 2};
    match->source_text = addr;
    match->port_text = (struct slice){colon + 1, (size_t)(s.p + s.n - colon) - 1};
    return parse_canonical(addr, &match->source) &&
           parse_port(match->port_text, &match->port);
}

static bool parse_count(struct slice s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0 || s.n > 7 || s.p[0] == '0')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit((unsigned char)s.p[i]))
            return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *ret = v;
    return v <= COUNT_MAX;
}

static bool all_may_hold(enum kind kind, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!may_hold(kind, (unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

static bool take(enum kind kind, struct slice s, struct rule_match *match)
{
    switch (kind) {
    case ADDR: match->source_text = s; return parse_canonical(s, &match->source);
    case PORT: match->port_text = s; return parse_port(s, &match->port);
    case PEER: return parse_peer(s, match);
    case COUNT: return parse_count(s, &match->count);
    default: return all_may_hold(kind, s);
    }
}

static bool literal_at(const struct rule *rule, const struct part *p, const char *at)
{
    return memcmp(rule->bytes + p->at, at, p->n) == 0;
}

/* Matches the parts before the free hole, or all, from the left; *s is what is left. */
static bool match_left(const struct rule *rule, struct slice *s, struct rule_match *match)
{
    for (size_t i = 0; i < rule->free_at; i++) {
        const struct part *p = &rule->parts[i];
        size_t n = p->n;

        if (p->kind == LITERAL) {
            if (s->n < n || !literal_at(rule, p, s->p))
                return false;
        } else {
            n = s->n;
            if (i + 1 < rule->n_parts) {
                for (n = 0; n < s->n && may_hold(p->kind, (unsigned char)s->p[n]);)
                    n++;
                if (n == s->n || n < p->fence)
                    return false;
                n -= p->fence;
            }
            if (!take(p->kind, (struct slice){s->p, n}, match))
                return false;
        }
        *s = (struct slice){s->p + n, s->n - n};
    }
    return true;
}

/* Matches the parts after the free hole from the right; *s becomes the free text. */
static bool match_right(const struct rule *rule, struct slice *s,
                        struct rule_match *match)
{
    for (size_t i = rule->n_parts; i-- > rule->free_at + 1;) {
        const struct part *p = &rule->parts[i];
        size_t n = p->n;

        if (p->kind == LITERAL) {
            if (s->n < n || !literal_at(rule, p, s->p + s->n - n))
                return false;
        } else {
            size_t behind = p[-1].n - 1 - p->fence; /* bytes of the literal after it */

            for (n = 0; n < s->n && may_hold(p->kind, (unsigned char)s->p[s->n - n - 1]);)
                n++;
            if (n == s->n || n < behind)
                return false;
            n -= behind;
            if (!take(p->kind, (struct slice){s->p + s->n - n, n}, match))
                return false;
        }
        s->n -= n;
    }
    return true;
}

/* Cuts the foreign tail off *s and looks at what it has to begin with. */
static bool cut_message(const struct rule *rule, struct slice *s)
{
    const char *cut = find_cut(s->p, s->n);
    size_t head, left;

    if (!cut)
        return false;
    head = (size_t)(cut - s->p);
    left = s->n - head - 2;
    if (left < rule->tail.n || memcmp(cut + 2, rule->tail.p, rule->tail.n) != 0)
        return false;
    for (size_t i = head; i < s->n; i++)
        if (is_control((unsigned char)s->p[i]))
            return false;
    s->n = head;
    return true;
}

int rule_first_byte(const struct rule *rule)
{
    return rule->parts[0].kind == LITERAL ? (unsigned char)rule->bytes[0] : -1;
}

int rule_match(const struct rule *rule, struct slice message, struct rule_match *ret)
{
    struct rule_match match = {.count = 1};
    struct slice s = message;

    if (rule->parts[0].kind == LITERAL &&
        (s.n < rule->parts[0].n || !literal_at(rule, &rule->parts[0], s.p)))
        return RULE_E_NONE;
    if ((rule->has_tail && !cut_message(rule, &s)) || !match_left(rule, &s, &match))
        return RULE_E_NONE;
    if (rule->free_at == rule->n_parts) {
        if (s.n > 0)
            return RULE_E_NONE;
    } else {
        if (!match_right(rule, &s, &match))
            return RULE_E_NONE;
        for (size_t i = 0; i < s.n; i++)
            if (is_control((unsigned char)s.p[i]))
                return RULE_E_NONE;
        if (rule->parts[rule->free_at].kind == USER) {
            if ((rule->flags & RULE_NO_COLON_IN_USER) && memchr(s.p, ':', s.n))
                return RULE_E_AMBIGUOUS;
            match.user = s;
        }
    }
    *ret = match;
    return 0;
}
