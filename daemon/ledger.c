#include "ledger.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "log.h"
#include "loop.h"
#include "store.h"

#define COMMIT_EVERY 1000000 /* µs */

struct ledger {
    struct store *store;
    const struct ledger_ops *ops;
    void *userdata;
    struct watch *timer;
    bool open;
};

static void on_timer(void *userdata, unsigned what)
{
    ledger_commit(userdata);
}

int ledger_new(struct loop *loop, struct store *store, const struct ledger_ops *ops,
               void *userdata, struct ledger **ret)
{
    struct ledger *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return -ENOMEM;
    l->store = store;
    l->ops = ops;
    l->userdata = userdata;
    r = loop_timer(loop, on_timer, l, &l->timer);
    if (r < 0) {
        ledger_free(l);
        return r;
    }
    *ret = l;
    return 0;
}

struct ledger *ledger_free(struct ledger *l)
{
    if (!l)
        return NULL;
    if (l->open)
        store_rollback(l->store);
    watch_free(l->timer);
    free(l);
    return NULL;
}

int ledger_abort(struct ledger *l, int error)
{
    log_error("the state cannot be written: %s (%s)", store_error_text(error),
              store_last_error(l->store));
    if (l->open)
        store_rollback(l->store);
    l->open = false;
    watch_disarm(l->timer);
    l->ops->failed(l->userdata, error);
    return error;
}

int ledger_touch(struct ledger *l)
{
    int r;

    if (l->open)
        return 0;
    r = store_begin(l->store);
    if (r != 0)
        return ledger_abort(l, r);
    l->open = true;
    return watch_arm(l->timer, COMMIT_EVERY);
}

int ledger_commit(struct ledger *l)
{
    int r;

    if (!l->open)
        return 0;
    r = l->ops->save(l->userdata);
    if (r == 0)
        r = store_commit(l->store);
    if (r != 0)
        return ledger_abort(l, r);
    l->open = false;
    watch_disarm(l->timer);
    l->ops->saved(l->userdata);
    return 0;
}
