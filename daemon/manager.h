/* The daemon as a whole: which part starts after which, what a signal means, and when it
 * is done. */
#ifndef MANAGER_H
#define MANAGER_H

#include <stdbool.h>

struct config;
struct manager;

struct manager_params {
    const char *config_path; /* for SIGHUP */
    struct config *config;   /* taken over on success */
    bool once;
    bool dry_run; /* observe, with the state in memory */
};

/* Opens the state, starts everything in order. On failure what was started is stopped
 * again, the reason has been logged, and *ret_status is the exit status (sysexits.h). */
int manager_new(const struct manager_params *params, struct manager **ret,
                int *ret_status);
struct manager *manager_free(struct manager *m); /* NULL in and out */

/* Runs until a signal, a fatal error, or in mode once the end of the work. Returns the
 * exit status. */
int manager_run(struct manager *m);

#endif
