/* A time zone other than the process's, from the bytes of a TZif file (RFC 8536), such as
 * /usr/share/zoneinfo/Europe/Berlin. */
#ifndef ZONE_H
#define ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ZONE_E_DAMAGED = 1, /* no TZif file, or one that contradicts itself */
};

struct zone;

/* Reads version 1 to 4, whole. Returns 0, -ENOMEM or ZONE_E_DAMAGED. */
int zone_parse(const void *bytes, size_t n, struct zone **ret);
struct zone *zone_free(struct zone *z); /* takes NULL, returns NULL */

/* Seconds east of UTC at a moment (seconds since the epoch). */
int64_t zone_at(const struct zone *z, int64_t sec);

#define ZONE_DIRECTORY "/usr/share/zoneinfo" /* where systems have the files */

/* Whether that can be the name of a zone: "Europe/Berlin", "UTC", "Etc/GMT+5". It is a
 * relative path then, without "." or "..". */
bool zone_name_ok(const char *name, size_t n);

#endif
