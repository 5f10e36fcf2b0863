/* Sets of rules: the rows of each service, compiled, and the choice among those that fit.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct compiled {
    const struct rule_service *service;
    struct rule **rules; /* one for each row */
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
    struct rule *rule;
    int r, first;

    r = rule_compile(template, strlen(template), c->service->flags, &rule, ret_error);
    if (r != 0)
        return r;
    c->rules[row] = rule;
    first = rule_first_byte(rule);
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
    if (!c.rules)
        return -ENOMEM;
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
        if (slice_equal_str(program, *p))
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

/* All rows are asked, so that a row added later cannot silently change what an older one
 * said of a line. A clean fit outweighs one that breaks a promise. */
static int match_service(const struct compiled *c, struct slice message,
                         struct rules_result *ret)
{
    struct rules_result result = {.service = c->service->name};
    bool found = false, broken = false, cut = false;

    for (size_t i = 0; i < c->service->n_rows; i++) {
        struct rule_match match;
        int r = rule_match(c->rules[i], message, &match);

        if (r == 0 && too_long(c->service, message) && rule_ends_decide(c->rules[i])) {
            cut = true;
            continue;
        }
        broken = broken || r == RULE_E_AMBIGUOUS;
        if (r != 0)
            continue;
        if (!found) {
            result.match = match;
            result.outcome = c->service->rows[i].outcome;
            result.unknown_user = c->service->rows[i].unknown_user;
            found = true;
        } else if (!addr_equal(&match.source, &result.match.source) ||
                   match.port != result.match.port ||
                   c->service->rows[i].outcome != result.outcome) {
            return RULE_E_AMBIGUOUS;
        }
    }
    if (cut)
        return RULE_E_TRUNCATED;
    if (!found)
        return broken ? RULE_E_AMBIGUOUS : RULE_E_NONE;
    *ret = result;
    return 0;
}

int rules_match(const struct rules *rules, struct slice program, struct slice message,
                struct rules_result *ret)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct compiled *c = &rules->services[i];
        struct slice s = message;

        if (!writes(c->service, program))
            continue;
        if (!(c->service->flags & RULE_LIMIT_AFTER_FREE) && too_long(c->service, s))
            return RULE_E_TRUNCATED;
        if (c->service->flags & RULE_LEVEL_PREFIX)
            s = strip_level(s);
        if (s.n > 0 && c->first[(unsigned char)s.p[0]])
            return match_service(c, s, ret);
        return RULE_E_NONE;
    }
    return RULE_E_NONE;
}
