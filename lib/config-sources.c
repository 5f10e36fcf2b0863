/* `sources`: which files and journals are followed, and that no line is counted twice. */
#include "config-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "zone.h"

#define PROGRAMS_MAX 32

void config_source_done(struct source_params *source)
{
    free(source->path);
    free(source->journal_dir);
    free(source->timezone);
    for (size_t i = 0; source->programs && source->programs[i]; i++)
        free(source->programs[i]);
    free(source->programs);
    *source = (struct source_params){0};
}

/* Remembers which node set a part of the source; tells when it is the second one. Returns
 * 1 to go on, 0 when told, -ENOMEM. */
static int claim(struct config_reader *r, const struct config_key *key,
                 const struct yamlnode *value, const struct yamlnode **place)
{
    if (*place)
        return config_tell(r, value, "%s: this source has it already at %u:%u", key->path,
                           (*place)->line, (*place)->column);
    *place = value;
    return 1;
}

static int claim_kind(struct config_reader *r, const struct config_key *key,
                      const struct yamlnode *value, struct config_source *source)
{
    if (source->kind)
        return config_tell(r, value,
                           "%s: a source is either a file or the journal; begin another "
                           "one with \"- \"",
                           key->path);
    source->kind = value;
    return 1;
}

int config_read_source_file(struct config_reader *r, const struct config_key *key,
                            const struct yamlnode *value, void *field)
{
    struct config_source *source = field;
    int x = claim_kind(r, key, value, source);

    if (x <= 0)
        return x;
    source->params.kind = SOURCE_FILE;
    return config_read_path(r, key, value, &source->params.path);
}

int config_read_source_journal(struct config_reader *r, const struct config_key *key,
                               const struct yamlnode *value, void *field)
{
    struct config_source *source = field;
    int x = claim_kind(r, key, value, source);

    if (x <= 0)
        return x;
    source->params.kind = SOURCE_JOURNAL;
    return config_read_map(r, value, key->path, source);
}

int config_read_source_auto(struct config_reader *r, const struct config_key *key,
                            const struct yamlnode *value, void *field)
{
    struct config_source *source = field;
    int x = claim_kind(r, key, value, source);

    if (x <= 0)
        return x;
    source->params.kind = SOURCE_AUTO;
    if (value->kind == YAMLNODE_BROKEN || yamlnode_is_null(value) ||
        (value->kind == YAMLNODE_MAP && value->n_items == 0))
        return 0;
    return config_tell(r, value,
                       "%s: takes nothing but {}; start and programs stand "
                       "beside it",
                       key->path);
}

enum source_kind config_choose_source(const struct config_world *world,
                                      const char **ret_path, const char **ret_why)
{
    static const char *const logs[] = {"/var/log/auth.log", "/var/log/secure"};

    *ret_path = NULL;
    *ret_why = "/var/log/journal is there, so it outlives a restart of the system";
    if (world->file_exists(world->userdata, "/var/log/journal"))
        return SOURCE_JOURNAL;
    *ret_why = "the journal does not outlive a restart of the system";
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
        if (world->file_exists(world->userdata, logs[i])) {
            *ret_path = logs[i];
            return SOURCE_FILE;
        }
    *ret_why = "there is no text log, so what it has counts until a restart of the "
               "system";
    return SOURCE_JOURNAL;
}

int config_read_source_directory(struct config_reader *r, const struct config_key *key,
                                 const struct yamlnode *value, void *field)
{
    struct config_source *source = field;

    return config_read_path(r, key, value, &source->params.journal_dir);
}

int config_read_source_start(struct config_reader *r, const struct config_key *key,
                             const struct yamlnode *value, void *field)
{
    struct config_source *source = field;
    struct slice text;
    int x = claim(r, key, value, &source->start);

    if (x > 0)
        x = config_scalar(r, key, value, "end or beginning", &text);
    if (x <= 0)
        return x;
    if (slice_equal_str(text, "beginning"))
        source->params.from_beginning = true;
    else if (!slice_equal_str(text, "end"))
        return config_bad(r, key, value, "end or beginning");
    return 0;
}

bool config_program_ok(struct slice name)
{
    if (name.n == 0 || name.n > 48)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && (c == '\0' || !strchr("._/-", c)))
            return false;
    }
    return true;
}

int config_read_source_programs(struct config_reader *r, const struct config_key *key,
                                const struct yamlnode *value, void *field)
{
    static const char want[] = "a program's name as the log has it, such as sshd";
    struct config_source *source = field;
    size_t n = 0;
    int x = claim(r, key, value, &source->programs);

    if (x > 0)
        x = config_list(r, key, value, "program names");
    if (x <= 0)
        return x;
    if (value->n_items == 0 || value->n_items > PROGRAMS_MAX)
        return config_tell(r, value,
                           "%s: must name 1 to %d programs; leave it out for all",
                           key->path, PROGRAMS_MAX);
    source->params.programs = calloc(value->n_items + 1, sizeof(char *));
    if (!source->params.programs)
        return -ENOMEM;
    for (size_t i = 0; i < value->n_items && x >= 0; i++) {
        struct slice text;

        x = config_scalar(r, key, value->items[i], want, &text);
        if (x <= 0)
            continue;
        if (config_program_ok(text))
            x = config_set_text(&source->params.programs[n++], text);
        else
            x = config_bad(r, key, value->items[i], want);
    }
    return x < 0 ? x : 0;
}

int config_read_source_timezone(struct config_reader *r, const struct config_key *key,
                                const struct yamlnode *value, void *field)
{
    static const char want[] = "the name of a time zone, such as Europe/Berlin or UTC";
    struct config_source *source = field;
    char path[128];
    struct slice text;
    int x = claim(r, key, value, &source->timezone);

    if (x > 0)
        x = config_scalar(r, key, value, want, &text);
    if (x <= 0)
        return x;
    if (!zone_name_ok(text.p, text.n))
        return config_bad(r, key, value, want);
    snprintf(path, sizeof(path), ZONE_DIRECTORY "/%.*s", (int)text.n, text.p);
    if (r->world && !r->world->file_exists(r->world->userdata, path))
        return config_tell(r, value, "%s: this system has no %s", key->path, path);
    return config_set_text(&source->params.timezone, text);
}

static bool is_auto(const struct yamlnode *node)
{
    return node->kind == YAMLNODE_SCALAR &&
           slice_equal_str((struct slice){node->text, node->n}, "auto");
}

static int read_item(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *item, struct config_source *source)
{
    int x;

    if (item->kind == YAMLNODE_BROKEN)
        return 0;
    if (is_auto(item)) {
        source->kind = item;
        source->params.kind = SOURCE_AUTO;
        return 0;
    }
    if (item->kind != YAMLNODE_MAP)
        return config_tell(r, item,
                           "a source is \"file: /PATH\" or \"journal: {}\", with the "
                           "colon and a blank after it");
    x = config_read_map(r, item, key->path, source);
    if (x < 0)
        return x;
    if (!source->kind)
        return config_tell(r, item, "a source needs \"file: /PATH\" or \"journal: {}\"");
    if (source->params.kind == SOURCE_JOURNAL && source->timezone)
        return config_tell(r, source->timezone,
                           "%s.timezone: the journal's times need no zone; this is for "
                           "text logs",
                           key->path);
    return 0;
}

int config_read_sources(struct config_reader *r, const struct config_key *key,
                        const struct yamlnode *value, void *field)
{
    struct yamlnode *items[1] = {(struct yamlnode *)value};
    struct yamlnode alone = {.kind = YAMLNODE_LIST, .items = items, .n_items = 1};
    struct config *c = field;

    if (value->kind == YAMLNODE_BROKEN)
        return 0;
    if (is_auto(value))
        value = &alone;
    if (value->kind != YAMLNODE_LIST || value->n_items == 0)
        return config_tell(
            r, value,
            "sources must be auto, or a list of at least one \"- file: /PATH\" or "
            "\"- journal: {}\"");
    if (value->n_items > CONFIG_SOURCES_MAX)
        return config_tell(r, value, "more than %d sources", CONFIG_SOURCES_MAX);
    c->sources = calloc(value->n_items, sizeof(*c->sources));
    if (!c->sources)
        return -ENOMEM;
    for (size_t i = 0; i < value->n_items; i++) {
        struct config_source source = {0};
        int x = read_item(r, key, value->items[i], &source);

        if (x < 0 || !source.kind ||
            (source.params.kind == SOURCE_FILE && !source.params.path)) {
            config_source_done(&source.params);
            if (x < 0)
                return x;
            continue;
        }
        r->places[c->n_sources] = value->items[i];
        c->sources[c->n_sources++] = source.params;
    }
    return 0;
}

static bool programs_overlap(char **a, char **b)
{
    if (!a || !b)
        return true;
    for (size_t i = 0; a[i]; i++)
        for (size_t k = 0; b[k]; k++)
            if (strcmp(a[i], b[k]) == 0)
                return true;
    return false;
}

bool config_sources_overlap(const struct source_params *a, const struct source_params *b)
{
    return programs_overlap(a->programs, b->programs);
}

/* Two entries that name the same thing on disk. */
static bool same_place(const struct source_params *a, const struct source_params *b)
{
    if (a->kind != b->kind || a->kind == SOURCE_AUTO)
        return false;
    if (a->kind == SOURCE_FILE)
        return strcmp(a->path, b->path) == 0;
    if (!a->journal_dir || !b->journal_dir)
        return a->journal_dir == b->journal_dir;
    return strcmp(a->journal_dir, b->journal_dir) == 0;
}

static bool present(const struct config_reader *r, const struct source_params *source)
{
    return source->kind != SOURCE_FILE ||
           (r->world && r->world->file_exists(r->world->userdata, source->path));
}

int config_check_sources(struct config_reader *r)
{
    const struct config *c = r->config;
    bool there[CONFIG_SOURCES_MAX];

    for (size_t i = 0; i < c->n_sources; i++) {
        there[i] = present(r, &c->sources[i]);
        for (size_t k = 0; k < i; k++) {
            const struct yamlnode *first = r->places[k];
            int x;

            if (same_place(&c->sources[i], &c->sources[k]))
                x = config_tell(r, r->places[i], "the same source as at %u:%u",
                                first->line, first->column);
            else if (there[i] && there[k] &&
                     config_sources_overlap(&c->sources[i], &c->sources[k]))
                x = config_tell(r, r->places[i],
                                "the source at %u:%u gives the same programs' lines, and "
                                "attempts would be counted twice; keep one of the two, "
                                "or give each its own `programs`",
                                first->line, first->column);
            else
                continue;
            if (x < 0)
                return x;
            break;
        }
    }
    return 0;
}
