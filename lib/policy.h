/* Deciding: report, wait, ask the operator, or never, each with a reason in words. First
 * think, then react. */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "contact.h"
#include "incident.h"
#include "moment.h"

enum policy_mode {
    MODE_OBSERVE = 0,
    MODE_HOLD,
    MODE_SEND,
};

struct policy_rate {
    unsigned n;
    int64_t per; /* µs */
};

struct policy_params {
    enum policy_mode mode;
    int64_t per_source; /* µs between reports of one source */
    struct policy_rate per_contact;
    struct policy_rate total;
    int64_t max_report_age; /* µs after the last event */
    int64_t settle; /* µs; a success this long after the last event still holds */
};

/* Where the source stands, found by the caller. */
enum policy_owner {
    OWNER_STRANGER = 0,
    OWNER_IGNORED, /* `ignore` of the configuration */
    OWNER_SPECIAL, /* special-purpose address */
    OWNER_SELF,    /* this host */
};

struct policy_facts {
    int64_t now;
    enum policy_owner owner;
    /* NULL before the look-up. */
    const struct contact_result *contact;
    /* The last report about this source (µs), MOMENT_NONE when there was none; reports to
     * this contact and in total within their windows, with the moment at which the oldest
     * of them leaves the window. In observe mode, what would have been sent counts. */
    int64_t last_report;
    int64_t last_success; /* the source's last login that succeeded, or MOMENT_NONE */
    unsigned contact_reports, total_reports;
    int64_t contact_room, total_room;
};

/* Words that are stored, shown, and journaled as ABUSE_REASON. */
enum policy_reason {
    REASON_NONE = 0,
    REASON_IGNORED,          /* "ignored" */
    REASON_SPECIAL,          /* "special-purpose" */
    REASON_OWN_ADDRESS,      /* "own-address" */
    REASON_SUCCESS,          /* "successful-login" */
    REASON_TOO_OLD,          /* "too-old" */
    REASON_REPORTED,         /* "already-reported" */
    REASON_SETTLING,         /* "settling": a success could still come */
    REASON_NO_CONTACT,       /* "none-published" */
    REASON_PLACEHOLDER,      /* "placeholder-only" */
    REASON_FORM,             /* "form-only" */
    REASON_LOOKUP,           /* "lookup-failed" */
    REASON_CONTACT_CAP,      /* "per-contact-cap" */
    REASON_TOTAL_CAP,        /* "total-cap" */
    REASON_APPROVAL,         /* "approval" */
    REASON_OBSERVE,          /* "observe" */
    REASON_DELIVERY_UNKNOWN, /* "delivery-unknown" */
    REASON_DELIVERY_FAILED,  /* "delivery-failed" */
    REASON_OPERATOR,         /* "operator" */
    REASON_STATE_LOST,       /* "state-lost" */
    REASON_UNMAILABLE,       /* "unmailable" */
};
#define POLICY_REASONS (REASON_UNMAILABLE + 1)
const char *policy_reason_name(enum policy_reason reason); /* "" for REASON_NONE */
/* One sentence for people: what it means and what to do. */
const char *policy_reason_text(enum policy_reason reason);

/* A source that logged in within this time (µs) before the decision is held. */
#define POLICY_SUCCESS_AGE (30 * INT64_C(86400) * USEC_PER_SEC)

enum policy_verdict {
    VERDICT_LOOKUP,  /* go on and ask for the contact */
    VERDICT_REPORT,  /* make the message and queue it */
    VERDICT_LOCAL,   /* tell the local contact, nobody else */
    VERDICT_OBSERVE, /* would be reported; the mode is observe */
    VERDICT_WAIT,    /* decide again at `until` */
    VERDICT_HOLD,    /* the operator decides */
    VERDICT_NEVER,
};

struct policy_decision {
    enum policy_verdict verdict;
    enum policy_reason reason;
    int64_t until; /* WAIT: µs; else MOMENT_NONE */
};

/* Decides about a closed incident from the facts at facts->now. Without a contact, the
 * verdict is LOOKUP unless something is already certain. The order of questions, first
 * that applies: ignored, own or special-purpose (too old, already told, else LOCAL in
 * hold and send, OBSERVE otherwise), a success in the last 30 days (HOLD), too old, settle not yet over
 * (WAIT), already reported, contact missing (NEVER; WAIT after a look-up that failed for
 * now), caps (WAIT), the mode observe, approval (HOLD unless incident->approved), REPORT.
 * A success is not overruled by `approved` of an earlier moment: approving is what
 * answers it, so an approved incident passes. */
struct policy_decision policy_decide(const struct policy_params *params,
                                     const struct incident *incident,
                                     const struct policy_facts *facts);

/* When to try again after the n-th failure (n from 1), a pure function: 1 min, doubling
 * to 4 h, spread by up to 20 % by the seed (the row's id). µs to add. */
int64_t policy_backoff(unsigned n, uint64_t seed);

/* Mode names "observe", "hold", "send"; -EINVAL for others. */
const char *policy_mode_name(enum policy_mode mode);
int policy_mode_parse(const char *name);

#endif
