/* From lines to attempts: one refused credential is one attempt, whatever number of lines
 * tells of it, and `message repeated N times` is N more. */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "logline.h"
#include "moment.h"
#include "text.h"

enum attempt_outcome {
    ATTEMPT_FAILURE,
    ATTEMPT_SUCCESS,
};

/* What the kernel said of the clock when the line arrived (adjtimex(2)). */
enum clock_state {
    CLOCK_UNKNOWN = 0, /* backlog: the line was written before we looked */
    CLOCK_SYNCED,
    CLOCK_UNSYNCED,
};

struct attempt {
    struct stamp time;
    struct addr source;
    uint16_t port;       /* of the source; 0 where the line has none */
    struct slice user;   /* p is NULL where the line has none; foreign bytes */
    bool unknown_user;   /* the line says that there is no such user here */
    const char *service; /* static: "sshd" */
    enum attempt_outcome outcome;
    uint64_t count;    /* how many attempts this is: N of a repeat line, else 1 */
    struct slice line; /* the original line */
};

/* What the reader has seen so far, for `status` and `scan`. */
struct attempts_counters {
    uint64_t lines;
    uint64_t garbage;   /* no syslog line, control bytes */
    uint64_t truncated; /* sshd's cut at 500 bytes: rejected */
    uint64_t ambiguous; /* the text allows two readings: rejected */
    uint64_t ignored;   /* a syslog line that no rule knows */
};

struct attempts;

/* Returns 0 or -ENOMEM. attempts_free() takes NULL and returns NULL. */
int attempts_new(struct attempts **ret);
struct attempts *attempts_free(struct attempts *a);

/* Adds rules beside those that are built in; they are borrowed and have been judged by
 * rule_compile(). 0, -ENOMEM, or -EINVAL when one is wrong all the same. */
struct rule_service;
int attempts_add_rules(struct attempts *a, const struct rule_service *services, size_t n);

/* Reads one line of a file, n bytes without LF. reference (µs) and live are those of
 * moment_parse_rfc3164(). Returns 1 and fills *ret (whose slices point into line) when
 * the line is an attempt, 0 when it is not, -ENOMEM. */
int attempts_line(struct attempts *a, const char *line, size_t n, int64_t reference,
                  bool live, struct attempt *ret);

/* The same for a line that is parsed already, such as a journal entry. */
int attempts_parsed(struct attempts *a, const struct logline *line, struct attempt *ret);

const struct attempts_counters *attempts_counters(const struct attempts *a);

#endif
