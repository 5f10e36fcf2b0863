/* The mail's head and envelope. The forms are those that abuse desks' programs and people
 * can work with: the subject names the one address first; nothing in it holds "re:",
 * which some of them take for an answer; Auto-Submitted (RFC 3834) is exactly
 * auto-generated; there is no Precedence and no null sender, so that answers find
 * somebody. */
#include "report.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mailaddr.h"
#include "moment.h"
#include "report-internal.h"
#include "text.h"

#define UNSET       "unset@example.invalid" /* in previews without a sender */
#define MAILBOX_MAX 320                     /* bytes of "Name <address>" */
#define SUBJECT_MAX (78 - sizeof("Subject: ") + 1)

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

void report_done(struct report *r)
{
    free(r->bytes);
    free(r->message_id);
    free(r->envelope_from);
    free(r->envelope_to);
    *r = (struct report){0};
}

uint16_t report_port_of(const struct report_params *params, const char *service)
{
    for (size_t i = 0; i < params->n_ports; i++)
        if (strcmp(params->ports[i].service, service) == 0)
            return params->ports[i].port;
    return 0;
}

const char *report_source_text(const struct incident *inc, char buf[static NET_TEXT_MAX])
{
    if (inc->source.len == addr_bits(&inc->source.addr))
        return addr_format(&inc->source.addr, buf);
    return net_format(&inc->source, buf);
}

const char *report_service_name(const char *service)
{
    static const struct {
        const char *service, *name;
    } names[] = {
        {"sshd", "SSH"},     {"dropbear", "SSH"}, {"vsftpd", "FTP"}, {"proftpd", "FTP"},
        {"dovecot", "mail"}, {"postfix", "mail"}, {"exim", "mail"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(service, names[i].service) == 0)
            return names[i].name;
    return service;
}

void report_line(FILE *f, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(f, format, ap);
    va_end(ap);
    fputs("\r\n", f);
}

/* A name that needs no quotes in a header (RFC 5322 phrase of atoms). */
static bool is_phrase(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(" !#$%&'*+-/=?^_`{|}~", *p))
            return false;
    return name[0] != '\0';
}

static void mailbox_header(FILE *f, const char *header, const char *name,
                           const char *addr)
{
    fprintf(f, "%s: ", header);
    if (name[0] == '\0') {
        report_line(f, "%s", addr);
        return;
    }
    if (is_phrase(name)) {
        report_line(f, "%s <%s>", name, addr);
        return;
    }
    fputc('"', f);
    for (const char *p = name; *p; p++) {
        if (*p == '"' || *p == '\\')
            fputc('\\', f);
        fputc(*p, f);
    }
    report_line(f, "\" <%s>", addr);
}

/* A mailbox of the configuration, taken apart. */
struct mailbox {
    char addr[MAILADDR_MAX + 1];
    char *name;
};

static void mailbox_done(struct mailbox *m)
{
    free(m->name);
}

static int mailbox_parse(const char *text, struct mailbox *ret)
{
    if (strlen(text) > MAILBOX_MAX ||
        !mailaddr_parse_mailbox(text, ret->addr, &ret->name))
        return -EINVAL;
    return 0;
}

static bool is_local_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return n > 0 && n <= 64 && name[n] == '\0' && name[0] != '-' && name[0] != '.';
}

static int recipient(const struct report_facts *facts, char ret[static MAILADDR_MAX + 1])
{
    if (facts->kind != REPORT_ABUSE && is_local_name(facts->to)) {
        memcpy(ret, facts->to, strlen(facts->to) + 1);
        return 0;
    }
    return mailaddr_parse(facts->to, strlen(facts->to), ret) ? 0 : -EINVAL;
}

static void alert_subject(FILE *f, const struct report_view *v)
{
    char source[NET_TEXT_MAX];

    report_line(f, "Subject: Login from %s after %" PRIu64 " failed one%s",
                report_source_text(v->incident, source), v->incident->count,
                v->incident->count == 1 ? "" : "s");
}

/* The subject: the address, then how much, then, where there is room, the reference. */
static void subject(FILE *f, const struct report_view *v)
{
    const struct incident *inc = v->incident;
    char addr[ADDR_TEXT_MAX], tail[INCIDENT_REFERENCE_MAX + 32] = "", text[160];
    int n;

    if (v->facts->kind == REPORT_ALERT) {
        alert_subject(f, v);
        return;
    }
    n = snprintf(text, sizeof(text), "Abuse from %s: %" PRIu64 " failed %.24s%slogin%s",
                 addr_format(&v->address, addr), inc->count,
                 inc->services_more ? "" : report_service_name(inc->service),
                 inc->services_more ? "" : " ", inc->count == 1 ? "" : "s");
    if (v->facts->kind == REPORT_LOCAL)
        snprintf(tail, sizeof(tail), ", nobody else was told");
    else
        snprintf(tail, sizeof(tail), " (%s)", v->facts->reference);
    if ((size_t)n + strlen(tail) > SUBJECT_MAX)
        tail[0] = '\0';
    report_line(f, "Subject: %s%s", text, tail);
}

static int write_mail(FILE *f, const struct report_view *v, const struct mailbox *from,
                      const struct mailbox *reply_to, const char *message_id)
{
    char date[MOMENT_TEXT_MAX];

    mailbox_header(f, "From", from->name, from->addr);
    report_line(f, "To: %s", v->to);
    if (reply_to->name)
        mailbox_header(f, "Reply-To", reply_to->name, reply_to->addr);
    subject(f, v);
    report_line(f, "Date: %s", moment_format_rfc5322(v->facts->now, date));
    report_line(f, "Message-ID: %s", message_id);
    report_line(f, "Auto-Submitted: auto-generated");
    report_line(f, "MIME-Version: 1.0");
    report_line(f, "Content-Type: text/plain; charset=us-ascii");
    report_line(f, "Content-Transfer-Encoding: 7bit");
    report_line(f, "%s", "");
    return report_body(f, v);
}

/* "<ar-17-9f86d081.1@example.org>": the same for each try at this message, so that the
 * MTA's log can be asked for it. */
static int make_message_id(const struct report_facts *facts, const char *from, char **ret)
{
    char reference[INCIDENT_REFERENCE_MAX];
    size_t n = strlen(facts->reference);

    if (n == 0 || n >= sizeof(reference))
        return -EINVAL;
    for (size_t i = 0; i <= n; i++) {
        char c = facts->reference[i];

        if (c != '\0' && c != '-' && !isalnum((unsigned char)c))
            return -EINVAL;
        reference[i] = (char)tolower((unsigned char)c);
    }
    if (asprintf(ret, "<%s.%u@%s>", reference, facts->sequence, mailaddr_domain(from)) <
        0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Writes the whole mail into memory. */
static int render(const struct report_view *v, const struct mailbox *from,
                  const struct mailbox *reply_to, struct report *report)
{
    FILE *f = open_memstream(&report->bytes, &report->n);
    bool failed;
    int r;

    if (!f)
        return -ENOMEM;
    r = write_mail(f, v, from, reply_to, report->message_id);
    failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed)
        return -ENOMEM;
    return r;
}

static int compose(const struct report_view *v, const struct mailbox *from,
                   const struct mailbox *reply_to, struct report *ret)
{
    _cleanup_(report_done) struct report report = {0};
    int r = make_message_id(v->facts, from->addr, &report.message_id);

    if (r < 0)
        return r;
    report.envelope_from = strdup(from->addr);
    report.envelope_to = strdup(v->to);
    if (!report.envelope_from || !report.envelope_to)
        return -ENOMEM;
    r = render(v, from, reply_to, &report);
    if (r < 0)
        return r;
    *ret = report;
    report = (struct report){0};
    return 0;
}

int report_compose(const struct report_params *params, const struct report_facts *facts,
                   struct report *ret)
{
    _cleanup_(mailbox_done) struct mailbox from = {0}, reply_to = {0};
    struct incident sorted = *facts->incident; /* shares all that it points to */
    char to[MAILADDR_MAX + 1];
    struct report_view view = {
        .params = params, .facts = facts, .incident = &sorted, .to = to};
    int r = recipient(facts, to);

    if (r >= 0)
        r = mailbox_parse(params->from ? params->from : UNSET, &from);
    if (r >= 0 && params->reply_to)
        r = mailbox_parse(params->reply_to, &reply_to);
    if (r < 0)
        return r;
    incident_sort_addrs(&sorted);
    view.address = sorted.n_addrs > 0 ? sorted.addrs[0].addr : sorted.source.addr;
    view.answer_to = params->reply_to ? reply_to.addr : from.addr;
    return compose(&view, &from, &reply_to, ret);
}
