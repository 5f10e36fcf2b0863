/* What the parts of the tail share: tail.c has the turns and the public face, tail-file.c
 * one open file, tail-search.c the choice among the generations of the log. */
#ifndef TAIL_INTERNAL_H
#define TAIL_INTERNAL_H

#include "logfile.h"
#include "tail.h"

#define TAIL_OLD_MAX   4 /* rotated files kept open */
#define TAIL_FILES     (TAIL_OLD_MAX + 1)
#define TAIL_READ_SIZE 65536

/* Outcomes of tail_file_read() beside 0, the end of the file. */
enum {
    TAIL_E_MORE = 1, /* bytes were read */
    TAIL_E_CUT,      /* the file no longer holds what was read: truncated or rewritten */
    TAIL_E_REFUSED,  /* a line was refused */
};

struct tail_file {
    struct tail *owner;
    int fd, wd;
    struct logfile_id id;
    uint64_t size;    /* when last asked */
    int64_t modified; /* mtime, wall clock (ns), likewise */
    struct lines *lines;
    uint64_t backlog;         /* lines that end up to here were there before */
    int64_t grew, superseded; /* monotonic clock (µs) */
    int64_t seen;             /* wall clock (ns) when the log's name last led here */
};

struct tail {
    char *path;
    struct tail_ops ops;
    void *userdata;
    int64_t period, keep;
    struct tail_watch *watch;
    struct watch *timer;

    struct tail_file *files[TAIL_FILES]; /* oldest first; the last is the live one */
    size_t n;
    struct logfile_place places[TAIL_FILES]; /* remembered, not found yet */
    size_t places_n;

    /* The first file, when it was there at the start and is to be read from its end. */
    bool from_end;
    struct logfile_id first; /* ino 0: any */
    uint64_t first_size;

    bool starting; /* behind, or unable to see: what is found now is backlog */
    bool present, paused, changed;
    int said, said_reading; /* errno of the path, and of a read, that was logged */
    bool said_rotated;      /* that a rotated file may not be read */
    int64_t caught_up;
    struct tail_counters counters;
    char buf[TAIL_READ_SIZE];
};

int64_t tail_clock_monotonic(void); /* µs */
int64_t tail_clock_wall(void);      /* ns */

/* tail-file.c */

/* Identity, size and mtime of what path leads to. */
int tail_file_stat(int dirfd, const char *path, struct logfile_id *ret_id,
                   uint64_t *ret_size, int64_t *ret_modified);
/* Opens a regular file, with no place in it yet. -EINVAL when it is something else. */
int tail_file_open(const char *path, lines_fn fn, struct tail *owner,
                   struct tail_file **ret);
struct tail_file *tail_file_free(struct tail_file *f);
enum logfile_match tail_file_match(const struct tail_file *f,
                                   const struct logfile_place *place);
/* Sets the place where reading begins. 0, or TAIL_E_CUT when the file is shorter. */
int tail_file_begin(struct tail_file *f, uint64_t offset);
/* The same, after the last LF of the first limit bytes. */
int tail_file_begin_at_end(struct tail_file *f, uint64_t limit);
/* Reads at most n bytes into buf and gives the lines. 0, TAIL_E_… or a negative errno. */
int tail_file_read(struct tail_file *f, char *buf, size_t n, size_t *ret_n);
void tail_file_place(const struct tail_file *f, struct logfile_place *ret);

/* tail-search.c: each adds to t->files what is to be read next; a negative errno when the
 * path cannot be opened now. */

/* Goes on at t->places. -ENOENT: nothing is there to go on with, the places stay. */
int tail_search_places(struct tail *t);
/* The path leads to another file than the live one. */
int tail_search_successor(struct tail *t);
/* t->files[i] has been cut: its rest may stand in a copy, which then comes before it. */
void tail_search_copy(struct tail *t, size_t i);

/* tail.c */
int tail_on_line(void *userdata, const char *line, size_t n, uint64_t end);
void tail_add(struct tail *t, struct tail_file *f, size_t at);
/* Closes the oldest file if there is no room for another; false while it is unread. */
bool tail_make_room(struct tail *t);

#endif
