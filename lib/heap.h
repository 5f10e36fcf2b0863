/* What is due first: a binary heap of nodes that live inside their owners, so that moving
 * or removing one costs O(log n) and no search. */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in its owner. {0} is "in no heap". */
struct heap_node {
    size_t place; /* index + 1, 0: in no heap */
};

struct heap_entry {
    int64_t due;
    struct heap_node *node;
};

/* {0} is the empty heap. */
struct heap {
    struct heap_entry *entries;
    size_t n, room;
};

/* Makes room, so that the next heap_put() of n nodes in all cannot fail. -ENOMEM. */
int heap_reserve(struct heap *h, size_t n);
/* Puts a node in (room must be reserved) or moves it to another due time. */
void heap_put(struct heap *h, struct heap_node *node, int64_t due);
/* Takes a node out; harmless when it is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The node that is due first, with its time; NULL when empty. */
struct heap_node *heap_first(const struct heap *h, int64_t *ret_due);
/* Frees the array; nodes are not touched. */
void heap_done(struct heap *h);

#endif
