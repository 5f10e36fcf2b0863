/* The mail's body: what an abuse desk needs to find its customer, each item as "Label:
 * value" on one line in a fixed order, then in words what happened, then the log. The
 * source's address comes before any other, because programs take the first one they see.
 *
 * Nothing is said that the incident does not tell: a clock that was not asked is unknown,
 * lines that were left out are counted, and bytes that were rewritten are announced.
 * Words with "re:" in them and the names of mail software are avoided; desks' programs
 * take the first for an answer and the second for a report about spam. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "moment.h"
#include "report-internal.h"
#include "text.h"

#define FILL     72  /* columns of running text */
#define LOG_LINE 900 /* bytes of a log line as shown; RFC 5322 allows 998 */

/* The text if it is printable ASCII, else escaped. NULL when out of memory. */
static char *harmless(const char *text, size_t n)
{
    if (text_is_printable(text, n))
        return slice_dup((struct slice){text, n});
    return text_escape(text, n, n);
}

/* Running text, broken at blanks; a line break in it stays. */
static void fill(FILE *f, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t n = strcspn(text, " \n");

        if (column > 0 && column + 1 + n > FILL) {
            fputs("\r\n", f);
            column = 0;
        }
        if (n > 0)
            column += (size_t)fprintf(f, "%s%.*s", column > 0 ? " " : "", (int)n, text);
        text += n;
        if (*text == '\n') {
            fputs("\r\n", f);
            column = 0;
        }
        if (*text)
            text++;
    }
    if (column > 0)
        fputs("\r\n", f);
}

static __attribute__((format(printf, 2, 3))) int paragraph(FILE *f, const char *format,
                                                           ...)
{
    _cleanup_(cleanup_free) char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return -ENOMEM;
    }
    report_line(f, "%s", "");
    fill(f, text);
    return 0;
}

static void label(FILE *f, const char *name)
{
    fprintf(f, "%-19s", name);
}

static void source_ip(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    char text[NET_TEXT_MAX];

    label(f, "Source IP:");
    fputs(addr_format(&v->address, text), f);
    for (unsigned i = 1; i < inc->n_addrs; i++)
        fprintf(f, ", %s", addr_format(&inc->addrs[i].addr, text));
    if (inc->source.len < addr_bits(&inc->source.addr)) {
        fprintf(f, " (in %s", net_format(&inc->source, text));
        if (inc->addrs_more > 0)
            fprintf(f, "; %" PRIu64 " attempts came from further addresses in it",
                    inc->addrs_more);
        fputc(')', f);
    }
    report_line(f, "%s", "");
}

static void source_ports(FILE *f, const struct incident *inc)
{
    label(f, "Source ports:");
    for (unsigned i = 0; i < inc->n_ports; i++)
        fprintf(f, "%s%u", i > 0 ? ", " : "", inc->ports[i]);
    if (inc->n_ports == 0)
        fputs("not in the log", f);
    else if (inc->ports_more)
        fputs(" and others", f);
    report_line(f, "%s", "");
}

/* How many of this host's addresses are of the source's family. */
static size_t own_of_family(const struct report_view *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->params->n_addresses; i++)
        n += v->params->addresses[i].family == v->address.family;
    return n;
}

static void destination(FILE *f, const struct report_view *v)
{
    const struct report_params *params = v->params;
    const bool same = own_of_family(v) > 0;
    uint16_t port = report_port_of(params, v->incident->service);
    char text[ADDR_TEXT_MAX];
    bool first = true;

    label(f, "Destination IP:");
    if (params->hide_destination)
        fputs("withheld; please ask us for it", f);
    else if (params->n_addresses == 0)
        fputs("not configured", f);
    for (size_t i = 0; !params->hide_destination && i < params->n_addresses; i++) {
        if (same && params->addresses[i].family != v->address.family)
            continue;
        fprintf(f, "%s%s", first ? "" : ", ", addr_format(&params->addresses[i], text));
        first = false;
    }
    report_line(f, "%s", "");
    label(f, "Destination port:");
    if (port > 0)
        report_line(f, "%u%s", port, v->incident->services_more ? " and others" : "");
    else
        report_line(f, "not configured");
}

/* "12 ms", "3 s": rounded up, so that it stays a bound. */
static void format_bound(int64_t usec, char *buf, size_t n)
{
    if (usec < 10 * USEC_PER_SEC)
        snprintf(buf, n, "%" PRId64 " ms", usec / 1000 + (usec % 1000 > 0));
    else
        snprintf(buf, n, "%" PRId64 " s",
                 usec / USEC_PER_SEC + (usec % USEC_PER_SEC > 0));
}

/* One state's words, with "for N of TOTAL attempts" when there are others. */
static void clock_part(FILE *f, const struct incident *inc, enum clock_state state,
                       const char *words, uint64_t total, bool *first)
{
    uint64_t n = inc->clock_attempts[state];
    char bound[32];

    if (n == 0)
        return;
    fprintf(f, "%s%s", *first ? "" : "; ", words);
    if (n < total)
        fprintf(f, " for %" PRIu64 " of %" PRIu64 " attempts", n, total);
    if (state == CLOCK_SYNCED && inc->clock_error > 0) {
        format_bound(inc->clock_error, bound, sizeof(bound));
        fprintf(f, " (kernel: error at most %s)", bound);
    }
    *first = false;
}

static void clock_line(FILE *f, const struct incident *inc)
{
    const uint64_t total = inc->clock_attempts[CLOCK_SYNCED] +
                           inc->clock_attempts[CLOCK_UNSYNCED] +
                           inc->clock_attempts[CLOCK_UNKNOWN];
    bool first = true;

    label(f, "Clock:");
    clock_part(f, inc, CLOCK_SYNCED, "synchronised", total, &first);
    clock_part(f, inc, CLOCK_UNSYNCED, "not synchronised", total, &first);
    clock_part(f, inc, CLOCK_UNKNOWN, "unknown (lines read later than written)", total,
               &first);
    if (first)
        fputs("unknown", f);
    report_line(f, "%s", "");
}

/* ", TEXT" of the operator's words. */
static int and_text(FILE *f, const char *text)
{
    _cleanup_(cleanup_free) char *shown = NULL;

    if (!text)
        return 0;
    shown = harmless(text, strlen(text));
    if (!shown)
        return -ENOMEM;
    fprintf(f, ", %s", shown);
    return 0;
}

static int items(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    char text[MOMENT_TEXT_MAX];

    source_ip(f, v);
    source_ports(f, inc);
    destination(f, v);
    label(f, "First event:");
    report_line(f, "%s", moment_format_report(inc->first.usec, text));
    label(f, "Last event:");
    report_line(f, "%s", moment_format_report(inc->last.usec, text));
    clock_line(f, inc);
    label(f, "Number of events:");
    report_line(f, "%" PRIu64 " failed login attempt%s", inc->count,
                inc->count == 1 ? "" : "s");
    label(f, "Reference:");
    report_line(f, "%s", v->facts->reference);
    label(f, "Contact:");
    fputs(v->answer_to, f);
    if (and_text(f, v->params->organisation) < 0 || and_text(f, v->params->phone) < 0)
        return -ENOMEM;
    report_line(f, "%s", "");
    return 0;
}

/* What is to be known about the items above, where it does not go without saying. */
static int remarks(FILE *f, const struct report_view *v)
{
    const struct report_params *params = v->params;
    size_t shown = own_of_family(v);
    int r = 0;

    if (params->hide_destination || params->n_addresses == 0)
        return 0;
    if (shown == 0)
        r = paragraph(f, "The destination addresses are all that are known of this "
                         "server; none is of the family of the source's address.");
    else if (shown > 1)
        r = paragraph(f, "The destination addresses are those of this server; the log "
                         "does not tell which of them was used.");
    return r;
}

/* Attempts in which no password was refused, and connections that were not heard. */
static int other_figures(FILE *f, const struct incident *inc)
{
    int r = 0;

    if (inc->probes > 0 && inc->probes == inc->count)
        r = paragraph(f,
                      "No password was refused in them: a user that does not exist was "
                      "named, or a key was refused.");
    else if (inc->probes > 0)
        r = paragraph(f,
                      "In %" PRIu64 " of these attempts no password was refused: a user "
                      "that does not exist was named, or a key was refused.",
                      inc->probes);
    if (r >= 0 && inc->blocked > 0)
        r = paragraph(f,
                      "At least %" PRIu64 " more connection%s from the source %s dropped "
                      "before any login, as a penalty for earlier ones; the number of "
                      "events does not include %s.",
                      inc->blocked, inc->blocked == 1 ? "" : "s",
                      inc->blocked == 1 ? "was" : "were",
                      inc->blocked == 1 ? "it" : "them");
    return r;
}

static int what_happened(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    const char *service = report_service_name(inc->service);
    const bool local = v->facts->kind == REPORT_LOCAL;
    int r;

    r = paragraph(f,
                  "%s%s tried to %s the %s service%s on %s server: "
                  "%" PRIu64 " failed login attempt%s from the first event to the "
                  "last. Each was made over an established TCP connection, so the "
                  "source address is not forged.",
                  inc->n_addrs > 1 ? "One or more hosts" : "A host",
                  local ? "" : " in your network",
                  inc->probes == inc->count ? "log in to" : "guess passwords of", service,
                  inc->services_more ? " and others" : "", local ? "this" : "our",
                  inc->count, inc->count == 1 ? "" : "s");
    return r < 0 ? r : other_figures(f, inc);
}

static int why_you(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    _cleanup_(cleanup_free) char *network = NULL;

    if (inc->network) {
        network = harmless(inc->network, strlen(inc->network));
        if (!network)
            return -ENOMEM;
    }
    return paragraph(f,
                     "You get this because the registry's answer (RDAP) about %s%s "
                     "names %s %s.",
                     network ? "the network " : "the source's address",
                     network ? network : "", v->to,
                     inc->contact_source && strcmp(inc->contact_source, "rdap-abuse") != 0
                         ? "for reports of abuse"
                         : "as its abuse contact");
}

static int statement_to_desk(FILE *f, const struct report_view *v)
{
    int r = what_happened(f, v);

    if (r >= 0)
        r = paragraph(f, "Please look into it: such a host is often taken over without "
                         "its owner's knowledge.");
    if (r >= 0)
        r = remarks(f, v);
    if (r >= 0)
        r = why_you(f, v);
    if (r >= 0)
        r = paragraph(f,
                      "If it is not your network, if you need more of the log, or if "
                      "you do not want such reports, please answer to %s, naming %s; "
                      "people read it.",
                      v->answer_to, v->facts->reference);
    return r;
}

static int statement_to_operator(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    _cleanup_(cleanup_free) char *why = NULL;
    char text[MOMENT_TEXT_MAX];
    int r = paragraph(f, "This is a notice from abuse-reporterd to the administrator of "
                         "this server. Nobody else has been told.");

    if (r >= 0 && v->facts->why_local) {
        why = harmless(v->facts->why_local, strlen(v->facts->why_local));
        r = why ? paragraph(f, "Reason: %s", why) : -ENOMEM;
    }
    if (r >= 0)
        r = what_happened(f, v);
    if (r >= 0 && inc->success != MOMENT_NONE)
        r = paragraph(f, "A login from this source succeeded at %s.",
                      moment_format_report(inc->success, text));
    if (r >= 0)
        r = remarks(f, v);
    return r;
}

/* In the incident's words, "after" means after its last attempt so far. */
static int statement_of_alert(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    const bool during = inc->success <= inc->last.usec;
    _cleanup_(cleanup_free) char *user = NULL;
    char source[NET_TEXT_MAX], text[MOMENT_TEXT_MAX];
    int r;

    if (v->facts->user && v->facts->user[0]) {
        user = harmless(v->facts->user, strlen(v->facts->user));
        if (!user)
            return -ENOMEM;
    }
    r = paragraph(f, "This is a notice from abuse-reporterd to the administrator of this "
                     "server. It goes to nobody else.");
    if (r >= 0)
        r = paragraph(f,
                      "A login from %s%s%s%s succeeded at %s, %s a burst of failed ones: "
                      "%" PRIu64 " so far. A password may have been guessed. It may "
                      "also be a user of yours who did not remember it at once. Please "
                      "find out; if it was nobody of yours, take the account for broken "
                      "into.",
                      report_source_text(inc, source), user ? " as \"" : "",
                      user ? user : "", user ? "\"" : "",
                      moment_format_report(inc->success, text),
                      during ? "during" : "after", inc->count);
    if (r >= 0 && v->facts->held)
        r = paragraph(f,
                      "Until you have approved it, no report about this burst leaves: "
                      "abuse-reporterctl show %" PRId64,
                      inc->id);
    return r < 0 ? r : remarks(f, v);
}

static int note(FILE *f, const char *text)
{
    if (!text)
        return 0;
    report_line(f, "%s", "");
    while (*text) {
        size_t n = strcspn(text, "\n");
        _cleanup_(cleanup_free) char *shown = harmless(text, n);

        if (!shown)
            return -ENOMEM;
        if (n == 0)
            report_line(f, "%s", "");
        else
            fill(f, shown);
        text += n + (text[n] == '\n');
    }
    return 0;
}

/* Where an escaped text may be cut to at most max bytes: never inside "\\" or "\xNN". */
static size_t escaped_cut(const char *text, size_t max)
{
    size_t i = 0;

    while (text[i]) {
        size_t unit = text[i] != '\\' ? 1 : text[i + 1] == 'x' ? 4 : 2;

        if (i + unit > max)
            break;
        i += unit;
    }
    return i;
}

static int log_line(FILE *f, const struct evidence *e)
{
    size_t n = strlen(e->line), cut;
    _cleanup_(cleanup_free) char *shown = text_escape(e->line, n, n);

    if (!shown)
        return -ENOMEM;
    cut = escaped_cut(shown, LOG_LINE);
    report_line(f, "%.*s%s", (int)cut, shown,
                shown[cut] || n >= INCIDENT_LINE_MAX ? "..." : "");
    return 0;
}

/* What holds for at least one of the lines that are shown. */
struct log_traits {
    bool altered, repeats;
};

static void look(const struct evidence *e, struct log_traits *traits)
{
    size_t n = strlen(e->line);

    if (!text_is_printable(e->line, n) || strchr(e->line, '\\'))
        traits->altered = true;
    if (e->count > 1)
        traits->repeats = true;
}

static int log_head(FILE *f, const struct incident *inc, uint64_t shown)
{
    struct log_traits traits = {0};
    const struct evidence *last = inc->n_tail > 0 ? incident_tail(inc, inc->n_tail - 1)
                                                  : &inc->head[inc->n_head - 1];
    char first_text[MOMENT_TEXT_MAX], last_text[MOMENT_TEXT_MAX], some[64] = "";

    for (unsigned i = 0; i < inc->n_head; i++)
        look(&inc->head[i], &traits);
    for (unsigned i = 0; i < inc->n_tail; i++)
        look(incident_tail(inc, i), &traits);
    if (shown < inc->lines)
        snprintf(some, sizeof(some), ", %" PRIu64 " of %" PRIu64, shown, inc->lines);
    return paragraph(f,
                     "The log lines of these attempts%s, as they were written; a time "
                     "without a zone is this server's local time. The first is of %s, "
                     "the last of %s.%s%s",
                     some, moment_format_report(inc->head[0].time.usec, first_text),
                     moment_format_report(last->time.usec, last_text),
                     traits.repeats ? " A line that says that a message was repeated "
                                      "stands for as many attempts."
                                    : "",
                     traits.altered ? " A byte that is not printable ASCII is shown as "
                                      "\\xNN, a backslash as two."
                                    : "");
}

static int log_lines(FILE *f, const struct incident *inc)
{
    const uint64_t shown = (uint64_t)inc->n_head + inc->n_tail;
    int r;

    if (inc->n_head == 0)
        return 0;
    r = log_head(f, inc, shown);
    if (r < 0)
        return r;
    report_line(f, "%s", "");
    for (unsigned i = 0; r >= 0 && i < inc->n_head; i++)
        r = log_line(f, &inc->head[i]);
    if (inc->lines > shown)
        report_line(f, "[%" PRIu64 " line%s left out]", inc->lines - shown,
                    inc->lines - shown == 1 ? "" : "s");
    for (unsigned i = 0; r >= 0 && i < inc->n_tail; i++)
        r = log_line(f, incident_tail(inc, i));
    return r;
}

int report_body(FILE *f, const struct report_view *v)
{
    int r = items(f, v);

    if (r >= 0)
        r = v->facts->kind == REPORT_ABUSE   ? statement_to_desk(f, v)
            : v->facts->kind == REPORT_LOCAL ? statement_to_operator(f, v)
                                             : statement_of_alert(f, v);
    if (r >= 0)
        r = note(f, v->params->note);
    if (r >= 0)
        r = log_lines(f, v->incident);
    return r;
}
