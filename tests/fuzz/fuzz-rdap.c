/* Foreign bytes as an RDAP answer, judged under each set of rules; or, when they begin
 * like a URL, as a URL and (in the next line) a Location that came with it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "contact.h"
#include "mailaddr.h"
#include "rdap.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct addr query = {.family = 4, .bytes = {203, 0, 113, 5}};

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* What is found may be mailed under these rules, and is one plain address. */
static void check_found(const struct contact_result *r, const struct contact_rules *rules)
{
    char addr[MAILADDR_MAX + 1];

    require((r->outcome == CONTACT_FOUND) == (r->contact != NULL));
    require((r->outcome == CONTACT_FOUND) == (r->source != NULL));
    if (!r->contact)
        return;
    require(mailaddr_parse(r->contact, strlen(r->contact), addr));
    require(strcmp(addr, r->contact) == 0);
    if (!rules->any_domain)
        require(mailaddr_reserved(addr) == rules->lab);
    for (size_t i = 0; i < r->n_rejected; i++)
        require(!mailaddr_equal(r->rejected[i].contact, addr));
}

/* The cache gives back what it was given. */
static void check_json(const struct contact_result *r)
{
    struct contact_result back;
    char *json, *again;

    require(contact_result_json(r, &query, &json) == 0);
    require(text_is_printable(json, strlen(json)));
    require(contact_result_from_json(json, &back) == 0);
    require(contact_result_json(&back, &query, &again) == 0);
    require(strcmp(json, again) == 0);
    require(addr_equal(&back.start, &r->start) && addr_equal(&back.end, &r->end));
    contact_result_done(&back);
    free(json);
    free(again);
}

static void fuzz_answer(const char *body, size_t n)
{
    static const struct contact_rules rules[] = {
        {.lab = false}, {.lab = true}, {.any_domain = true}};
    struct rdap_network *net = NULL;
    char *detail = NULL;

    if (rdap_parse(body, n, &query, &net, &detail) == 0) {
        if (net->start.family != 0)
            require(addr_compare(&net->start, &query) <= 0 &&
                    addr_compare(&query, &net->end) <= 0);
        require(net->n_entities <= RDAP_ENTITIES_MAX);
        for (unsigned i = 0; i < net->n_mails; i++)
            require(net->mails[i].entity < net->n_entities && net->mails[i].pref >= 1 &&
                    net->mails[i].pref <= 100);
        for (unsigned i = 0; i < net->n_entities; i++)
            require(net->entities[i].depth < RDAP_DEPTH_MAX);
        rdap_network_free(net);
    } else {
        require(detail && text_is_printable(detail, strlen(detail)));
    }
    free(detail);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct contact_result r;

        require(contact_judge(body, n, &query, &rules[i], &r) == 0);
        check_found(&r, &rules[i]);
        check_json(&r);
        contact_result_done(&r);
    }
}

static void fuzz_url(char *text)
{
    char *location = strchr(text, '\n'), *host, *target;

    if (location)
        *location++ = '\0';
    host = rdap_url_host(text);
    require((rdap_check_url(text, NULL, NULL, false) == RDAP_URL_INVALID) ==
            (host == NULL));
    if (host)
        require(text_is_printable(host, strlen(host)) && !strpbrk(host, "/@?#\\% "));
    free(host);
    target = location ? rdap_resolve_location(text, location) : NULL;
    if (target) {
        require(rdap_check_url(target, text, NULL, true) != RDAP_URL_INVALID);
        host = rdap_url_host(target);
        require(host != NULL);
        free(host);
    }
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {.p = (const char *)data, .n = size};

    if (slice_starts(s, "http")) {
        char *text = slice_dup(s);

        if (text)
            fuzz_url(text);
        free(text);
    } else {
        fuzz_answer(s.p, s.n);
    }
    return 0;
}
