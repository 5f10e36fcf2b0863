/* The plain values of the configuration: text, paths, numbers, durations, rates. */
#include "config-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "moment.h"

static const char *kind_name(enum yamlnode_kind kind)
{
    return kind == YAMLNODE_LIST ? "a list" : "a mapping";
}

int config_scalar(struct config_reader *r, const struct config_key *key,
                  const struct yamlnode *value, const char *want, struct slice *ret)
{
    if (value->kind == YAMLNODE_BROKEN)
        return 0;
    if (value->kind != YAMLNODE_SCALAR)
        return config_tell(r, value, "%s: %s is given where %s belongs", key->path,
                           kind_name(value->kind), want);
    if (yamlnode_is_null(value))
        return config_tell(r, value, "%s has no value; it wants %s, or leave it out",
                           key->path, want);
    *ret = (struct slice){value->text, value->n};
    return 1;
}

int config_bad(struct config_reader *r, const struct config_key *key,
               const struct yamlnode *value, const char *want)
{
    _cleanup_(cleanup_free) char *shown = text_escape(value->text, value->n, 80);

    if (!shown)
        return -ENOMEM;
    return config_tell(r, value, "%s: \"%s\" is not %s", key->path, shown, want);
}

int config_list(struct config_reader *r, const struct config_key *key,
                const struct yamlnode *value, const char *want)
{
    if (value->kind == YAMLNODE_LIST)
        return 1;
    if (value->kind == YAMLNODE_BROKEN || yamlnode_is_null(value))
        return 0;
    return config_tell(r, value, "%s must be a list of %s: [ ... ]", key->path, want);
}

int config_set_text(char **field, struct slice text)
{
    char *copy = slice_dup(text);

    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

/* What goes into headers and a 7-bit body must be printable ASCII. */
static int text_refusal(struct config_reader *r, const struct config_key *key,
                        const struct yamlnode *value, struct slice text, bool lines)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x80)
            return config_tell(r, value,
                               "%s: only ASCII is supported, because reports are "
                               "plain 7-bit text; write it without accents",
                               key->path);
        if ((c < 0x20 && !(lines && c == '\n')) || c == 0x7f)
            return config_tell(r, value, "%s: holds a control character or line break",
                               key->path);
    }
    if (text.n == 0 || text.n > (uint64_t)key->max)
        return config_tell(r, value, "%s: must be 1 to %" PRId64 " characters long",
                           key->path, key->max);
    return 1;
}

static int read_ascii(struct config_reader *r, const struct config_key *key,
                      const struct yamlnode *value, char **field, bool lines)
{
    struct slice text;
    int x = config_scalar(r, key, value, "text", &text);

    if (x <= 0)
        return x;
    x = text_refusal(r, key, value, text, lines);
    return x <= 0 ? x : config_set_text(field, text);
}

int config_read_text(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    return read_ascii(r, key, value, field, false);
}

int config_read_note(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    return read_ascii(r, key, value, field, true);
}

bool config_path_ok(struct slice path)
{
    size_t start = 1;

    if (path.n < 2 || path.n > 4000 || path.p[0] != '/' || !text_is_utf8(path.p, path.n))
        return false;
    for (size_t i = 1; i <= path.n; i++) {
        struct slice part = {path.p + start, i - start};

        if (i < path.n && path.p[i] != '/') {
            if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f)
                return false;
            continue;
        }
        if (part.n == 0 || slice_equal_str(part, ".") || slice_equal_str(part, ".."))
            return false;
        start = i + 1;
    }
    return true;
}

int config_read_path(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    struct slice text;
    int x = config_scalar(r, key, value, "an absolute path", &text);

    if (x <= 0)
        return x;
    if (!config_path_ok(text))
        return config_bad(r, key, value, "an absolute path (without //, . or ..)");
    if (key->max > 0 && text.n > (uint64_t)key->max)
        return config_tell(r, value, "%s: longer than %" PRId64 " bytes", key->path,
                           key->max);
    return config_set_text(field, text);
}

int config_read_bool(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    struct slice text;
    int x = config_scalar(r, key, value, "true or false", &text);

    if (x <= 0)
        return x;
    if (value->plain && slice_equal_str(text, "true"))
        *(bool *)field = true;
    else if (value->plain && slice_equal_str(text, "false"))
        *(bool *)field = false;
    else
        return config_bad(r, key, value, "true or false");
    return 0;
}

/* Whole decimal numbers of up to 9 digits. */
static bool parse_unsigned(struct slice text, unsigned *ret)
{
    unsigned n = 0;

    if (text.n == 0 || text.n > 9)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret = n;
    return true;
}

int config_read_unsigned(struct config_reader *r, const struct config_key *key,
                         const struct yamlnode *value, void *field)
{
    struct slice text;
    unsigned n;
    int x = config_scalar(r, key, value, "a whole number", &text);

    if (x <= 0)
        return x;
    if (!value->plain || !parse_unsigned(text, &n))
        return config_bad(r, key, value, "a whole number (without quotes)");
    if (n < key->min || n > key->max)
        return config_tell(r, value, "%s: %u is out of range: %" PRId64 " to %" PRId64,
                           key->path, n, key->min, key->max);
    *(unsigned *)field = n;
    return 0;
}

static int duration_range(struct config_reader *r, const struct config_key *key,
                          const struct yamlnode *value, int64_t usec)
{
    char low[MOMENT_TEXT_MAX], high[MOMENT_TEXT_MAX];

    if (usec >= key->min && usec <= key->max)
        return 1;
    return config_tell(r, value, "%s: out of range: %s to %s", key->path,
                       duration_format(key->min, low), duration_format(key->max, high));
}

int config_read_duration(struct config_reader *r, const struct config_key *key,
                         const struct yamlnode *value, void *field)
{
    static const char want[] =
        "a duration: a whole number with s, m, h or d, such as 10m";
    struct slice text;
    int64_t usec;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    if (!duration_parse(text.p, text.n, &usec))
        return config_bad(r, key, value, want);
    x = duration_range(r, key, value, usec);
    if (x > 0)
        *(int64_t *)field = usec;
    return x < 0 ? x : 0;
}

int config_read_size(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    static const char want[] = "a size: a whole number with K, M or G, such as 96M";
    static const char letters[] = "KMG";
    struct slice text;
    const char *letter;
    unsigned n;
    int64_t bytes;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    letter = strchr(letters, text.p[text.n - 1]);
    if (!letter || !*letter || !parse_unsigned((struct slice){text.p, text.n - 1}, &n))
        return config_bad(r, key, value, want);
    bytes = (int64_t)n << (10 * (letter - letters + 1));
    if (bytes < key->min || bytes > key->max)
        return config_tell(r, value, "%s: out of range: %" PRId64 "M to %" PRId64 "M",
                           key->path, key->min >> 20, key->max >> 20);
    *(size_t *)field = (size_t)bytes;
    return 0;
}

/* The keys below it have rows of their own, whose offsets are the whole file's. */
int config_read_slow(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    struct tracker_slow *slow = field;

    if (value->kind != YAMLNODE_SCALAR || yamlnode_is_null(value))
        return config_read_map(r, value, key->path, r->config);
    if (!value->plain || !slice_equal_str((struct slice){value->text, value->n}, "off"))
        return config_bad(r, key, value, "off, or a mapping");
    slow->failures = 0;
    return 0;
}

int config_read_rate(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    static const char want[] = "a rate, number/duration, such as 10/1d";
    struct policy_rate rate;
    struct slice text;
    const char *slash;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    slash = memchr(text.p, '/', text.n);
    if (!slash ||
        !parse_unsigned((struct slice){text.p, (size_t)(slash - text.p)}, &rate.n) ||
        !duration_parse(slash + 1, text.n - (size_t)(slash + 1 - text.p), &rate.per))
        return config_bad(r, key, value, want);
    if (rate.n < 1 || rate.n > 1000000)
        return config_tell(r, value, "%s: the number must be 1 to 1000000", key->path);
    x = duration_range(r, key, value, rate.per);
    if (x > 0)
        *(struct policy_rate *)field = rate;
    return x < 0 ? x : 0;
}

int config_read_mode(struct config_reader *r, const struct config_key *key,
                     const struct yamlnode *value, void *field)
{
    static const char want[] = "observe, hold or send";
    struct slice text;
    int mode;
    int x = config_scalar(r, key, value, want, &text);

    if (x <= 0)
        return x;
    mode = memchr(text.p, '\0', text.n) ? -EINVAL : policy_mode_parse(text.p);
    if (mode < 0)
        return config_bad(r, key, value, want);
    *(enum policy_mode *)field = (enum policy_mode)mode;
    return 0;
}
