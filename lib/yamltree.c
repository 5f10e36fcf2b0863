/* libyaml's events into a tree. Its own document API would resolve aliases and let the
 * last of two equal keys win without a word, so the events are taken and judged here.
 * libyaml calls nothing recursively per event; the recursion below is bounded by
 * YAMLTREE_DEPTH_MAX. */
#include "yamltree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cleanup.h"
#include "text.h"

DEFINE_CLEANUP(struct yamlnode *, yamlnode_free)

struct builder {
    yaml_parser_t parser;
    const char *text;
    size_t n;
    yamltree_error_fn fn;
    void *userdata;
};

static __attribute__((format(printf, 4, 5))) int
tell(struct builder *b, size_t line, size_t column, const char *format, ...)
{
    char message[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap); /* cut at the end if need be */
    va_end(ap);
    return b->fn(b->userdata, (unsigned)line, (unsigned)column, message);
}

static int tell_at(struct builder *b, const yaml_mark_t *mark, const char *message)
{
    return tell(b, mark->line + 1, mark->column + 1, "%s", message);
}

/* libyaml's reader names a byte offset, not a place. */
static void place_of_offset(const struct builder *b, size_t offset, size_t *line,
                            size_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < offset && i < b->n; i++) {
        if (b->text[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)b->text[i] & 0xc0) != 0x80) {
            (*column)++;
        }
    }
}

/* What is behind libyaml's words, most often. */
static const char *hint(const char *problem)
{
    static const struct {
        const char *part, *hint;
    } hints[] = {
        {"cannot start any token",
         "; indent with blanks, not tabs, and put quotes around "
         "text that begins with @, ` or %"},
        {"expected node content",
         "; put quotes around an address that begins with \":\", or close the [ or {"},
        {"unexpected ':'", "; put quotes around an address that ends with \":\""},
        {"mapping values are not allowed", "; put quotes around text with \": \" in it"},
        {"could not find expected ':'", "; a key needs \":\" and a blank after it"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (strstr(problem, hints[i].part))
            return hints[i].hint;
    return "";
}

/* Tells libyaml's error. Returns YAMLTREE_E_SYNTAX or a negative errno. */
static int syntax_error(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem ? p->problem : "not YAML";
    size_t line = p->problem_mark.line + 1, column = p->problem_mark.column + 1;
    int r;

    if (p->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (p->error == YAML_READER_ERROR) {
        place_of_offset(b, p->problem_offset, &line, &column);
        r = tell(b, line, column, "%s (byte 0x%02x)", problem,
                 (unsigned)p->problem_value);
    } else if (p->context && p->context_mark.index != p->problem_mark.index) {
        r = tell(b, line, column, "%s, %s that began at %zu:%zu%s", problem, p->context,
                 p->context_mark.line + 1, p->context_mark.column + 1, hint(problem));
    } else {
        r = tell(b, line, column, "%s%s", problem, hint(problem));
    }
    return r < 0 ? r : YAMLTREE_E_SYNTAX;
}

static int next_event(struct builder *b, yaml_event_t *ret)
{
    return yaml_parser_parse(&b->parser, ret) ? 0 : syntax_error(b);
}

static struct yamlnode *node_new(enum yamlnode_kind kind, const yaml_mark_t *mark)
{
    struct yamlnode *node = calloc(1, sizeof(*node));

    if (!node)
        return NULL;
    node->kind = kind;
    node->line = (unsigned)mark->line + 1;
    node->column = (unsigned)mark->column + 1;
    return node;
}

struct yamlnode *yamlnode_free(struct yamlnode *node)
{
    if (!node)
        return NULL;
    for (size_t i = 0; i < node->n_items; i++) {
        if (node->keys)
            yamlnode_free(node->keys[i]);
        yamlnode_free(node->items[i]);
    }
    free(node->keys);
    free(node->items);
    free(node->text);
    free(node);
    return NULL;
}

/* Makes room for one more item; key and item stay the caller's on failure. */
static int node_append(struct yamlnode *node, struct yamlnode *key, struct yamlnode *item)
{
    if (node->n_items == node->n_room) {
        size_t room = node->n_room ? 2 * node->n_room : 8;
        struct yamlnode **items = reallocarray(node->items, room, sizeof(*items));

        if (!items)
            return -ENOMEM;
        node->items = items;
        if (key) {
            struct yamlnode **keys = reallocarray(node->keys, room, sizeof(*keys));

            if (!keys)
                return -ENOMEM;
            node->keys = keys;
        }
        node->n_room = room;
    }
    if (key)
        node->keys[node->n_items] = key;
    node->items[node->n_items++] = item;
    return 0;
}

static bool text_equal(const struct yamlnode *a, const struct yamlnode *b)
{
    return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

static int build(struct builder *b, yaml_event_t *event, unsigned depth,
                 struct yamlnode **ret);

static int build_list(struct builder *b, unsigned depth, struct yamlnode *list)
{
    for (;;) {
        _cleanup_(yamlnode_freep) struct yamlnode *item = NULL;
        yaml_event_t event;
        int r = next_event(b, &event);

        if (r != 0)
            return r;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        r = build(b, &event, depth, &item);
        if (r != 0)
            return r;
        r = node_append(list, NULL, item);
        if (r < 0)
            return r;
        item = NULL;
    }
}

/* Judges a key; true when the pair is to be kept. */
static int judge_key(struct builder *b, const struct yamlnode *map,
                     const struct yamlnode *key, bool *ret_keep)
{
    _cleanup_(cleanup_free) char *shown = NULL;

    *ret_keep = false;
    if (key->kind == YAMLNODE_BROKEN)
        return 0;
    if (key->kind != YAMLNODE_SCALAR)
        return tell(b, key->line, key->column, "a key must be a word");
    for (size_t i = 0; i < map->n_items; i++) {
        if (!text_equal(map->keys[i], key))
            continue;
        shown = text_escape(key->text, key->n, 60);
        if (!shown)
            return -ENOMEM;
        return tell(b, key->line, key->column, "%s is given twice; the first is at %u:%u",
                    shown, map->keys[i]->line, map->keys[i]->column);
    }
    *ret_keep = true;
    return 0;
}

/* One key, whose event is given, and its value. */
static int build_pair(struct builder *b, yaml_event_t *event, unsigned depth,
                      struct yamlnode *map)
{
    _cleanup_(yamlnode_freep) struct yamlnode *key = NULL, *value = NULL;
    bool keep;
    int r = build(b, event, depth, &key);

    if (r != 0)
        return r;
    r = judge_key(b, map, key, &keep);
    if (r < 0)
        return r;
    r = next_event(b, event);
    if (r != 0)
        return r;
    r = build(b, event, depth, &value);
    if (r != 0 || !keep)
        return r;
    if (map->n_items == YAMLTREE_KEYS_MAX) {
        r = tell(b, key->line, key->column, "more than %d keys in one mapping",
                 YAMLTREE_KEYS_MAX);
        return r < 0 ? r : YAMLTREE_E_SYNTAX;
    }
    r = node_append(map, key, value);
    if (r < 0)
        return r;
    key = value = NULL;
    return 0;
}

static int build_map(struct builder *b, unsigned depth, struct yamlnode *map)
{
    for (;;) {
        yaml_event_t event;
        int r = next_event(b, &event);

        if (r != 0)
            return r;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        r = build_pair(b, &event, depth, map);
        if (r != 0)
            return r;
    }
}

static int build_scalar(const yaml_event_t *event, struct yamlnode *node)
{
    const char *bytes = (const char *)event->data.scalar.value;

    node->n = event->data.scalar.length;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = slice_dup((struct slice){.p = bytes, .n = node->n});
    return node->text ? 0 : -ENOMEM;
}

static int refuse_properties(struct builder *b, const yaml_mark_t *mark,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    int r = 0;

    if (anchor)
        r = tell_at(b, mark, "anchors (&name) are not allowed");
    if (r >= 0 && tag)
        r = tell_at(b, mark, "tags (!name) are not allowed");
    return r;
}

/* Builds the node that an event begins and consumes the event. */
static int build(struct builder *b, yaml_event_t *event, unsigned depth,
                 struct yamlnode **ret)
{
    _cleanup_(yamlnode_freep) struct yamlnode *node = NULL;
    const yaml_event_type_t type = event->type;
    const yaml_mark_t mark = event->start_mark;
    int r = 0;

    if (type == YAML_SCALAR_EVENT) {
        node = node_new(YAMLNODE_SCALAR, &mark);
        r = node ? build_scalar(event, node) : -ENOMEM;
        if (r >= 0)
            r = refuse_properties(b, &mark, event->data.scalar.anchor,
                                  event->data.scalar.tag);
    } else if (type == YAML_SEQUENCE_START_EVENT) {
        node = node_new(YAMLNODE_LIST, &mark);
        r = refuse_properties(b, &mark, event->data.sequence_start.anchor,
                              event->data.sequence_start.tag);
    } else if (type == YAML_MAPPING_START_EVENT) {
        node = node_new(YAMLNODE_MAP, &mark);
        r = refuse_properties(b, &mark, event->data.mapping_start.anchor,
                              event->data.mapping_start.tag);
    } else {
        node = node_new(YAMLNODE_BROKEN, &mark);
        r = tell_at(b, &mark, "aliases (*name) are not allowed");
    }
    yaml_event_delete(event);
    if (r < 0)
        return r;
    if (!node)
        return -ENOMEM;
    if (depth == YAMLTREE_DEPTH_MAX) {
        r = tell(b, node->line, node->column, "nested more than %d deep",
                 YAMLTREE_DEPTH_MAX);
        return r < 0 ? r : YAMLTREE_E_SYNTAX;
    }
    if (node->kind == YAMLNODE_LIST)
        r = build_list(b, depth + 1, node);
    else if (node->kind == YAMLNODE_MAP)
        r = build_map(b, depth + 1, node);
    if (r != 0)
        return r;
    *ret = TAKE_PTR(node);
    return 0;
}

/* The first document; what follows is read for its syntax alone. */
static int build_stream(struct builder *b, struct yamlnode **root)
{
    for (unsigned documents = 0;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        int r = next_event(b, &event);

        if (r != 0)
            return r;
        type = event.type;
        if (documents == 1 && !*root) {
            r = build(b, &event, 0, root);
            if (r != 0)
                return r;
            continue;
        }
        if (type == YAML_DOCUMENT_START_EVENT && ++documents == 2)
            r = tell_at(b, &event.start_mark, "a second document begins: one is allowed");
        yaml_event_delete(&event);
        if (r < 0 || type == YAML_STREAM_END_EVENT)
            return r;
    }
}

int yamltree_parse(const char *text, size_t n, yamltree_error_fn fn, void *userdata,
                   struct yamlnode **ret)
{
    _cleanup_(yamlnode_freep) struct yamlnode *root = NULL;
    struct builder b = {.text = text, .n = n, .fn = fn, .userdata = userdata};
    int r;

    if (n > YAMLTREE_BYTES_MAX) {
        r = tell(&b, 1, 1, "larger than %u KiB", YAMLTREE_BYTES_MAX >> 10);
        return r < 0 ? r : YAMLTREE_E_SYNTAX;
    }
    if (!yaml_parser_initialize(&b.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, n);
    r = build_stream(&b, &root);
    yaml_parser_delete(&b.parser);
    if (r != 0)
        return r;
    if (!root) {
        root = node_new(YAMLNODE_SCALAR, &(yaml_mark_t){0});
        if (!root)
            return -ENOMEM;
        root->plain = true;
        root->text = slice_dup(SLICE(""));
        if (!root->text)
            return -ENOMEM;
    }
    *ret = TAKE_PTR(root);
    return 0;
}

const struct yamlnode *yamlnode_get(const struct yamlnode *map, const char *key)
{
    if (map->kind != YAMLNODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n_items; i++)
        if (slice_equal_str((struct slice){map->keys[i]->text, map->keys[i]->n}, key))
            return map->items[i];
    return NULL;
}

bool yamlnode_is_null(const struct yamlnode *node)
{
    struct slice s = {node->text, node->n};

    return node->kind == YAMLNODE_SCALAR && node->plain &&
           (s.n == 0 || slice_equal_str(s, "~") || slice_equal_str(s, "null") ||
            slice_equal_str(s, "Null") || slice_equal_str(s, "NULL"));
}
