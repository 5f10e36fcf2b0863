/* inotify only wakes: whatever the event, and at each period, after an overflow and at
 * the start, the same look is taken. First all open files are read to their end, oldest
 * first, then the path is asked where it leads, then, if that is another file, all are
 * read again: the writer may have appended to the old one in between. A rotated file
 * stays open for as long as its writer may not have noticed (rsyslog writes on until
 * logrotate's postrotate sends HUP). One turn of the loop reads at most TURN_MAX bytes,
 * so that the control socket and the timers are served during a long backlog. */
#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "log.h"
#include "loop.h"
#include "moment.h"
#include "tail-internal.h"
#include "tail-watch.h"

#define TURN_MAX     (256u * 1024)
#define PERIOD       (5 * USEC_PER_SEC)
#define POLL         (1 * USEC_PER_SEC)
#define KEEP         (60 * USEC_PER_SEC)
#define KEEP_AT_MOST (24 * 3600 * USEC_PER_SEC)

DEFINE_CLEANUP(struct tail *, tail_free)

static int64_t clock_nanoseconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t tail_clock_monotonic(void)
{
    return clock_nanoseconds(CLOCK_MONOTONIC) / 1000;
}

int64_t tail_clock_wall(void)
{
    return clock_nanoseconds(CLOCK_REALTIME);
}

int tail_on_line(void *userdata, const char *line, size_t n, uint64_t end)
{
    struct tail_file *f = userdata;
    struct tail *t = f->owner;

    if (t->paused)
        return 1;
    if (t->ops.line(t->userdata, line, n, end <= f->backlog) != 0) {
        t->paused = true;
        return 1;
    }
    t->counters.lines++;
    return 0;
}

/* Files */

void tail_add(struct tail *t, struct tail_file *f, size_t at)
{
    int64_t now = tail_clock_monotonic();
    int64_t idle = (tail_clock_wall() - f->modified) / 1000;

    /* How long a file found rotated has been idle only its mtime can tell. */
    f->grew = idle > 0 ? now - idle : now;
    f->superseded = at < t->n ? now : 0;
    if (at == t->n && at > 0)
        t->files[at - 1]->superseded = now;
    f->wd = tail_watch_file(t->watch, f->fd);
    memmove(&t->files[at + 1], &t->files[at], (t->n - at) * sizeof(t->files[0]));
    t->files[at] = f;
    t->n++;
    t->changed = true;
}

static void add_counters(const struct tail_file *f, struct tail_counters *sum)
{
    const struct lines_counters *c = lines_counters(f->lines);

    sum->overlong += c->overlong;
    sum->nul_bytes += c->nul_bytes;
}

static void remove_file(struct tail *t, size_t i)
{
    struct tail_file *f = t->files[i];

    add_counters(f, &t->counters);
    tail_watch_drop(t->watch, f->wd);
    tail_file_free(f);
    memmove(&t->files[i], &t->files[i + 1], (t->n - i - 1) * sizeof(t->files[0]));
    t->n--;
    t->changed = true;
}

/* A rotated file that has been read to its end is left. Its last line, if no LF ends it,
 * is given as it is. False when that was refused. */
static bool leave_file(struct tail *t, size_t i)
{
    struct tail_file *f = t->files[i];

    if (t->paused || lines_flush(f->lines) != 0)
        return false;
    if (tail_clock_monotonic() - f->grew < t->keep) {
        t->counters.gaps++;
        log_warning(
            "gap: a rotated file of %s (inode %llu) is left at byte %llu while it "
            "may still be written to",
            t->path, (unsigned long long)f->id.ino,
            (unsigned long long)lines_offset(f->lines));
    }
    remove_file(t, i);
    return true;
}

/* The oldest file has been read to its end when nothing pauses the tail: the search for
 * successors comes after that. */
bool tail_make_room(struct tail *t)
{
    return t->n < TAIL_FILES || leave_file(t, 0);
}

static void leave_idle_files(struct tail *t)
{
    int64_t now = tail_clock_monotonic();

    for (size_t i = 0; i + 1 < t->n;) {
        const struct tail_file *f = t->files[i];

        if (now - f->grew < t->keep && now - f->superseded < KEEP_AT_MOST)
            i++;
        else if (!leave_file(t, i))
            return;
    }
}

/* After a read error: all files are closed, their places kept and searched again. */
static void remember_files(struct tail *t)
{
    for (size_t i = 0; i < t->n; i++)
        tail_file_place(t->files[i], &t->places[i]);
    t->places_n = t->n;
    while (t->n > 0)
        remove_file(t, t->n - 1);
    t->starting = true;
}

/* Looking */

static void say(struct tail *t, int error)
{
    if (error == ENOTDIR)
        error = ENOENT;
    if (t->said == error)
        return;
    if (error == ENOENT)
        log_notice("%s is not there yet, waiting for it", t->path);
    else if (error == EINVAL)
        log_warning("%s is not a regular file, waiting for one", t->path);
    else if (error != 0)
        log_warning("%s cannot be read: %s; trying again", t->path, strerror(error));
    else
        log_info("%s is being read", t->path);
    t->said = error;
}

/* The first file without a remembered place. */
static int open_first(struct tail *t)
{
    struct tail_file *f;
    int r = tail_file_open(t->path, tail_on_line, t, &f);

    if (r < 0)
        return r;
    if (t->from_end && (t->first.ino == 0 || logfile_id_equal(&t->first, &f->id)))
        r = tail_file_begin_at_end(f, t->first_size);
    if (r != 0 || lines_offset(f->lines) == 0)
        (void)tail_file_begin(f, 0);
    if (t->starting)
        f->backlog = f->size;
    t->from_end = false;
    tail_add(t, f, 0);
    return 0;
}

static int open_files(struct tail *t, bool there)
{
    if (t->places_n > 0)
        return tail_search_places(t);
    return there ? open_first(t) : -ENOENT;
}

/* Where the path leads now. True when another file is to be read. */
static bool look(struct tail *t)
{
    struct tail_file *live = t->n > 0 ? t->files[t->n - 1] : NULL;
    struct logfile_id id;
    uint64_t size;
    int64_t modified;
    int r = tail_file_stat(AT_FDCWD, t->path, &id, &size, &modified);
    bool there = r == 0;

    if (r == 0 || r == -ENOENT || r == -ENOTDIR) {
        if (!live)
            r = open_files(t, there);
        else if (there && logfile_id_equal(&id, &live->id))
            live->seen = clock_nanoseconds(CLOCK_REALTIME_COARSE);
        else if (there)
            r = tail_search_successor(t);
        else
            r = 0;
    }
    t->present = there && r == 0;
    say(t, -r);
    return t->n > 0 && t->files[t->n - 1] != live;
}

static void begin_again(struct tail *t, size_t i)
{
    struct tail_file *f = t->files[i];

    t->counters.truncations++;
    log_notice(
        "%s has been cut or rewritten after byte %llu, reading it from its beginning",
        t->path, (unsigned long long)lines_offset(f->lines));
    tail_search_copy(t, i);
    lines_start(f->lines, 0);
    f->backlog = 0;
    t->changed = true;
}

/* Reads all files to their ends, oldest first. 0, TAIL_E_MORE when the turn is used up,
 * TAIL_E_REFUSED, or a negative errno. */
static int drain(struct tail *t, size_t *budget)
{
    for (size_t i = 0; i < t->n;) {
        struct tail_file *f = t->files[i];
        uint64_t before = lines_offset(f->lines);
        size_t n = 0;
        int r;

        if (*budget == 0)
            return TAIL_E_MORE;
        r = tail_file_read(f, t->buf, sizeof(t->buf), &n);
        *budget -= n < *budget ? n : *budget;
        if (n > 0)
            f->grew = tail_clock_monotonic();
        if (lines_offset(f->lines) != before)
            t->changed = true;
        if (r < 0 || r == TAIL_E_REFUSED)
            return r;
        if (r == TAIL_E_CUT) {
            begin_again(t, i);
            i = 0;
        } else if (r == 0) {
            i++;
        }
    }
    return 0;
}

static int read_all(struct tail *t)
{
    size_t budget = TURN_MAX;
    bool more;

    do {
        int r = t->paused ? 0 : drain(t, &budget);

        if (r != 0)
            return r;
        more = look(t); /* also while paused: a file that is open cannot be lost */
    } while (more && !t->paused);
    leave_idle_files(t);
    return t->paused ? TAIL_E_REFUSED : 0;
}

static void reconcile(struct tail *t)
{
    int64_t began = tail_clock_wall() / 1000;
    int r;

    tail_watch_refresh(t->watch);
    r = read_all(t);
    if (r < 0) {
        if (t->said_reading != -r)
            log_warning("%s: %s; it is closed and searched again", t->path, strerror(-r));
        t->said_reading = -r;
        remember_files(t);
    }
    if (r == TAIL_E_MORE)
        watch_arm(t->timer, 0);
    else
        watch_arm(t->timer,
                  tail_watch_polling(t->watch) && t->period > POLL ? POLL : t->period);
    t->caught_up = r == 0 ? began : MOMENT_NONE;
    if (r != 0)
        return;
    t->said_reading = 0;
    t->starting = t->places_n > 0 || (t->said != 0 && t->said != ENOENT);
    t->ops.caught_up(t->userdata);
}

static void on_timer(void *userdata, unsigned what)
{
    reconcile(userdata);
}

static void on_event(void *userdata)
{
    reconcile(userdata);
}

/* The public face */

static void read_cursor(struct tail *t, const char *cursor)
{
    int r;

    if (!cursor)
        return;
    r = logfile_places_from_json(cursor, t->places, TAIL_FILES, &t->places_n);
    if (r == 0)
        return;
    t->counters.gaps++;
    log_warning(
        "gap: the remembered place in %s cannot be read (%s), starting as for the "
        "first time",
        t->path, strerror(-r));
}

static void note_first(struct tail *t)
{
    int64_t modified;
    int r;

    t->first_size = UINT64_MAX;
    r = tail_file_stat(AT_FDCWD, t->path, &t->first, &t->first_size, &modified);
    t->from_end = r != -ENOENT && r != -ENOTDIR;
}

int tail_new(struct loop *loop, const struct tail_params *params,
             const struct tail_ops *ops, void *userdata, struct tail **ret)
{
    struct tail *t _cleanup_(tail_freep) = calloc(1, sizeof(*t));
    int r;

    if (!t)
        return -ENOMEM;
    t->ops = *ops;
    t->userdata = userdata;
    t->period = params->period > 0 ? params->period : PERIOD;
    t->keep = params->keep > 0 ? params->keep : KEEP;
    t->starting = true;
    t->caught_up = MOMENT_NONE;
    t->path = strdup(params->path);
    if (!t->path)
        return -ENOMEM;
    read_cursor(t, params->cursor);
    if (!params->from_beginning)
        note_first(t);
    r = tail_watch_new(loop, t->path, on_event, t, &t->watch);
    if (r < 0)
        return r;
    r = loop_timer(loop, on_timer, t, &t->timer);
    if (r < 0)
        return r;
    r = watch_arm(t->timer, 0);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

struct tail *tail_free(struct tail *t)
{
    if (!t)
        return NULL;
    watch_free(t->timer);
    tail_watch_free(t->watch);
    for (size_t i = 0; i < t->n; i++)
        tail_file_free(t->files[i]);
    free(t->path);
    free(t);
    return NULL;
}

int tail_cursor(struct tail *t, char **ret)
{
    struct logfile_place places[TAIL_FILES];

    if (t->places_n > 0)
        return logfile_places_json(t->places, t->places_n, ret);
    if (t->n == 0)
        return -ENODATA;
    for (size_t i = 0; i < t->n; i++)
        tail_file_place(t->files[i], &places[i]);
    return logfile_places_json(places, t->n, ret);
}

bool tail_changed(const struct tail *t)
{
    return t->changed;
}

void tail_saved(struct tail *t)
{
    t->changed = false;
}

void tail_pause(struct tail *t)
{
    t->paused = true;
    t->caught_up = MOMENT_NONE;
}

void tail_resume(struct tail *t)
{
    for (size_t i = 0; t->paused && i < t->n; i++) {
        struct tail_file *f = t->files[i];

        if (tail_file_stat(f->fd, "", &f->id, &f->size, &f->modified) == 0)
            f->backlog = f->size;
    }
    t->starting = t->starting || t->paused;
    t->paused = false;
    watch_arm(t->timer, 0);
}

int64_t tail_caught_up(const struct tail *t)
{
    return t->caught_up;
}

void tail_counters(const struct tail *t, struct tail_counters *ret)
{
    *ret = t->counters;
    for (size_t i = 0; i < t->n; i++)
        add_counters(t->files[i], ret);
}

bool tail_present(const struct tail *t)
{
    return t->present;
}

int tail_trouble(const struct tail *t)
{
    if (t->said_reading != 0)
        return t->said_reading;
    return t->said == ENOENT ? 0 : t->said;
}
