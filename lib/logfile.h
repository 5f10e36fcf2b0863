/* Following one log file through its rotations: the decisions, without the file. The
 * caller opens, stats and reads; this says where to read next, which lines are complete,
 * when a file has been replaced or cut, and what to remember (identity and offset of the
 * last complete line) so that a restart goes on exactly there. */
#ifndef LOGFILE_H
#define LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGFILE_LINE_MAX \
    8192                  /* longer lines are cut off and counted: rsyslog writes 8096 */
#define LOGFILE_HEAD 1024 /* bytes of the beginning that identify a file */
#define LOGFILE_TAIL 256  /* bytes before the offset that identify a position */

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
    int64_t seen;    /* wall clock (ns) when the log's name last led to this file: what
                      * was born later has not been read. 0: not known */
};

uint64_t logfile_hash(const void *bytes, size_t n);

/* Places as one line of JSON for the store, oldest file first (the caller frees the
 * text), and back: at most max places, -EBADMSG for anything else. */
int logfile_places_json(const struct logfile_place *places, size_t n, char **ret);
int logfile_places_from_json(const char *text, struct logfile_place *places, size_t max,
                             size_t *ret_n);

/* Whether two identities are one file. The birth time, where both have one, decides with
 * the inode number; the device number, which may change at a reboot, only without it. */
bool logfile_id_equal(const struct logfile_id *a, const struct logfile_id *b);

/* Whether a file with this id, size, first bytes (head, as many as place.head_n) and the
 * place.tail_n bytes before place.offset is the one remembered. NULL head or tail: could
 * not be read. */
enum logfile_match {
    LOGFILE_SAME,      /* go on at place.offset */
    LOGFILE_TRUNCATED, /* same file, but cut or rewritten: begin at 0 */
    LOGFILE_COPY,      /* another file that begins with all that was read: copytruncate's
                        * copy, or a restored file. The fewer bytes were hashed, the
                        * less this proves. */
    LOGFILE_OTHER,     /* another file */
};
enum logfile_match logfile_match(const struct logfile_place *place,
                                 const struct logfile_id *id, uint64_t size,
                                 const void *head, const void *tail);

/* Whether name is what logrotate's dateext makes of base: base-YYYYMMDD or a longer form,
 * not compressed. Such names sort by age. */
bool logfile_is_dated(const char *base, const char *name);

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
/* Starts at a file offset, forgetting any partial line. Without head and tail (the bytes
 * at the file's beginning and before offset, as many as there are up to LOGFILE_HEAD and
 * LOGFILE_TAIL) lines_place() cannot tell the place. */
void lines_start(struct lines *l, uint64_t offset);
void lines_resume(struct lines *l, uint64_t offset, const void *head, const void *tail);
/* The next n bytes. Returns 0 or fn's result; lines_offset() then stands before the line
 * that fn refused, the rest of the bytes is forgotten, and feeding the file's bytes from
 * lines_offset() on gives the same lines, the refused one first. */
int lines_feed(struct lines *l, const char *bytes, size_t n);
/* After the last complete line. */
uint64_t lines_offset(const struct lines *l);
/* Bytes read since then: an incomplete line, of which at most LOGFILE_LINE_MAX are held.
 */
uint64_t lines_pending(const struct lines *l);
/* Offset and hashes (not the id) of what has been given, for the store, or of all that
 * has been read, to see whether the file still holds it. */
enum lines_extent { LINES_GIVEN, LINES_READ };
void lines_place(const struct lines *l, enum lines_extent extent,
                 struct logfile_place *ret);
/* Gives an unterminated last line of a file that is final. 0 or fn's result. */
int lines_flush(struct lines *l);
const struct lines_counters *lines_counters(const struct lines *l);

#endif
