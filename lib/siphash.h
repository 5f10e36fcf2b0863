/* SipHash-2-4 (Aumasson, Bernstein 2012): a short keyed hash that strangers cannot steer,
 * for tables with foreign keys and for references that are not to be guessed. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash24(const void *bytes, size_t n, const uint8_t key[static 16]);

#endif
