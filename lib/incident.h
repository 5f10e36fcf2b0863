/* An incident: one burst of failed logins from one source, the evidence for it, and what
 * became of it. The tracker makes it, the store keeps it, the report shows it. */
#ifndef INCIDENT_H
#define INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "attempts.h"
#include "moment.h"

/* Caps of what one incident holds; beyond them only numbers are kept. */
#define INCIDENT_ADDRS    16 /* single addresses of an IPv6 network */
#define INCIDENT_PORTS    32 /* distinct source ports */
#define INCIDENT_USERS    32 /* distinct user names */
#define INCIDENT_HEAD     5  /* first lines kept */
#define INCIDENT_TAIL     5  /* last lines kept */
#define INCIDENT_LINE_MAX 512

enum incident_state {
    INCIDENT_OPEN = 0, /* the burst goes on */
    INCIDENT_LOOKUP,   /* closed; the abuse contact is asked for when `due` comes */
    INCIDENT_WAITING,  /* a cap or the clock says later: decided again when `due` comes */
    INCIDENT_HELD,     /* for the operator */
    INCIDENT_QUEUED,   /* a message is stored and on its way */
    INCIDENT_SENT,     /* the MTA has taken it */
    INCIDENT_OBSERVED, /* would have been sent, but the mode is observe */
    INCIDENT_DROPPED,  /* will never be reported; `reason` says why */
};
#define INCIDENT_STATES (INCIDENT_DROPPED + 1)

struct evidence {
    struct stamp time;
    uint64_t count; /* attempts that the line stands for */
    char *line;     /* original bytes, NUL-terminated, at most INCIDENT_LINE_MAX */
};

struct incident_addr {
    struct addr addr;
    uint64_t count;
};

struct incident {
    int64_t id;        /* 0 until stored */
    struct net source; /* one address, or the IPv6 prefix */
    struct stamp first, last;
    uint64_t count;     /* attempts */
    uint64_t probes;    /* of these, in which no password was refused (ATTEMPT_PROBE) */
    uint64_t blocked;   /* connections dropped as a penalty, beside the attempts */
    char service[24];   /* "sshd", the first attempt's */
    bool services_more; /* there were others */
    int64_t success;    /* a login that succeeded within it, or MOMENT_NONE */

    /* The single addresses, most attempts first when read from incident_sort_addrs();
     * addrs_more attempts came from further ones. */
    struct incident_addr addrs[INCIDENT_ADDRS];
    unsigned n_addrs;
    uint64_t addrs_more;

    uint16_t ports[INCIDENT_PORTS]; /* distinct, in order of appearance */
    unsigned n_ports;
    bool ports_more; /* there were others */

    char *users[INCIDENT_USERS]; /* foreign bytes, NUL-terminated, distinct */
    unsigned n_users;
    bool users_more;

    /* The earliest and the latest lines, each in the order of their times; lines is how
     * many there were in all, so lines - n_head - n_tail were left out between them. */
    struct evidence head[INCIDENT_HEAD];
    unsigned n_head;
    struct evidence tail[INCIDENT_TAIL];
    unsigned n_tail;
    uint64_t lines;

    /* The clock while the lines arrived: how many attempts in each state, and the largest
     * error estimate (µs) that the kernel gave with a synchronised clock. */
    uint64_t clock_attempts[3]; /* by enum clock_state */
    int64_t clock_error;
    size_t bytes; /* memory that lines and users take, for the tracker's account */

    /* What became of it; kept by the store, not by the tracker. */
    enum incident_state state;
    char reason[32];        /* a word of policy.h, "" while there is none */
    char *detail;           /* more of the reason for people, or NULL */
    int64_t due;            /* when to act next (µs), MOMENT_NONE when nothing is due */
    unsigned attempts;      /* look-ups that failed so far */
    int64_t opened, closed; /* wall clock (µs); MOMENT_NONE */
    char *contact;          /* address, or NULL */
    char *contact_source;   /* "rdap-abuse", … or NULL */
    char *network;          /* "203.0.113.0 - 203.0.113.255", or NULL */
    bool approved;          /* the operator said yes (mode hold) */
};

/* A new open incident of that source, or NULL when out of memory. */
struct incident *incident_new(const struct net *source);
struct incident *incident_free(struct incident *inc); /* takes NULL, returns NULL */

/* Counts one attempt (a failure) in: times, count, port, user, address, line, clock.
 * Lines and users are cut to INCIDENT_LINE_MAX, and before a NUL. Counts stop at
 * INT64_MAX. clock_error is µs, or 0. Returns 0 or -ENOMEM, and the incident is unchanged
 * then. */
int incident_add(struct incident *inc, const struct attempt *attempt,
                 enum clock_state clock, int64_t clock_error);

/* Counts connections that were dropped as a penalty. */
void incident_add_blocked(struct incident *inc, uint64_t count);

/* The i-th of the n_tail last lines, oldest first. */
const struct evidence *incident_tail(const struct incident *inc, unsigned i);

/* Whether its stored evidence could not be read back: without an address or a line there
 * is nothing that could be reported. */
bool incident_damaged(const struct incident *inc);

/* Orders addrs by attempts, most first; equal ones by address. */
void incident_sort_addrs(struct incident *inc);

/* "open", "lookup", … and back; incident_state_parse returns -EINVAL for other words. */
const char *incident_state_name(enum incident_state state);
int incident_state_parse(const char *name);

/* The variable part (addresses, ports, users, clock) and the evidence as JSON texts for
 * the store, and back. Foreign bytes come back as they were: they stand in the JSON as
 * text_escape() writes them. The caller frees the text. -ENOMEM, or -EBADMSG when the
 * text is not what incident_…_json() writes; the incident is then unchanged. */
int incident_detail_json(const struct incident *inc, char **ret);
int incident_evidence_json(const struct incident *inc, char **ret);
int incident_detail_from_json(struct incident *inc, const char *text);
int incident_evidence_from_json(struct incident *inc, const char *text);

/* "AR-17-9f86d081": stable for the life of the state file, and not to be guessed by
 * strangers: half of SipHash-2-4 of the id (8 bytes, little-endian) under the store's
 * 16-byte secret. */
#define INCIDENT_REFERENCE_MAX 40
char *incident_reference(int64_t id, const uint8_t secret[static 16],
                         char buf[static INCIDENT_REFERENCE_MAX]);

#endif
