/* Shared by the two halves of report.c: the head of the mail, and its body. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include <stdio.h>

#include "report.h"

/* What both halves need to know, made once. */
struct report_view {
    const struct report_params *params;
    const struct report_facts *facts;
    const struct incident *incident; /* with addrs in order */
    struct addr address;             /* the one with most attempts */
    const char *answer_to;           /* bare address that people may write to */
    const char *to;                  /* bare recipient */
};

/* What people call the service: "SSH" for "sshd"; else its own name. */
const char *report_service_name(const char *service);

/* The address, or the network that is counted as one source. */
const char *report_source_text(const struct incident *inc, char buf[static NET_TEXT_MAX]);

/* One line with its CRLF. A failing stream is found out when it is closed. */
void report_line(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0 or -ENOMEM. */
int report_body(FILE *f, const struct report_view *view);

#endif
