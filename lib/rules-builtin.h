/* One table of rows for each service: rules-SERVICE.c. */
#ifndef RULES_BUILTIN_H
#define RULES_BUILTIN_H

#include "rules.h"

extern const struct rule_service rules_sshd;
/* rules-others.c */
extern const struct rule_service rules_dropbear, rules_vsftpd, rules_proftpd, rules_login;
/* rules-mail.c */
extern const struct rule_service rules_dovecot, rules_dovecot_pam, rules_postfix,
    rules_exim;

#endif
