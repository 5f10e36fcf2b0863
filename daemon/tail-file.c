/* One open generation of a log. Each piece is checked after it was read and before its
 * lines are given: if the bytes before the place are still those that were read, then no
 * truncation came in between, for a cut file never gets them back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "tail-internal.h"

DEFINE_CLEANUP(struct tail_file *, tail_file_free)

static int64_t nanoseconds(const struct statx_timestamp *ts)
{
    if (ts->tv_sec < 0 || ts->tv_sec > INT64_MAX / 1000000000 - 1)
        return 0;
    return ts->tv_sec * 1000000000 + ts->tv_nsec;
}

int tail_file_stat(int dirfd, const char *path, struct logfile_id *ret_id,
                   uint64_t *ret_size, int64_t *ret_modified)
{
    struct statx sx;

    if (statx(dirfd, path, *path ? 0 : AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
              &sx) < 0)
        return -errno;
    if (!S_ISREG(sx.stx_mode))
        return -EINVAL;
    *ret_id = (struct logfile_id){
        .dev = makedev(sx.stx_dev_major, sx.stx_dev_minor),
        .ino = sx.stx_ino,
        .born = sx.stx_mask & STATX_BTIME ? nanoseconds(&sx.stx_btime) : 0,
    };
    *ret_size = sx.stx_size;
    *ret_modified = nanoseconds(&sx.stx_mtime);
    return 0;
}

int tail_file_open(const char *path, lines_fn fn, struct tail *owner,
                   struct tail_file **ret)
{
    struct tail_file *f _cleanup_(tail_file_freep) = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    f->owner = owner;
    f->wd = -1;
    /* O_NONBLOCK: a FIFO in its place must not hold the daemon */
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (f->fd < 0)
        return -errno;
    r = tail_file_stat(f->fd, "", &f->id, &f->size, &f->modified);
    if (r < 0)
        return r;
    r = lines_new(fn, f, &f->lines);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(f);
    return 0;
}

struct tail_file *tail_file_free(struct tail_file *f)
{
    if (!f)
        return NULL;
    if (f->fd >= 0)
        close(f->fd);
    lines_free(f->lines);
    free(f);
    return NULL;
}

/* Exactly n bytes; false when they are not there. */
static bool read_exactly(int fd, char *buf, size_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t k = pread(fd, buf, n, (off_t)offset);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        buf += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return true;
}

enum logfile_match tail_file_match(const struct tail_file *f,
                                   const struct logfile_place *place)
{
    char head[LOGFILE_HEAD], tail[LOGFILE_TAIL];
    bool has_head = read_exactly(f->fd, head, place->head_n, 0);
    bool has_tail =
        read_exactly(f->fd, tail, place->tail_n, place->offset - place->tail_n);
    struct logfile_id id;
    uint64_t size;
    int64_t modified;

    /* Asked afterwards: a file cut since then is shorter than the place, or other bytes
     * have been read above. */
    if (tail_file_stat(f->fd, "", &id, &size, &modified) < 0)
        return LOGFILE_OTHER;
    return logfile_match(place, &f->id, size, has_head ? head : NULL,
                         has_tail ? tail : NULL);
}

int tail_file_begin(struct tail_file *f, uint64_t offset)
{
    char head[LOGFILE_HEAD], tail[LOGFILE_TAIL];
    size_t head_n = offset < LOGFILE_HEAD ? (size_t)offset : LOGFILE_HEAD;
    size_t tail_n = offset < LOGFILE_TAIL ? (size_t)offset : LOGFILE_TAIL;

    if (!read_exactly(f->fd, head, head_n, 0) ||
        !read_exactly(f->fd, tail, tail_n, offset - tail_n))
        return TAIL_E_CUT;
    lines_resume(f->lines, offset, head, tail);
    return 0;
}

/* Without an LF near the end the place is inside a line that is too long already, and
 * what is left to read of it is too long as well: it will be discarded up to its LF. */
int tail_file_begin_at_end(struct tail_file *f, uint64_t limit)
{
    char buf[LOGFILE_LINE_MAX + 1];
    uint64_t end = limit < f->size ? limit : f->size;
    size_t n = end < sizeof(buf) ? (size_t)end : sizeof(buf);
    const char *lf;

    if (!read_exactly(f->fd, buf, n, end - n))
        return TAIL_E_CUT;
    lf = memrchr(buf, '\n', n);
    return tail_file_begin(f, end - n + (lf ? (uint64_t)(lf - buf) + 1 : 0));
}

static bool is_intact(struct tail_file *f)
{
    struct logfile_place place = {.id = f->id};

    lines_place(f->lines, LINES_READ, &place);
    return tail_file_match(f, &place) == LOGFILE_SAME;
}

int tail_file_read(struct tail_file *f, char *buf, size_t n, size_t *ret_n)
{
    uint64_t offset = lines_offset(f->lines) + lines_pending(f->lines);
    ssize_t k;

    do
        k = pread(f->fd, buf, n, (off_t)offset);
    while (k < 0 && errno == EINTR);
    if (k < 0)
        return -errno;
    if (!is_intact(f))
        return TAIL_E_CUT;
    *ret_n = (size_t)k;
    if (k == 0)
        return 0;
    return lines_feed(f->lines, buf, (size_t)k) == 0 ? TAIL_E_MORE : TAIL_E_REFUSED;
}

void tail_file_place(const struct tail_file *f, struct logfile_place *ret)
{
    *ret = (struct logfile_place){.id = f->id, .seen = f->seen};
    lines_place(f->lines, LINES_GIVEN, ret);
}
