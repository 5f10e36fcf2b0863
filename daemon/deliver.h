/* Handing a message to the local MTA by SMTP, in a worker thread: libcurl blocks while it
 * waits for the answer after DATA, so it may not run in the loop. curl's SMTP side is
 * called from deliver.c only. One message at a time. */
#ifndef DELIVER_H
#define DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery.h"

struct loop;
struct deliverer;

struct deliver_params {
    const char *mta;         /* "smtp://127.0.0.1:25" */
    const char *helo;        /* domain of the sender, or NULL: the host's name */
    int64_t connect_timeout; /* µs; 0 for 10 s */
    int64_t reply_timeout;   /* µs; 0 for 600 s (RFC 5321 4.5.3.2.6) */
};

struct deliver_job {
    int64_t id;                     /* the caller's */
    const char *sender, *recipient; /* bare; checked again: -EINVAL */
    const char *bytes;              /* CRLF; copied */
    size_t n;
};

struct deliver_result {
    int64_t id;
    enum delivery_action action;
    long reply;           /* 0 none */
    const char *text;     /* the reply or error, printable */
    const char *queue_id; /* or NULL */
};

typedef void (*deliver_fn)(void *userdata, const struct deliver_result *result);

/* fn is called in the loop's thread. */
int deliverer_new(struct loop *loop, const struct deliver_params *params, deliver_fn fn,
                  void *userdata, struct deliverer **ret);
/* -EBUSY while one is under way. */
int deliverer_send(struct deliverer *d, const struct deliver_job *job);
bool deliverer_busy(const struct deliverer *d);
/* Asks a dialogue that has not sent DATA yet to end (it then reports RETRY); one that has
 * goes on. */
void deliverer_hurry(struct deliverer *d);
/* Ends the thread. A dialogue that still runs is broken off and its result lost: the
 * message stays SENDING in the store, which a restart resolves. NULL in and out. */
struct deliverer *deliverer_free(struct deliverer *d);

#endif
