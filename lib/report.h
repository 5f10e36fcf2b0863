/* The mail: same input, same bytes. RFC 5322, 7-bit, CRLF, one part. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "contact.h"
#include "incident.h"

/* Port of a service here, for "Destination port:". */
struct report_port {
    char *service;
    uint16_t port;
};

struct report_params {
    char *from;          /* mailbox, "Name <a@b>"; NULL in observe mode */
    char *reply_to;      /* mailbox or NULL */
    char *organisation, *phone, *note; /* or NULL */
    struct addr *addresses; /* of this host, as strangers see it */
    size_t n_addresses;
    bool hide_destination;
    struct report_port *ports;
    size_t n_ports;
    char *local_contact; /* bare local name or address: "root" */
};
void report_params_done(struct report_params *p);

enum report_kind {
    REPORT_ABUSE, /* to the abuse contact */
    REPORT_LOCAL, /* to the local contact: nobody else can be told */
    REPORT_ALERT, /* to the local contact: incident->success may be a guess that succeeded */
};

struct report_facts {
    enum report_kind kind;
    const struct incident *incident;
    const char *reference; /* incident_reference() */
    const char *to;        /* bare address, or a local name for LOCAL and ALERT */
    unsigned sequence;     /* 1 for the first message of an incident */
    int64_t now;           /* Date: */
    const char *why_local; /* REPORT_LOCAL: policy_reason_text() */
    const char *user;      /* REPORT_ALERT: who logged in, or NULL */
    bool held;             /* REPORT_ALERT: a report waits for the operator */
};

struct report {
    char *bytes; /* headers and body, CRLF, NUL-terminated for convenience */
    size_t n;
    char *message_id; /* "<…@…>", a function of reference, sequence and from */
    char *envelope_from; /* bare address */
    char *envelope_to;   /* bare address or local name */
};

/* Composes the mail. Labels in this order: Source IP, Source ports, Destination IP,
 * Destination port, First event, Last event, Clock, Number of events, Reference, Contact;
 * then a statement, then the log lines. Where from is NULL (observe mode, a preview) the
 * mail shows "unset@example.invalid" in its place. Every foreign byte passes text_escape().
 * 0, -ENOMEM, or -EINVAL when from, reply_to or to are not what mailaddr.h accepts (a
 * local name of [a-z0-9._-] is accepted for REPORT_LOCAL and REPORT_ALERT). */
int report_compose(const struct report_params *params, const struct report_facts *facts,
                   struct report *ret);
void report_done(struct report *r);

/* The number for "Destination port:" of a service, 0 when none is configured or known. */
uint16_t report_port_of(const struct report_params *params, const char *service);

#endif
