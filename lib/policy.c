#include "policy.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "moment.h"

static const struct {
    const char *name, *text;
} reasons[POLICY_REASONS] = {
    [REASON_NONE] = {"", "nothing stands against it"},
    [REASON_IGNORED] = {"ignored",
                        "the configuration says under `ignore` that this source is never "
                        "reported"},
    [REASON_SPECIAL] = {"special-purpose",
                        "the address is of a special-purpose block that belongs to no "
                        "network operator, so only the local contact is told"},
    [REASON_OWN_ADDRESS] = {"own-address",
                            "the address is one of this host itself, so only the local "
                            "contact is told"},
    [REASON_SUCCESS] =
        {"successful-login",
         "the source logged in successfully during the burst, soon after it or in the 30 "
         "days before: find out whether it is a user of yours or a break-in, then "
         "approve or drop it"},
    [REASON_TOO_OLD] = {"too-old",
                        "the last event is longer ago than limits.max_report_age, and an "
                        "old report helps nobody"},
    [REASON_REPORTED] = {"already-reported",
                         "this source was reported less than limits.per_source ago"},
    [REASON_SETTLING] = {"settling",
                         "a successful login could still show that it was a user who had "
                         "forgotten a password"},
    [REASON_NO_CONTACT] = {"none-published",
                           "the registry publishes no abuse mailbox for this network"},
    [REASON_PLACEHOLDER] =
        {"placeholder-only",
         "the registry publishes only addresses that must not be mailed"},
    [REASON_FORM] =
        {"form-only",
         "the network takes reports by a web form only, which you can fill in "
         "yourself"},
    [REASON_LOOKUP] = {"lookup-failed",
                       "the registry could not be asked or its answer could not be used"},
    [REASON_CONTACT_CAP] = {"per-contact-cap",
                            "this contact has got as many reports as limits.per_contact "
                            "allows, so it waits for its turn"},
    [REASON_TOTAL_CAP] = {"total-cap",
                          "as many reports as limits.total allows have been sent, so it "
                          "waits for its turn"},
    [REASON_APPROVAL] = {"approval",
                         "the mode is hold: approve it to send the report, or drop it"},
    [REASON_OBSERVE] =
        {"observe", "the mode is observe: it would have been reported, but nothing is "
                    "sent"},
    [REASON_DELIVERY_UNKNOWN] =
        {"delivery-unknown", "it is not known whether the mail server took the message: "
                             "look into its log before you approve another try"},
    [REASON_DELIVERY_FAILED] = {"delivery-failed",
                                "the mail server refused the message for good"},
    [REASON_OPERATOR] = {"operator", "the operator decided so"},
    [REASON_STATE_LOST] = {"state-lost",
                           "its record in the state file is damaged, so that its numbers "
                           "cannot be vouched for"},
    [REASON_UNMAILABLE] =
        {"unmailable", "no mail can be made for this recipient, or a lab rule forbids "
                       "it: see the detail and `report:` in the configuration"},
};

const char *policy_reason_name(enum policy_reason reason)
{
    return reasons[reason].name;
}

const char *policy_reason_text(enum policy_reason reason)
{
    return reasons[reason].text;
}

static const char *const modes[] = {
    [MODE_OBSERVE] = "observe",
    [MODE_HOLD] = "hold",
    [MODE_SEND] = "send",
};

const char *policy_mode_name(enum policy_mode mode)
{
    return modes[mode];
}

int policy_mode_parse(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(name, modes[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static int64_t after(int64_t moment, int64_t duration)
{
    int64_t sum;

    return __builtin_add_overflow(moment, duration, &sum) ? INT64_MAX : sum;
}

static struct policy_decision verdict(enum policy_verdict v, enum policy_reason reason)
{
    return (struct policy_decision){.verdict = v, .reason = reason, .until = MOMENT_NONE};
}

static struct policy_decision wait_until(enum policy_reason reason, int64_t until)
{
    return (struct policy_decision){
        .verdict = VERDICT_WAIT, .reason = reason, .until = until};
}

/* Each of the following asks one group of questions, and returns whether it has the
 * answer. */

static bool too_old(const struct policy_params *params, const struct incident *incident,
                    const struct policy_facts *facts)
{
    return facts->now > after(incident->last.usec, params->max_report_age);
}

static bool reported(const struct policy_params *params, const struct policy_facts *facts)
{
    return facts->last_report != MOMENT_NONE &&
           facts->now < after(facts->last_report, params->per_source);
}

/* The local contact is spared old news and repetition like everybody else. */
static struct policy_decision tell_local(const struct policy_params *params,
                                         const struct incident *incident,
                                         const struct policy_facts *facts,
                                         enum policy_reason reason)
{
    if (too_old(params, incident, facts))
        return verdict(VERDICT_NEVER, REASON_TOO_OLD);
    if (reported(params, facts))
        return verdict(VERDICT_NEVER, REASON_REPORTED);
    return verdict(params->mode == MODE_OBSERVE ? VERDICT_OBSERVE : VERDICT_LOCAL,
                   reason);
}

static bool by_owner(const struct policy_params *params, const struct incident *incident,
                     const struct policy_facts *facts, struct policy_decision *ret)
{
    switch (facts->owner) {
    case OWNER_STRANGER: return false;
    case OWNER_IGNORED: *ret = verdict(VERDICT_NEVER, REASON_IGNORED); return true;
    case OWNER_SPECIAL:
        *ret = tell_local(params, incident, facts, REASON_SPECIAL);
        return true;
    case OWNER_SELF:
        *ret = tell_local(params, incident, facts, REASON_OWN_ADDRESS);
        return true;
    }
    return false;
}

static bool logged_in(const struct incident *incident, const struct policy_facts *facts)
{
    return incident->success != MOMENT_NONE ||
           (facts->last_success != MOMENT_NONE &&
            facts->now < after(facts->last_success, POLICY_SUCCESS_AGE));
}

static bool by_time(const struct policy_params *params, const struct incident *incident,
                    const struct policy_facts *facts, struct policy_decision *ret)
{
    int64_t settled = after(incident->last.usec, params->settle);

    if (logged_in(incident, facts) && !incident->approved)
        *ret = verdict(VERDICT_HOLD, REASON_SUCCESS);
    else if (too_old(params, incident, facts))
        *ret = verdict(VERDICT_NEVER, REASON_TOO_OLD);
    else if (facts->now < settled)
        *ret = wait_until(REASON_SETTLING, settled);
    else if (reported(params, facts))
        *ret = verdict(VERDICT_NEVER, REASON_REPORTED);
    else
        return false;
    return true;
}

/* A look-up that failed for now is tried again with growing distance, and not before the
 * server wants to be asked. */
static struct policy_decision ask_later(const struct incident *incident,
                                        const struct policy_facts *facts)
{
    int64_t wait = policy_backoff(incident->attempts, (uint64_t)incident->id);

    if (facts->contact->retry_after > wait)
        wait = facts->contact->retry_after;
    return wait_until(REASON_LOOKUP, after(facts->now, wait));
}

static bool by_contact(const struct policy_params *params,
                       const struct incident *incident, const struct policy_facts *facts,
                       struct policy_decision *ret)
{
    if (!facts->contact) {
        *ret = verdict(VERDICT_LOOKUP, REASON_NONE);
        return true;
    }
    switch (facts->contact->outcome) {
    case CONTACT_FOUND: return false;
    case CONTACT_NONE_PUBLISHED: *ret = verdict(VERDICT_NEVER, REASON_NO_CONTACT); break;
    case CONTACT_PLACEHOLDER_ONLY:
        *ret = verdict(VERDICT_NEVER, REASON_PLACEHOLDER);
        break;
    case CONTACT_FORM_ONLY: *ret = verdict(VERDICT_NEVER, REASON_FORM); break;
    case CONTACT_SPECIAL_PURPOSE:
        *ret = tell_local(params, incident, facts, REASON_SPECIAL);
        break;
    case CONTACT_LOOKUP_FAILED:
        *ret = facts->contact->temporary ? ask_later(incident, facts)
                                         : verdict(VERDICT_NEVER, REASON_LOOKUP);
        break;
    }
    return true;
}

/* When a full window has room again. It can be empty and full (0/1d); then look again
 * after its length. */
static bool full(const struct policy_rate *rate, unsigned reports, int64_t room,
                 int64_t now, int64_t *ret_until)
{
    if (reports < rate->n)
        return false;
    *ret_until = room > now ? room : after(now, rate->per);
    return true;
}

static bool by_caps(const struct policy_params *params, const struct policy_facts *facts,
                    struct policy_decision *ret)
{
    int64_t until;

    if (full(&params->per_contact, facts->contact_reports, facts->contact_room,
             facts->now, &until))
        *ret = wait_until(REASON_CONTACT_CAP, until);
    else if (full(&params->total, facts->total_reports, facts->total_room, facts->now,
                  &until))
        *ret = wait_until(REASON_TOTAL_CAP, until);
    else
        return false;
    return true;
}

struct policy_decision policy_decide(const struct policy_params *params,
                                     const struct incident *incident,
                                     const struct policy_facts *facts)
{
    struct policy_decision d;

    if (by_owner(params, incident, facts, &d) || by_time(params, incident, facts, &d) ||
        by_contact(params, incident, facts, &d) || by_caps(params, facts, &d))
        return d;
    if (params->mode == MODE_OBSERVE)
        return verdict(VERDICT_OBSERVE, REASON_OBSERVE);
    if (params->mode == MODE_HOLD && !incident->approved)
        return verdict(VERDICT_HOLD, REASON_APPROVAL);
    return verdict(VERDICT_REPORT, REASON_NONE);
}

#define BACKOFF_FIRST (60 * USEC_PER_SEC)
#define BACKOFF_MAX   (4 * 3600 * USEC_PER_SEC)

int64_t policy_backoff(unsigned n, uint64_t seed)
{
    int64_t wait = BACKOFF_FIRST;

    while (n-- > 1 && wait < BACKOFF_MAX)
        wait *= 2;
    if (wait > BACKOFF_MAX)
        wait = BACKOFF_MAX;
    /* Rows that failed together shall not come back together: neighbouring ids fall far
     * apart under multiplication by the golden ratio of 2^64. */
    seed *= UINT64_C(0x9e3779b97f4a7c15);
    return wait + wait / 5 * (int64_t)(seed >> 54) / 1024;
}
