/* The event loop. libevent is called from loop.c only; everything else sees watches. */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

#define LOOP_READ  1u
#define LOOP_WRITE 2u

struct loop;
struct watch;

typedef void (*loop_fn)(void *userdata, unsigned what);

int loop_new(struct loop **ret); /* 0 or a negative errno */
struct loop *loop_free(struct loop *l);

/* A descriptor (not owned), persistent until freed. */
int loop_fd(struct loop *l, int fd, unsigned what, loop_fn fn, void *userdata,
            struct watch **ret);
/* A timer, not yet armed; fires once per arming. 0 µs means in the next turn. */
int loop_timer(struct loop *l, loop_fn fn, void *userdata, struct watch **ret);
int watch_arm(struct watch *w, int64_t usec);
void watch_disarm(struct watch *w);
int loop_signal(struct loop *l, int signo, loop_fn fn, void *userdata,
                struct watch **ret);
/* Takes NULL, returns NULL. May be called from the watch's own callback. */
struct watch *watch_free(struct watch *w);

/* Runs until loop_stop(). 0 or a negative errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
