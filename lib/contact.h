/* Choosing the mailbox that a report goes to, and saying why not another. */
#ifndef CONTACT_H
#define CONTACT_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"
#include "rdap.h"

enum contact_outcome {
    CONTACT_FOUND = 0,
    CONTACT_NONE_PUBLISHED,   /* the registry names no abuse mailbox (or 404, no server) */
    CONTACT_PLACEHOLDER_ONLY, /* only addresses that must not be mailed */
    CONTACT_FORM_ONLY,        /* a web form, no mailbox */
    CONTACT_SPECIAL_PURPOSE,  /* nobody owns the address: not asked */
    CONTACT_LOOKUP_FAILED,    /* nobody could be asked, or the answer is unusable */
};

struct contact_rejected {
    char *contact; /* as published, escaped to printable ASCII */
    char *why;     /* one sentence part: "not a mail address", "a registry's own address" */
};

struct contact_result {
    enum contact_outcome outcome;
    char *contact; /* passed mailaddr_parse(); NULL unless FOUND */
    char *source;  /* "rdap-abuse" or "rdap-remarks"; NULL unless FOUND */
    char *network; /* "203.0.113.0 - 203.0.113.255"; NULL when unknown */
    struct addr start, end; /* of that network, or {0} */
    char *form;    /* a web form's URL, or NULL */
    char *server;  /* host that answered, or NULL */
    char *detail;  /* why, for people, when not FOUND; or NULL */
    bool temporary; /* LOOKUP_FAILED: another try may help */
    int64_t retry_after; /* µs from now that a server asked for; 0 when it did not */
    struct contact_rejected *rejected;
    size_t n_rejected;
};

/* {0} is LOOKUP-free empty; contact_result_done() frees the content. */
void contact_result_done(struct contact_result *r);
/* A deep copy: 0 or -ENOMEM. */
int contact_result_copy(const struct contact_result *from, struct contact_result *ret);

/* Chooses by facts that registries publish: entities with the role abuse first (scored by
 * role, local part, type=abuse, depth, validation, pref), then addresses in remarks on
 * lines that speak of abuse or spam. rejected[] gets every address of these that must not
 * be mailed, and those of lower rank than the chosen one; technical and administrative
 * contacts are no candidates and are not listed. lab: only reserved domains (RFC 2606) may be chosen
 * and they are no placeholders; any_domain: reserved and real ones alike (a saved answer
 * that is only judged). Fills *ret except server; 0 or -ENOMEM. */
struct contact_rules {
    bool lab;
    bool any_domain;
};
int contact_choose(const struct rdap_network *net, const struct addr *query,
                   const struct contact_rules *rules, struct contact_result *ret);

/* rdap_parse() and contact_choose() in one: an answer that cannot be used gives
 * lookup-failed with what is wrong (temporary unless it is about another network), an error
 * body with code 404 gives none-published. 0 or -ENOMEM. */
int contact_judge(const char *body, size_t n, const struct addr *query,
                  const struct contact_rules *rules, struct contact_result *ret);

/* A result without an answer: outcome with a detail text (copied). 0 or -ENOMEM. */
int contact_result_make(enum contact_outcome outcome, const char *detail, bool temporary,
                        struct contact_result *ret);

/* "found", "none-published", "placeholder-only", "form-only", "special-purpose",
 * "lookup-failed"; and back (-EINVAL). */
const char *contact_outcome_name(enum contact_outcome outcome);
int contact_outcome_parse(const char *name);

/* The JSON of `abuse-reporterctl contact --json`, one line without LF; also what the cache
 * keeps. And back. The caller frees the text. 0, -ENOMEM, -EBADMSG. */
int contact_result_json(const struct contact_result *r, const struct addr *query,
                        char **ret);
int contact_result_from_json(const char *text, struct contact_result *ret);

#endif
