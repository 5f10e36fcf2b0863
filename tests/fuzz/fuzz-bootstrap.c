/* Foreign bytes as a bootstrap file: each URL that it gives may be asked and ends in one
 * slash, and none is http outside a lab. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "rdap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct bootstrap *b, bool lab)
{
    for (unsigned i = 0; i < 512; i++) {
        struct addr addr = {.family = i < 256 ? 4 : 6, .bytes = {(uint8_t)i, 1, 2, 3}};
        const char *url = bootstrap_find(b, &addr);
        size_t n = url ? strlen(url) : 0;
        int r;

        if (!url)
            continue;
        if (n < 2 || url[n - 1] != '/' || url[n - 2] == '/')
            abort();
        r = rdap_check_url(url, NULL, NULL, lab);
        if (r != 0 && r != RDAP_URL_PRIVATE)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int lab = 0; lab < 2; lab++) {
        struct bootstrap *b = NULL;

        if (bootstrap_new_json((const char *)data, size, lab, &b) == 0)
            check(b, lab);
        bootstrap_free(b);
    }
    return 0;
}
