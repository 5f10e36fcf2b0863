#include "ledger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop.h"
#include "store.h"

#define COMMIT_EVERY 1000000 /* µs */

struct ledger {
    struct store *store;
    const struct ledger_ops *ops;
    void *userdata;
    struct watch *timer;
    bool open;
    struct log_note **notes; /* of the open transaction */
    size_t n_notes;
};

static void drop_notes(struct ledger *l, bool write)
{
    for (size_t i = 0; i < l->n_notes; i++) {
        if (write)
            log_note_write(l->notes[i]);
        log_note_free(l->notes[i]);
    }
    free(l->notes);
    l->notes = NULL;
    l->n_notes = 0;
}

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
    drop_notes(l, false);
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
    drop_notes(l, false);
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
    drop_notes(l, true);
    l->ops->saved(l->userdata);
    return 0;
}

void ledger_note(struct ledger *l, enum log_event event, int priority,
                 const struct incident *inc, const char *format, ...)
{
    struct log_note *note, **more;
    char text[1536];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    note = log_note_new(event, priority, inc, text);
    more = note ? realloc(l->notes, (l->n_notes + 1) * sizeof(*more)) : NULL;
    if (!more) {
        log_note_free(note);
        log_warning("no memory for a log entry about incident %lld, ignoring",
                    (long long)inc->id);
        return;
    }
    l->notes = more;
    l->notes[l->n_notes++] = note;
    if (!l->open)
        drop_notes(l, true);
}
