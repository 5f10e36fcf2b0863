/* What intake.c (life, the clock, saving), intake-burst.c (what attempts make),
 * intake-source.c (the logs and their lines) and intake-restore.c (what the store had)
 * share. */
#ifndef INTAKE_INTERNAL_H
#define INTAKE_INTERNAL_H

#include "config.h"
#include "intake.h"
#include "years.h"

struct intake_ids {
    int64_t *ids;
    size_t n;
};

struct source {
    struct intake *intake;
    const struct source_params *params;
    struct source_params choice; /* params of `auto` */
    char *name;                  /* the cursor's key */
    char *sessions;              /* and that of the sessions behind it */
    bool backlog;                /* of the line that is read now */
    struct attempts *attempts; /* of its own: process ids of two logs are not the same */
    struct tail *tail;
    struct journal *journal;
    struct zone *zone;  /* of its times, or NULL: this system's */
    struct years years; /* of the backlog, where its lines have none */
    int64_t skew;       /* the newest live line's arrival less its time, or MOMENT_NONE */
    bool skew_said, future_said;
    bool placed;   /* its place is in the store */
    bool judged;   /* whether it is shadowed has been asked */
    bool shadowed; /* a file that appeared beside another source of the same program */
};

struct intake {
    struct loop *loop;
    struct store *store;
    struct ledger *ledger;
    const struct config *config;
    const struct intake_ops *ops;
    void *userdata;
    struct tracker *tracker;
    struct watch *close_timer;
    struct source *sources;
    size_t n_sources;
    struct intake_ids restored; /* open incidents that came back with their sources */
    const char **identifiers;   /* that are taken from a journal */
    uint64_t counted;
    bool failed; /* a write failed: this object is about to be replaced */
};

/* A write failed: nothing more is taken in, and the ledger has told. */
void intake_save_failed(struct intake *i, int error);

/* For attempts_expire() and attempts_finish(), with the source: counts one attempt in. 0
 * or -ECANCELED. */
int intake_take_attempt(void *userdata, const struct attempt *a);
/* The tracker's events, written down. */
int intake_on_burst(void *userdata, const struct tracker_event *event);

/* Starts every source of the configuration at its stored place. 0 or a failure. */
int intake_start_sources(struct intake *i, const struct intake_params *params);
/* For the sources: one stands at its present end. */
void intake_on_caught_up(void *userdata);
bool intake_source_changed(const struct source *s);
int64_t intake_source_caught_up(const struct source *s);

/* Puts the stored sources and their open bursts back. 0 or a failure. */
int intake_restore(struct intake *i);

#endif
