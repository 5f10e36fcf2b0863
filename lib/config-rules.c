/* `rules`: templates of the operator's own programs. They are compiled here to be judged
 * where the mistake can be shown; what is kept are the rows that rules_add() takes. */
#include "config-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define RULES_MAX     64
#define SERVICE_MAX   23 /* struct incident */
#define LIMIT_DEFAULT 256
#define LIMIT_MIN     64
#define LIMIT_MAX     8192
#define FLAGS         (RULE_UNPROVEN | RULE_LIMIT_AFTER_FREE)

DEFINE_CLEANUP(struct rule *, rule_free)

/* By row, over all programs: where its template stands. */
struct places {
    const struct yamlnode *services[RULES_MAX]; /* the item that began a program */
    size_t n_templates;
};

static void service_done(struct rule_service *s)
{
    for (size_t i = 0; i < s->n_rows; i++)
        free((void *)s->rows[i].template);
    free((void *)s->rows);
    if (s->programs)
        free((void *)s->programs[0]);
    free((void *)s->programs);
    free((void *)s->name);
}

void config_rules_done(struct config *c)
{
    for (size_t i = 0; i < c->n_rules; i++)
        service_done(&c->rules[i]);
    free(c->rules);
    c->rules = NULL;
    c->n_rules = 0;
}

static bool writes_for(const struct rule_service *s, const char *program,
                       const char *service)
{
    if (strcmp(s->name, service) != 0)
        return false;
    for (const char *const *p = s->programs; *p; p++)
        if (strcmp(*p, program) == 0)
            return true;
    return false;
}

bool config_program_is(const struct config *c, const char *program, const char *service)
{
    if (strcmp(program, service) == 0)
        return true;
    for (size_t i = 0; i < rules_n_builtin; i++)
        if (writes_for(rules_builtin[i], program, service))
            return true;
    for (size_t i = 0; i < c->n_rules; i++)
        if (writes_for(&c->rules[i], program, service))
            return true;
    return false;
}

int config_read_rule_part(struct config_reader *r, const struct config_key *key,
                          const struct yamlnode *value, void *field)
{
    *(const struct yamlnode **)field = value;
    return 0;
}

/*
 * Places in templates.
 */

static size_t utf8_length(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The bytes of the file from a place on; none when it has no such place. */
static struct slice text_at(struct slice text, unsigned line, unsigned column)
{
    static const char bom[] = "\xef\xbb\xbf";

    if (slice_starts(text, bom))
        text = (struct slice){text.p + 3, text.n - 3};
    for (; line > 1; line--) {
        const char *lf = memchr(text.p, '\n', text.n);

        if (!lf)
            return (struct slice){text.p, 0};
        text.n -= (size_t)(lf + 1 - text.p);
        text.p = lf + 1;
    }
    for (; column > 1; column--) {
        size_t n = text.n > 0 ? utf8_length((unsigned char)text.p[0]) : 1;

        if (n > text.n)
            return (struct slice){text.p, 0};
        text = (struct slice){text.p + n, text.n - n};
    }
    return text;
}

/* How many bytes of the file one byte or character of a quoted scalar takes there, and
 * how many of the value it makes; false where that is not plain to see. */
static bool written_length(struct slice s, char quote, size_t *ret_file,
                           size_t *ret_value)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = utf8_length(c);

    if (c == '\n' || c == '\r' || n > s.n)
        return false;
    *ret_file = *ret_value = n;
    if (quote == '\'' && c == '\'')
        *ret_file = 2;
    if (quote != '"' || c != '\\')
        return true;
    if (s.n < 2 || !strchr("\\\"/ ", s.p[1]))
        return false; /* a control byte or a code point: the scalar's place will do */
    *ret_file = 2;
    return true;
}

/* The column of a byte of a scalar's value, in characters; the scalar's own where that
 * cannot be told (over several lines, behind the rarer escapes). */
static unsigned column_of(const struct config_reader *r, const struct yamlnode *node,
                          size_t position)
{
    struct slice s = text_at(r->text, node->line, node->column);
    unsigned column = node->column;
    char quote = node->plain || s.n == 0 ? '\0' : s.p[0];
    size_t in_file, in_value;

    if (quote == '|' || quote == '>')
        return node->column;
    if (quote) {
        s = (struct slice){s.p + 1, s.n - 1};
        column++;
    }
    for (size_t at = 0; at < position; at += in_value) {
        if (s.n == 0 || !written_length(s, quote, &in_file, &in_value) || in_file > s.n)
            return node->column;
        column += in_file == in_value ? 1 : 2;
        s = (struct slice){s.p + in_file, s.n - in_file};
    }
    return column;
}

/*
 * One item.
 */

static const char *builtin_program(struct slice name)
{
    for (size_t i = 0; i < rules_n_builtin; i++)
        for (const char *const *p = rules_builtin[i]->programs; *p; p++)
            if (slice_equal_str(name, *p))
                return *p;
    return NULL;
}

static bool builtin_service(struct slice name)
{
    for (size_t i = 0; i < rules_n_builtin; i++)
        if (slice_equal_str(name, rules_builtin[i]->name))
            return true;
    return false;
}

/* The name of the program. 1, 0 when told, -ENOMEM. */
static int read_program(struct config_reader *r, const struct yamlnode *node,
                        struct slice *ret)
{
    static const struct config_key key = {.path = "rules.program"};
    static const char want[] = "the name of a program as it stands in the log";
    int x = config_scalar(r, &key, node, want, ret);

    if (x <= 0)
        return x;
    if (!config_program_ok(*ret))
        return config_bad(r, &key, node, want);
    if (builtin_program(*ret))
        return config_tell(r, node,
                           "%s: %s is known already: what it writes is recognised by "
                           "rules that are built in and proven against its source, and "
                           "rules of your own are for other programs",
                           key.path, builtin_program(*ret));
    return 1;
}

/* The service that reports name. 1, 0 when told, -ENOMEM. */
static int read_service(struct config_reader *r, const struct config_rule_parts *parts,
                        struct slice program, struct slice *ret)
{
    static const struct config_key key = {.path = "rules.service"};
    static const char want[] =
        "a short name for reports: letters, digits and ._/-, 23 at most";
    int x = 1;

    if (!parts->service) {
        *ret = program;
        if (program.n > SERVICE_MAX)
            return config_tell(r, parts->program,
                               "rules.program: a name of more than %d bytes needs "
                               "`service` beside it, a shorter one for reports",
                               SERVICE_MAX);
    } else {
        x = config_scalar(r, &key, parts->service, want, ret);
        if (x > 0 && (!config_program_ok(*ret) || ret->n > SERVICE_MAX))
            return config_bad(r, &key, parts->service, want);
    }
    if (x > 0 && builtin_service(*ret))
        return config_tell(r, parts->service ? parts->service : parts->program,
                           "%s: this name belongs to a service whose rules are built in",
                           key.path);
    return x;
}

/* Makes the program's place in the configuration. */
static int add_service(struct config *c, struct slice program, struct slice name)
{
    struct rule_service *grown =
        reallocarray(c->rules, c->n_rules + 1, sizeof(*c->rules));
    struct rule_service s = {.flags = FLAGS, .limit = LIMIT_DEFAULT};
    char **programs;

    if (!grown)
        return -ENOMEM;
    c->rules = grown;
    s.name = slice_dup(name);
    programs = calloc(2, sizeof(*programs));
    s.programs = (const char *const *)programs;
    if (programs)
        programs[0] = slice_dup(program);
    if (!s.name || !programs || !programs[0]) {
        service_done(&s);
        return -ENOMEM;
    }
    grown[c->n_rules++] = s;
    return 0;
}

/* Finds or makes it. 1, 0 when told, -ENOMEM. */
static int get_service(struct config_reader *r, const struct config_rule_parts *parts,
                       struct places *places, struct slice program, struct slice name,
                       struct rule_service **ret)
{
    struct config *c = r->config;
    int x;

    for (size_t i = 0; i < c->n_rules; i++) {
        if (!slice_equal_str(program, c->rules[i].programs[0]))
            continue;
        *ret = &c->rules[i];
        if (!parts->service || slice_equal_str(name, c->rules[i].name))
            return 1;
        return config_tell(r, parts->service,
                           "rules.service: at %u:%u the same program has the service %s",
                           places->services[i]->line, places->services[i]->column,
                           c->rules[i].name);
    }
    x = add_service(c, program, name);
    if (x < 0)
        return x;
    places->services[c->n_rules - 1] = parts->program;
    *ret = &c->rules[c->n_rules - 1];
    return 1;
}

static int keep_template(struct rule_service *s, const struct yamlnode *node,
                         enum rule_meaning meaning)
{
    struct rule_row *rows = reallocarray((void *)s->rows, s->n_rows + 1, sizeof(*rows));

    if (!rows)
        return -ENOMEM;
    s->rows = rows;
    rows[s->n_rows] = (struct rule_row){
        .template = slice_dup((struct slice){node->text, node->n}), .meaning = meaning};
    if (!rows[s->n_rows].template)
        return -ENOMEM;
    s->n_rows++;
    return 0;
}

static bool has_template(const struct rule_service *s, const struct yamlnode *node)
{
    for (size_t i = 0; i < s->n_rows; i++)
        if (slice_equal_str((struct slice){node->text, node->n}, s->rows[i].template))
            return true;
    return false;
}

static int read_template(struct config_reader *r, const struct config_key *key,
                         const struct yamlnode *node, struct places *places,
                         struct rule_service *s)
{
    _cleanup_(rule_freep) struct rule *rule = NULL;
    struct rule_error error;
    struct slice text;
    int x = config_scalar(r, key, node,
                          "a template such as \"login failed for {user} "
                          "from {addr}\"",
                          &text);

    if (x <= 0)
        return x;
    if (places->n_templates++ == RULES_MAX)
        return config_tell(r, node, "rules: more than %d templates", RULES_MAX);
    if (places->n_templates > RULES_MAX)
        return 0;
    x = rule_compile(text.p, text.n, FLAGS, &rule, &error);
    if (x < 0)
        return x;
    if (x > 0) {
        struct yamlnode place = {.line = node->line,
                                 .column = column_of(r, node, error.position)};

        return config_tell(r, &place, "%s: %s", key->path, error.what);
    }
    if (has_template(s, node))
        return config_tell(r, node, "%s: this program has the same template already",
                           key->path);
    return keep_template(
        s, node, strcmp(key->path, "rules.success") == 0 ? RULE_SUCCESS : RULE_REFUSED);
}

/* One template, or a list of them. */
static int read_templates(struct config_reader *r, const char *path,
                          const struct yamlnode *value, struct places *places,
                          struct rule_service *s)
{
    const struct config_key key = {.path = path};
    int x = 0;

    if (!value)
        return 0;
    if (value->kind != YAMLNODE_LIST)
        return read_template(r, &key, value, places, s);
    if (value->n_items == 0)
        return config_tell(r, value, "%s: an empty list; give a template or leave it out",
                           path);
    for (size_t i = 0; x >= 0 && i < value->n_items; i++)
        x = read_template(r, &key, value->items[i], places, s);
    return x;
}

static int read_limit(struct config_reader *r, const struct yamlnode *node,
                      struct rule_service *s)
{
    static const struct config_key key = {
        .path = "rules.limit", .min = LIMIT_MIN, .max = LIMIT_MAX};
    unsigned limit = (unsigned)s->limit;
    int x = node ? config_read_unsigned(r, &key, node, &limit) : 0;

    s->limit = limit;
    return x;
}

static int read_item(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *item, struct places *places)
{
    struct config_rule_parts parts = {0};
    struct slice program, name;
    struct rule_service *s;
    int x;

    if (item->kind == YAMLNODE_BROKEN)
        return 0;
    if (item->kind != YAMLNODE_MAP)
        return config_tell(r, item,
                           "a rule is a mapping such as {program: myapp, "
                           "failure: \"login failed for {user} from {addr}\"}");
    x = config_read_map(r, item, key->path, &parts);
    if (x < 0)
        return x;
    if (!parts.program)
        return config_tell(r, item, "a rule needs `program`, whose messages it is for");
    if (!parts.failure && !parts.success)
        return config_tell(r, item,
                           "a rule needs `failure` or `success`, a template of "
                           "the program's message");
    x = read_program(r, parts.program, &program);
    if (x > 0)
        x = read_service(r, &parts, program, &name);
    if (x > 0)
        x = get_service(r, &parts, places, program, name, &s);
    if (x <= 0)
        return x;
    x = read_limit(r, parts.limit, s);
    if (x >= 0)
        x = read_templates(r, "rules.failure", parts.failure, places, s);
    if (x >= 0)
        x = read_templates(r, "rules.success", parts.success, places, s);
    return x;
}

int config_read_rules(struct config_reader *r, const struct config_key *key,
                      const struct yamlnode *value, void *field)
{
    struct places places = {0};
    int x = config_list(r, key, value, "rules");

    if (x <= 0)
        return x;
    if (value->n_items > RULES_MAX)
        return config_tell(r, value, "rules: more than %d", RULES_MAX);
    for (size_t i = 0; x >= 0 && i < value->n_items; i++)
        x = read_item(r, key, value->items[i], &places);
    return x < 0 ? x : 0;
}
