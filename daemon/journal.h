/* Following the systemd journal: only entries that root's processes wrote (_UID=0) under
 * sshd's identifiers, so that a local user's logger(1) cannot forge a failure. Same shape
 * as tail.h. */
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
    bool from_beginning;
    const char *cursor; /* or NULL */
};

int journal_new(struct loop *loop, const struct journal_params *params,
                const struct journal_ops *ops, void *userdata, struct journal **ret);
struct journal *journal_free(struct journal *j);
int journal_cursor(struct journal *j, char **ret); /* -ENODATA before the first entry */
bool journal_changed(const struct journal *j);
void journal_saved(struct journal *j);
void journal_pause(struct journal *j);
void journal_resume(struct journal *j);
int64_t journal_caught_up(const struct journal *j);

struct journal_counters {
    uint64_t entries, gaps;
};
void journal_counters(const struct journal *j, struct journal_counters *ret);

#endif
