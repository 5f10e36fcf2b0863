#include "years.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define BUFFER (256 << 10)
#define DATE   24 /* bytes that a date needs, with a priority before it */

/* Feeds the beginnings of all lines. keep: whether the last line of the one before ended
 * with LF, so that this buffer begins a line. A line cut by the buffer's end is fed when
 * enough of it is there; *ret_rest says how many bytes are to be given again. */
static void feed(struct yearless *y, const char *p, size_t n, bool *inside,
                 size_t *ret_rest)
{
    const char *end = p + n, *lf;

    *ret_rest = 0;
    while (p < end) {
        if (!*inside) {
            if ((size_t)(end - p) < DATE && !memchr(p, '\n', (size_t)(end - p))) {
                *ret_rest = (size_t)(end - p);
                return;
            }
            yearless_feed(y, p, (size_t)(end - p) < DATE ? (size_t)(end - p) : DATE);
        }
        lf = memchr(p, '\n', (size_t)(end - p));
        *inside = !lf;
        p = lf ? lf + 1 : end;
    }
}

int years_count(int fd, const struct zone *zone, int64_t reference, struct years *ret)
{
    _cleanup_(cleanup_free) char *buffer = malloc(BUFFER);
    off_t at = lseek(fd, 0, SEEK_CUR);
    struct years y = {0};
    bool inside = false;
    size_t rest = 0;
    struct stat st;

    if (!buffer)
        return -ENOMEM;
    if (at < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    for (;;) {
        ssize_t n = pread(fd, buffer + rest, BUFFER - rest, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        at += n;
        n += (ssize_t)rest;
        feed(&y.whole, buffer, (size_t)n, &inside, &rest);
        memmove(buffer, buffer + n - rest, rest);
    }
    y.known = yearless_first(&y.whole, zone, reference, &y.first);
    *ret = y;
    return 0;
}

void years_line(struct years *y, const char *line, size_t n, struct moment_cache *clock)
{
    int32_t year;

    if (!y->known || !yearless_feed(&y->walk, line, n))
        return;
    year = y->first + y->walk.year;
    if (year != clock->year) {
        clock->year = year;
        clock->hour[0] = '\0';
    }
    clock->fold = y->whole.n_folds > 0 ? (uint8_t)yearless_fold(&y->walk, &y->whole) : 0;
}

void years_end(struct years *y, struct moment_cache *clock)
{
    if (!y->known)
        return;
    y->known = false;
    clock->year = 0;
    clock->fold = 0;
    clock->hour[0] = '\0';
}
