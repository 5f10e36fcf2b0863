/* The configuration file. One table says which keys there are, where each value goes and
 * who reads it; a section ("detect") is nothing but the first part of its keys' paths.
 * Everything is read into a new object, every error of content is told at its place, and
 * what only the whole can answer is judged last. The caller swaps the object in if there
 * was no error, and keeps its old one otherwise. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "config-internal.h"
#include "moment.h"

#define SECONDS(n)  ((n)*USEC_PER_SEC)
#define MIB(n)      (INT64_C(1048576) * (n))
#define DAYS(n)     SECONDS(INT64_C(86400) * (n))
#define AT(field)   offsetof(struct config, field)
#define PART(field) offsetof(struct config_rule_parts, field)
#define SUN_PATH    107 /* sockaddr_un.sun_path without its NUL */

/* The rows below "sources" are read into a struct config_source, those below "rules" into
 * a struct config_rule_parts. */
static const struct config_key keys[] = {
    {"sources", config_read_sources, 0, 0, 0},
    {"sources.file", config_read_source_file, 0, 0, 0},
    {"sources.journal", config_read_source_journal, 0, 0, 0},
    {"sources.auto", config_read_source_auto, 0, 0, 0},
    {"sources.journal.directory", config_read_source_directory, 0, 0, 0},
    {"sources.journal.start", config_read_source_start, 0, 0, 0},
    {"sources.journal.programs", config_read_source_programs, 0, 0, 0},
    {"sources.start", config_read_source_start, 0, 0, 0},
    {"sources.programs", config_read_source_programs, 0, 0, 0},
    {"sources.timezone", config_read_source_timezone, 0, 0, 0},
    {"rules", config_read_rules, 0, 0, 0},
    {"rules.program", config_read_rule_part, PART(program), 0, 0},
    {"rules.failure", config_read_rule_part, PART(failure), 0, 0},
    {"rules.success", config_read_rule_part, PART(success), 0, 0},
    {"rules.service", config_read_rule_part, PART(service), 0, 0},
    {"rules.limit", config_read_rule_part, PART(limit), 0, 0},
    {"detect.failures", config_read_unsigned, AT(detect.failures), 1, 100000},
    {"detect.window", config_read_duration, AT(detect.window), SECONDS(1), DAYS(30)},
    {"detect.settle", config_read_duration, AT(detect.settle), SECONDS(1), DAYS(30)},
    {"detect.max_age", config_read_duration, AT(detect.max_age), SECONDS(1), DAYS(30)},
    {"detect.slow", config_read_slow, AT(detect.slow), 0, 0},
    {"detect.slow.failures", config_read_unsigned, AT(detect.slow.failures), 1, 100000},
    {"detect.slow.window", config_read_duration, AT(detect.slow.window), SECONDS(1),
     DAYS(30)},
    {"detect.names", config_read_slow, AT(detect.names), 0, 0},
    {"detect.names.failures", config_read_unsigned, AT(detect.names.failures), 1, 100000},
    {"detect.names.names", config_read_unsigned, AT(detect.names.names), 1,
     TRACKER_NAMES_MAX},
    {"detect.names.window", config_read_duration, AT(detect.names.window), SECONDS(1),
     DAYS(30)},
    {"detect.ipv6_prefix", config_read_unsigned, AT(detect.ipv6_prefix), 48, 128},
    {"detect.skew", config_read_duration, AT(detect.skew), SECONDS(1), DAYS(30)},
    {"detect.memory", config_read_size, AT(detect.memory), MIB(4), MIB(16384)},
    {"detect.publickey", config_read_bool, AT(detect.publickey), 0, 0},
    {"ignore", config_read_networks, AT(ignore), 0, 0},
    {"reportable", config_read_networks, AT(reportable), 0, 0},
    {"rdap.bootstrap_ipv4", config_read_bootstrap, AT(rdap.bootstrap_ipv4), 0, 0},
    {"rdap.bootstrap_ipv6", config_read_bootstrap, AT(rdap.bootstrap_ipv6), 0, 0},
    {"rdap.ca_file", config_read_path, AT(rdap.ca_file), 0, 0},
    {"rdap.timeout", config_read_duration, AT(rdap.timeout), SECONDS(1), SECONDS(600)},
    {"rdap.proxy", config_read_proxy, AT(rdap.proxy), 0, 0},
    {"report.from", config_read_mailbox, AT(report.from), 0, 320},
    {"report.reply_to", config_read_mailbox, AT(report.reply_to), 0, 320},
    {"report.organisation", config_read_text, AT(report.organisation), 0, 200},
    {"report.phone", config_read_text, AT(report.phone), 0, 60},
    {"report.addresses", config_read_addresses, AT(report), 0, 0},
    {"report.hide_destination", config_read_bool, AT(report.hide_destination), 0, 0},
    {"report.ports", config_read_ports, AT(report), 0, 0},
    {"report.local_contact", config_read_local_contact, AT(report.local_contact), 0, 0},
    {"report.note", config_read_note, AT(report.note), 0, 2000},
    {"mode", config_read_mode, AT(policy.mode), 0, 0},
    {"limits.per_source", config_read_duration, AT(policy.per_source), 0, DAYS(10000)},
    {"limits.per_contact", config_read_rate, AT(policy.per_contact), SECONDS(1),
     DAYS(365)},
    {"limits.total", config_read_rate, AT(policy.total), SECONDS(1), DAYS(365)},
    {"limits.max_report_age", config_read_duration, AT(policy.max_report_age), SECONDS(1),
     DAYS(10000)},
    {"delivery.mta", config_read_mta, AT(delivery.mta), 0, 0},
    {"delivery.log", config_read_mta_log, AT(delivery.log), 0, 0},
    {"state", config_read_path, AT(state), 0, 0},
    {"control", config_read_path, AT(control), 0, SUN_PATH},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))
_Static_assert(N_KEYS <= CONFIG_KEYS_MAX, "config_reader.seen holds every row");

DEFINE_CLEANUP(struct config *, config_free)
DEFINE_CLEANUP(struct yamlnode *, yamlnode_free)

const char *config_key(size_t i)
{
    return i < N_KEYS ? keys[i].path : NULL;
}

static int add_error(struct config_errors *errors, unsigned line, unsigned column,
                     const char *message)
{
    const size_t n = errors->n;
    char *copy;

    if ((n & (n - 1)) == 0) { /* full at 0 and at each power of two */
        struct config_error *list =
            reallocarray(errors->errors, n ? 2 * n : 1, sizeof(*list));

        if (!list)
            return -ENOMEM;
        errors->errors = list;
    }
    copy = strdup(message);
    if (!copy)
        return -ENOMEM;
    errors->errors[errors->n++] =
        (struct config_error){.line = line, .column = column, .message = copy};
    return 0;
}

static int add_tree_error(void *userdata, unsigned line, unsigned column,
                          const char *message)
{
    struct config_reader *r = userdata;

    return add_error(&r->errors, line, column, message);
}

int config_tell(struct config_reader *r, const struct yamlnode *at, const char *format,
                ...)
{
    char message[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap); /* cut at the end if need be */
    va_end(ap);
    return add_error(&r->errors, at->line, at->column, message);
}

static int compare_errors(const void *a, const void *b)
{
    const struct config_error *x = a, *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->message, y->message);
}

void config_errors_done(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++)
        free(errors->errors[i].message);
    free(errors->errors);
    *errors = (struct config_errors){0};
}

/* Keeps the last error alone: the one that made the text no YAML. */
static void keep_last(struct config_errors *errors)
{
    struct config_error last = errors->errors[errors->n - 1];

    for (size_t i = 0; i + 1 < errors->n; i++)
        free(errors->errors[i].message);
    errors->errors[0] = last;
    errors->n = 1;
}

/* How many single changes (a letter more, less, other, or two swapped) lie between two
 * short words; 99 when one is too long to be asked. */
static size_t distance(struct slice a, const char *b, size_t n)
{
    size_t d[26][26];

    if (a.n > 25 || n > 25)
        return 99;
    for (size_t i = 0; i <= a.n; i++) {
        for (size_t k = 0; k <= n; k++) {
            size_t best;

            if (i == 0 || k == 0) {
                d[i][k] = i + k;
                continue;
            }
            best = d[i - 1][k - 1] + (a.p[i - 1] != b[k - 1]);
            if (d[i - 1][k] + 1 < best)
                best = d[i - 1][k] + 1;
            if (d[i][k - 1] + 1 < best)
                best = d[i][k - 1] + 1;
            if (i > 1 && k > 1 && a.p[i - 1] == b[k - 2] && a.p[i - 2] == b[k - 1] &&
                d[i - 2][k - 2] + 1 < best)
                best = d[i - 2][k - 2] + 1;
            d[i][k] = best;
        }
    }
    return d[a.n][n];
}

void config_nearest_try(struct config_nearest *nearest, struct slice given,
                        const char *word, size_t n)
{
    size_t d = distance(given, word, n);

    if (d > 2 || d >= n || (nearest->word && d >= nearest->distance))
        return;
    *nearest = (struct config_nearest){.word = word, .n = n, .distance = d};
}

/* If path lies below the section ("" is the whole file), the rest of it, else NULL. */
static const char *below(const char *path, const char *section)
{
    size_t n = strlen(section);

    if (n == 0)
        return path;
    return strncmp(path, section, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

static int unknown_key(struct config_reader *r, const struct yamlnode *key,
                       const char *section)
{
    _cleanup_(cleanup_free) char *shown = text_escape(key->text, key->n, 60);
    struct slice given = {key->text, key->n};
    struct config_nearest nearest = {0};
    const char *dot = section[0] ? "." : "", *elsewhere = NULL;

    if (!shown)
        return -ENOMEM;
    for (size_t i = 0; i < N_KEYS; i++) {
        const char *leaf = strrchr(keys[i].path, '.');
        const char *rest = below(keys[i].path, section);

        if (rest)
            config_nearest_try(&nearest, given, rest, strcspn(rest, "."));
        if (slice_equal_str(given, leaf ? leaf + 1 : keys[i].path) && !elsewhere)
            elsewhere = keys[i].path;
    }
    if (nearest.word)
        return config_tell(r, key, "unknown key %s%s%s; do you mean %s%s%.*s?", section,
                           dot, shown, section, dot, (int)nearest.n, nearest.word);
    if (elsewhere)
        return config_tell(r, key, "unknown key %s%s%s; do you mean %s?", section, dot,
                           shown, elsewhere);
    return config_tell(r, key, "unknown key %s%s%s", section, dot, shown);
}

/* Reads one pair of a section: a value of the table, or a section in it. */
static int read_pair(struct config_reader *r, const struct yamlnode *key,
                     const struct yamlnode *value, const char *section, void *base)
{
    char path[80];
    int n =
        snprintf(path, sizeof(path), "%s%s%s", section, section[0] ? "." : "", key->text);

    /* A dot would let a key of one section pass for one of another. */
    if (n >= (int)sizeof(path) || strlen(key->text) != key->n || strchr(key->text, '.'))
        return unknown_key(r, key, section);
    for (size_t i = 0; i < N_KEYS; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            r->seen[i] = value;
            return keys[i].read(r, &keys[i], value, (char *)base + keys[i].offset);
        }
    }
    for (size_t i = 0; i < N_KEYS; i++)
        if (below(keys[i].path, path))
            return config_read_map(r, value, path, base);
    return unknown_key(r, key, section);
}

int config_read_map(struct config_reader *r, const struct yamlnode *map,
                    const char *section, void *base)
{
    if (map->kind == YAMLNODE_BROKEN || yamlnode_is_null(map))
        return 0;
    if (map->kind != YAMLNODE_MAP)
        return config_tell(r, map, "%s must be a mapping: lines of \"key: value\"",
                           section[0] ? section : "the configuration");
    for (size_t i = 0; i < map->n_items; i++) {
        int x = read_pair(r, map->keys[i], map->items[i], section, base);

        if (x < 0)
            return x;
    }
    return 0;
}

const struct yamlnode *config_seen(const struct config_reader *r, const char *path)
{
    for (size_t i = 0; i < N_KEYS; i++)
        if (strcmp(keys[i].path, path) == 0)
            return r->seen[i];
    return NULL;
}

/* The defaults, as conf/ and the manual tell them. */
static int set_defaults(struct config *c)
{
    const int64_t day = DAYS(1);

    c->detect =
        (struct detect_params){.failures = 20,
                               .window = SECONDS(600),
                               .settle = SECONDS(600),
                               .max_age = SECONDS(3600),
                               .slow = {.failures = 20, .window = day},
                               .names = {.failures = 10, .names = 5, .window = day},
                               .ipv6_prefix = 64,
                               .skew = SECONDS(300),
                               .memory = MIB(96)};
    c->rdap.timeout = SECONDS(30);
    c->policy = (struct policy_params){.mode = MODE_OBSERVE,
                                       .per_source = 3 * day,
                                       .per_contact = {.n = 10, .per = day},
                                       .total = {.n = 25, .per = day},
                                       .max_report_age = day};
    c->report.ports = calloc(1, sizeof(*c->report.ports));
    if (!c->report.ports)
        return -ENOMEM;
    c->report.n_ports = 1;
    c->report.ports[0].port = 22;
    c->report.ports[0].service = strdup("sshd");
    c->report.local_contact = strdup("root");
    c->delivery.mta = strdup("smtp://127.0.0.1:25");
    c->delivery.log = strdup("journal");
    c->state = strdup("/var/lib/abuse-reporterd/state.db");
    c->control = strdup("/run/abuse-reporterd/control.sock");
    if (!c->report.ports[0].service || !c->report.local_contact || !c->delivery.mta ||
        !c->delivery.log || !c->state || !c->control)
        return -ENOMEM;
    return 0;
}

struct config *config_new_default(void)
{
    _cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));

    if (!c || set_defaults(c) < 0)
        return NULL;
    c->policy.settle = c->detect.settle;
    return TAKE_PTR(c);
}

struct config *config_free(struct config *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_sources; i++)
        config_source_done(&c->sources[i]);
    free(c->sources);
    config_rules_done(c);
    netlist_done(&c->ignore);
    netlist_done(&c->reportable);
    free(c->rdap.bootstrap_ipv4);
    free(c->rdap.bootstrap_ipv6);
    free(c->rdap.ca_file);
    free(c->rdap.proxy);
    report_params_done(&c->report);
    free(c->delivery.mta);
    free(c->delivery.log);
    free(c->state);
    free(c->control);
    free(c);
    return NULL;
}

static int read_tree(struct config_reader *r)
{
    int x = config_read_map(r, r->root, "", r->config);

    if (x < 0)
        return x;
    x = config_settle_ports(r);
    if (x < 0)
        return x;
    r->config->policy.settle = r->config->detect.settle;
    if (!config_seen(r, "sources") &&
        (r->root->kind == YAMLNODE_MAP || yamlnode_is_null(r->root))) {
        x = config_tell(r, r->root,
                        "sources is required: auto, or a list of \"- file: /PATH\" or "
                        "\"- journal: {}\"");
        if (x < 0)
            return x;
    }
    return config_check(r);
}

int config_parse(const char *text, size_t n, const struct config_world *world,
                 struct config **ret, struct config_errors *errors)
{
    _cleanup_(config_freep) struct config *config = config_new_default();
    _cleanup_(yamlnode_freep) struct yamlnode *root = NULL;
    struct config_reader r = {
        .world = world, .text = {.p = text, .n = n}, .config = config};
    int x;

    if (!config)
        return -ENOMEM;
    x = yamltree_parse(text, n, add_tree_error, &r, &root);
    if (x == YAMLTREE_E_SYNTAX) {
        keep_last(&r.errors);
        *errors = r.errors;
        return CONFIG_E_SYNTAX;
    }
    r.root = root;
    if (x == 0)
        x = read_tree(&r);
    if (x < 0) {
        config_errors_done(&r.errors);
        return x;
    }
    if (r.errors.n > 0) {
        qsort(r.errors.errors, r.errors.n, sizeof(r.errors.errors[0]), compare_errors);
        *errors = r.errors;
        return CONFIG_E_CONTENT;
    }
    *ret = TAKE_PTR(config);
    return 0;
}

void config_tracker_params(const struct config *c, const uint8_t hash_key[static 16],
                           struct tracker_params *ret)
{
    const struct detect_params *d = &c->detect;

    *ret = (struct tracker_params){
        .failures = d->failures,
        .window = d->window,
        .settle = d->settle,
        .max_age = d->max_age,
        .slow = d->slow,
        .names = d->names,
        .ipv6_prefix = d->ipv6_prefix,
        .max_bytes = d->memory,
    };
    memcpy(ret->hash_key, hash_key, sizeof(ret->hash_key));
}
