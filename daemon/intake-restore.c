/* What the store had: the sources with their open bursts, put back into the table. A
 * record that is damaged is dropped and said, and stops nothing. */
#include "intake-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "ledger.h"
#include "log.h"
#include "policy.h"
#include "store.h"

DEFINE_CLEANUP(struct incident *, incident_free)

static int note_id(struct intake_ids *list, int64_t id)
{
    int64_t *more = realloc(list->ids, (list->n + 1) * sizeof(*more));

    if (!more)
        return -ENOMEM;
    list->ids = more;
    list->ids[list->n++] = id;
    return 0;
}

static int note_open(void *userdata, const struct incident *inc)
{
    return note_id(userdata, inc->id);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static bool has_id(const struct intake_ids *list, int64_t id)
{
    return list->n > 0 && bsearch(&id, list->ids, list->n, sizeof(id), compare_ids);
}

/* An open incident that no source speaks of would stay open for ever. */
static int drop_orphans(struct intake *i)
{
    static const struct store_incident_filter filter = {.state = INCIDENT_OPEN,
                                                        .limit = UINT32_MAX};
    struct intake_ids open = {0};
    int r = store_incident_each(i->store, &filter, note_open, &open);

    if (i->restored.n > 0)
        qsort(i->restored.ids, i->restored.n, sizeof(int64_t), compare_ids);
    for (size_t k = 0; r == 0 && k < open.n; k++) {
        _cleanup_(incident_freep) struct incident *inc = NULL;

        if (has_id(&i->restored, open.ids[k]))
            continue;
        r = store_incident_get(i->store, open.ids[k], &inc);
        if (r != 0)
            break;
        inc->state = INCIDENT_DROPPED;
        snprintf(inc->reason, sizeof(inc->reason), "%s",
                 policy_reason_name(REASON_STATE_LOST));
        r = store_incident_put_fate(i->store, inc);
        if (r == 0)
            ledger_note(i->ledger, EVENT_DROPPED, LOG_ERR, inc, "not reported: %s",
                        policy_reason_text(REASON_STATE_LOST));
    }
    free(open.ids);
    return r;
}

static int restore_source(void *userdata, const struct net *source, const void *state,
                          size_t n)
{
    struct intake *i = userdata;
    struct incident *inc = NULL;
    char text[NET_TEXT_MAX];
    int64_t id = 0;
    int r = tracker_state_open_id(state, n, &id);

    if (r == 0 && id != 0) {
        r = store_incident_get(i->store, id, &inc);
        if (r == STORE_E_MISSING || (r == 0 && incident_damaged(inc)))
            r = -EBADMSG;
    }
    if (r == 0)
        r = tracker_restore(i->tracker, source, state, n, inc);
    if (r != 0)
        incident_free(inc);
    else if (id != 0)
        r = note_id(&i->restored, id);
    if (r != -EBADMSG)
        return r;
    log_warning("the stored state of source %s is damaged, ignoring",
                net_format(source, text));
    return 0;
}

int intake_restore(struct intake *i)
{
    int r = store_source_each(i->store, restore_source, i);

    if (r == 0)
        r = drop_orphans(i);
    free(i->restored.ids);
    i->restored = (struct intake_ids){0};
    return r;
}
