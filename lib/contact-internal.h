/* What the files that choose a contact share. */
#ifndef CONTACT_INTERNAL_H
#define CONTACT_INTERNAL_H

#include <stdbool.h>

#include "contact.h"
#include "rdap.h"
#include "text.h"

/* Why a well-formed address must not be mailed about this network (a constant); NULL when
 * it may. */
const char *contact_refusal(const struct rdap_network *net, const char *mail,
                            const struct contact_rules *rules);
/* Whether a value that is no address is a known stand-in for one ("DATA REDACTED"). */
bool contact_is_stand_in(const char *value);
/* Handles of the national registries' own incident teams, which stand in the records of
 * their members' networks. */
bool contact_is_registry_team(const char *handle);
/* Whether a host name belongs to a registry. */
bool contact_is_registry_domain(const char *domain);
/* abuse@, cert@, soc-team@, security@ and their like. */
bool contact_speaks_of_abuse(const char *mail);

/* Finds the next mail address in a line of prose, from *pos on; moves *pos behind it.
 * Only whole words between blanks, brackets, quotes or colons count: a cut address could
 * be somebody else's. */
bool contact_next_mail(const char *line, size_t *pos, char *ret);
/* The first https URL in a line; NULL when there is none or out of memory. */
char *contact_find_url(const char *line);

/* contact-json.c: adds to r->rejected, once per text; beyond a cap nothing. 0, -ENOMEM.
 */
int contact_reject(struct contact_result *r, const char *value, const char *why);

#endif
