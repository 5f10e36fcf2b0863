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

/* What was attempted. */
enum attempt_kind {
    ATTEMPT_REFUSED = 0, /* a password was refused; for a success: accepted */
    ATTEMPT_PROBE,   /* no password was: an unknown name was given, or a key refused */
    ATTEMPT_BLOCKED, /* connections dropped as a penalty: no attempts, a figure beside */
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
    const char *service; /* "sshd"; good for as long as the line */
    enum attempt_outcome outcome;
    enum attempt_kind kind;
    uint64_t count;    /* how many attempts this is: N of a repeat line, else 1 */
    struct slice line; /* the original line */
    uint64_t mark;     /* what attempts_mark() said when that line was read */
};

/* What the reader has seen so far, for `status` and `scan`. */
struct attempts_counters {
    uint64_t lines;
    uint64_t garbage;   /* no syslog line, control bytes */
    uint64_t truncated; /* sshd's cut at 500 bytes: rejected */
    uint64_t ambiguous; /* the text allows two readings: rejected */
    uint64_t ignored;   /* a syslog line that is no attempt by itself */
    uint64_t future;    /* stamped after attempts_limit(): rejected */
    uint64_t sessions;  /* in the table now */
    uint64_t evicted;   /* sessions ended for room before their time */
};

struct attempts_params {
    bool publickey;       /* a refused key is an attempt */
    uint8_t hash_key[16]; /* random; an attacker shall not choose collisions */
};

struct attempts;

/* Returns 0 or -ENOMEM. params NULL: all zero. attempts_free() takes NULL and returns
 * NULL. */
int attempts_new(const struct attempts_params *params, struct attempts **ret);
struct attempts *attempts_free(struct attempts *a);

/* Adds rules beside those that are built in; they are borrowed and have been judged by
 * rule_compile(). 0, -ENOMEM, or -EINVAL when one is wrong all the same. */
struct rule_service;
int attempts_add_rules(struct attempts *a, const struct rule_service *services, size_t n);

/* Reads one line of a file, n bytes without LF. reference (µs) and live are those of
 * moment_parse_rfc3164(). Returns 1 and fills *ret (whose slices point into line) when
 * the line is an attempt by itself, 0 when it is not, -ENOMEM. It may have ended
 * sessions: attempts_expire() is to be called next, before *ret is used. */
int attempts_line(struct attempts *a, const char *line, size_t n, int64_t reference,
                  bool live, struct attempt *ret);

/* The same for a line that is parsed already, such as a journal entry. */
int attempts_parsed(struct attempts *a, const struct logline *line, struct attempt *ret);

/* What attempts_line() makes of a line, for people who ask why. It counts nothing and
 * changes nothing. */
enum attempts_fate {
    ATTEMPTS_GARBAGE,   /* no syslog line: why and at */
    ATTEMPTS_PROGRAM,   /* no rule is about the program */
    ATTEMPTS_NONE,      /* no template of the program fits */
    ATTEMPTS_REPEAT,    /* "message repeated" that is cut, or counts what cannot be */
    ATTEMPTS_TRUNCATED, /* as attempts_counters */
    ATTEMPTS_AMBIGUOUS,
    ATTEMPTS_RULE, /* a rule fits: the rest is filled */
};
struct attempts_explanation {
    enum attempts_fate fate;
    const char *why; /* ATTEMPTS_GARBAGE: a clause without a full stop */
    size_t at;       /* the byte of the line where that shows, from 0 */
    struct slice program, message; /* where there is a header; p is NULL else */
    const char *template, *service;
    const char *meaning; /* in words */
    uint64_t repeats;    /* N of "message repeated N times", else 1 */
    struct slice source, port, user; /* inside the line; p is NULL where there is none */
};
void attempts_explain(const struct attempts *a, const char *line, size_t n,
                      int64_t reference, struct attempts_explanation *ret);

/* What is known of the log's clock beside its lines; zone and year may be set. */
struct moment_cache *attempts_clock(struct attempts *a);
/* Lines that are stamped later than this moment (µs) are wrong, and would make all that
 * come after them look late: they count for nothing. At first there is no such moment. */
void attempts_limit(struct attempts *a, int64_t latest);
/* The time of the line that was read last if a rule knows it; else MOMENT_NONE. */
int64_t attempts_time(const struct attempts *a);

/* A number of the caller's that the attempts of the lines to come shall carry. */
void attempts_mark(struct attempts *a, uint64_t mark);

/* Some attempts are known only when their session is over: a name that does not exist
 * counts when no refused password followed. fn gets these, with a copy of the line that
 * tells of them; each once, also when fn fails. Returns 0 or fn's first other result, and
 * can then be called again. It must not call back into the attempts. */
typedef int (*attempts_fn)(void *userdata, const struct attempt *attempt);

/* Gives what the lines read so far have ended, and what had no line for ten minutes at
 * the moment now (µs; MOMENT_NONE: none of these). Pass a moment only when all that was
 * written before it has been read. */
int attempts_expire(struct attempts *a, int64_t now, attempts_fn fn, void *userdata);
/* Gives all that is left: the end of a finished log. Should it go on all the same,
 * nothing counts twice. */
int attempts_finish(struct attempts *a, attempts_fn fn, void *userdata);
/* When attempts_expire() may have something to do, and the earliest attempt that it has
 * not given yet (µs); MOMENT_NONE when there is none. */
int64_t attempts_next(const struct attempts *a);
int64_t attempts_held(const struct attempts *a);
/* The smallest mark among the attempts not given yet, or UINT64_MAX. */
uint64_t attempts_held_mark(const struct attempts *a);

/* Durability: the open sessions as text, which belongs into the same transaction as the
 * place in the log. attempts_changed() says whether they changed since attempts_saved().
 * The caller frees the text. attempts_restore() is for a new object; -EBADMSG, and
 * nothing has changed, when the text is not what attempts_save() wrote. */
bool attempts_changed(const struct attempts *a);
int attempts_save(const struct attempts *a, char **ret);
void attempts_saved(struct attempts *a);
int attempts_restore(struct attempts *a, const char *text);

const struct attempts_counters *attempts_counters(struct attempts *a);

#endif
