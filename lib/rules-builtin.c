/* The services that are built in. */
#include "rules-builtin.h"

const struct rule_service *const rules_builtin[] = {
    &rules_sshd,    &rules_dropbear,    &rules_vsftpd,  &rules_proftpd, &rules_login,
    &rules_dovecot, &rules_dovecot_pam, &rules_postfix, &rules_exim,
};

const size_t rules_n_builtin = sizeof(rules_builtin) / sizeof(rules_builtin[0]);
