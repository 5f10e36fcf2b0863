#include "yearless.h"

#include <string.h>

#include "moment.h"

#define SEC_PER_DAY 86400
#define NEAR        900 /* seconds that lines may be out of order */
#define HALF_YEAR   183

struct date {
    int month, day, second;
};

static int two_digits(const char *p)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return -1;
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* By the letters that tell one month from all others. */
static int month_of(const char *p)
{
    static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    for (int i = 0; i < 12; i++)
        if (p[0] == names[i][0] && p[1] == names[i][1] && p[2] == names[i][2])
            return i + 1;
    return 0;
}

static bool read_date(const char *p, struct date *ret)
{
    static const char days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char day[2] = {p[4] == ' ' ? '0' : p[4], p[5]};
    int hour = two_digits(p + 7), min = two_digits(p + 10), sec = two_digits(p + 13);

    if (p[3] != ' ' || p[6] != ' ' || p[9] != ':' || p[12] != ':' || hour < 0 ||
        hour > 23 || min < 0 || min > 59 || sec < 0 || sec > 60)
        return false;
    ret->month = month_of(p);
    ret->day = two_digits(day);
    ret->second = hour * 3600 + min * 60 + sec;
    return ret->month > 0 && ret->day > 0 && ret->day <= days[ret->month - 1];
}

/* 1 to 366, as in a leap year. */
static int day_of_year(int date)
{
    static const short before[12] = {0,   31,  60,  91,  121, 152,
                                     182, 213, 244, 274, 305, 335};

    return before[date / 32 - 1] + date % 32;
}

static void note_fold(struct yearless *y)
{
    y->folded = true;
    if (y->n_folds == YEARLESS_FOLDS)
        return;
    y->folds[y->n_folds].year = y->year;
    y->folds[y->n_folds++].date = y->date;
}

/* From one date to another one. */
static void step(struct yearless *y, int date, int second)
{
    int from = day_of_year(y->date), to = day_of_year(date), by = to - from;

    if (from == 1 && to == 366 && y->second < NEAR && second >= SEC_PER_DAY - NEAR) {
        y->year--; /* lines out of order around midnight of New Year */
    } else if (by < -2) {
        y->year++;
        /* 31 days on is nothing that needs an explanation. */
        y->wrapped = by + 366 > 31 ? (int16_t)from : 0;
    } else if (by > HALF_YEAR && y->wrapped > 0 && to >= y->wrapped - 2 &&
               to <= y->wrapped + 7) {
        y->year--; /* the clock had been wrong */
        y->wrapped = 0;
    }
}

static void move_to(struct yearless *y, const struct date *d)
{
    int date = d->month * 32 + d->day;

    if (y->date != 0 && y->date != date) {
        step(y, date, d->second);
        y->folded = false;
    }
    if (d->month == 2 && d->day == 29 && y->date != date) {
        while (y->leap > 0 && (y->year - (y->leap - 1)) % 4 != 0)
            y->year++;
        if (y->year >= 0)
            y->leap = y->year + 1;
    }
    y->date = (int16_t)date;
}

bool yearless_feed(struct yearless *y, const char *line, size_t n)
{
    struct date d;

    if (n > 0 && line[0] == '<') {
        const char *end = memchr(line, '>', n < 5 ? n : 5);

        if (!end)
            return false;
        n -= (size_t)(end + 1 - line);
        line = end + 1;
    }
    if (n < sizeof(y->last) || (line[0] >= '0' && line[0] <= '9'))
        return false;
    /* Most lines are of the day of the one before. */
    if (y->date != 0 && memcmp(line, y->last, 6) == 0) {
        if (memcmp(line + 6, y->last + 6, 9) == 0)
            return true;
        if (!read_date(line, &d))
            return false;
        if (y->second - d.second > NEAR && y->second - d.second <= 3600 && !y->folded)
            note_fold(y);
    } else {
        if (!read_date(line, &d))
            return false;
        move_to(y, &d);
    }
    y->second = d.second;
    memcpy(y->last, line, sizeof(y->last));
    return true;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool yearless_first(const struct yearless *y, const struct zone *zone, int64_t reference,
                    int32_t *ret)
{
    const int64_t day = SEC_PER_DAY * USEC_PER_SEC;
    int32_t year = moment_year(reference) + 1;

    if (y->date == 0)
        return false;
    for (int tries = 0; tries < 12; tries++, year--) {
        struct moment_cache cache = {.zone = zone, .year = year};
        struct stamp stamp;

        if (y->leap > 0 && !is_leap((int64_t)year - y->year + y->leap - 1))
            continue;
        if (moment_parse_rfc3164_cached(&cache, y->last, sizeof(y->last), reference,
                                        false, &stamp) &&
            stamp.usec - day <= reference) {
            *ret = year - y->year;
            return true;
        }
    }
    return false;
}

unsigned yearless_fold(const struct yearless *y, const struct yearless *first)
{
    for (unsigned i = 0; i < first->n_folds; i++)
        if (first->folds[i].year == y->year && first->folds[i].date == y->date)
            return y->folded ? 2 : 1;
    return 0;
}
