/* One transaction at most once a second: what was read, what was derived from it, and
 * what became of it are committed together, so that a crash leaves either all or nothing.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdint.h>

#include "log.h"

struct incident;
struct ledger;
struct loop;
struct store;

struct ledger_ops {
    /* Writes what is pending into the open transaction; the result is store.h's. */
    int (*save)(void *userdata);
    /* It is durable. */
    void (*saved)(void *userdata);
    /* The transaction was rolled back with this STORE_E_… or errno: what is durable is
     * what the store says now. */
    void (*failed)(void *userdata, int error);
};

/* store and loop are not owned. 0 or a negative errno. */
int ledger_new(struct loop *loop, struct store *store, const struct ledger_ops *ops,
               void *userdata, struct ledger **ret);
/* Without a commit; an open transaction is rolled back. NULL in and out. */
struct ledger *ledger_free(struct ledger *l);

/* Call before writing: opens the transaction if there is none, and sees to a commit
 * within a second. 0 or the failure, which has then gone to ops->failed. */
int ledger_touch(struct ledger *l);
/* Commits now, if anything was touched. 0 or the failure, as above. */
int ledger_commit(struct ledger *l);
/* An entry about an incident for the log, written once the transaction is durable and
 * forgotten when it is not; at once where no transaction is open. The text's foreign
 * parts must have passed text_escape(). */
void ledger_note(struct ledger *l, enum log_event event, int priority,
                 const struct incident *inc, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A write inside the transaction failed: rolls back and tells ops->failed. Returns
 * error. */
int ledger_abort(struct ledger *l, int error);

#endif
