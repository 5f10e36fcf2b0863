/* Following a text log: inotify wakes, lib/logfile decides, pread reads. */
#ifndef TAIL_H
#define TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct tail;

struct tail_ops {
    /* One complete line without LF. backlog: it was there before we could have seen it
     * arrive (start, or after a pause). Non-zero pauses the tail before this line. The
     * tail must not be freed from here. */
    int (*line)(void *userdata, const char *line, size_t n, bool backlog);
    /* Everything that is there has been read; called at each such moment. */
    void (*caught_up)(void *userdata);
};

struct tail_params {
    const char *path;    /* copied; may not exist yet */
    bool from_beginning; /* without a cursor: from 0, else from the end */
    const char *cursor;  /* what tail_cursor() gave, or NULL */
    int64_t period;      /* µs between looks without an event; 0: 5 s */
    int64_t keep; /* µs that a rotated file is kept open after its last growth once
                   * it has a successor; 0: 60 s */
};

/* Starts following; nothing is given before the loop runs. An absent file is watched for
 * and said once (log), no failure, and is read from its first byte when it appears. From
 * the end means: after the last LF that is there now, so that a line which is half
 * written is given when it is complete. A cursor that cannot be read counts as a gap and
 * as none. 0 or a negative errno. */
int tail_new(struct loop *loop, const struct tail_params *params,
             const struct tail_ops *ops, void *userdata, struct tail **ret);
struct tail *tail_free(struct tail *t); /* takes NULL, returns NULL */

/* The place after the last line that was given (and accepted), as text for the store; the
 * caller frees it. -ENODATA while no file has been seen. Covers an old file that is still
 * being drained after a rotation. */
int tail_cursor(struct tail *t, char **ret);
bool tail_changed(const struct tail *t); /* since the last tail_saved() */
void tail_saved(struct tail *t);

/* Stops giving lines until tail_resume(), which reads on from the same place. Both may be
 * called from ops: after tail_pause() in line() that line counts as given. A resume
 * without a pause looks at the file in the next turn of the loop. */
void tail_pause(struct tail *t);
void tail_resume(struct tail *t);

/* The wall clock (µs) at the start of the last read that ended at the end of the file (or
 * found no file that it may read): all lines written before it have been given.
 * MOMENT_NONE while behind or paused. */
int64_t tail_caught_up(const struct tail *t);

struct tail_counters {
    uint64_t lines, overlong, nul_bytes, rotations, truncations;
    uint64_t
        gaps; /* times when lines may have been lost; each is logged with the reason */
};
void tail_counters(const struct tail *t, struct tail_counters *ret);
/* The errno that keeps the file from being opened or read; 0 also where it is absent. */
int tail_trouble(const struct tail *t);
bool tail_present(const struct tail *t); /* the file exists and is open */

#endif
