/* Attempts put back into the order of their lines: some are known only later. */
#ifndef CTL_SCAN_ORDER_H
#define CTL_SCAN_ORDER_H

#include <stdint.h>

#include "attempts.h"

struct scan_order;

typedef void (*scan_order_fn)(void *userdata, const struct attempt *attempt);

/* 0 or -ENOMEM. scan_order_free() takes NULL and returns NULL. */
int scan_order_new(scan_order_fn fn, void *userdata, struct scan_order **ret);
struct scan_order *scan_order_free(struct scan_order *o);

/* Takes an attempt and gives to fn those that no attempt of a can precede any more, by
 * their marks. 0 or -ENOMEM. */
int scan_order_put(struct scan_order *o, const struct attempts *a,
                   const struct attempt *attempt);
/* Gives the rest. */
void scan_order_finish(struct scan_order *o);

#endif
