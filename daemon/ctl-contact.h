/* The verb `contact` of abuse-reporterctl: which mailbox an RDAP answer gives, and why.
 */
#ifndef CTL_CONTACT_H
#define CTL_CONTACT_H

#include <stdbool.h>

#include "addr.h"
#include "contact.h"

/* argv[0] is "contact". Returns an exit code of sysexits.h: 0 for every outcome that is a
 * judgement, EX_TEMPFAIL for lookup-failed, EX_USAGE, EX_NOINPUT, EX_OSERR. */
int ctl_contact(int argc, char **argv);

/* Asks the registries, in ctl-contact-lookup.c; config_path may be NULL. Prints as below
 * and returns an exit code. */
int ctl_contact_lookup(const struct addr *addr, const char *config_path, bool json);

/* Writes a result to stdout, for people or as one line of JSON, and returns the exit code
 * that it deserves. */
int ctl_contact_print(const struct addr *query, const struct contact_result *result,
                      bool json);

#endif
