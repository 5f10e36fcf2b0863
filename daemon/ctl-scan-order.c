/* What a session holds may become an attempt of an earlier line, so what comes after that
 * line waits. Looking for the earliest such line costs a walk over the sessions, hence it
 * is done only now and then, each time when twice as many wait as were left. */
#include "ctl-scan-order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define WAIT_LEAST 1024

struct waiting {
    struct attempt attempt; /* points into data */
    char data[];
};

struct scan_order {
    scan_order_fn fn;
    void *userdata;
    struct waiting **list;
    size_t n, room, look; /* look when there are so many */
};

int scan_order_new(scan_order_fn fn, void *userdata, struct scan_order **ret)
{
    struct scan_order *o = calloc(1, sizeof(*o));

    if (!o)
        return -ENOMEM;
    o->fn = fn;
    o->userdata = userdata;
    o->look = WAIT_LEAST;
    *ret = o;
    return 0;
}

struct scan_order *scan_order_free(struct scan_order *o)
{
    if (!o)
        return NULL;
    for (size_t i = 0; i < o->n; i++)
        free(o->list[i]);
    free(o->list);
    free(o);
    return NULL;
}

static int by_mark(const void *a, const void *b)
{
    const struct waiting *x = *(struct waiting *const *)a;
    const struct waiting *y = *(struct waiting *const *)b;

    return (x->attempt.mark > y->attempt.mark) - (x->attempt.mark < y->attempt.mark);
}

static void give_before(struct scan_order *o, uint64_t mark)
{
    size_t given = 0;

    if (o->n > 0)
        qsort(o->list, o->n, sizeof(struct waiting *), by_mark);
    for (; given < o->n && o->list[given]->attempt.mark < mark; given++) {
        o->fn(o->userdata, &o->list[given]->attempt);
        free(o->list[given]);
    }
    o->n -= given;
    if (given > 0 && o->n > 0)
        memmove(o->list, o->list + given, o->n * sizeof(struct waiting *));
    o->look = 2 * o->n + WAIT_LEAST;
}

static struct waiting *waiting_new(const struct attempt *a)
{
    size_t n = strlen(a->service) + 1;
    struct waiting *w = malloc(sizeof(*w) + a->line.n + a->user.n + n);
    char *p;

    if (!w)
        return NULL;
    w->attempt = *a;
    p = mempcpy(w->data, a->line.p, a->line.n);
    w->attempt.line.p = w->data;
    if (a->user.p) {
        w->attempt.user.p = p;
        p = mempcpy(p, a->user.p, a->user.n);
    }
    w->attempt.service = memcpy(p, a->service, n);
    return w;
}

int scan_order_put(struct scan_order *o, const struct attempts *a,
                   const struct attempt *attempt)
{
    if (o->n == 0 && attempts_held_mark(a) > attempt->mark) {
        o->fn(o->userdata, attempt);
        return 0;
    }
    if (o->n == o->room) {
        size_t room = o->room ? o->room * 2 : WAIT_LEAST;
        struct waiting **list = reallocarray(o->list, room, sizeof(struct waiting *));

        if (!list)
            return -ENOMEM;
        o->list = list;
        o->room = room;
    }
    o->list[o->n] = waiting_new(attempt);
    if (!o->list[o->n])
        return -ENOMEM;
    if (++o->n >= o->look)
        give_before(o, attempts_held_mark(a));
    return 0;
}

void scan_order_finish(struct scan_order *o)
{
    give_before(o, UINT64_MAX);
}
