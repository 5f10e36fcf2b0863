/* What can only be said of the whole configuration: who may write mail to strangers, and
 * what a lab may do that others may not. */
#include "config-internal.h"

#include <errno.h>
#include <string.h>

#include "mailaddr.h"

static int need(struct config_reader *r, bool given, const char *what)
{
    const struct yamlnode *mode = config_seen(r, "mode");

    if (given)
        return 0;
    return config_tell(r, mode, "mode: %s needs %s",
                       policy_mode_name(r->config->policy.mode), what);
}

/* A sender must be somebody who can be answered. */
static int check_sender(struct config_reader *r, const char *path, const char *mailbox)
{
    const struct yamlnode *place = config_seen(r, path);
    char addr[MAILADDR_MAX + 1];

    if (!mailbox || !mailaddr_parse_mailbox(mailbox, addr, NULL))
        return 0;
    if (mailaddr_noreply(addr))
        return config_tell(r, place,
                           "%s: a noreply address; abuse desks drop such mail, so name a "
                           "mailbox that somebody reads",
                           path);
    if (r->config->reportable.n == 0 && mailaddr_reserved(addr))
        return config_tell(r, place,
                           "%s: %s is in a domain reserved for examples and cannot be "
                           "answered; put your own address here",
                           path, addr);
    return 0;
}

/* Whether the value of a key was read: not absent, and not refused already. */
static bool absent(const struct config_reader *r, const char *path)
{
    return !config_seen(r, path);
}

/* Strangers do not see the address that a host has behind address translation, and a
 * report with it is of no use. The documentation blocks pass: no host has such an address
 * by accident, and the examples and the tests are made of them. */
static int check_addresses(struct config_reader *r)
{
    const struct report_params *report = &r->config->report;
    int x = 0;

    if (report->hide_destination || r->config->reportable.n > 0)
        return 0;
    for (size_t i = 0; i < report->n_addresses && x >= 0; i++) {
        char text[ADDR_TEXT_MAX];
        const char *kind;

        if (!addr_special(&report->addresses[i], &kind) ||
            strcmp(kind, "Documentation") == 0)
            continue;
        x = config_tell(
            r, config_seen(r, "report.addresses"),
            "report.addresses: %s is %s: name the address as strangers see it",
            addr_format(&report->addresses[i], text), kind);
    }
    return x;
}

static int check_mode(struct config_reader *r)
{
    const struct report_params *report = &r->config->report;
    int x;

    if (r->config->policy.mode == MODE_OBSERVE)
        return 0;
    x = need(r, !absent(r, "report.from"), "report.from, the sender of the reports");
    if (x >= 0)
        x = need(r, !absent(r, "report.reply_to"),
                 "report.reply_to, where abuse desks' answers go");
    if (x >= 0)
        x = need(r,
                 report->hide_destination || report->n_addresses > 0 ||
                     (config_seen(r, "report.addresses") &&
                      config_seen(r, "report.addresses")->n_items > 0),
                 "report.addresses, this host's own addresses as others see them (or "
                 "report.hide_destination: true)");
    if (x >= 0)
        x = check_addresses(r);
    if (x >= 0)
        x = check_sender(r, "report.from", report->from);
    if (x >= 0)
        x = check_sender(r, "report.reply_to", report->reply_to);
    return x;
}

static int check_bootstrap(struct config_reader *r, const char *path, const char *url)
{
    const char *why = NULL;

    if (!url || r->config->reportable.n > 0 || config_url_public(url, &why))
        return 0;
    return config_tell(r, config_seen(r, path),
                       "%s: %s, save in a lab (where `reportable` is not empty)", path,
                       why);
}

/* Networks that are public anyway do not belong into `reportable`: whoever lists one
 * probably wants something else and would get a lab, which mails nobody. */
static int check_reportable(struct config_reader *r)
{
    const struct yamlnode *place = config_seen(r, "reportable");
    const struct netlist *list = &r->config->reportable;

    for (size_t i = 0; i < list->n; i++) {
        struct addr first, last;
        char text[NET_TEXT_MAX];
        int x;

        net_range(&list->nets[i], &first, &last);
        if (addr_special(&first, NULL) && addr_special(&last, NULL))
            continue;
        x = config_tell(
            r, place,
            "reportable: %s is public anyway; this key is for special-purpose "
            "networks and makes a lab, in which nobody else is mailed",
            net_format(&list->nets[i], text));
        if (x < 0)
            return x;
    }
    return 0;
}

static int check_paths(struct config_reader *r)
{
    const struct config *c = r->config;
    const struct yamlnode *place = config_seen(r, "control");

    if (strcmp(c->state, c->control) != 0)
        return 0;
    return config_tell(r, place ? place : config_seen(r, "state"),
                       "state and control must be two files");
}

int config_check(struct config_reader *r)
{
    const struct config *c = r->config;
    int x = config_check_sources(r);

    if (x >= 0)
        x = check_mode(r);
    if (x >= 0)
        x = check_bootstrap(r, "rdap.bootstrap_ipv4", c->rdap.bootstrap_ipv4);
    if (x >= 0)
        x = check_bootstrap(r, "rdap.bootstrap_ipv6", c->rdap.bootstrap_ipv6);
    if (x >= 0)
        x = check_reportable(r);
    if (x >= 0)
        x = check_paths(r);
    return x;
}
