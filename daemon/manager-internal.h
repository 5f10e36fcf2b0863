/* What manager.c (life) and manager-answer.c (the operator's requests) share. */
#ifndef MANAGER_INTERNAL_H
#define MANAGER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control.h"
#include "manager.h"
#include "settings.h"

struct manager {
    const char *config_path;
    struct config *config;
    char *state, *control_path; /* as opened; a reload does not change them */
    bool once, dry_run;
    int64_t started; /* wall clock, µs */
    uint8_t hash_key[16];

    struct loop *loop;
    struct store *store;
    struct ledger *ledger;
    struct desk *desk;
    struct intake *intake;
    struct control *control;
    struct watch *sigterm, *sigint, *sighup;
    struct watch *rebuild, *stop_timer, *status_timer, *watchdog;

    bool ready;     /* said to the service manager */
    bool paused;    /* the state cannot be written, which has been said */
    bool full;      /* the last write found no room */
    bool once_read; /* mode once: the logs are read to their end */
    bool stopping;
    int64_t stop_by; /* uptime, µs */
    int status;
};

/* SIGHUP and the verb `reload`: errors go line by line through say. settings_load()'s
 * results. */
int manager_reload(struct manager *m, settings_say_fn say, void *userdata);

/* control_fn */
int manager_answer(void *userdata, const struct control_request *request, FILE *out);

#endif
