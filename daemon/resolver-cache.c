/* An answer is kept together with the rules that it was made under (lab or not, which
 * bootstrap files): the same state file may be opened with another configuration later,
 * and a lab's mailboxes must not come out of it then. */
#include "resolver-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "store.h"

#define BLOCK_IPV4 24
#define BLOCK_IPV6 64

struct net cache_block(const struct addr *addr)
{
    return addr_network(addr, addr->family == 6 ? BLOCK_IPV6 : BLOCK_IPV4);
}

bool cache_holds(const struct contact_result *result, const struct addr *asked,
                 const struct addr *addr)
{
    if (asked && addr_equal(asked, addr))
        return true;
    if (result->start.family)
        return result->start.family == addr->family &&
               addr_compare(&result->start, addr) <= 0 &&
               addr_compare(addr, &result->end) <= 0;
    /* Of unknown range: a no may be shared with the neighbours, a mailbox may not. */
    return result->outcome != CONTACT_FOUND;
}

int cache_get(struct resolver *r, const struct addr *addr, struct contact_result *ret)
{
    struct net block = cache_block(addr);
    size_t n = strlen(r->rules_text);
    _cleanup_(cleanup_free) char *text = NULL;
    struct contact_result result = {0};

    if (store_answer_get(r->store, &block, now_wall(), &text) != 0 ||
        strncmp(text, r->rules_text, n) != 0 ||
        contact_result_from_json(text + n, &result) != 0)
        return 1;
    if (result.outcome == CONTACT_LOOKUP_FAILED || !cache_holds(&result, NULL, addr)) {
        contact_result_done(&result);
        return 1;
    }
    *ret = result;
    return 0;
}

void cache_put(struct resolver *r, const struct addr *addr,
               const struct contact_result *result, int64_t ttl)
{
    struct net block = cache_block(addr);
    _cleanup_(cleanup_free) char *json = NULL, *text = NULL;
    int k;

    if (result->outcome == CONTACT_LOOKUP_FAILED || !cache_holds(result, NULL, addr))
        return;
    if (contact_result_json(result, addr, &json) < 0)
        return;
    if (asprintf(&text, "%s%s", r->rules_text, json) < 0) {
        text = NULL;
        return;
    }
    k = store_answer_put(r->store, &block, text, now_wall() + ttl);
    if (k != 0)
        log_warning("contact: an answer cannot be kept (%s), ignoring",
                    k > 0 ? store_error_text(k) : strerror(-k));
}
