#include "view.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "contact.h"
#include "moment.h"
#include "policy.h"
#include "text.h"

#define TEXT_COLUMNS 64 /* beside the label */
#define SHOWN_MAX    1024

static void print_json(FILE *out, json_t *object)
{
    if (object && json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
        fputc('\n', out);
    json_decref(object);
}

static json_t *json_moment(int64_t usec)
{
    char text[MOMENT_TEXT_MAX];

    if (usec == MOMENT_NONE)
        return json_null();
    return json_string(
        moment_format_rfc3339((struct stamp){.usec = usec, .digits = 0}, text));
}

static json_t *json_foreign(const char *text)
{
    _cleanup_(cleanup_free) char *safe =
        text ? text_escape(text, strlen(text), SHOWN_MAX) : NULL;

    return safe ? json_string(safe) : json_null();
}

/* Parts of a second are cut. */
static json_t *json_seconds(int64_t usec)
{
    return usec == MOMENT_NONE ? json_null()
                               : json_integer((json_int_t)(usec / USEC_PER_SEC));
}

/* ---- status ---- */

static json_t *status_sources(const struct intake *intake)
{
    json_t *list = json_array();
    struct intake_source s;

    for (unsigned i = 0; intake && intake_source(intake, i, &s); i++)
        json_array_append_new(
            list, json_pack("{s:o, s:b, s:s, s:o, s:o}", "source", json_foreign(s.name),
                            "auto", s.chosen, "doing", s.doing, "caught_up",
                            json_moment(s.caught_up), "skew", json_seconds(s.skew)));
    return list;
}

static void status_json(FILE *out, const struct view_status *s,
                        const struct intake_counters *c)
{
    const struct resolver_counters *r = &s->desk.resolver;
    json_t *incidents = json_object();

    for (int i = 0; i < INCIDENT_STATES; i++)
        json_object_set_new(incidents, incident_state_name((enum incident_state)i),
                            json_integer((json_int_t)s->incidents[i]));
    print_json(
        out,
        json_pack(
            "{s:s, s:b, s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
            "s:I, "
            "s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:b}",
            "mode", s->mode, "lab", s->lab, "started", json_moment(s->started), "sources",
            status_sources(s->intake), "reading", s->intake != NULL, "state",
            json_foreign(s->state_path), "lines", (json_int_t)c->lines.lines, "attempts",
            (json_int_t)c->attempts, "garbage", (json_int_t)c->lines.garbage, "truncated",
            (json_int_t)c->lines.truncated, "ambiguous", (json_int_t)c->lines.ambiguous,
            "future", (json_int_t)c->lines.future, "overlong", (json_int_t)c->overlong,
            "rotations", (json_int_t)c->rotations, "gaps", (json_int_t)c->gaps, "watched",
            (json_int_t)c->tracker.sources, "bursts_open", (json_int_t)c->tracker.open,
            "evicted", (json_int_t)c->tracker.evicted, "late",
            (json_int_t)c->tracker.late, "bursts_slow", (json_int_t)c->tracker.slow,
            "bursts_names", (json_int_t)c->tracker.names, "table_bytes",
            (json_int_t)c->tracker.bytes, "incidents", incidents, "lookups",
            (json_int_t)r->lookups, "queries", (json_int_t)r->queries, "lookup_failures",
            (json_int_t)r->failures, "sent", (json_int_t)s->desk.sent,
            "delivery_failures", (json_int_t)s->desk.delivery_failures, "mta_down",
            s->desk.mta_down));
}

static void print_label(FILE *out, const char *label)
{
    fprintf(out, "%-14s", label);
}

static void status_intake(FILE *out, const struct intake *intake,
                          const struct intake_counters *c)
{
    struct intake_source s;

    for (unsigned i = 0; intake_source(intake, i, &s); i++) {
        _cleanup_(cleanup_free) char *name = text_escape(s.name, strlen(s.name), 200);

        print_label(out, i == 0 ? "Sources" : "");
        fprintf(out, "%s%s: %s", name ? name : "?", s.chosen ? " (chosen by auto)" : "",
                s.doing);
        if (s.skew != MOMENT_NONE)
            fprintf(out, "; last line came %" PRId64 " s after its time",
                    s.skew / USEC_PER_SEC);
        fputc('\n', out);
    }
    print_label(out, "Lines");
    fprintf(out,
            "%" PRIu64 " read, %" PRIu64 " failed logins; not used: %" PRIu64
            " garbage,\n",
            c->lines.lines, c->attempts, c->lines.garbage);
    print_label(out, "");
    fprintf(out,
            "%" PRIu64 " truncated, %" PRIu64 " ambiguous, %" PRIu64 " too long, %" PRIu64
            " of the future; gaps: %" PRIu64 "\n",
            c->lines.truncated, c->lines.ambiguous, c->overlong, c->lines.future,
            c->gaps);
    print_label(out, "Sources seen");
    fprintf(out, "%" PRIu64 " watched, %" PRIu64 " bursts open", c->tracker.sources,
            c->tracker.open);
    if (c->tracker.slow + c->tracker.names > 0)
        fprintf(out, ", %" PRIu64 " opened by detect.slow, %" PRIu64 " by detect.names",
                c->tracker.slow, c->tracker.names);
    if (c->tracker.evicted > 0)
        fprintf(out, ", %" PRIu64 " dropped for room", c->tracker.evicted);
    if (c->tracker.late > 0)
        fprintf(out, ", %" PRIu64 " attempts late", c->tracker.late);
    fputc('\n', out);
}

static void status_desk(FILE *out, const struct view_status *s)
{
    const struct resolver_counters *r = &s->desk.resolver;
    bool any = false;

    print_label(out, "Incidents");
    for (int i = 0; i < INCIDENT_STATES; i++) {
        if (s->incidents[i] == 0)
            continue;
        fprintf(out, "%s%" PRIu64 " %s", any ? ", " : "", s->incidents[i],
                incident_state_name((enum incident_state)i));
        any = true;
    }
    fprintf(out, "%s\n", any ? "" : "none yet");
    print_label(out, "Look-ups");
    fprintf(out,
            "%" PRIu64 " asked for, %" PRIu64 " queries, %" PRIu64 " from cache, %" PRIu64
            " failed\n",
            r->lookups, r->queries, r->cached, r->failures);
    print_label(out, "Mail");
    fprintf(out, "%" PRIu64 " reports sent, %" PRIu64 " attempts failed%s\n",
            s->desk.sent, s->desk.delivery_failures,
            s->desk.mta_down ? "; THE MAIL SERVER IS DOWN" : "");
}

void view_status(FILE *out, const struct view_status *s, bool json)
{
    struct intake_counters c = {0};
    char text[MOMENT_TEXT_MAX];

    if (s->intake)
        intake_counters(s->intake, &c);
    if (json) {
        status_json(out, s, &c);
        return;
    }
    print_label(out, "Mode");
    fprintf(out, "%s%s\n", s->mode,
            s->lab ? " -- LAB: special-purpose networks are treated as public" : "");
    print_label(out, "Running");
    fprintf(out, "since %s\n", moment_format_report(s->started, text));
    if (s->intake) {
        status_intake(out, s->intake, &c);
    } else {
        print_label(out, "Sources");
        fprintf(out, "NOT READ: the state cannot be written, see the log\n");
    }
    status_desk(out, s);
}

/* ---- incidents ---- */

static json_t *incident_object(const struct incident *inc)
{
    char source[NET_TEXT_MAX], first[MOMENT_TEXT_MAX], last[MOMENT_TEXT_MAX];

    return json_pack(
        "{s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        (json_int_t)inc->id, "source", net_format(&inc->source, source), "first",
        moment_format_rfc3339(inc->first, first), "last",
        moment_format_rfc3339(inc->last, last), "count", (json_int_t)inc->count,
        "service", inc->service, "state", incident_state_name(inc->state), "reason",
        inc->reason[0] ? json_string(inc->reason) : json_null(), "contact",
        json_foreign(inc->contact), "network", json_foreign(inc->network), "detail",
        json_foreign(inc->detail), "success", json_moment(inc->success), "due",
        json_moment(inc->due));
}

void view_incident_header(FILE *out)
{
    fprintf(out, "%6s  %-19s %7s  %-16s  %s\n", "ID", "LAST EVENT (UTC)", "COUNT",
            "STATE", "SOURCE");
}

void view_incident_row(FILE *out, const struct incident *inc, bool json)
{
    char source[NET_TEXT_MAX], last[MOMENT_TEXT_MAX];

    if (json) {
        print_json(out, incident_object(inc));
        return;
    }
    moment_format_report(inc->last.usec, last);
    fprintf(out, "%6" PRId64 "  %.19s %7" PRIu64 "  %-16s  %s\n", inc->id, last,
            inc->count, incident_state_name(inc->state),
            net_format(&inc->source, source));
    if (inc->reason[0] || inc->contact)
        fprintf(out, "        %s%s%s\n", inc->reason,
                inc->reason[0] && inc->contact ? ", " : "",
                inc->contact ? inc->contact : "");
}

static void show_line(FILE *out, const char *label, const char *text)
{
    _cleanup_(cleanup_free) char *safe = NULL;

    if (!text || !text[0])
        return;
    safe = text_escape(text, strlen(text), SHOWN_MAX);
    print_label(out, label);
    fprintf(out, "%s\n", safe ? safe : "?");
}

/* Our own sentence, broken at blanks to fit 80 columns. */
static void show_wrapped(FILE *out, const char *text)
{
    while (*text) {
        size_t n = strlen(text);

        if (n > TEXT_COLUMNS)
            for (n = TEXT_COLUMNS; n > 1 && text[n] != ' '; n--)
                continue;
        print_label(out, "");
        fprintf(out, "%.*s\n", (int)n, text);
        text += n;
        while (*text == ' ')
            text++;
    }
}

static void show_reason(FILE *out, const struct incident *inc)
{
    for (int r = REASON_NONE + 1; r < POLICY_REASONS; r++)
        if (strcmp(inc->reason, policy_reason_name((enum policy_reason)r)) == 0) {
            show_line(out, "Reason", inc->reason);
            show_wrapped(out, policy_reason_text((enum policy_reason)r));
        }
    show_line(out, "Detail", inc->detail);
}

static void show_message(FILE *out, const struct message *m)
{
    char text[MOMENT_TEXT_MAX];

    show_line(out, "Message", message_state_name(m->state));
    show_line(out, "Message-ID", m->message_id);
    show_line(out, "Queued there", m->queue_id);
    show_line(out, "Last error", m->error);
    if (m->state == MESSAGE_QUEUED)
        show_line(out, "Next attempt", moment_format_report(m->due, text));
}

/* The mail is our own text, 7-bit and escaped when it was made; only CR is taken out. */
static void show_mail(FILE *out, const char *title, const char *bytes, size_t n)
{
    fprintf(out, "\n---- %s ----\n", title);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != '\r')
            fputc(bytes[i], out);
}

static void show_text(FILE *out, const struct incident *inc)
{
    char source[NET_TEXT_MAX], text[MOMENT_TEXT_MAX];

    print_label(out, "Incident");
    fprintf(out, "%" PRId64 "\n", inc->id);
    show_line(out, "Source", net_format(&inc->source, source));
    show_line(out, "First event", moment_format_report(inc->first.usec, text));
    show_line(out, "Last event", moment_format_report(inc->last.usec, text));
    print_label(out, "Attempts");
    fprintf(out, "%" PRIu64 " (%s%s)", inc->count, inc->service,
            inc->services_more ? " and others" : "");
    if (inc->probes > 0)
        fprintf(out, ", no password refused in %" PRIu64, inc->probes);
    if (inc->blocked > 0)
        fprintf(out, "; %" PRIu64 " connections dropped as a penalty", inc->blocked);
    putc('\n', out);
    if (inc->success != MOMENT_NONE)
        show_line(out, "SUCCESS", moment_format_report(inc->success, text));
    show_line(out, "State", incident_state_name(inc->state));
    show_reason(out, inc);
    if (inc->due != MOMENT_NONE)
        show_line(out, "Next step", moment_format_report(inc->due, text));
    show_line(out, "Network", inc->network);
    show_line(out, "Contact", inc->contact);
    show_line(out, "Found in", inc->contact_source);
}

void view_incident(FILE *out, const struct incident *inc, const struct message *message,
                   const struct report *preview, bool json)
{
    const char *mail = message ? message->bytes : preview ? preview->bytes : NULL;

    if (json) {
        json_t *object = incident_object(inc);

        json_object_set_new(object, "mail", json_foreign(NULL));
        if (mail)
            json_object_set_new(object, "mail", json_string(mail));
        json_object_set_new(object, "message",
                            message ? json_string(message_state_name(message->state))
                                    : json_null());
        json_object_set_new(object, "queue_id",
                            json_foreign(message ? message->queue_id : NULL));
        print_json(out, object);
        return;
    }
    show_text(out, inc);
    if (message) {
        show_message(out, message);
        show_mail(out,
                  message->state == MESSAGE_SENT ? "the mail as it was sent"
                                                 : "the mail as it will be sent",
                  message->bytes, message->n);
    } else if (preview) {
        show_mail(out, "the mail as it would be sent now", preview->bytes, preview->n);
    } else if (inc->state != INCIDENT_DROPPED) {
        show_line(out, "Mail", "not made yet: the abuse contact has not been found");
    }
}
