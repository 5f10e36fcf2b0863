/* Lines of an MTA's log and replies of its listener: what is taken out of them is short
 * and harmless, and a line that proves something names it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "delivery.h"

#define ID "<AR-17-9f86d081.1@example.org>"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_id(const char *id)
{
    size_t n = strlen(id);

    if (n == 0 || n > 15 ||
        strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789-") != n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char id[16], *text = malloc(n + 1);
    const char *line = (const char *)data;

    if (!text)
        return 0;
    memcpy(text, data, n);
    text[n] = '\0';
    if (delivery_queue_id(text, id, sizeof(id)))
        check_id(id);
    if (delivery_log_queue_id(line, n, id, sizeof(id)))
        check_id(id);
    if (delivery_log_names(line, n, ID) && !memmem(line, n, &ID[1], sizeof(ID) - 3))
        abort();
    if (delivery_log_proves(line, n, ID) && !delivery_log_names(line, n, ID))
        abort();
    if (delivery_log_confirms(line, n, "4ZbQ1x2") && !memmem(line, n, ": 4ZbQ1x2: ", 11))
        abort();
    free(text);
    return 0;
}
