/* The services that are built in. */
#include "rules-builtin.h"

const struct rule_service *const rules_builtin[] = {
    &rules_sshd,
};

const size_t rules_n_builtin = sizeof(rules_builtin) / sizeof(rules_builtin[0]);
