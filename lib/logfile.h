/* Following one log file through its rotations: the decisions, without the file. The
 * caller opens, stats and reads; this says where to read next, which lines are complete,
 * when a file has been replaced or cut, and what to remember (identity and offset of the
 * last complete line) so that a restart goes on exactly there. */
#ifndef LOGFILE_H
#define LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGFILE_LINE_MAX 8192 /* longer lines are cut off and counted: rsyslog writes 8096 */
#define LOGFILE_HEAD     1024 /* bytes of the beginning that identify a file */
#define LOGFILE_TAIL     256  /* bytes before the offset that identify a position */

/* Identity of a file. Inode numbers are reused at once on ext4, so birth time and the
 * beginning's hash count as well (facts: 11 of 12 rotations reuse one). */
struct logfile_id {
    uint64_t dev, ino;
    int64_t born; /* stx_btime in ns, 0 where the file system has none */
};

/* A remembered place: enough to tell whether a file is that file, still holding what was
 * read. hash_* are 64-bit FNV-1a. */
struct logfile_place {
    struct logfile_id id;
    uint64_t offset; /* after the last complete line */
    uint64_t head_hash;
    uint32_t head_n; /* bytes hashed, at most LOGFILE_HEAD */
    uint64_t tail_hash;
    uint32_t tail_n; /* bytes before offset that were hashed */
};

uint64_t logfile_hash(const void *bytes, size_t n);

/* One line of JSON for the store, and back (-EBADMSG). The caller frees the text. */
int logfile_place_json(const struct logfile_place *place, char **ret);
int logfile_place_from_json(const char *text, struct logfile_place *ret);

/* Whether a file with this id, size, first bytes (head, as many as place.head_n) and the
 * place.tail_n bytes before place.offset is the one remembered. NULL head or tail: could
 * not be read. */
enum logfile_match {
    LOGFILE_SAME,      /* go on at place.offset */
    LOGFILE_TRUNCATED, /* same inode, but cut or rewritten: begin at 0 */
    LOGFILE_OTHER,     /* another file */
};
enum logfile_match logfile_match(const struct logfile_place *place,
                                 const struct logfile_id *id, uint64_t size,
                                 const void *head, const void *tail);

/* Cutting bytes into lines. A line is given without its LF; leading NULs (the hole that
 * copytruncate leaves) are skipped; of a line over LOGFILE_LINE_MAX nothing is given. */
struct lines;
struct lines_counters {
    uint64_t overlong, nul_bytes;
};
/* end is the offset just after the line's LF. A non-zero result stops and is returned. */
typedef int (*lines_fn)(void *userdata, const char *line, size_t n, uint64_t end);
int lines_new(lines_fn fn, void *userdata, struct lines **ret);
struct lines *lines_free(struct lines *l);
/* Starts at a file offset, forgetting any partial line. */
void lines_start(struct lines *l, uint64_t offset);
/* The next n bytes. Returns 0 or fn's result; lines_offset() then stands after the line
 * at which it stopped, the rest of the bytes is forgotten, and reading again from
 * lines_offset() after lines_start() gives the same lines. */
int lines_feed(struct lines *l, const char *bytes, size_t n);
/* After the last complete line. */
uint64_t lines_offset(const struct lines *l);
/* Bytes of the incomplete line held back. */
size_t lines_pending(const struct lines *l);
/* Gives an unterminated last line of a file that is final. */
int lines_flush(struct lines *l);
const struct lines_counters *lines_counters(const struct lines *l);

#endif
