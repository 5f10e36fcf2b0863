/* The slow windows: what becomes of an attempt that `window` has passed without a burst.
 *
 * They see attempts only then, in the order of their times, so that a fast burst, which
 * may still come until then, has taken its own before. Each attempt moves once from
 * `pending` to `left`, or into the slow burst that is open; when that is, by an attempt
 * that comes or by the clock, makes no difference to what comes of it. */
#include "tracker-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool tracker_is_slow(const struct tracker *t)
{
    return t->params.slow.failures > 0 || t->params.names.failures > 0;
}

static struct pending *owner(struct link *l)
{
    return link_owner(l, struct pending, link);
}

int64_t source_left_until(const struct source *s)
{
    if (s->open && s->slow)
        return s->open->last.usec;
    return link_alone(&s->left) ? MOMENT_NONE : owner(s->left.prev)->time.usec;
}

/* Where a window that ends at the newest of the list begins in it. */
static struct link *window_start(struct source *s, int64_t window)
{
    int64_t newest = owner(s->left.prev)->time.usec;
    struct link *l = s->left.prev;

    while (l->prev != &s->left &&
           moment_after(owner(l->prev)->time.usec, window) > newest)
        l = l->prev;
    return l;
}

static bool is_slow(const struct tracker_slow *w, struct source *s, struct link **ret)
{
    uint64_t n = 0;

    if (w->failures == 0 || s->n_left < w->failures)
        return false;
    *ret = window_start(s, w->window);
    for (struct link *l = *ret; l != &s->left; l = l->next)
        n += owner(l)->count;
    return n >= w->failures;
}

static bool same_name(const struct pending *a, const struct pending *b)
{
    return a->n_user == b->n_user &&
           memcmp(a->data + a->n_line, b->data + b->n_line, a->n_user) == 0;
}

static bool are_names(const struct tracker_slow *w, struct source *s, struct link **ret)
{
    const struct pending *names[TRACKER_NAMES_MAX];
    unsigned n_names = 0;
    uint64_t n = 0;

    if (w->failures == 0 || s->n_unknown < w->failures)
        return false;
    *ret = window_start(s, w->window);
    for (struct link *l = *ret; l != &s->left; l = l->next) {
        const struct pending *p = owner(l);
        unsigned k = 0;

        if (!p->unknown_user)
            continue;
        n += p->count;
        while (k < n_names && !same_name(names[k], p))
            k++;
        if (k == n_names && n_names < w->names)
            names[n_names++] = p;
    }
    return n >= w->failures && n_names >= w->names;
}

static int judge(struct tracker *t, struct source *s)
{
    struct link *from;

    if (is_slow(&t->params.slow, s, &from))
        t->counters.slow++;
    else if (are_names(&t->params.names, s, &from))
        t->counters.names++;
    else
        return 0;
    return source_open(t, s, &s->left, from, true);
}

static void forget_old(const struct tracker *t, struct source *s)
{
    int64_t newest = owner(s->left.prev)->time.usec;
    int64_t horizon = tracker_horizon(&t->params);

    while (moment_after(owner(s->left.next)->time.usec, horizon) <= newest)
        source_drop_left(s, owner(s->left.next));
}

/* Takes p over. */
static int leave(struct tracker *t, struct source *s, struct pending *p)
{
    struct attempt attempt = pending_attempt(p);
    int r = 0, q;

    if (s->open && p->time.usec >= source_closing(t, s))
        r = source_close(t, s, source_closing(t, s));
    if (s->open) {
        q = incident_add(s->open, &attempt, p->clock, p->clock_error);
        if (q == 0)
            q = source_match_success(t, s);
        free(p);
    } else {
        source_add_left(s, p);
        forget_old(t, s);
        q = judge(t, s);
    }
    return r != 0 ? r : q;
}

int source_leave(struct tracker *t, struct source *s, int64_t time)
{
    int r = 0;

    while (!link_alone(&s->pending) &&
           moment_after(owner(s->pending.next)->time.usec, t->params.window) <= time) {
        struct pending *p = owner(s->pending.next);
        int q = 0;

        source_take_pending(s, p);
        if (tracker_is_slow(t))
            q = leave(t, s, p);
        else
            free(p);
        r = r != 0 ? r : q;
    }
    return r;
}
