#include "report.h"

#include <stdlib.h>
#include <string.h>

void report_params_done(struct report_params *p)
{
    free(p->from);
    free(p->reply_to);
    free(p->organisation);
    free(p->phone);
    free(p->note);
    free(p->addresses);
    for (size_t i = 0; i < p->n_ports; i++)
        free(p->ports[i].service);
    free(p->ports);
    free(p->local_contact);
    *p = (struct report_params){0};
}

uint16_t report_port_of(const struct report_params *params, const char *service)
{
    for (size_t i = 0; i < params->n_ports; i++)
        if (strcmp(params->ports[i].service, service) == 0)
            return params->ports[i].port;
    return 0;
}
