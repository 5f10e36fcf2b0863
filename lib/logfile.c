/* Why a place is remembered by so much: a log's inode number says little, since ext4
 * gives the number of the generation that was just removed to the one that is created
 * next. A birth time tells these apart where the file system keeps one; the hash of the
 * beginning tells a rewritten file from a grown one; and the hash of the bytes just
 * before the offset catches copytruncate when the file has already outgrown its old size.
 *
 * Why the hashes are made of the bytes that passed through lines_feed() and not of the
 * file at the time of the commit: in between the file may have been cut and written anew,
 * and a hash of the new bytes would vouch for an offset in the old ones. */
#include "logfile.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

struct lines {
    lines_fn fn;
    void *userdata;
    uint64_t offset;             /* after the last complete line */
    uint64_t held;               /* bytes read since */
    char line[LOGFILE_LINE_MAX]; /* those of them that are kept */
    size_t line_n;
    uint64_t nuls;   /* skipped before the line that is held */
    bool discarding; /* until the next LF: the line is too long */
    struct lines_counters counters;
    char head[LOGFILE_HEAD];
    struct trail {
        char bytes[LOGFILE_TAIL];
        uint32_t n;
    } given, read; /* the bytes before offset, and before offset + held */
};

uint64_t logfile_hash(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* JSON: 64-bit values without a sign stand as hexadecimal text, since the integers of
 * JSON readers end at 2^63 and overlayfs uses the high bits of inode numbers. */

static json_t *hex_json(uint64_t value)
{
    return json_sprintf("%llx", (unsigned long long)value);
}

static bool json_hex(const json_t *object, const char *key, uint64_t *ret)
{
    const char *text = json_string_value(json_object_get(object, key));
    uint64_t value = 0;

    if (!text || !*text || strlen(text) > 16)
        return false;
    for (const char *p = text; *p; p++) {
        if (!isxdigit((unsigned char)*p))
            return false;
        value = value << 4 | (uint64_t)(isdigit((unsigned char)*p)
                                            ? *p - '0'
                                            : tolower((unsigned char)*p) - 'a' + 10);
    }
    *ret = value;
    return true;
}

static bool json_whole(const json_t *object, const char *key, int64_t max, int64_t *ret)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max)
        return false;
    *ret = json_integer_value(value);
    return true;
}

static int place_append_json(json_t *array, const struct logfile_place *p)
{
    json_t *place = json_pack("{s:o, s:o, s:I, s:I, s:o, s:i, s:o, s:i, s:I}", "dev",
                              hex_json(p->id.dev), "ino", hex_json(p->id.ino), "born",
                              (json_int_t)p->id.born, "offset", (json_int_t)p->offset,
                              "head", hex_json(p->head_hash), "head_n", (int)p->head_n,
                              "tail", hex_json(p->tail_hash), "tail_n", (int)p->tail_n,
                              "seen", (json_int_t)p->seen);

    return place && json_array_append_new(array, place) == 0 ? 0 : -ENOMEM;
}

int logfile_places_json(const struct logfile_place *places, size_t n, char **ret)
{
    json_t *array _cleanup_(json_decrefp) = json_array();
    json_t *whole _cleanup_(json_decrefp) = NULL;
    char *text;

    if (!array)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (place_append_json(array, &places[i]) < 0)
            return -ENOMEM;
    whole = json_pack("{s:O}", "files", array);
    text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

static bool place_from_json(const json_t *json, struct logfile_place *ret)
{
    struct logfile_place p = {0};
    int64_t born, offset, head_n, tail_n, seen;

    if (!json_hex(json, "dev", &p.id.dev) || !json_hex(json, "ino", &p.id.ino) ||
        !json_whole(json, "born", INT64_MAX, &born) ||
        !json_whole(json, "offset", INT64_MAX, &offset) ||
        !json_hex(json, "head", &p.head_hash) ||
        !json_whole(json, "head_n", LOGFILE_HEAD, &head_n) ||
        !json_hex(json, "tail", &p.tail_hash) ||
        !json_whole(json, "tail_n", LOGFILE_TAIL, &tail_n) ||
        !json_whole(json, "seen", INT64_MAX, &seen) || head_n > offset || tail_n > offset)
        return false;
    p.id.born = born;
    p.offset = (uint64_t)offset;
    p.head_n = (uint32_t)head_n;
    p.tail_n = (uint32_t)tail_n;
    p.seen = seen;
    *ret = p;
    return true;
}

int logfile_places_from_json(const char *text, struct logfile_place *places, size_t max,
                             size_t *ret_n)
{
    json_t *whole _cleanup_(json_decrefp) =
        json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *array = json_object_get(whole, "files");
    size_t n = json_array_size(array);
    struct logfile_place *read;

    if (n == 0 || n > max)
        return -EBADMSG;
    read = calloc(n, sizeof(*read));
    if (!read)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!place_from_json(json_array_get(array, i), &read[i])) {
            free(read);
            return -EBADMSG;
        }
    memcpy(places, read, n * sizeof(*read));
    free(read);
    *ret_n = n;
    return 0;
}

bool logfile_id_equal(const struct logfile_id *a, const struct logfile_id *b)
{
    if (a->ino != b->ino)
        return false;
    if (a->born != 0 && b->born != 0)
        return a->born == b->born;
    return a->dev == b->dev;
}

enum logfile_match logfile_match(const struct logfile_place *place,
                                 const struct logfile_id *id, uint64_t size,
                                 const void *head, const void *tail)
{
    bool bytes = size >= place->offset &&
                 (place->head_n == 0 ||
                  (head && logfile_hash(head, place->head_n) == place->head_hash)) &&
                 (place->tail_n == 0 ||
                  (tail && logfile_hash(tail, place->tail_n) == place->tail_hash));

    if (logfile_id_equal(&place->id, id))
        return bytes ? LOGFILE_SAME : LOGFILE_TRUNCATED;
    return bytes && place->tail_n > 0 ? LOGFILE_COPY : LOGFILE_OTHER;
}

bool logfile_is_dated(const char *base, const char *name)
{
    size_t n = strlen(base), digits, whole;

    if (strncmp(name, base, n) != 0 || name[n] != '-')
        return false;
    name += n + 1;
    digits = strspn(name, "0123456789");
    whole = strspn(name, "0123456789-");
    return digits >= 8 && whole <= 24 && name[whole] == '\0';
}

int lines_new(lines_fn fn, void *userdata, struct lines **ret)
{
    struct lines *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->fn = fn;
    l->userdata = userdata;
    *ret = l;
    return 0;
}

struct lines *lines_free(struct lines *l)
{
    free(l);
    return NULL;
}

static void forget_partial(struct lines *l)
{
    l->held = 0;
    l->line_n = 0;
    l->nuls = 0;
    l->discarding = false;
}

void lines_start(struct lines *l, uint64_t offset)
{
    forget_partial(l);
    l->offset = offset;
    l->given.n = l->read.n = 0;
}

void lines_resume(struct lines *l, uint64_t offset, const void *head, const void *tail)
{
    size_t head_n = offset < LOGFILE_HEAD ? (size_t)offset : LOGFILE_HEAD;
    size_t tail_n = offset < LOGFILE_TAIL ? (size_t)offset : LOGFILE_TAIL;

    lines_start(l, offset);
    memcpy(l->head, head, head_n);
    memcpy(l->given.bytes, tail, tail_n);
    l->given.n = (uint32_t)tail_n;
    l->read = l->given;
}

/* One more complete line of n bytes in the file, its LF not counted. */
static int give(struct lines *l, const char *line, size_t line_n, size_t n)
{
    uint64_t end = l->offset + l->held + n;
    int r = l->fn(l->userdata, line, line_n, end);

    if (r != 0)
        return r;
    l->counters.nul_bytes += l->nuls;
    l->offset = end;
    forget_partial(l);
    return 0;
}

static size_t leading_nuls(const struct lines *l, const char *bytes, size_t n)
{
    size_t k = 0;

    if (l->line_n == 0 && !l->discarding)
        while (k < n && bytes[k] == '\0')
            k++;
    return k;
}

/* The last part of a line: the n bytes before an LF. */
static int end_line(struct lines *l, const char *bytes, size_t n)
{
    size_t nuls = leading_nuls(l, bytes, n), rest = n - nuls;

    if (!l->discarding && l->line_n + rest > LOGFILE_LINE_MAX) {
        l->discarding = true;
        l->counters.overlong++;
    }
    if (l->discarding) {
        l->counters.nul_bytes += l->nuls;
        l->offset += l->held + n + 1;
        forget_partial(l);
        return 0;
    }
    l->nuls += nuls;
    if (l->line_n == 0)
        return give(l, bytes + nuls, rest, n + 1);
    memcpy(l->line + l->line_n, bytes, rest);
    return give(l, l->line, l->line_n + rest, n + 1);
}

/* Bytes that no LF follows yet. */
static void hold(struct lines *l, const char *bytes, size_t n)
{
    size_t nuls = leading_nuls(l, bytes, n), rest = n - nuls;

    l->held += n;
    l->nuls += nuls;
    if (l->discarding)
        return;
    if (l->line_n + rest > LOGFILE_LINE_MAX) {
        l->discarding = true;
        l->counters.overlong++;
        l->line_n = 0;
        return;
    }
    memcpy(l->line + l->line_n, bytes + nuls, rest);
    l->line_n += rest;
}

static void trail_append(struct trail *t, const char *bytes, uint64_t n)
{
    uint32_t keep;

    if (n >= LOGFILE_TAIL) {
        memcpy(t->bytes, bytes + n - LOGFILE_TAIL, LOGFILE_TAIL);
        t->n = LOGFILE_TAIL;
        return;
    }
    keep = t->n < LOGFILE_TAIL - (uint32_t)n ? t->n : LOGFILE_TAIL - (uint32_t)n;
    memmove(t->bytes, t->bytes + t->n - keep, keep);
    memcpy(t->bytes + keep, bytes, n);
    t->n = keep + (uint32_t)n;
}

/* Keeps what identifies the place; the bytes began at the file offset start. */
static void remember(struct lines *l, uint64_t start, const char *bytes, size_t n)
{
    if (start < LOGFILE_HEAD)
        memcpy(l->head + start, bytes,
               n < LOGFILE_HEAD - start ? n : LOGFILE_HEAD - start);
    if (l->offset > start) {
        l->given = l->read;
        trail_append(&l->given, bytes, l->offset - start);
    }
    if (l->offset + l->held == start + n)
        trail_append(&l->read, bytes, n);
    else
        l->read = l->given; /* a line was refused */
}

int lines_feed(struct lines *l, const char *bytes, size_t n)
{
    uint64_t start = l->offset + l->held;
    const char *p = bytes, *end = bytes + n;
    int r = 0;

    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));

        if (!lf) {
            hold(l, p, (size_t)(end - p));
            break;
        }
        r = end_line(l, p, (size_t)(lf - p));
        if (r != 0) {
            forget_partial(l);
            break;
        }
        p = lf + 1;
    }
    remember(l, start, bytes, n);
    return r;
}

uint64_t lines_offset(const struct lines *l)
{
    return l->offset;
}

uint64_t lines_pending(const struct lines *l)
{
    return l->held;
}

void lines_place(const struct lines *l, enum lines_extent extent,
                 struct logfile_place *ret)
{
    const struct trail *trail = extent == LINES_GIVEN ? &l->given : &l->read;

    ret->offset = l->offset + (extent == LINES_GIVEN ? 0 : l->held);
    ret->head_n = ret->offset < LOGFILE_HEAD ? (uint32_t)ret->offset : LOGFILE_HEAD;
    ret->head_hash = logfile_hash(l->head, ret->head_n);
    ret->tail_n = trail->n;
    ret->tail_hash = logfile_hash(trail->bytes, trail->n);
}

int lines_flush(struct lines *l)
{
    int r = l->line_n > 0 ? give(l, l->line, l->line_n, 0) : 0;

    if (r != 0)
        return r;
    l->offset += l->held;
    forget_partial(l);
    l->given = l->read;
    return 0;
}

const struct lines_counters *lines_counters(const struct lines *l)
{
    return &l->counters;
}
