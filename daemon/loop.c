#include "loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

struct loop {
    struct event_base *base;
};

struct watch {
    struct event *event;
    loop_fn fn;
    void *userdata;
};

int loop_new(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->base = event_base_new();
    if (!l->base) {
        free(l);
        return -ENOMEM;
    }
    *ret = l;
    return 0;
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    event_base_free(l->base);
    free(l);
    return NULL;
}

/* The watch may be freed by fn: nothing of it is used afterwards. */
static void on_event(evutil_socket_t fd, short what, void *userdata)
{
    struct watch *w = userdata;

    w->fn(w->userdata,
          ((what & EV_READ) ? LOOP_READ : 0) | ((what & EV_WRITE) ? LOOP_WRITE : 0));
}

static int watch_new(struct loop *l, int fd, short what, loop_fn fn, void *userdata,
                     struct watch **ret)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->fn = fn;
    w->userdata = userdata;
    w->event = event_new(l->base, fd, what, on_event, w);
    if (!w->event) {
        free(w);
        return -ENOMEM;
    }
    *ret = w;
    return 0;
}

static int watch_new_added(struct loop *l, int fd, short what, loop_fn fn, void *userdata,
                           struct watch **ret)
{
    struct watch *w;
    int r = watch_new(l, fd, what, fn, userdata, &w);

    if (r < 0)
        return r;
    if (event_add(w->event, NULL) < 0) {
        watch_free(w);
        return errno > 0 ? -errno : -EIO;
    }
    *ret = w;
    return 0;
}

int loop_fd(struct loop *l, int fd, unsigned what, loop_fn fn, void *userdata,
            struct watch **ret)
{
    short events = EV_PERSIST;

    if (what & LOOP_READ)
        events |= EV_READ;
    if (what & LOOP_WRITE)
        events |= EV_WRITE;
    return watch_new_added(l, fd, events, fn, userdata, ret);
}

int loop_signal(struct loop *l, int signo, loop_fn fn, void *userdata, struct watch **ret)
{
    return watch_new_added(l, signo, EV_SIGNAL | EV_PERSIST, fn, userdata, ret);
}

int loop_timer(struct loop *l, loop_fn fn, void *userdata, struct watch **ret)
{
    return watch_new(l, -1, 0, fn, userdata, ret);
}

int watch_arm(struct watch *w, int64_t usec)
{
    struct timeval tv;

    if (usec < 0)
        usec = 0;
    tv.tv_sec = usec / 1000000;
    tv.tv_usec = usec % 1000000;
    return event_add(w->event, &tv) < 0 ? -EIO : 0;
}

void watch_disarm(struct watch *w)
{
    event_del(w->event);
}

struct watch *watch_free(struct watch *w)
{
    if (!w)
        return NULL;
    event_free(w->event);
    free(w);
    return NULL;
}

int loop_run(struct loop *l)
{
    return event_base_dispatch(l->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *l)
{
    event_base_loopbreak(l->base);
}
