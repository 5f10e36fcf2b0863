/* Sets of rules: the rows of each service, compiled, and the choice among those that fit.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct compiled {
    const struct rule_service *service;
    struct rule **rules; /* one for each row */
    int16_t *begins;     /* the byte that a row's messages begin with, or -1 */
    bool first[256];     /* the bytes that a message of these rows can begin with */
};

struct rules {
    struct compiled *services;
    size_t n;
};

static void compiled_done(struct compiled *c)
{
    for (size_t i = 0; c->rules && i < c->service->n_rows; i++)
        rule_free(c->rules[i]);
    free(c->rules);
    free(c->begins);
}

int rules_new(struct rules **ret)
{
    struct rules *rules = calloc(1, sizeof(*rules));

    if (!rules)
        return -ENOMEM;
    *ret = rules;
    return 0;
}

struct rules *rules_free(struct rules *rules)
{
    if (!rules)
        return NULL;
    for (size_t i = 0; i < rules->n; i++)
        compiled_done(&rules->services[i]);
    free(rules->services);
    free(rules);
    return NULL;
}

static int compile_row(struct compiled *c, size_t row, struct rule_error *ret_error)
{
    const char *template = c->service->rows[row].template;
    enum rule_meaning meaning = c->service->rows[row].meaning;
    unsigned flags = c->service->flags & ~(unsigned)RULE_NO_ADDR;
    struct rule *rule;
    int r, first;

    if (meaning == RULE_UNKNOWN_USER || meaning == RULE_END || meaning == RULE_NOISE)
        flags |= RULE_NO_ADDR;
    r = rule_compile(template, strlen(template), flags, &rule, ret_error);
    if (r != 0)
        return r;
    c->rules[row] = rule;
    first = rule_first_byte(rule);
    c->begins[row] = (int16_t)first;
    if (first >= 0)
        c->first[first] = true;
    else
        memset(c->first, true, sizeof(c->first));
    return 0;
}

int rules_add(struct rules *rules, const struct rule_service *service, size_t *ret_row,
              struct rule_error *ret_error)
{
    struct compiled c = {.service = service};
    struct compiled *grown;
    int r = 0;

    grown = reallocarray(rules->services, rules->n + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    rules->services = grown;
    c.rules = calloc(service->n_rows > 0 ? service->n_rows : 1, sizeof(struct rule *));
    c.begins = calloc(service->n_rows > 0 ? service->n_rows : 1, sizeof(*c.begins));
    if (!c.rules || !c.begins)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < service->n_rows; i++) {
        r = compile_row(&c, i, ret_error);
        if (r > 0)
            *ret_row = i;
    }
    if (r != 0) {
        compiled_done(&c);
        return r;
    }
    rules->services[rules->n++] = c;
    return 0;
}

static bool writes(const struct rule_service *service, struct slice program)
{
    for (const char *const *p = service->programs; *p; p++)
        if (program.n > 0 && program.p[0] == (*p)[0] && slice_equal_str(program, *p))
            return true;
    return false;
}

static struct slice strip_level(struct slice message)
{
    static const char *const levels[] = {"error: ", "fatal: "};

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (slice_starts(message, levels[i])) {
            size_t n = strlen(levels[i]);

            return (struct slice){message.p + n, message.n - n};
        }
    return message;
}

static bool too_long(const struct rule_service *service, struct slice message)
{
    return service->limit > 0 && message.n >= service->limit;
}

static bool has_twice(struct slice s, const char *text)
{
    size_t n = strlen(text);
    const char *end = s.p + s.n, *p = memmem(s.p, s.n, text, n);

    return p && memmem(p + n, (size_t)(end - p) - n, text, n);
}

/* Two readings of a message that tell the same. One may know the port, where the other
 * has no hole for it. */
static bool agree(const struct rules_result *a, const struct rules_result *b)
{
    return addr_equal(&a->match.source, &b->match.source) && a->meaning == b->meaning &&
           a->match.count == b->match.count &&
           (a->match.port == b->match.port || a->match.port == 0 || b->match.port == 0);
}

/* All rows are asked, so that a row added later cannot silently change what an older one
 * said of a line. A clean fit outweighs one that breaks a promise. */
static int match_service(const struct compiled *c, struct slice message,
                         struct rules_result *ret)
{
    const struct rule_service *service = c->service;
    bool found = false, broken = false, cut = false;

    for (size_t i = 0; i < service->n_rows; i++) {
        const struct rule_row *row = &service->rows[i];
        struct rules_result result;
        int r;

        if (c->begins[i] >= 0 && c->begins[i] != (unsigned char)message.p[0])
            continue;
        r = rule_match(c->rules[i], message, &result.match);
        if (r == 0 && too_long(service, message) && rule_ends_decide(c->rules[i])) {
            cut = true;
            continue;
        }
        if (r == 0 && row->once && has_twice(message, row->once))
            r = RULE_E_AMBIGUOUS;
        broken = broken || r == RULE_E_AMBIGUOUS;
        if (r != 0)
            continue;
        result.meaning = row->meaning;
        result.unknown_user = row->unknown_user;
        result.service = service->name;
        result.family = service->family ? service->family : service->name;
        result.flags = service->flags;
        result.template = row->template;
        if (!found)
            *ret = result;
        else if (!agree(ret, &result))
            return RULE_E_AMBIGUOUS;
        found = true;
    }
    if (cut)
        return RULE_E_TRUNCATED;
    if (!found)
        return broken ? RULE_E_AMBIGUOUS : RULE_E_NONE;
    return 0;
}

static int match_compiled(const struct compiled *c, struct slice message,
                          struct rules_result *ret)
{
    if (!(c->service->flags & RULE_LIMIT_AFTER_FREE) && too_long(c->service, message))
        return RULE_E_TRUNCATED;
    if (c->service->flags & RULE_LEVEL_PREFIX)
        message = strip_level(message);
    if (message.n == 0 || !c->first[(unsigned char)message.p[0]])
        return RULE_E_NONE;
    return match_service(c, message, ret);
}

bool rules_know(const struct rules *rules, struct slice program)
{
    for (size_t i = 0; i < rules->n; i++)
        if (writes(rules->services[i].service, program))
            return true;
    return false;
}

int rules_match(const struct rules *rules, struct slice program, struct slice message,
                struct rules_result *ret)
{
    struct rules_result first, result;
    bool found = false;

    for (size_t i = 0; i < rules->n; i++) {
        int r;

        if (!writes(rules->services[i].service, program))
            continue;
        r = match_compiled(&rules->services[i], message, &result);
        if (r == RULE_E_NONE)
            continue;
        if (r != 0)
            return r;
        if (found && !agree(&first, &result))
            return RULE_E_AMBIGUOUS;
        if (!found)
            first = result;
        found = true;
    }
    if (!found)
        return RULE_E_NONE;
    *ret = first;
    return 0;
}
