/* Following the systemd journal: only entries that root's processes wrote (_UID=0) under
 * the identifiers that are asked for, so that a local user's logger(1) cannot forge a
 * failure. Same shape as tail.h. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct logline;
struct journal;

struct journal_ops {
    /* One entry as a parsed line; line->line is the text made of it for the evidence
     * ("2026-11-22T21:36:13.123456+00:00 host sshd[1]: …"). Non-zero pauses before it. */
    int (*entry)(void *userdata, const struct logline *line, bool backlog);
    void (*caught_up)(void *userdata);
};

struct journal_params {
    const char *directory; /* or NULL: the system journal */
    bool from_beginning;   /* without a cursor: from the first entry, else from now on */
    const char *cursor;    /* what journal_cursor() gave, or NULL */
    /* The SYSLOG_IDENTIFIERs that are taken, NULL at the end; outlives the journal. */
    const char *const *identifiers;
};

/* Starts following; nothing is given before the loop runs. A journal that cannot be
 * opened is said once (log) and tried again. An entry that the cursor names and that is
 * gone is a gap; a cursor that cannot be read is a gap and counts as none. 0 or a
 * negative errno. */
int journal_new(struct loop *loop, const struct journal_params *params,
                const struct journal_ops *ops, void *userdata, struct journal **ret);
struct journal *journal_free(struct journal *j); /* takes NULL, returns NULL */

/* The place after the last entry that was given (and accepted); the caller frees it.
 * -ENODATA while there is none. */
int journal_cursor(struct journal *j, char **ret);
bool journal_changed(const struct journal *j);
void journal_saved(struct journal *j);
void journal_pause(struct journal *j);
/* Without a pause: looks at the journal in the next turn of the loop. */
void journal_resume(struct journal *j);
/* As tail_caught_up(). */
/* The errno that keeps it from being read, or 0. */
int journal_trouble(const struct journal *j);
int64_t journal_caught_up(const struct journal *j);

struct journal_counters {
    uint64_t entries;
    uint64_t garbage;    /* entries that are no line: control bytes, too long, no text */
    uint64_t suppressed; /* messages that journald said it dropped; a gap each time */
    uint64_t gaps;       /* times when entries may have been lost, each logged */
};
void journal_counters(const struct journal *j, struct journal_counters *ret);

#endif
