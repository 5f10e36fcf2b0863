#include "heap.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct heap *h, size_t i, struct heap_entry e)
{
    h->entries[i] = e;
    e.node->place = i + 1;
}

static void rise(struct heap *h, size_t i, struct heap_entry e)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;

        if (h->entries[parent].due <= e.due)
            break;
        place(h, i, h->entries[parent]);
        i = parent;
    }
    place(h, i, e);
}

static void sink(struct heap *h, size_t i, struct heap_entry e)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->entries[child + 1].due < h->entries[child].due)
            child++;
        if (e.due <= h->entries[child].due)
            break;
        place(h, i, h->entries[child]);
        i = child;
    }
    place(h, i, e);
}

int heap_reserve(struct heap *h, size_t n)
{
    size_t room = h->room ? h->room : 16;
    struct heap_entry *entries;

    if (n <= h->room)
        return 0;
    while (room < n) {
        if (room > SIZE_MAX / 2 / sizeof(*entries))
            return -ENOMEM;
        room *= 2;
    }
    entries = realloc(h->entries, room * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    h->entries = entries;
    h->room = room;
    return 0;
}

void heap_put(struct heap *h, struct heap_node *node, int64_t due)
{
    struct heap_entry e = {.due = due, .node = node};

    if (node->place == 0) {
        h->n++;
        rise(h, h->n - 1, e);
    } else if (due < h->entries[node->place - 1].due) {
        rise(h, node->place - 1, e);
    } else {
        sink(h, node->place - 1, e);
    }
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t i = node->place;
    struct heap_entry last;

    if (i == 0)
        return;
    node->place = 0;
    last = h->entries[--h->n];
    if (last.node != node) {
        int64_t due = h->entries[--i].due;

        if (last.due < due)
            rise(h, i, last);
        else
            sink(h, i, last);
    }
}

struct heap_node *heap_first(const struct heap *h, int64_t *ret_due)
{
    if (h->n == 0)
        return NULL;
    *ret_due = h->entries[0].due;
    return h->entries[0].node;
}

void heap_done(struct heap *h)
{
    free(h->entries);
    *h = (struct heap){0};
}
