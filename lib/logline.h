/* One line of a log, cut into its syslog parts without copying. */
#ifndef LOGLINE_H
#define LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moment.h"
#include "text.h"

/* Positive outcomes of logline_parse(). */
enum {
    LOGLINE_E_EMPTY = 1, /* nothing on the line */
    LOGLINE_E_GARBAGE,   /* NUL or other control bytes inside, or no syslog header */
    LOGLINE_E_TIME,      /* a header whose date does not exist */
};

/* All slices point into the line that was parsed. */
struct logline {
    struct slice line; /* the whole line without its line end */
    struct stamp time;
    struct slice host;
    struct slice program; /* exact: "sshd", "sshd-session" */
    int64_t pid;          /* -1 where the tag has none */
    struct slice message; /* after "tag[pid]: " */
};

/* Reads one line (without LF; one CR at the end is cut) in the traditional format
 * (RFC 3164 as syslogd writes it to files), in RFC 3339 form ("TIME HOST TAG: MSG", the
 * Debian 12 default) or in RFC 5424 form. reference and live are those of
 * moment_parse_rfc3164(). A host followed by something that is no tag is garbage: a local
 * user's forged time stamps end up there (rsyslog imuxsock). Returns 0 or LOGLINE_E_…;
 * *ret is untouched then. */
int logline_parse(const char *line, size_t n, int64_t reference, int live,
                  struct logline *ret);

/* Why logline_split() takes a line for garbage, a clause without a full stop (static), and
 * where in the line it shows; NULL when it does not. */
const char *logline_garbage(const char *line, size_t n, size_t *ret_at);

/* The same in two steps, for a reader that needs the time of few of its lines: the first
 * cuts, puts the text of the time to *ret_time and leaves ret->time at STAMP_NONE. */
int logline_split(const char *line, size_t n, struct logline *ret,
                  struct slice *ret_time);
/* Reads what logline_split() put to *ret_time. False when that date does not exist. */
bool logline_time(struct slice time, struct moment_cache *cache, int64_t reference,
                  bool live, struct stamp *ret);

#endif
