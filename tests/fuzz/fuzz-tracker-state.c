/* A saved source from a damaged state file: it is refused, or the tracker goes on with it
 * and saves the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tracker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *userdata, const struct tracker_event *event)
{
    if (event->type == TRACKER_CLOSED)
        incident_free(event->incident);
    return 0;
}

static int on_incident(void *userdata, struct incident *inc)
{
    return 0;
}

/* What was restored and then got an attempt must be restorable. */
static int on_source(void *userdata, const struct net *source, const void *state,
                     size_t n)
{
    struct tracker *other = userdata;
    int64_t id;

    if (!state)
        return 0;
    if (tracker_state_open_id(state, n, &id) != 0)
        abort();
    if (id == 0 && tracker_restore(other, source, state, n, NULL) != 0)
        abort();
    return 0;
}

static void go_on(struct tracker *t, struct tracker *other)
{
    static const struct tracker_save_ops ops = {.incident = on_incident,
                                                .source = on_source};
    struct attempt a = {
        .time = {.usec = 5},
        .source = {.family = 4, .bytes = {192, 0, 2, 1}},
        .service = "sshd",
        .count = 1,
        .line = SLICE("line"),
    };

    if (tracker_attempt(t, &a, CLOCK_UNKNOWN, 0) != 0)
        abort();
    if (tracker_counters(t)->open == 0 && tracker_save(t, &ops, other) != 0)
        abort();
    a.outcome = ATTEMPT_SUCCESS;
    a.time.usec = 6;
    if (tracker_attempt(t, &a, CLOCK_UNKNOWN, 0) != 0 || tracker_finish(t) != 0)
        abort();
    if (tracker_advance(t, INT64_MAX) != 0 || tracker_counters(t)->sources != 0 ||
        tracker_counters(t)->bytes != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tracker_params params = {
        .failures = 3,
        .window = 10,
        .settle = 10,
        .max_age = 60,
        .slow = {.failures = 4, .window = 100},
        .names = {.failures = 2, .names = 2, .window = 100},
        .ipv6_prefix = 64,
        .max_bytes = 1 << 20,
    };
    const struct addr addr = {.family = 4, .bytes = {192, 0, 2, 1}};
    const struct net source = addr_network(&addr, 32);
    struct tracker *t, *other;

    if (tracker_new(&params, on_event, NULL, &t) != 0 ||
        tracker_new(&params, on_event, NULL, &other) != 0)
        abort();
    if (tracker_restore(t, &source, data, size, NULL) == 0)
        go_on(t, other);
    tracker_free(t);
    tracker_free(other);
    return 0;
}
