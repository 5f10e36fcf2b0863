/* Asking the MTA's log whether it took a message: the answer to an unknown outcome. FOUND
 * and ABSENT are said only when the log proves them, since one loses and the other
 * repeats a report if it is wrong; see mtalog.c for what counts as proof. */
#ifndef MTALOG_H
#define MTALOG_H

#include <stdint.h>

enum mtalog_answer {
    MTALOG_FOUND,   /* the log names the Message-ID: it was taken */
    MTALOG_ABSENT,  /* the log covers the time since `since` and does not name it */
    MTALOG_EARLY,   /* not yet, but the log may settle it within MTALOG_PATIENCE */
    MTALOG_UNKNOWN, /* the log cannot be read, begins later, or does not settle it */
};

/* µs after `since` by which every MTA that is known has written what it writes. */
#define MTALOG_PATIENCE (90 * INT64_C(1000000))

/* log is "journal" (mail facility) or the path of a file, whose .1 is read too. since
 * (µs) is when the attempt began, now the present. Blocking; reads at most 256 MiB.
 * queue_id is filled where the log tells it, else "". */
enum mtalog_answer mtalog_find(const char *log, const char *message_id, int64_t since,
                               int64_t now, char queue_id[static 64]);

#endif
