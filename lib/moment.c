/* Moments and durations.
 *
 * The calendar is computed here (days since 1970 in the proleptic Gregorian calendar),
 * because timegm(3) repairs dates that do not exist instead of refusing them: 29 February
 * of a common year would silently become 1 March, in a report.
 *
 * The zone is asked of localtime_r(3). mktime(3) would do, but it hides which of the two
 * readings of a repeated hour it chose, and it looks at /etc/localtime on each call. The
 * offsets a day before and a day after a local time are the only two that can hold for
 * it; each that maps back to the same local time is a reading. */
#include "moment.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "zone.h"

#define SEC_PER_DAY  INT64_C(86400)
#define DURATION_MAX (10000 * SEC_PER_DAY)

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    int64_t year;
    int month; /* 1 to 12 */
    int day;
    int hour, min, sec;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int64_t year, int month)
{
    static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Years are counted from March here, so that the leap day is the last of its year. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t sec_from_civil(const struct civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * SEC_PER_DAY + c->hour * 3600 +
           c->min * 60 + c->sec;
}

static struct civil civil_from_sec(int64_t sec)
{
    int64_t days = floor_div(sec, SEC_PER_DAY);
    int rest = (int)(sec - days * SEC_PER_DAY);
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (int)((5 * doy + 2) / 153);
    int month = mp < 10 ? mp + 3 : mp - 9;

    return (struct civil){
        .year = era * 400 + yoe + (month <= 2),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = rest / 3600,
        .min = rest / 60 % 60,
        .sec = rest % 60,
    };
}

/* n decimal digits; -1 when one is none. */
static int digits(const char *p, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* "21:36:13"; the second may be 60. */
static bool parse_clock(const char *p, struct civil *c)
{
    c->hour = digits(p, 2);
    c->min = digits(p + 3, 2);
    c->sec = digits(p + 6, 2);
    return p[2] == ':' && p[5] == ':' && c->hour >= 0 && c->hour <= 23 && c->min >= 0 &&
           c->min <= 59 && c->sec >= 0 && c->sec <= 60;
}

/* "Z", "+01:00" or "-05:30" to seconds east. */
static bool parse_offset(const char *p, size_t n, int64_t *ret)
{
    int hour, min;

    if (n == 1 && *p == 'Z') {
        *ret = 0;
        return true;
    }
    if (n != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return false;
    hour = digits(p + 1, 2);
    min = digits(p + 4, 2);
    if (hour < 0 || hour > 23 || min < 0 || min > 59)
        return false;
    *ret = (*p == '-' ? -1 : 1) * (hour * INT64_C(3600) + min * INT64_C(60));
    return true;
}

bool moment_parse_rfc3339(const char *text, size_t n, struct stamp *ret)
{
    struct civil c;
    int64_t usec = 0, offset;
    unsigned places = 0;
    size_t i = 19;

    if (n < 20 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != ' '))
        return false;
    c.year = digits(text, 4);
    c.month = digits(text + 5, 2);
    c.day = digits(text + 8, 2);
    if (c.year < 0 || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > month_days(c.year, c.month) || !parse_clock(text + 11, &c))
        return false;
    if (text[i] == '.') {
        for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
            if (places < 6) {
                usec = usec * 10 + (text[i] - '0');
                places++;
            }
        if (places == 0)
            return false;
        for (unsigned p = places; p < 6; p++)
            usec *= 10;
    }
    if (!parse_offset(text + i, n - i, &offset))
        return false;
    if (c.sec == 60) {
        c.sec = 59;
        usec = USEC_PER_SEC - 1;
    }
    ret->usec = (sec_from_civil(&c) - offset) * USEC_PER_SEC + usec;
    ret->digits = (uint8_t)places;
    return true;
}

/* The offset that the zone has at a moment; false when the C library cannot tell. */
static bool zone_offset(const struct zone *zone, int64_t sec, int64_t *ret)
{
    time_t t = (time_t)sec;
    struct tm tm;

    if (zone) {
        *ret = zone_at(zone, sec);
        return true;
    }
    if (!localtime_r(&t, &tm))
        return false;
    *ret = tm.tm_gmtoff;
    return true;
}

/* The moments that a local time is: two where the clock was put back over it. */
static struct moment_hour local_readings(const struct zone *zone, const struct civil *c)
{
    struct moment_hour r = {0};
    int64_t local = sec_from_civil(c);
    int64_t offsets[2], holds;

    if (!zone_offset(zone, local - SEC_PER_DAY, &offsets[0]) ||
        !zone_offset(zone, local + SEC_PER_DAY, &offsets[1]))
        return r;
    for (int i = 0; i < (offsets[0] == offsets[1] ? 1 : 2); i++) {
        int64_t t = local - offsets[i];

        if (zone_offset(zone, t, &holds) && holds == offsets[i])
            r.readings[r.n++] = t;
    }
    if (r.n == 0)
        r.readings[r.n++] = local - offsets[0]; /* left out: the clock was put forward */
    return r;
}

/* Fills the three years for the start of the hour of *c. Returns whether that answers
 * for the whole hour: not so when the zone changes within it. */
static bool learn_hour(const struct zone *zone, const struct civil *c, int64_t year,
                       struct moment_hour years[3])
{
    bool whole = true;

    for (int i = 0; i < 3; i++) {
        struct civil start = *c, end;
        struct moment_hour last;

        years[i].n = 0;
        start.year = year - 1 + i;
        if (start.day > month_days(start.year, start.month))
            continue;
        start.min = start.sec = 0;
        end = start;
        end.min = end.sec = 59;
        years[i] = local_readings(zone, &start);
        last = local_readings(zone, &end);
        whole = whole && last.n == years[i].n;
        for (int k = 0; whole && k < last.n; k++)
            whole = last.readings[k] == years[i].readings[k] + 3599;
    }
    return whole;
}

/* As learn_hour() for the very second of *c. */
static void learn_second(const struct zone *zone, const struct civil *c, int64_t year,
                         struct moment_hour years[3])
{
    for (int i = 0; i < 3; i++) {
        struct civil at = *c;

        years[i].n = 0;
        at.year = year - 1 + i;
        if (at.day <= month_days(at.year, at.month))
            years[i] = local_readings(zone, &at);
    }
}

/* The candidate of the year that the contract names; false when there is none. */
static bool choose(const struct moment_cache *cache, const struct moment_hour years[3],
                   int64_t into_hour, int64_t reference, bool live, int64_t *ret)
{
    bool found = false;
    int64_t best = 0;

    for (int i = 0; i < 3; i++) {
        int64_t t, distance, best_distance;

        if (years[i].n == 0 || (cache->year != 0 && i != 1))
            continue;
        t = (years[i].readings[years[i].n - 1] + into_hour) * USEC_PER_SEC;
        if (cache->fold == 1 || (cache->fold == 0 && t > reference))
            t = (years[i].readings[0] + into_hour) * USEC_PER_SEC;
        if (cache->year != 0) {
            *ret = t;
            return true;
        }
        if (!live) {
            if (t > reference + SEC_PER_DAY * USEC_PER_SEC)
                break;
        } else if (found) {
            distance = t > reference ? t - reference : reference - t;
            best_distance = best > reference ? best - reference : reference - best;
            if (distance > best_distance)
                break;
        }
        best = t;
        found = true;
    }
    if (found)
        *ret = best;
    return found;
}

static bool parse_bsd_date(const char *p, struct civil *c)
{
    char day[2] = {p[4] == ' ' ? '0' : p[4], p[5]};

    if (p[3] != ' ' || p[6] != ' ')
        return false;
    c->month = 0;
    for (int i = 0; i < 12 && c->month == 0; i++)
        if (memcmp(p, months[i], 3) == 0)
            c->month = i + 1;
    c->day = digits(day, 2);
    /* 2000 is a leap year: 29 February is a day in some year. */
    return c->month != 0 && c->day >= 1 && c->day <= month_days(2000, c->month) &&
           parse_clock(p + 7, c);
}

bool moment_parse_rfc3164_cached(struct moment_cache *cache, const char *text, size_t n,
                                 int64_t reference, bool live, struct stamp *ret)
{
    struct moment_hour years[3];
    const struct moment_hour *use = cache->years;
    int64_t limit = INT64_MAX / 4, year, into_hour, t;
    struct civil c;
    bool leap;

    if (n != 15 || !parse_bsd_date(text, &c) || reference > limit || reference < -limit)
        return false;
    leap = c.sec == 60;
    c.sec -= leap;
    into_hour = c.min * 60 + c.sec;
    if (memcmp(cache->hour, text, sizeof(cache->hour)) != 0 ||
        reference - cache->reference > 60 * USEC_PER_SEC ||
        cache->reference - reference > 60 * USEC_PER_SEC) {
        cache->hour[0] = '\0';
        year = cache->year != 0 ? cache->year : moment_year(reference);
        if (learn_hour(cache->zone, &c, year, years)) {
            memcpy(cache->hour, text, sizeof(cache->hour));
            cache->reference = reference;
            memcpy(cache->years, years, sizeof(years));
        } else {
            learn_second(cache->zone, &c, year, years);
            into_hour = 0;
            use = years;
        }
    }
    if (!choose(cache, use, into_hour, reference, live, &t))
        return false;
    ret->usec = t + (leap ? USEC_PER_SEC - 1 : 0);
    ret->digits = 0;
    return true;
}

bool moment_parse_rfc3164(const char *text, size_t n, int64_t reference, bool live,
                          struct stamp *ret)
{
    struct moment_cache none = {0};

    return moment_parse_rfc3164_cached(&none, text, n, reference, live, ret);
}

int32_t moment_year(int64_t usec)
{
    int64_t year = civil_from_sec(floor_div(usec, USEC_PER_SEC)).year;

    return year > 9999 ? 9999 : year < 1 ? 1 : (int32_t)year;
}

/* All texts here fit by the widths of their parts; should one not, it says so. */
static char *checked(char *buf, int n)
{
    if (n < 0 || n >= MOMENT_TEXT_MAX)
        memcpy(buf, "-", 2);
    return buf;
}

char *moment_format_rfc3339(struct stamp stamp, char buf[static MOMENT_TEXT_MAX])
{
    int64_t sec = floor_div(stamp.usec, USEC_PER_SEC);
    int64_t fraction = (stamp.usec % USEC_PER_SEC + USEC_PER_SEC) % USEC_PER_SEC;
    struct civil c = civil_from_sec(sec);
    int places = stamp.digits < 6 ? stamp.digits : 6;
    char tail[8] = "";
    int n;

    if (stamp.usec == MOMENT_NONE)
        return checked(buf, -1);
    if (places > 0) {
        for (int i = places; i < 6; i++)
            fraction /= 10;
        n = snprintf(tail, sizeof(tail), ".%0*d", places, (int)fraction);
        if (n < 0 || (size_t)n >= sizeof(tail))
            return checked(buf, -1);
    }
    n = snprintf(buf, MOMENT_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d%sZ",
                 (long long)c.year, c.month, c.day, c.hour, c.min, c.sec, tail);
    return checked(buf, n);
}

char *moment_format_report(int64_t usec, char buf[static MOMENT_TEXT_MAX])
{
    struct civil c = civil_from_sec(floor_div(usec, USEC_PER_SEC));

    if (usec == MOMENT_NONE)
        return checked(buf, -1);
    return checked(
        buf, snprintf(buf, MOMENT_TEXT_MAX, "%04lld-%02d-%02d %02d:%02d:%02d UTC (+0000)",
                      (long long)c.year, c.month, c.day, c.hour, c.min, c.sec));
}

char *moment_format_rfc5322(int64_t usec, char buf[static MOMENT_TEXT_MAX])
{
    static const char weekdays[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    int64_t sec = floor_div(usec, USEC_PER_SEC);
    int64_t days = floor_div(sec, SEC_PER_DAY);
    struct civil c = civil_from_sec(sec);

    if (usec == MOMENT_NONE)
        return checked(buf, -1);
    return checked(
        buf, snprintf(buf, MOMENT_TEXT_MAX, "%s, %02d %s %04lld %02d:%02d:%02d +0000",
                      weekdays[days - floor_div(days, 7) * 7], c.day, months[c.month - 1],
                      (long long)c.year, c.hour, c.min, c.sec));
}

static const struct {
    char letter;
    int64_t sec;
} units[] = {{'d', SEC_PER_DAY}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool duration_parse(const char *text, size_t n, int64_t *ret)
{
    int64_t v = 0;

    if (n < 2)
        return false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (text[i] - '0');
        if (v > DURATION_MAX)
            return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (text[n - 1] == units[i].letter && v <= DURATION_MAX / units[i].sec) {
            *ret = v * units[i].sec * USEC_PER_SEC;
            return true;
        }
    return false;
}

char *duration_format(int64_t usec, char buf[static MOMENT_TEXT_MAX])
{
    int64_t sec = usec / USEC_PER_SEC;
    size_t i = 0;

    while (sec % units[i].sec != 0)
        i++;
    if (sec == 0)
        i = sizeof(units) / sizeof(units[0]) - 1;
    return checked(buf, snprintf(buf, MOMENT_TEXT_MAX, "%lld%c",
                                 (long long)(sec / units[i].sec), units[i].letter));
}
