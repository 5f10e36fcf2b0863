/* An incident's texts from a damaged state file: refused, or read and written the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads what was written, writes it again, and compares. */
static void again(struct incident *inc, int (*write)(const struct incident *, char **),
                  int (*read)(struct incident *, const char *))
{
    char *first, *second;

    if (write(inc, &first) != 0 || !text_is_printable(first, strlen(first)) ||
        read(inc, first) != 0 || write(inc, &second) != 0 || strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct addr addr = {.family = 4, .bytes = {192, 0, 2, 1}};
    const struct net source = addr_network(&addr, 32);
    struct incident *inc = incident_new(&source);
    char *text = slice_dup((struct slice){.p = (const char *)data, .n = size});

    if (!inc || !text)
        abort();
    if (incident_detail_from_json(inc, text) == 0)
        again(inc, incident_detail_json, incident_detail_from_json);
    if (incident_evidence_from_json(inc, text) == 0)
        again(inc, incident_evidence_json, incident_evidence_from_json);
    incident_free(inc);
    free(text);
    return 0;
}
