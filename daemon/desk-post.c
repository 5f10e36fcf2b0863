/* The desk's outgoing mail. A message's bytes and envelope are stored before anything is
 * sent; SENDING is durable before MAIL FROM; what the MTA said is durable before the next
 * message. A message that is found SENDING with no dialogue under way may or may not have
 * been taken: the MTA's own log is asked by its Message-ID, and when that cannot tell,
 * the operator is. So nothing is sent twice, and nothing is lost in silence (RFC 1047).
 */
#include "desk-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "mailaddr.h"
#include "moment.h"
#include "mtalog.h"
#include "store.h"

/* The MTA may still be at work; mtalog.c lets the silence of Postfix count after 5 s. */
#define ASK_LOG_AFTER (10 * USEC_PER_SEC)
#define ASK_LOG_ONCE  (6 * USEC_PER_SEC)
#define WRITE_AGAIN   (5 * USEC_PER_SEC)
#define MTA_RETRY_MIN (5 * USEC_PER_SEC)
#define LAB_RULE      "a lab writes to reserved domains only, and only a lab does"
#define MTA_RETRY_MAX (300 * USEC_PER_SEC)

DEFINE_CLEANUP(struct incident *, incident_free)
DEFINE_CLEANUP(struct message *, message_free)

/* ---- composing ---- */

static struct report_facts facts_of(struct desk *d, struct incident *inc,
                                    enum report_kind kind, int64_t now,
                                    char reference[static INCIDENT_REFERENCE_MAX])
{
    return (struct report_facts){
        .kind = kind,
        .incident = inc,
        .reference = incident_reference(inc->id, store_secret(d->store), reference),
        .to = kind == REPORT_ABUSE ? inc->contact : d->config->report.local_contact,
        .sequence = kind == REPORT_ALERT ? MESSAGE_ALERT : 1,
        .now = now,
    };
}

static int compose(struct desk *d, struct incident *inc, enum report_kind kind,
                   int64_t now, struct report *ret)
{
    char reference[INCIDENT_REFERENCE_MAX];
    struct report_facts facts = facts_of(d, inc, kind, now, reference);
    bool special = addr_special(&inc->source.addr, NULL);

    if (kind == REPORT_LOCAL)
        facts.why_local =
            policy_reason_text(special ? REASON_SPECIAL : REASON_OWN_ADDRESS);
    incident_sort_addrs(inc);
    return report_compose(&d->config->report, &facts, ret);
}

int desk_compose(struct desk *d, struct incident *inc, int64_t now, struct report *ret)
{
    bool local = strcmp(inc->reason, policy_reason_name(REASON_SPECIAL)) == 0 ||
                 strcmp(inc->reason, policy_reason_name(REASON_OWN_ADDRESS)) == 0;

    if (inc->state == INCIDENT_DROPPED || (!local && !inc->contact))
        return -ENOENT;
    return compose(d, inc, local ? REPORT_LOCAL : REPORT_ABUSE, now, ret);
}

static bool is_local(const struct desk *d, const char *to)
{
    return strcmp(to, d->config->report.local_contact) == 0;
}

/* A lab writes only to names that nobody owns, and nobody else does. Asked again before
 * each attempt: the configuration may have changed meanwhile. */
static bool recipient_allowed(const struct desk *d, const char *to)
{
    return is_local(d, to) || mailaddr_reserved(to) == (d->config->reportable.n > 0);
}

static int add_message(struct desk *d, struct incident *inc, unsigned sequence,
                       struct report *report, int64_t now)
{
    struct message m = {
        .incident = inc->id,
        .sequence = sequence,
        .state = MESSAGE_QUEUED,
        .message_id = report->message_id,
        .sender = report->envelope_from,
        .recipient = report->envelope_to,
        .bytes = report->bytes,
        .n = report->n,
        .created = now,
        .due = now,
        .started = MOMENT_NONE,
    };
    int r = store_message_add(d->store, &m);

    if (r == 0 && sequence != MESSAGE_ALERT)
        r = store_report_add(d->store, inc->id, &inc->source,
                             is_local(d, report->envelope_to) ? "" : report->envelope_to,
                             now, false);
    return r == 0 ? 0 : ledger_abort(d->ledger, r);
}

static int hold_unmailable(struct desk *d, struct incident *inc, const char *detail)
{
    int r = desk_put(d, inc, INCIDENT_HELD, REASON_UNMAILABLE, detail, MOMENT_NONE);

    if (r == 0)
        ledger_note(d->ledger, EVENT_HELD, LOG_ERR, inc, "held for you: %s: %s", detail,
                    inc->contact ? inc->contact : d->config->report.local_contact);
    return r;
}

int post_queue(struct desk *d, struct incident *inc, enum report_kind kind, int64_t now)
{
    enum policy_reason reason = REASON_NONE;
    struct report report = {0};
    int r;

    if (kind == REPORT_LOCAL)
        reason =
            addr_special(&inc->source.addr, NULL) ? REASON_SPECIAL : REASON_OWN_ADDRESS;
    r = compose(d, inc, kind, now, &report);
    if (r == -ENOMEM)
        return ledger_abort(d->ledger, r);
    if (r < 0)
        return hold_unmailable(d, inc, "the mail cannot be composed");
    if (!recipient_allowed(d, report.envelope_to)) {
        report_done(&report);
        return hold_unmailable(d, inc, LAB_RULE);
    }
    r = desk_put(d, inc, INCIDENT_QUEUED, reason, NULL, MOMENT_NONE);
    if (r == 0)
        r = add_message(d, inc, 1, &report, now);
    if (r == 0)
        ledger_note(d->ledger, EVENT_QUEUED, LOG_INFO, inc, "report to %s queued as %s",
                    report.envelope_to, report.message_id);
    report_done(&report);
    return r;
}

int post_alert(struct desk *d, struct incident *inc, const char *user, bool held,
               int64_t now)
{
    char reference[INCIDENT_REFERENCE_MAX];
    struct report_facts facts = facts_of(d, inc, REPORT_ALERT, now, reference);
    struct report report = {0};
    int r;

    facts.user = user;
    facts.held = held;
    r = report_compose(&d->config->report, &facts, &report);
    if (r == -ENOMEM)
        return ledger_abort(d->ledger, r);
    if (r < 0) {
        log_error("the local contact cannot be told of a login: no mail can be made for "
                  "%s",
                  d->config->report.local_contact);
        return 0;
    }
    r = ledger_touch(d->ledger);
    if (r == 0)
        r = add_message(d, inc, MESSAGE_ALERT, &report, now);
    report_done(&report);
    return r;
}

/* ---- what came of it ---- */

/* The notice of a login goes beside the incident, whose fate it does not touch. */
static bool is_alert(const struct message *m)
{
    return m->sequence == MESSAGE_ALERT;
}

static const char *kind_of(const struct message *m)
{
    return is_alert(m) ? "notice of a login" : "report";
}

static int set_error(struct message *m, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    free(m->error);
    m->error = copy;
    return 0;
}

/* A notice to the local contact keeps saying why nobody else was told. */
static enum policy_reason told_reason(const struct incident *inc)
{
    static const enum policy_reason kept[] = {REASON_SPECIAL, REASON_OWN_ADDRESS};

    for (unsigned i = 0; i < 2; i++)
        if (strcmp(inc->reason, policy_reason_name(kept[i])) == 0)
            return kept[i];
    return REASON_NONE;
}

static int finish(struct desk *d, struct message *m, enum message_state state,
                  struct incident *inc, enum incident_state fate,
                  enum policy_reason reason)
{
    int r = is_alert(m) ? ledger_touch(d->ledger)
                        : desk_put(d, inc, fate,
                                   reason == REASON_NONE ? told_reason(inc) : reason,
                                   m->error, MOMENT_NONE);

    if (r != 0)
        return r;
    m->state = state;
    r = store_message_put(d->store, m);
    if (r == 0 && state == MESSAGE_DEAD && !is_alert(m))
        r = store_report_delete(d->store, inc->id);
    if (r != 0)
        return ledger_abort(d->ledger, r);
    return ledger_commit(d->ledger);
}

static int accepted(struct desk *d, struct message *m, struct incident *inc,
                    const char *queue_id)
{
    int r;

    if (queue_id[0]) {
        free(m->queue_id);
        m->queue_id = strdup(queue_id);
    }
    free(m->error);
    m->error = NULL;
    r = finish(d, m, MESSAGE_SENT, inc, INCIDENT_SENT, REASON_NONE);
    if (r == 0) {
        d->sent += !is_alert(m);
        ledger_note(d->ledger, EVENT_SENT, LOG_NOTICE, inc,
                    "%s handed to the mail server for %s%s%s", kind_of(m), m->recipient,
                    queue_id[0] ? ", queued there as " : "", queue_id);
    }
    return r;
}

static int try_again(struct desk *d, struct message *m, struct incident *inc)
{
    char text[MOMENT_TEXT_MAX];
    int64_t wait = policy_backoff(++m->attempts, (uint64_t)m->id);
    int r;

    m->due = host_now() + wait;
    r = finish(d, m, MESSAGE_QUEUED, inc, INCIDENT_QUEUED, REASON_NONE);
    if (r == 0)
        ledger_note(d->ledger, EVENT_DELIVERY, LOG_WARNING, inc,
                    "the mail server did not take the %s: %s; %s%s", kind_of(m), m->error,
                    d->once ? "left for the next run" : "trying again in ",
                    d->once ? "" : duration_format(wait, text));
    return r;
}

static int hold(struct desk *d, struct message *m, struct incident *inc,
                enum policy_reason reason, enum message_state state)
{
    int r = finish(d, m, is_alert(m) ? MESSAGE_DEAD : state, inc, INCIDENT_HELD, reason);

    if (r == 0 && is_alert(m)) /* nothing to approve */
        ledger_note(d->ledger, EVENT_DELIVERY, LOG_ERR, inc,
                    "the notice of a login to %s is not known to have arrived: %s",
                    m->recipient, m->error ? m->error : policy_reason_text(reason));
    else if (r == 0)
        ledger_note(d->ledger, EVENT_HELD, LOG_ERR, inc,
                    "the report to %s is held: %s (%s)", m->recipient,
                    policy_reason_text(reason), m->error ? m->error : "no reply");
    return r;
}

/* The whole queue waits: this is nobody's attempt. Said when it begins and when it ends.
 */
static int mta_down(struct desk *d, struct message *m, struct incident *inc)
{
    int64_t wait = MTA_RETRY_MIN;
    int r;

    for (unsigned i = 0; i < d->mta_failures && wait < MTA_RETRY_MAX; i++)
        wait *= 2;
    if (wait > MTA_RETRY_MAX)
        wait = MTA_RETRY_MAX;
    if (d->mta_failures++ == 0)
        log_warning("the mail server at %s takes no mail: %s; reports wait until it does",
                    d->config->delivery.mta, m->error);
    d->mta_retry = host_now() + wait;
    r = finish(d, m, MESSAGE_QUEUED, inc, INCIDENT_QUEUED, REASON_NONE);
    return r;
}

static int ask_later(struct desk *d, int64_t id)
{
    d->unknown_id = id;
    return watch_arm(d->post_timer, d->once ? ASK_LOG_ONCE : ASK_LOG_AFTER);
}

static int ask_mta_log(struct desk *d, struct message *m, struct incident *inc)
{
    char queue_id[64] = "";

    switch (mtalog_find(d->config->delivery.log, m->message_id, m->started, host_now(),
                        queue_id)) {
    case MTALOG_FOUND: return accepted(d, m, inc, queue_id);
    case MTALOG_ABSENT:
        if (set_error(m, "the dialogue broke off, and the mail server's log does not "
                         "name the message") < 0)
            return -ENOMEM;
        return try_again(d, m, inc);
    case MTALOG_EARLY: /* once, the next run asks again */
        return d->once ? 0 : ask_later(d, m->id);
    case MTALOG_UNKNOWN: break;
    }
    if (!m->error && set_error(m, "the dialogue broke off") < 0)
        return -ENOMEM;
    return hold(d, m, inc, REASON_DELIVERY_UNKNOWN, MESSAGE_HELD);
}

static int get_both(struct desk *d, int64_t id, struct message **ret_m,
                    struct incident **ret_inc)
{
    int r = store_message_get(d->store, id, ret_m);

    if (r == 0)
        r = store_incident_get(d->store, (*ret_m)->incident, ret_inc);
    return r;
}

static int take_result(struct desk *d, const struct post_result *result)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    _cleanup_(message_freep) struct message *m = NULL;
    int r = get_both(d, result->id, &m, &inc);

    if (r != 0)
        return desk_failed(d, r);
    if (result->action != DELIVERY_MTA_DOWN && d->mta_failures > 0) {
        d->mta_failures = 0;
        log_notice("the mail server at %s answers again", d->config->delivery.mta);
    }
    if (result->action == DELIVERY_ACCEPTED)
        return accepted(d, m, inc, result->queue_id);
    d->delivery_failures++;
    if (set_error(m, result->text) < 0)
        return ledger_abort(d->ledger, -ENOMEM);
    switch (result->action) {
    case DELIVERY_RETRY: return try_again(d, m, inc);
    case DELIVERY_MTA_DOWN: return mta_down(d, m, inc);
    case DELIVERY_BAD_RECIPIENT:
        return hold(d, m, inc, REASON_DELIVERY_FAILED, MESSAGE_DEAD);
    case DELIVERY_UNKNOWN: return ask_later(d, m->id);
    default: return hold(d, m, inc, REASON_DELIVERY_FAILED, MESSAGE_HELD);
    }
}

/* The end of a delivery is kept until it is written: a full disk may be in the way. */
static void write_result(struct desk *d)
{
    if (take_result(d, &d->result) != 0) {
        watch_arm(d->post_timer, WRITE_AGAIN);
        return;
    }
    d->result.pending = false;
    desk_wake(d);
}

static void on_delivered(void *userdata, const struct deliver_result *result)
{
    struct desk *d = userdata;

    d->result = (struct post_result){.pending = true,
                                     .id = result->id,
                                     .action = result->action,
                                     .reply = result->reply};
    snprintf(d->result.text, sizeof(d->result.text), "%s",
             result->text ? result->text : "no reply");
    snprintf(d->result.queue_id, sizeof(d->result.queue_id), "%s",
             result->queue_id ? result->queue_id : "");
    write_result(d);
}

static void on_post_timer(void *userdata, unsigned what)
{
    struct desk *d = userdata;
    _cleanup_(incident_freep) struct incident *inc = NULL;
    _cleanup_(message_freep) struct message *m = NULL;
    int r;

    if (d->result.pending) {
        write_result(d);
        return;
    }
    if (d->unknown_id == 0)
        return;
    r = get_both(d, d->unknown_id, &m, &inc);
    d->unknown_id = 0;
    if (r == 0)
        r = ask_mta_log(d, m, inc);
    if (r != 0 && r != STORE_E_MISSING) {
        d->unknown_id = m ? m->id : 0;
        watch_arm(d->post_timer, WRITE_AGAIN);
        return;
    }
    desk_wake(d);
}

/* A dialogue that a crash broke off may still be at work on the MTA's side: its log is
 * asked after a while, as for any other unknown outcome. */
int desk_settle_unknown(struct desk *d)
{
    _cleanup_(message_freep) struct message *m = NULL;
    int r = store_message_in_state(d->store, MESSAGE_SENDING, 0, &m);

    if (r == STORE_E_MISSING)
        return 0;
    if (r != 0)
        return r;
    return ask_later(d, m->id);
}

/* ---- sending ---- */

static int give_up(struct desk *d, struct message *m, struct incident *inc)
{
    int r = finish(d, m, MESSAGE_DEAD, inc, INCIDENT_DROPPED, REASON_TOO_OLD);

    if (r == 0)
        ledger_note(d->ledger, EVENT_DROPPED, LOG_WARNING, inc,
                    "the %s to %s could not be delivered in time: %s", kind_of(m),
                    m->recipient, m->error ? m->error : "no attempt succeeded");
    return r;
}

static int begin(struct desk *d, struct message *m)
{
    struct deliver_job job = {.id = m->id,
                              .sender = m->sender,
                              .recipient = m->recipient,
                              .bytes = m->bytes,
                              .n = m->n};
    int r = ledger_touch(d->ledger);

    if (r != 0)
        return r;
    m->state = MESSAGE_SENDING;
    m->started = host_now();
    r = store_message_put(d->store, m);
    if (r != 0)
        return ledger_abort(d->ledger, r);
    r = ledger_commit(d->ledger);
    if (r != 0)
        return r;
    r = deliverer_send(d->deliverer, &job);
    if (r < 0)
        log_error("a report cannot be sent: %s", strerror(-r));
    return r;
}

/* Nothing was said to the MTA: the message is as it was. */
static void take_back(struct desk *d, struct message *m, int error)
{
    struct deliver_result result = {.id = m->id,
                                    .action = error == -EINVAL ? DELIVERY_OUR_FAULT
                                                               : DELIVERY_RETRY,
                                    .text = strerror(-error)};

    on_delivered(d, &result);
}

static int next_message(struct desk *d, struct message **ret)
{
    int64_t now = host_now();

    if (d->policy.mode == MODE_OBSERVE)
        return STORE_E_MISSING; /* queued in another mode; nothing leaves in this one */
    if (d->once)
        return store_message_in_state(d->store, MESSAGE_QUEUED, d->last_message, ret);
    if (now < d->mta_retry)
        return STORE_E_MISSING;
    return store_message_due(d->store, now, ret);
}

/* What was right to send when it was queued may not be any more. Returns whether the
 * message was taken out of the queue (or could not be). */
static bool turn_back(struct desk *d, struct message *m, struct incident *inc)
{
    int64_t age;

    if (!recipient_allowed(d, m->recipient)) {
        if (set_error(m, LAB_RULE) == 0)
            hold(d, m, inc, REASON_UNMAILABLE, MESSAGE_HELD);
        return true;
    }
    if (d->policy.mode == MODE_HOLD && !inc->approved && !is_local(d, m->recipient)) {
        hold(d, m, inc, REASON_APPROVAL, MESSAGE_HELD);
        return true;
    }
    age = host_now() - (is_alert(m) ? m->created : inc->last.usec);
    if (!inc->approved && age > d->policy.max_report_age) {
        give_up(d, m, inc);
        return true;
    }
    return false;
}

/* Whether there was a message to begin or to give up. */
static bool send_next(struct desk *d)
{
    _cleanup_(incident_freep) struct incident *inc = NULL;
    _cleanup_(message_freep) struct message *m = NULL;
    int r = next_message(d, &m);

    if (r == 0)
        r = store_incident_get(d->store, m->incident, &inc);
    if (r != 0) {
        desk_failed(d, r);
        return false;
    }
    d->last_message = m->id;
    if (turn_back(d, m, inc)) {
        desk_wake(d);
        return true;
    }
    r = begin(d, m);
    if (r < 0)
        take_back(d, m, r);
    return true;
}

bool post_busy(const struct desk *d)
{
    return d->result.pending || d->unknown_id != 0 || deliverer_busy(d->deliverer);
}

bool post_run(struct desk *d)
{
    return post_busy(d) || (!d->stopping && send_next(d));
}

int64_t post_next(struct desk *d, int64_t now)
{
    int64_t due;

    if (post_busy(d) || d->policy.mode == MODE_OBSERVE ||
        store_message_next_due(d->store, &due) != 0)
        return INT64_MAX;
    if (due < d->mta_retry)
        due = d->mta_retry;
    return due < now ? now : due;
}

int post_new(struct desk *d, const struct config *config, struct deliverer **ret)
{
    struct deliver_params p = {.mta = config->delivery.mta};
    char from[MAILADDR_MAX + 1];

    if (!d->post_timer) {
        int r = loop_timer(d->loop, on_post_timer, d, &d->post_timer);

        if (r < 0)
            return r;
    }
    if (config->report.from && mailaddr_parse_mailbox(config->report.from, from, NULL))
        p.helo = mailaddr_domain(from);
    return deliverer_new(d->loop, &p, on_delivered, d, ret);
}
