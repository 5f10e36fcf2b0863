/* The abuse desk: what happens to an incident once its burst is over. Asks for the
 * contact, lets the policy decide, composes the mail, hands it to the MTA, and writes
 * each step down before it acts on it. All it needs to go on after a restart is in the
 * store. */
#ifndef DESK_H
#define DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "incident.h"
#include "report.h"
#include "resolver.h"

struct config;
struct desk;
struct ledger;
struct loop;
struct store;

struct desk_ops {
    /* Mode `once`: every incident and message that was there has been tried. */
    void (*idle)(void *userdata);
};

struct desk_params {
    const struct config *config; /* must outlive the desk, or the next desk_reload() */
    bool once;                   /* nothing is tried until desk_run_once() */
    /* The moment (µs) up to which the logs have been read; MOMENT_NONE while behind. A
     * success that stands in the log unread must still hold a report. Gets the userdata
     * of the ops. */
    int64_t (*read_until)(void *userdata);
};

int desk_new(struct loop *loop, struct store *store, struct ledger *ledger,
             const struct desk_params *params, const struct desk_ops *ops, void *userdata,
             struct desk **ret);
struct desk *desk_free(struct desk *d); /* NULL in and out */

/* Settles messages that a crash left in the middle of SMTP: the MTA's log says whether
 * they were taken. Call it once before the first desk_wake(). 0 or a failure. */
int desk_settle_unknown(struct desk *d);

/* Something may be due: call it after each commit. */
void desk_wake(struct desk *d);
/* Tries every look-up and delivery that waits once, whatever its time, then idle(). */
int desk_run_once(struct desk *d);
/* Whether something is left for later: a retry, an approval, a cap. */
int desk_work_left(struct desk *d, bool *ret);

/* A new configuration: contacts are asked under it from now on. 0 or a negative errno,
 * and the old one stays. */
int desk_reload(struct desk *d, const struct config *config);

/* The state could not be written: forget what is under way, the store knows it. */
void desk_forget(struct desk *d);
/* Before the end: nothing new is begun. Returns whether a delivery is still under way. */
bool desk_stop(struct desk *d);

/* The source of an incident logged in (inc->success): tells the local contact at once that
 * a guess may have succeeded, once for an incident. Call it when that is in the store;
 * what it writes is in the same transaction. again: it may have been told before. 0 or a failure, which the ledger has told. */
int desk_alert(struct desk *d, struct incident *inc, bool again);

/* The operator's word on a held incident. 0, STORE_E_…, -EINVAL when it is not held, or
 * -EPERM for an approval in mode observe, which sends nothing. */
int desk_approve(struct desk *d, int64_t id);
int desk_drop(struct desk *d, int64_t id);

/* The mail as it would be sent now. report.h's results, or -ENOENT: there is none, because
 * the contact is not known or nothing will be sent. */
int desk_compose(struct desk *d, struct incident *inc, int64_t now, struct report *ret);

struct desk_counters {
    struct resolver_counters resolver;
    uint64_t sent, delivery_failures;
    bool mta_down;
};
void desk_counters(const struct desk *d, struct desk_counters *ret);

#endif
