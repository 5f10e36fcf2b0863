/* The line cutter against a plain reading of the same bytes, in pieces of odd sizes and
 * with refusals and restarts in between; and the reader of stored places.
 * Input: a byte that picks the target, a byte for the piece size, a byte for the
 * refusals, then the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do {                   \
        if (!(condition))  \
            abort();       \
    } while (0)

struct reference {
    const char *bytes;
    size_t n, at; /* the next line begins here */
    unsigned refuse, calls;
};

/* The next line that must be given: whole, not overlong, without leading NULs. */
static int expect(void *userdata, const char *line, size_t n, uint64_t end)
{
    struct reference *ref = userdata;
    const char *lf;
    size_t start;

    if (ref->refuse > 0 && ++ref->calls % (ref->refuse + 1u) == 0)
        return 1;
    do {
        lf = memchr(ref->bytes + ref->at, '\n', ref->n - ref->at);
        REQUIRE(lf);
        for (start = ref->at; ref->bytes[start] == '\0'; start++)
            ;
        ref->at = (size_t)(lf - ref->bytes) + 1;
    } while ((size_t)(lf - ref->bytes) - start > LOGFILE_LINE_MAX);
    REQUIRE(end == ref->at);
    REQUIRE(n == (size_t)(lf - ref->bytes) - start);
    REQUIRE(memcmp(line, ref->bytes + start, n) == 0);
    return 0;
}

static void check_place(const struct lines *l, enum lines_extent extent,
                        const char *bytes)
{
    static const struct logfile_id id = {1, 2, 3};
    struct logfile_place p = {.id = id};

    lines_place(l, extent, &p);
    REQUIRE(p.offset == lines_offset(l) + (extent == LINES_READ ? lines_pending(l) : 0));
    REQUIRE(p.tail_n == (p.offset < LOGFILE_TAIL ? p.offset : LOGFILE_TAIL));
    REQUIRE(logfile_match(&p, &id, p.offset, bytes, bytes + p.offset - p.tail_n) ==
            LOGFILE_SAME);
}

static void fuzz_lines(size_t piece, unsigned refuse, const char *bytes, size_t n)
{
    struct reference ref = {.bytes = bytes, .n = n, .refuse = refuse};
    struct lines *l;

    REQUIRE(lines_new(expect, &ref, &l) == 0);
    for (;;) {
        uint64_t at = lines_offset(l) + lines_pending(l);
        size_t take = piece < n - at ? piece : n - at;
        int r;

        if (take == 0)
            break;
        r = lines_feed(l, bytes + at, take);
        check_place(l, LINES_GIVEN, bytes);
        check_place(l, LINES_READ, bytes);
        if (r != 0 && lines_offset(l) >= LOGFILE_TAIL)
            lines_resume(l, lines_offset(l), bytes,
                         bytes + lines_offset(l) - LOGFILE_TAIL);
    }
    REQUIRE(lines_offset(l) == 0 || bytes[lines_offset(l) - 1] == '\n');
    REQUIRE(!memchr(bytes + lines_offset(l), '\n', n - lines_offset(l)));
    lines_free(l);
}

static void fuzz_places(const char *bytes, size_t n)
{
    struct logfile_place places[4], again[4];
    size_t places_n, again_n;
    char *text = malloc(n + 1), *json;

    REQUIRE(text);
    memcpy(text, bytes, n);
    text[n] = '\0';
    if (logfile_places_from_json(text, places, 4, &places_n) == 0) {
        REQUIRE(places_n > 0 && places_n <= 4);
        REQUIRE(logfile_places_json(places, places_n, &json) == 0);
        REQUIRE(logfile_places_from_json(json, again, 4, &again_n) == 0);
        REQUIRE(again_n == places_n);
        for (size_t i = 0; i < places_n; i++) {
            REQUIRE(logfile_id_equal(&places[i].id, &again[i].id));
            REQUIRE(places[i].offset == again[i].offset);
            REQUIRE(places[i].tail_n <= LOGFILE_TAIL && places[i].head_n <= LOGFILE_HEAD);
        }
        free(json);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    if (data[0] == '{')
        fuzz_places((const char *)data, size);
    else
        fuzz_lines((size_t)data[1] * (data[0] & 1 ? 97 : 1) + 1, data[2],
                   (const char *)data + 3, size - 3);
    return 0;
}
