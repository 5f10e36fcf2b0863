/* The one check that every address passes before it may become a recipient or sender. */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stdbool.h>
#include <stddef.h>

#define MAILADDR_MAX 254

/* Reads n foreign bytes as one bare mail address: blanks around it, "mailto:" and one pair
 * of <> are taken off; then a local part of [A-Za-z0-9!#$%&'*+/=?^_`{|}~.-] that does not
 * begin with "-" and whose dots stand between other characters (RFC 5321 Dot-string), at
 * most 64 bytes; one "@"; a domain of two or more LDH labels whose last is not numeric; 254
 * bytes in all. The domain is lower-cased. Writes it to ret
 * (NUL-terminated); returns false and leaves ret alone for anything else. libcurl does not
 * check addresses: CR and LF in one would become SMTP commands. */
bool mailaddr_parse(const char *text, size_t n, char ret[static MAILADDR_MAX + 1]);

/* Reads 'Name <a@b>' or 'a@b' (RFC 5322 mailbox in printable ASCII; the name without
 * quotes, or quoted). name may be NULL; "" when there is none. */
bool mailaddr_parse_mailbox(const char *text, char ret[static MAILADDR_MAX + 1],
                            char **name);

/* The part after the "@". */
const char *mailaddr_domain(const char *addr);
/* Whether domain is parent or lies below it, without case. */
bool mailaddr_domain_within(const char *domain, const char *parent);
/* A domain, or one below it, that RFC 2606 or RFC 6761 reserves: example, example.com,
 * example.net, example.org, test, invalid, localhost. */
bool mailaddr_reserved(const char *addr);
/* A local part that says nobody reads it: noreply, no-reply, donotreply, …, any case,
 * with or without a +suffix. */
bool mailaddr_noreply(const char *addr);
/* Compares as mail does in practice: without case. */
bool mailaddr_equal(const char *a, const char *b);

#endif
