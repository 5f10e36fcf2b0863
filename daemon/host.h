/* What this host says of itself: the present, its clock, its addresses, randomness. The
 * only place where the daemon asks the kernel for them. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "attempts.h"

/* CLOCK_REALTIME in µs. */
int64_t host_now(void);
/* CLOCK_BOOTTIME in µs: goes on while the wall clock is set. */
int64_t host_uptime(void);

/* What the kernel says of its clock (adjtimex(2), which reading needs no privilege for).
 * The largest error it estimates (µs) goes to *ret_error, 0 unless synchronised. Asked at
 * most once a second. */
enum clock_state host_clock(int64_t *ret_error);

/* The addresses of all interfaces now, as networks of one. 0 or a negative errno: the
 * caller must then not report anybody. */
int host_addresses(struct netlist *ret);

/* The time zone of that name from the system's files. 0, -EINVAL for a damaged file, or
 * another negative errno. */
struct zone;
int host_zone(const char *name, struct zone **ret);

/* n random bytes for keys. 0 or a negative errno. */
int host_random(void *bytes, size_t n);

/* Reads a whole file of at most max bytes, NUL-terminated. The caller frees it. 0,
 * -EFBIG, or the errno of open and read. path "-" is standard input. */
int host_read_file(const char *path, size_t max, char **ret, size_t *ret_n);

#endif
