/* Foreign bytes as a mail address: what passes must be one plain ASCII word that passes
 * again unchanged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mailaddr.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *addr)
{
    char again[MAILADDR_MAX + 1];
    size_t n = strlen(addr);

    if (n > MAILADDR_MAX || !text_is_printable(addr, n) || addr[0] == '-')
        abort();
    if (strpbrk(addr, " \"(),:;<>[\\]") || strchr(addr, '@') != strrchr(addr, '@'))
        abort();
    if (!mailaddr_parse(addr, n, again) || strcmp(addr, again) != 0)
        abort();
    (void)mailaddr_reserved(addr);
    (void)mailaddr_noreply(addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char addr[MAILADDR_MAX + 1];
    char *text, *name = NULL;

    if (mailaddr_parse((const char *)data, size, addr))
        check(addr);
    text = slice_dup((struct slice){.p = (const char *)data, .n = size});
    if (!text)
        return 0;
    if (mailaddr_parse_mailbox(text, addr, &name)) {
        check(addr);
        if (!text_is_printable(name, strlen(name)))
            abort();
    }
    free(name);
    free(text);
    return 0;
}
