/* TZif (RFC 8536): a header, a block with 32-bit times, and, from version 2 on, another
 * header, the same with 64-bit times, and a POSIX TZ string for all later times. Only the
 * last of the blocks is used. Everything is checked when it is read, so that asking
 * cannot fail. */
#include "zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define TIMES_MAX   10000
#define OFFSET_MAX  (26 * 3600) /* RFC 8536 section 3.2: utoff */
#define SEC_PER_DAY INT64_C(86400)

/* When daylight saving begins or ends in each year: POSIX.1 section 8.3, TZ. */
struct change {
    char kind; /* 'M', 'J' or 'D' (a day from 0, with 29 February) */
    int month, week, day;
    int64_t second; /* of the local day; may be negative or beyond it (RFC 8536 3.3.1) */
};

struct zone {
    int64_t *times;   /* when a new offset begins, in order */
    int32_t *offsets; /* from then on */
    size_t n;
    int32_t first; /* before the first of them */

    /* After the last. */
    bool has_rule, has_summer;
    int32_t winter_offset, summer_offset;
    struct change to_summer, to_winter;
};

DEFINE_CLEANUP(struct zone *, zone_free)

struct zone *zone_free(struct zone *z)
{
    if (!z)
        return NULL;
    free(z->times);
    free(z->offsets);
    free(z);
    return NULL;
}

/* Reading: past the end everything is 0 and `bad` is set. */
struct reader {
    const uint8_t *p;
    size_t n;
    bool bad;
};

static const uint8_t *take(struct reader *in, size_t n)
{
    const uint8_t *p = in->p;

    if (in->n < n) {
        in->bad = true;
        in->n = 0;
        return NULL;
    }
    in->p += n;
    in->n -= n;
    return p;
}

/* Big-endian, signed. */
static int64_t number(const uint8_t *p, unsigned n)
{
    uint64_t x = p[0] & 0x80 ? UINT64_MAX : 0;

    for (unsigned i = 0; i < n; i++)
        x = x << 8 | p[i];
    return (int64_t)x;
}

struct header {
    char version;
    uint32_t ut, std, leap, times, types, chars;
};

static uint32_t count(struct reader *in)
{
    const uint8_t *p = take(in, 4);

    return p ? (uint32_t)number(p, 4) : 0;
}

static bool read_header(struct reader *in, struct header *ret)
{
    const uint8_t *p = take(in, 20);

    if (!p || memcmp(p, "TZif", 4) != 0)
        return false;
    ret->version = (char)p[4];
    ret->ut = count(in);
    ret->std = count(in);
    ret->leap = count(in);
    ret->times = count(in);
    ret->types = count(in);
    ret->chars = count(in);
    return !in->bad && ret->types > 0 && ret->types <= 256 && ret->times <= TIMES_MAX &&
           ret->chars <= 4096 && ret->leap <= TIMES_MAX && ret->ut <= 256 &&
           ret->std <= 256;
}

static size_t block_size(const struct header *h, unsigned width)
{
    return (size_t)h->times * (width + 1) + (size_t)h->types * 6 + h->chars +
           (size_t)h->leap * (width + 4) + h->std + h->ut;
}

/* The offset of a type; false when it is none. */
static bool type_offset(const struct header *h, const uint8_t *types, unsigned type,
                        int32_t *ret)
{
    int64_t offset;

    if (type >= h->types)
        return false;
    offset = number(types + (size_t)type * 6, 4);
    *ret = (int32_t)offset;
    return offset >= -OFFSET_MAX && offset <= OFFSET_MAX;
}

static int read_block(struct zone *z, struct reader *in, const struct header *h,
                      unsigned width)
{
    const uint8_t *times = take(in, (size_t)h->times * width);
    const uint8_t *indexes = take(in, h->times);
    const uint8_t *types = take(in, (size_t)h->types * 6);

    take(in, h->chars + (size_t)h->leap * (width + 4) + h->std + h->ut);
    if (in->bad || !type_offset(h, types, 0, &z->first))
        return ZONE_E_DAMAGED;
    z->times = calloc(h->times + 1, sizeof(*z->times));
    z->offsets = calloc(h->times + 1, sizeof(*z->offsets));
    if (!z->times || !z->offsets)
        return -ENOMEM;
    for (uint32_t i = 0; i < h->times; i++) {
        z->times[i] = number(times + (size_t)i * width, width);
        if ((i > 0 && z->times[i] <= z->times[i - 1]) ||
            !type_offset(h, types, indexes[i], &z->offsets[i]))
            return ZONE_E_DAMAGED;
    }
    z->n = h->times;
    return 0;
}

/* ---- the TZ string ---- */

static bool at(const struct reader *in, char c)
{
    return in->n > 0 && in->p[0] == (uint8_t)c;
}

static bool skip(struct reader *in, char c)
{
    if (!at(in, c))
        return false;
    take(in, 1);
    return true;
}

/* Digits up to max. */
static bool digits(struct reader *in, int max, int *ret)
{
    int v = 0;
    bool any = false;

    for (; in->n > 0 && in->p[0] >= '0' && in->p[0] <= '9'; take(in, 1), any = true) {
        v = v * 10 + (in->p[0] - '0');
        if (v > max)
            return false;
    }
    *ret = v;
    return any;
}

/* "CET" or "<+03>". */
static bool skip_name(struct reader *in)
{
    size_t n = 0;

    if (skip(in, '<')) {
        while (in->n > 0 && !at(in, '>'))
            take(in, 1);
        return skip(in, '>');
    }
    for (; in->n > 0 && ((in->p[0] | 32) >= 'a' && (in->p[0] | 32) <= 'z'); n++)
        take(in, 1);
    return n >= 3;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool read_time(struct reader *in, int max_hours, int64_t *ret)
{
    bool negative = skip(in, '-');
    int hour, min = 0, sec = 0;

    if (!negative)
        skip(in, '+');
    if (!digits(in, max_hours, &hour))
        return false;
    if (skip(in, ':') && !digits(in, 59, &min))
        return false;
    if (skip(in, ':') && !digits(in, 59, &sec))
        return false;
    *ret = hour * INT64_C(3600) + min * 60 + sec;
    if (negative)
        *ret = -*ret;
    return true;
}

static bool read_change(struct reader *in, struct change *ret)
{
    *ret = (struct change){.second = 7200};
    if (!skip(in, ','))
        return false;
    if (skip(in, 'M')) {
        ret->kind = 'M';
        if (!digits(in, 12, &ret->month) || ret->month < 1 || !skip(in, '.') ||
            !digits(in, 5, &ret->week) || ret->week < 1 || !skip(in, '.') ||
            !digits(in, 6, &ret->day))
            return false;
    } else {
        ret->kind = skip(in, 'J') ? 'J' : 'D';
        if (!digits(in, 365, &ret->day) || (ret->kind == 'J' && ret->day < 1))
            return false;
    }
    return !skip(in, '/') || read_time(in, 167, &ret->second);
}

/* Offsets in there count west of UTC. */
static bool read_rule(struct zone *z, struct reader *in)
{
    int64_t west;

    if (!skip_name(in) || !read_time(in, 25, &west))
        return false;
    z->winter_offset = (int32_t)-west;
    z->has_rule = true;
    if (in->n == 0)
        return true;
    if (!skip_name(in))
        return false;
    z->has_summer = true;
    z->summer_offset = z->winter_offset + 3600;
    if (!at(in, ',')) {
        if (!read_time(in, 25, &west))
            return false;
        z->summer_offset = (int32_t)-west;
    }
    return read_change(in, &z->to_summer) && read_change(in, &z->to_winter) && in->n == 0;
}

/* "\nTZ\n"; an empty one says nothing. */
static int read_footer(struct zone *z, struct reader *in)
{
    const uint8_t *end;
    struct reader rule;

    if (!skip(in, '\n') || !(end = memchr(in->p, '\n', in->n)))
        return ZONE_E_DAMAGED;
    rule = (struct reader){.p = in->p, .n = (size_t)(end - in->p)};
    if (rule.n > 0 && (rule.n > 200 || !read_rule(z, &rule)))
        return ZONE_E_DAMAGED;
    return 0;
}

int zone_parse(const void *bytes, size_t n, struct zone **ret)
{
    _cleanup_(zone_freep) struct zone *z = calloc(1, sizeof(*z));
    struct reader in = {.p = bytes, .n = n};
    struct header h;
    int r;

    if (!z)
        return -ENOMEM;
    if (!read_header(&in, &h))
        return ZONE_E_DAMAGED;
    if (h.version == '\0') {
        r = read_block(z, &in, &h, 4);
    } else {
        take(&in, block_size(&h, 4));
        if (in.bad || !read_header(&in, &h))
            return ZONE_E_DAMAGED;
        r = read_block(z, &in, &h, 8);
        if (r == 0)
            r = read_footer(z, &in);
    }
    if (r != 0)
        return r;
    *ret = TAKE_PTR(z);
    return 0;
}

/* ---- asking ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from the epoch to 1 January. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;

    return 365 * (year - 1970) + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) -
           477;
}

static int64_t year_of(int64_t sec)
{
    int64_t year = 1970 + floor_div(sec, 31556952);

    while (days_before_year(year + 1) * SEC_PER_DAY <= sec)
        year++;
    while (days_before_year(year) * SEC_PER_DAY > sec)
        year--;
    return year;
}

/* The day of a change, from the epoch. */
static int64_t change_day(const struct change *c, int64_t year)
{
    static const short before[13] = {0,   31,  59,  90,  120, 151, 181,
                                     212, 243, 273, 304, 334, 365};
    int64_t start = days_before_year(year), first, day;
    bool leap = is_leap(year);
    int month = c->month;

    if (c->kind == 'D')
        return start + c->day;
    if (c->kind == 'J')
        return start + c->day - 1 + (leap && c->day >= 60);
    first = start + before[month - 1] + (leap && month > 2);
    day = first + (c->day - (first + 4) % 7 + 14) % 7; /* 1970-01-01 was a Thursday */
    day += 7 * (c->week - 1);
    if (day >= start + before[month] + (leap && month > 1))
        day -= 7; /* the fifth is the last */
    return day;
}

static int64_t by_rule(const struct zone *z, int64_t sec)
{
    int64_t year, begin, end;
    bool summer;

    if (!z->has_summer)
        return z->winter_offset;
    year = year_of(sec + z->winter_offset);
    begin = change_day(&z->to_summer, year) * SEC_PER_DAY + z->to_summer.second -
            z->winter_offset;
    end = change_day(&z->to_winter, year) * SEC_PER_DAY + z->to_winter.second -
          z->summer_offset;
    summer = begin < end ? sec >= begin && sec < end : sec >= begin || sec < end;
    return summer ? z->summer_offset : z->winter_offset;
}

int64_t zone_at(const struct zone *z, int64_t sec)
{
    const int64_t limit = INT64_C(1) << 40; /* beyond any calendar's use */
    size_t low = 0, high = z->n;

    sec = sec > limit ? limit : sec < -limit ? -limit : sec;
    if (z->has_rule && (z->n == 0 || sec >= z->times[z->n - 1]))
        return by_rule(z, sec);
    while (low < high) { /* the first that is later */
        size_t mid = low + (high - low) / 2;

        if (z->times[mid] <= sec)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? z->first : z->offsets[low - 1];
}

bool zone_name_ok(const char *name, size_t n)
{
    size_t part = 0; /* bytes of it */

    if (n == 0 || n > 64)
        return false;
    for (size_t i = 0; i <= n; i++) {
        char c = i < n ? name[i] : '/';

        if (c == '/') {
            if (part == 0)
                return false;
            part = 0;
            continue;
        }
        part++;
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            !(c >= '0' && c <= '9') && (c == '\0' || !strchr("_+-", c)))
            return false;
    }
    return true;
}
