/* Addresses that stand in registry records and must not get a report.
 *
 * A record may name the registry itself where it has nobody else to name: the national
 * registries' teams in Japan, Korea, China, Taiwan and Vietnam, the stubs of transferred
 * blocks, change-notification mailboxes. These people cannot act on a report and answer
 * so (fail2ban had such complaints from LACNIC). A registry's own network is the
 * exception: for it the registry is the right address. That is believed only when the
 * network is small enough to be one, because the blocks that registries administer name
 * them as well. */
#include "contact-internal.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mailaddr.h"
#include "rdap-internal.h"

static const char *const never[] = {
    "hostmaster@nic.ad.jp",
    "hostmaster@nic.or.kr",
    "irt@nic.or.kr",
    "removed@lacnic.net",
    "abuse@lacnic.net",
    "abuse@iana.org",
    "iana@iana.org",
    "hostmaster@arin.net",
    "noc@arin.net",
    "whois@arin.net",
    "hostmaster@ripe.net",
    "ripe-dbm@ripe.net",
    "hm-changed@*",
    "auto-dbm@*",
    "*-dbm@*",
    "search-*-not-arin@*",
    "*@localhost.*",
    "*@*.localdomain",
    "*@*.local",
};

static const struct registry {
    const char *domains[4];
    const char *names[3];       /* in the registrant's name */
    const char *short_names[3]; /* all of the registrant's name or handle */
    const char *net_name; /* what the names of its own networks begin with, or NULL */
} registries[] = {
    {{"iana.org", "icann.org"},
     {"Internet Assigned Numbers Authority", "Internet Corporation for Assigned Names"},
     {"IANA", "ICANN"},
     NULL},
    {{"arin.net"}, {"American Registry for Internet Numbers"}, {"ARIN", "ARINOPS"}, NULL},
    {{"ripe.net"},
     {"Reseaux IP Europeens Network Coordination Centre"},
     {"RIPE NCC", "ORG-NCC1-RIPE"},
     NULL},
    {{"apnic.net"}, {"Asia Pacific Network Information Cent"}, {"APNIC"}, "APNIC-"},
    {{"lacnic.net"}, {"Latin American and Caribbean IP address"}, {"LACNIC"}, NULL},
    {{"afrinic.net"}, {"African Network Information Cent"}, {"AFRINIC"}, NULL},
    {{"nic.ad.jp"}, {"Japan Network Information Center"}, {"JPNIC"}, NULL},
    {{"nic.or.kr", "kisa.or.kr"},
     {"Korea Internet & Security Agency", "Korea Network Information Center"},
     {"KRNIC", "KISA"},
     NULL},
    {{"cnnic.cn", "cnnic.net.cn"},
     {"China Internet Network Information Center"},
     {"CNNIC"},
     NULL},
    {{"twnic.tw", "twnic.net.tw"},
     {"Taiwan Network Information Center"},
     {"TWNIC"},
     NULL},
    {{"vnnic.vn", "vnnic.net.vn"},
     {"Vietnam Internet Network Information Center"},
     {"VNNIC"},
     NULL},
    {{"idnic.net", "idnic.id"},
     {"Indonesia Network Information Center"},
     {"IDNIC"},
     NULL},
    {{"irinn.in"}, {"Indian Registry for Internet Names and Numbers"}, {"IRINN"}, NULL},
    {{"nic.br", "registro.br"},
     {"Inf. e Coord. do Ponto BR"},
     {"NIC.BR", "05506560000136"},
     NULL},
};

#define N_REGISTRIES (sizeof(registries) / sizeof(registries[0]))

static bool domain_of(const struct registry *registry, const char *domain)
{
    for (size_t i = 0; i < 4 && registry->domains[i]; i++)
        if (mailaddr_domain_within(domain, registry->domains[i]))
            return true;
    return false;
}

bool contact_is_registry_domain(const char *domain)
{
    for (size_t i = 0; i < N_REGISTRIES; i++)
        if (domain_of(&registries[i], domain))
            return true;
    return false;
}

static bool starts(const char *s, const char *prefix)
{
    return s && strncasecmp(s, prefix, strlen(prefix)) == 0;
}

static bool has(const char *s, const char *words)
{
    return s && strcasestr(s, words);
}

static bool ends(const char *s, const char *suffix)
{
    size_t n = s ? strlen(s) : 0, m = strlen(suffix);

    return n >= m && strcasecmp(s + n - m, suffix) == 0;
}

/* A block that a registry administers or has handed over, rather than uses: a /8 or more
 * (IPv6: more than a /24), or said to be one, or of unknown size. */
static bool is_administered(const struct rdap_network *net)
{
    static const char *const types[] = {"early", "transferred", "allocated to",
                                        "allocated-by-rir", "unspecified"};
    const uint8_t *a = net->start.bytes, *b = net->end.bytes;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (has(net->type, types[i]))
            return true;
    if (starts(net->name, "IANA-") || starts(net->name, "EU-ZZ-") ||
        starts(net->name, "NON-RIPE-NCC-MANAGED") || has(net->name, "-ERX") ||
        has(net->name, "-BLK") || has(net->name, "CBLK"))
        return true;
    if (net->start.family == 4)
        return a[0] != b[0] ||
               (memcmp(a + 1, "\0\0\0", 3) == 0 && memcmp(b + 1, "\xff\xff\xff", 3) == 0);
    if (net->start.family == 6)
        return memcmp(a, b, 3) != 0;
    return true;
}

static bool has_role(const struct rdap_entity *entity, const char *role)
{
    for (size_t i = 0; entity->roles && entity->roles[i]; i++)
        if (strcmp(entity->roles[i], role) == 0)
            return true;
    return false;
}

static bool is_registry(const struct registry *registry, const struct rdap_entity *entity)
{
    for (size_t i = 0; i < 3 && registry->names[i]; i++)
        if (has(entity->name, registry->names[i]))
            return true;
    for (size_t i = 0; i < 3 && registry->short_names[i]; i++)
        if ((entity->name && strcasecmp(entity->name, registry->short_names[i]) == 0) ||
            (entity->handle && strcasecmp(entity->handle, registry->short_names[i]) == 0))
            return true;
    return false;
}

static bool owns(const struct registry *registry, const struct rdap_network *net)
{
    if (is_administered(net))
        return false;
    if (registry->net_name && (starts(net->name, registry->net_name) ||
                               starts(net->handle, registry->net_name)))
        return true;
    for (unsigned i = 0; i < net->n_entities; i++) {
        const struct rdap_entity *entity = &net->entities[i];

        /* RIPE names the maintainer objects of its own staff as registrants too. */
        if (has_role(entity, "registrant") && !ends(entity->handle, "-MNT") &&
            is_registry(registry, entity))
            return true;
    }
    return false;
}

/* example.org and its kind, in whatever country: nobody's. */
static bool is_example(const char *mail)
{
    return mailaddr_reserved(mail) || starts(mailaddr_domain(mail), "example.");
}

const char *contact_refusal(const struct rdap_network *net, const char *mail,
                            const struct contact_rules *rules)
{
    const char *domain = mailaddr_domain(mail);

    if (!rules->any_domain && rules->lab && !mailaddr_reserved(mail))
        return "a lab may only mail reserved domains";
    if (!rules->any_domain && !rules->lab && is_example(mail))
        return "a placeholder in a reserved domain";
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (fnmatch(never[i], mail, FNM_CASEFOLD | FNM_NOESCAPE) == 0)
            return "a mailbox that takes no abuse reports";
    for (size_t i = 0; i < N_REGISTRIES; i++)
        if (domain_of(&registries[i], domain) && !owns(&registries[i], net))
            return "a registry's own address, and the network is not the registry's";
    if (mailaddr_noreply(mail))
        return "its name says that nobody reads it";
    return NULL;
}

bool contact_is_stand_in(const char *value)
{
    static const char *const words[] = {"redacted", "disclosed",     "withheld",
                                        "rdds",     "not available", "removed",
                                        "hidden",   "masked"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (has(value, words[i]))
            return true;
    return strcasecmp(value, "none") == 0 || strcasecmp(value, "n/a") == 0;
}

bool contact_is_registry_team(const char *handle)
{
    static const char *const handles[] = {"IRT-JPNIC-JP", "IRT-KRNIC-KR", "IRT-CNNIC-CN",
                                          "IRT-TWNIC-AP", "IRT-VNNIC-AP"};

    for (size_t i = 0; handle && i < sizeof(handles) / sizeof(handles[0]); i++)
        if (strcasecmp(handle, handles[i]) == 0)
            return true;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool contact_speaks_of_abuse(const char *mail)
{
    /* The short ones only as whole words: "associates" and "certain" are no teams. */
    static const char *const parts[] = {"abuse", "spam", "security", "csirt"};
    static const char *const wholes[] = {"cert", "soc"};
    char local[65];
    size_t n = strcspn(mail, "@");

    if (n >= sizeof(local))
        return false;
    memcpy(local, mail, n);
    local[n] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (has(local, parts[i]))
            return true;
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        size_t m = strlen(wholes[i]);

        for (const char *p = local; (p = strcasestr(p, wholes[i])); p++)
            if ((p == local || !is_alnum(p[-1])) && !is_alnum(p[m]))
                return true;
    }
    return false;
}

bool contact_next_mail(const char *line, size_t *pos, char *ret)
{
    const char *at, *start, *end;

    while ((at = strchr(line + *pos, '@'))) {
        start = at;
        while (start > line && (is_alnum(start[-1]) || strchr("._+-", start[-1])))
            start--;
        end = at + 1;
        while (is_alnum(*end) || *end == '.' || *end == '-')
            end++;
        *pos = (size_t)(end - line);
        if (start > line && !strchr(" \t:<([\"',;=/", start[-1]))
            continue;
        if (*end && !strchr(" \t>)]\"',;:!?/", *end))
            continue;
        while (end > at && end[-1] == '.')
            end--;
        /* 'x@y' in quotes is one word, o'x@y is not. */
        if (start > line && start[-1] == '\'' && *end != '\'')
            continue;
        if (mailaddr_parse(start, (size_t)(end - start), ret))
            return true;
    }
    return false;
}

char *contact_find_url(const char *line)
{
    const char *p = strcasestr(line, "https://");
    size_t n = p ? strcspn(p, " \t<>\"')],;") : 0;
    struct url url;
    char *text;

    while (n > 0 && strchr(".:!?", p[n - 1]))
        n--;
    if (n == 0 || n > URL_MAX)
        return NULL;
    text = strndup(p, n);
    if (text && url_split(text, &url) && url.https)
        return text;
    free(text);
    return NULL;
}
