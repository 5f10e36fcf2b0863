/* What desk.c (look-ups, the queue), desk-decide.c and desk-post.c (messages) share. */
#ifndef DESK_INTERNAL_H
#define DESK_INTERNAL_H

#include "config.h"
#include "deliver.h"
#include "desk.h"
#include "log.h"
#include "policy.h"

#define DESK_LOOKUPS 32 /* at once */

struct desk_lookup {
    struct desk *desk; /* NULL: the slot is free */
    int64_t id;        /* of the incident */
    struct lookup *lookup;
};

/* A delivery's end that could not be written down yet. */
struct post_result {
    bool pending;
    int64_t id;
    enum delivery_action action;
    long reply;
    char text[512];
    char queue_id[64];
};

struct desk {
    struct loop *loop;
    struct store *store;
    struct ledger *ledger;
    const struct config *config;
    struct policy_params policy; /* config's, without `settle` in mode once */
    const struct desk_ops *ops;
    void *userdata;
    int64_t (*read_until)(void *userdata);
    bool once, stopping;

    struct resolver *resolver;
    struct desk_lookup lookups[DESK_LOOKUPS];
    struct watch *timer, *sweep;
    int64_t swept;

    /* Mode once: the incidents, then the messages, each tried once. */
    bool running_once;
    int64_t *ids;
    size_t n_ids, next_id;
    int64_t last_message;

    struct deliverer *deliverer;
    struct watch *post_timer;
    struct post_result result;
    int64_t unknown_id; /* a message whose outcome the MTA's log must tell */
    int64_t mta_retry;  /* nothing is tried before this moment */
    unsigned mta_failures;
    uint64_t sent, delivery_failures;
};

/* Writes what became of an incident, inside the ledger's transaction. A failure has been
 * told by the ledger. */
int desk_put(struct desk *d, struct incident *inc, enum incident_state state,
             enum policy_reason reason, const char *detail, int64_t due);
/* A failed write or query: 0 for STORE_E_MISSING, else through ledger_abort(). */
int desk_failed(struct desk *d, int error);

/* Asks the policy about an incident and does what it says; contact is NULL before the
 * look-up. Failures as above. */
int desk_decide(struct desk *d, struct incident *inc,
                const struct contact_result *contact);
/* Asks for the contact; the answer comes later. -EAGAIN when too many are under way. */
int desk_start_lookup(struct desk *d, const struct incident *inc);
/* The journal's entry about a decision. */
void desk_log_fate(struct desk *d, enum log_event event, const struct incident *inc,
                   enum policy_reason reason);

/* Makes the deliverer of a configuration; the desk's old one stays until it is put in its
 * place. 0 or a negative errno. */
int post_new(struct desk *d, const struct config *config, struct deliverer **ret);
/* Composes and stores the message of a decision to report. 0 or a failure. */
int post_queue(struct desk *d, struct incident *inc, enum report_kind kind, int64_t now);
/* Composes and stores the notice about a login; there must be none yet. */
int post_alert(struct desk *d, struct incident *inc, const char *user, bool held,
               int64_t now);
/* Sends what is due, if nothing is on its way. Whether anything is on its way now. */
bool post_run(struct desk *d);
/* Whether a delivery, or the question what became of one, is under way. */
bool post_busy(const struct desk *d);
/* When post_run() should be called next; INT64_MAX for never. */
int64_t post_next(struct desk *d, int64_t now);

#endif
