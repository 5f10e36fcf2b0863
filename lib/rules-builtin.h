/* One table of rows for each service: rules-SERVICE.c. */
#ifndef RULES_BUILTIN_H
#define RULES_BUILTIN_H

#include "rules.h"

extern const struct rule_service rules_sshd;

#endif
