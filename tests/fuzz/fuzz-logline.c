/* Any bytes as one line of a log: the parts lie inside the line, in order, and hold what
 * the contract says. */
#include <stdlib.h>
#include <string.h>

#include "logline.h"

#define REFERENCE (INT64_C(1795383400) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int true_)
{
    if (!true_)
        abort();
}

static void require_inside(struct slice inner, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;

    require(inner.p >= start && inner.p + inner.n <= start + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct logline line = {.pid = -2};
    int r = logline_parse((const char *)data, size, REFERENCE, size % 2, &line);
    size_t at;

    require((logline_garbage((const char *)data, size, &at) != NULL) ==
            (r == LOGLINE_E_EMPTY || r == LOGLINE_E_GARBAGE));
    require(at <= size);
    if (r != 0) {
        require(r >= LOGLINE_E_EMPTY && r <= LOGLINE_E_TIME && line.pid == -2);
        return 0;
    }
    require(line.line.p == (const char *)data && line.line.n <= size);
    require_inside(line.host, data, size);
    require_inside(line.program, data, size);
    require_inside(line.message, data, size);
    require(line.host.n > 0 && line.host.p + line.host.n < line.program.p);
    require(line.program.n > 0 && line.program.p + line.program.n <= line.message.p);
    require(line.message.p + line.message.n == line.line.p + line.line.n);
    require(!memchr(line.host.p, ' ', line.host.n));
    require(!memchr(line.program.p, ' ', line.program.n));
    require(!memchr(line.line.p, '\0', line.line.n) && !memchr(data, '\n', size));
    require(line.pid >= -1 && line.pid <= INT64_C(9999999999));
    require(line.time.usec != MOMENT_NONE && line.time.digits <= 6);
    return 0;
}
