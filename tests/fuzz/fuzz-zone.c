/* A time zone file: it is refused, or says for every moment an offset that can be. */
#include <stdint.h>
#include <stdlib.h>

#include "zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *z = NULL;

    if (zone_parse(data, size, &z) != 0)
        return 0;
    for (int64_t t = -INT64_C(5000000000); t < INT64_C(9000000000); t += 98765431)
        if (llabs(zone_at(z, t)) > 26 * 3600)
            abort();
    if (llabs(zone_at(z, INT64_MAX)) > 26 * 3600 || llabs(zone_at(z, INT64_MIN)) > 26 * 3600)
        abort();
    zone_free(z);
    return 0;
}
