#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incident.h"
#include "report.h"

#define T0 INT64_C(1795383373123456) /* 2026-11-22T21:36:13.123456Z */

static struct addr address(const char *text)
{
    struct addr a = {0};

    ck_assert(addr_parse(text, strlen(text), &a));
    return a;
}

/* A burst: one line per second, the source's last bytes and port counting on. */
struct burst {
    const char *source; /* first address */
    unsigned prefix;
    unsigned lines, addresses;
    const char *text; /* after "sshd[4242]: Failed password for ", before " from" */
    enum clock_state clock;
};

static void add_lines(struct incident *inc, const struct burst *b, unsigned from)
{
    for (unsigned i = from; i < from + b->lines; i++) {
        char line[1024], text[ADDR_TEXT_MAX];
        struct attempt attempt = {.time = {.usec = T0 + i * USEC_PER_SEC, .digits = 6},
                                  .source = address(b->source),
                                  .port = (uint16_t)(40000 + 2 * i),
                                  .service = "sshd",
                                  .outcome = ATTEMPT_FAILURE,
                                  .count = 1};
        unsigned bits = addr_bits(&attempt.source);

        /* the first address comes late, but twice as often as the others */
        attempt.source.bytes[bits / 8 - 1] +=
            (uint8_t)((i + 10) % (b->addresses + 1) % b->addresses);
        attempt.line.n =
            (size_t)snprintf(line, sizeof(line),
                             "2026-11-22T21:%02u:%02u.123456+00:00 host1 sshd[4242]: "
                             "Failed password for %s "
                             "from %s port %u ssh2",
                             36 + (13 + i) / 60, (13 + i) % 60, b->text,
                             addr_format(&attempt.source, text), attempt.port);
        attempt.line.p = line;
        attempt.user = SLICE("root");
        ck_assert_int_eq(incident_add(inc, &attempt, b->clock,
                                      b->clock == CLOCK_SYNCED ? 11500 + i : 0),
                         0);
    }
}

static struct incident *burst(const struct burst *b)
{
    struct addr first = address(b->source);
    struct net source = addr_network(&first, b->prefix);
    struct incident *inc = incident_new(&source);

    ck_assert_ptr_nonnull(inc);
    snprintf(inc->service, sizeof(inc->service), "sshd");
    inc->success = MOMENT_NONE;
    add_lines(inc, b, 0);
    return inc;
}

static struct incident *typical(unsigned lines)
{
    struct incident *inc = burst(&(struct burst){.source = "203.0.113.5",
                                                 .prefix = 32,
                                                 .lines = lines,
                                                 .addresses = 1,
                                                 .text = "invalid user oracle",
                                                 .clock = CLOCK_SYNCED});

    inc->contact_source = strdup("rdap-abuse");
    inc->network = strdup("203.0.113.0 - 203.0.113.255");
    return inc;
}

static struct addr own[] = {{.family = 4, .bytes = {192, 0, 2, 1}},
                            {.family = 4, .bytes = {192, 0, 2, 2}},
                            {.family = 6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}}};
static struct report_port ports[] = {{.service = (char *)"sshd", .port = 22}};

static struct report_params params(void)
{
    return (struct report_params){
        .from = (char *)"Abuse reports <abuse-reports@example.org>",
        .reply_to = (char *)"abuse-desk@example.org",
        .organisation = (char *)"Example Organisation",
        .phone = (char *)"+44 20 7946 0000",
        .addresses = own,
        .n_addresses = 3,
        .ports = ports,
        .n_ports = 1,
        .local_contact = (char *)"root",
    };
}

static struct report_facts facts(const struct incident *inc)
{
    return (struct report_facts){.kind = REPORT_ABUSE,
                                 .incident = inc,
                                 .reference = "AR-17-9f86d081",
                                 .to = "abuse@isp.example",
                                 .sequence = 1,
                                 .now = T0 + 1200 * USEC_PER_SEC};
}

static bool contains(const char *text, size_t n, const char *word)
{
    size_t k = strlen(word);

    for (size_t i = 0; i + k <= n; i++)
        if (strncasecmp(text + i, word, k) == 0)
            return true;
    return false;
}

/* What must hold for every mail, whatever is in it. */
static void expect_sound(const struct report *r)
{
    const char *body = strstr(r->bytes, "\r\n\r\n");
    const char *log = strstr(r->bytes, "\r\nThe log lines of these");
    size_t before_log = log ? (size_t)(log - r->bytes) : r->n;
    const char *line = r->bytes;

    ck_assert_ptr_nonnull(body);
    ck_assert_uint_eq(strlen(r->bytes), r->n); /* no NUL */
    ck_assert_str_eq(r->bytes + r->n - 2, "\r\n");
    while (*line) {
        size_t n = strcspn(line, "\r\n");

        ck_assert_msg(memcmp(line + n, "\r\n", 2) == 0, "a bare CR or LF: %.80s", line);
        ck_assert_msg(text_is_printable(line, n), "%.*s", (int)n, line);
        ck_assert_uint_le(n, 998);
        if (line > body && strstr(line, ":") != line + strcspn(line, ":\r\n") &&
            line < r->bytes + before_log)
            ck_assert_msg(n <= 78, "%.*s", (int)n, line);
        line += n + 2;
    }
    ck_assert(!contains(r->bytes, before_log, "re:"));
    ck_assert(!contains(body, r->n - (size_t)(body - r->bytes), "postfix"));
    ck_assert(!contains(body, r->n - (size_t)(body - r->bytes), "smtp"));
    ck_assert(!contains(body, r->n - (size_t)(body - r->bytes), "mail server"));
    ck_assert(strncmp(body, "\r\n\r\nSource IP: ", 15) == 0);
}

static struct report compose(const struct report_params *p, const struct report_facts *f)
{
    struct report r = {0};

    ck_assert_int_eq(report_compose(p, f, &r), 0);
    expect_sound(&r);
    return r;
}

/* Compares with tests/golden/NAME, which has LF. */
static void expect_golden(const struct report *r, const char *name)
{
    char path[128], *want = calloc(1, 65536), *got = calloc(1, r->n + 1), *g = got;
    FILE *f;

    for (size_t i = 0; i < r->n; i++)
        if (r->bytes[i] != '\r')
            *g++ = r->bytes[i];
    snprintf(path, sizeof(path), "tests/golden/%s", name);
    if (getenv("UPDATE_GOLDEN")) {
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        fputs(got, f);
        fclose(f);
    }
    f = fopen(path, "re");
    ck_assert_msg(f != NULL, "no %s", path);
    ck_assert_uint_lt(fread(want, 1, 65535, f), 65535);
    fclose(f);
    ck_assert_str_eq(got, want);
    free(want);
    free(got);
}

static void expect_line(const struct report *r, const char *line)
{
    char needle[1200];

    snprintf(needle, sizeof(needle), "\r\n%s\r\n", line);
    ck_assert_msg(strstr(r->bytes, needle) != NULL, "no \"%s\" in\n%s", line, r->bytes);
}

START_TEST(a_typical_report_is_these_bytes)
{
    struct incident *inc = typical(214);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    p.note =
        (char *)"Our working hours are 9 to 17 UTC, Monday to Friday. Outside of them "
                "answers may take a day.\n\nThank you.\n";
    r = compose(&p, &f);
    expect_golden(&r, "typical.eml");
    ck_assert_str_eq(r.message_id, "<ar-17-9f86d081.1@example.org>");
    ck_assert_str_eq(r.envelope_from, "abuse-reports@example.org");
    ck_assert_str_eq(r.envelope_to, "abuse@isp.example");
    report_done(&r);
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(same_input_same_bytes)
{
    struct incident *inc = typical(30);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report a = compose(&p, &f), b = compose(&p, &f);

    ck_assert_uint_eq(a.n, b.n);
    ck_assert_mem_eq(a.bytes, b.bytes, a.n);
    report_done(&a);
    report_done(&b);
    incident_free(inc);
}
END_TEST

START_TEST(an_ipv6_network_names_its_busiest_address_first)
{
    struct burst b = {.source = "2001:db8:7:8::10",
                      .prefix = 64,
                      .lines = 60,
                      .addresses = 20,
                      .text = "root",
                      .clock = CLOCK_SYNCED};
    struct incident *inc = burst(&b);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    b.lines = 12;
    b.clock = CLOCK_UNKNOWN;
    add_lines(inc, &b, 60);
    b.lines = 3;
    b.clock = CLOCK_UNSYNCED;
    add_lines(inc, &b, 72);
    inc->contact_source = strdup("rdap-remarks");
    inc->network = strdup("2001:db8:: - 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
    r = compose(&p, &f);
    expect_golden(&r, "ipv6-network.eml");
    ck_assert_ptr_nonnull(strstr(
        r.bytes, "\r\nSubject: Abuse from 2001:db8:7:8::10: 75 failed SSH logins"));
    expect_line(&r, "Destination IP:    2001:db8::1");
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(a_preview_without_settings_says_what_is_missing)
{
    struct incident *inc = burst(&(struct burst){
        .source = "2001:db8:7:8::10",
        .prefix = 128,
        .lines = 1,
        .addresses = 1,
        .text = "invalid user \033[2J\\x from 192.0.2.99 port 1 ssh2\r\n\xff",
        .clock = CLOCK_UNKNOWN});
    struct report_params p = {.ports = ports, .n_ports = 1};
    struct report_facts f = facts(inc);
    struct report r = compose(&p, &f);

    expect_golden(&r, "preview.eml");
    ck_assert_str_eq(r.envelope_from, "unset@example.invalid");
    expect_line(&r, "Clock:             unknown (lines read later than written)");
    expect_line(&r, "Destination IP:    not configured");
    expect_line(&r, "Number of events:  1 failed login attempt");
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(the_local_contact_learns_of_a_login_at_once)
{
    struct incident *inc = typical(25);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    inc->id = 17;
    inc->success = T0 + 20 * USEC_PER_SEC;
    f.kind = REPORT_ALERT;
    f.to = "root";
    f.sequence = 0;
    f.user = "bob";
    f.held = true;
    r = compose(&p, &f);
    expect_golden(&r, "alert.eml");
    ck_assert_str_eq(r.envelope_to, "root");
    ck_assert_str_eq(r.message_id, "<ar-17-9f86d081.0@example.org>");
    report_done(&r);

    inc->success = T0 + 3600 * USEC_PER_SEC;
    f.user = "";
    f.held = false;
    r = compose(&p, &f);
    ck_assert_ptr_nonnull(strstr(r.bytes, "A login from 203.0.113.5 succeeded at 2026"));
    ck_assert_ptr_nonnull(strstr(r.bytes, "after a burst"));
    ck_assert(!contains(r.bytes, r.n, "approved"));
    ck_assert(!contains(r.bytes, r.n, " as \""));
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(the_local_contact_learns_why_nobody_else_does)
{
    struct incident *inc = burst(&(struct burst){.source = "10.1.2.3",
                                                 .prefix = 32,
                                                 .lines = 25,
                                                 .addresses = 1,
                                                 .text = "root",
                                                 .clock = CLOCK_UNSYNCED});
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    inc->success = T0 + 30 * USEC_PER_SEC;
    f.kind = REPORT_LOCAL;
    f.to = "root";
    f.why_local = "the address is special-purpose: nobody on the Internet owns it";
    r = compose(&p, &f);
    expect_golden(&r, "local.eml");
    ck_assert_str_eq(r.envelope_to, "root");
    ck_assert(!contains(r.bytes, r.n, "RDAP"));
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(destinations_are_of_the_sources_family_where_there_are_any)
{
    struct incident *inc = typical(20);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r = compose(&p, &f);

    expect_line(&r, "Destination IP:    192.0.2.1, 192.0.2.2");
    report_done(&r);
    p.addresses = own + 2;
    p.n_addresses = 1;
    r = compose(&p, &f);
    expect_line(&r, "Destination IP:    2001:db8::1");
    ck_assert_ptr_nonnull(strstr(r.bytes, "addresses are all that are"));
    report_done(&r);
    p.hide_destination = true;
    r = compose(&p, &f);
    expect_line(&r, "Destination IP:    withheld; please ask us for it");
    ck_assert_ptr_null(strstr(r.bytes, "2001:db8"));
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(the_destination_port_is_the_configured_one_or_unknown)
{
    struct incident *inc = typical(20);
    struct report_port other[] = {{.service = (char *)"sshd", .port = 2222}};
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    p.ports = other;
    r = compose(&p, &f);
    expect_line(&r, "Destination port:  2222");
    report_done(&r);
    p.n_ports = 0;
    r = compose(&p, &f);
    expect_line(&r, "Destination port:  not configured");
    report_done(&r);
    incident_free(inc);
}
END_TEST

static void expect_words(const struct incident *inc, const char *words, bool there)
{
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r = compose(&p, &f);
    char *flat = strdup(r.bytes), *to = flat;

    for (const char *from = r.bytes; *from; from++)
        if (*from != '\r')
            *to++ = *from == '\n' ? ' ' : *from;
    *to = '\0';
    ck_assert_msg((strstr(flat, words) != NULL) == there, "\"%s\" in\n%s", words,
                  r.bytes);
    free(flat);
    report_done(&r);
}

START_TEST(guessing_is_said_only_where_a_password_was_refused)
{
    struct incident *inc = typical(20);

    expect_words(inc, "tried to guess passwords of the SSH service on our server: 20",
                 true);
    expect_words(inc, "no password was refused", false);
    inc->probes = 5;
    expect_words(inc, "tried to guess passwords", true);
    expect_words(inc, "In 5 of these attempts no password was refused", true);
    inc->probes = 20;
    expect_words(inc, "guess", false);
    expect_words(inc,
                 "tried to log in to the SSH service on our server: 20 failed login "
                 "attempts",
                 true);
    expect_words(inc, "No password was refused in them", true);
    incident_free(inc);
}
END_TEST

START_TEST(dropped_connections_are_a_figure_beside)
{
    struct incident *inc = typical(20);

    expect_words(inc, "penalty", false);
    inc->blocked = 7;
    expect_words(inc,
                 "At least 7 more connections from the source were dropped before any "
                 "login, as a penalty for earlier ones; the number of events does not "
                 "include them.",
                 true);
    inc->blocked = 1;
    expect_words(inc, "At least 1 more connection from the source was dropped", true);
    incident_free(inc);
}
END_TEST

START_TEST(attempts_at_several_services_are_said_to_be_so)
{
    struct incident *inc = typical(20);

    inc->services_more = true;
    expect_words(inc, "passwords of the SSH service and others on our server", true);
    expect_words(inc, "Destination port:  22 and others", true);
    expect_words(inc, "20 failed logins", true);
    incident_free(inc);
}
END_TEST

START_TEST(all_lines_are_shown_where_they_fit)
{
    struct incident *inc = typical(10);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r = compose(&p, &f);

    ck_assert_ptr_null(strstr(r.bytes, "left out"));
    report_done(&r);
    incident_free(inc);
    inc = typical(11);
    f = facts(inc);
    r = compose(&p, &f);
    expect_line(&r, "[1 line left out]");
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(a_line_of_escapes_stays_within_the_limit_of_mail)
{
    char text[480];
    struct incident *inc;
    struct report_params p = params();
    struct report_facts f;
    struct report r;

    memset(text, '\xfe', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    inc = burst(&(struct burst){.source = "203.0.113.5",
                                .prefix = 32,
                                .lines = 20,
                                .addresses = 1,
                                .text = text,
                                .clock = CLOCK_SYNCED});
    f = facts(inc);
    r = compose(&p, &f);
    ck_assert_ptr_nonnull(strstr(r.bytes, "\\xfe...\r\n"));
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(sender_names_are_quoted_where_they_must_be)
{
    struct incident *inc = typical(20);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r;

    p.from = (char *)"\"Example, Inc. (abuse)\" <a@example.org>";
    r = compose(&p, &f);
    ck_assert(
        strncmp(r.bytes, "From: \"Example, Inc. (abuse)\" <a@example.org>\r\n", 46) == 0);
    report_done(&r);
    p.reply_to = NULL;
    r = compose(&p, &f);
    ck_assert_ptr_null(strstr(r.bytes, "Reply-To:"));
    expect_line(&r, "Contact:           a@example.org, Example Organisation, "
                    "+44 20 7946 0000");
    report_done(&r);
    incident_free(inc);
}
END_TEST

START_TEST(nothing_is_composed_for_what_is_no_address)
{
    struct incident *inc = typical(20);
    struct report_params p = params();
    struct report_facts f = facts(inc);
    struct report r = {0};
    static const char *const bad[] = {"",
                                      "root",
                                      "a@b",
                                      "a@isp.example\r\nBcc: b@c.example",
                                      "a@isp.example, b@isp.example",
                                      "@isp.example"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f.to = bad[i];
        ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
        ck_assert_ptr_null(r.bytes);
    }
    f.kind = REPORT_LOCAL;
    f.to = "root -f";
    ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
    f.to = "-root";
    ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
    f = facts(inc);
    f.reference = "AR 1\r\n";
    ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
    f = facts(inc);
    p.from = (char *)"nobody";
    ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
    p = params();
    p.reply_to = (char *)"x";
    ck_assert_int_eq(report_compose(&p, &f, &r), -EINVAL);
    ck_assert_ptr_null(r.bytes);
    incident_free(inc);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tc = tcase_create("report");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_typical_report_is_these_bytes);
    tcase_add_test(tc, same_input_same_bytes);
    tcase_add_test(tc, an_ipv6_network_names_its_busiest_address_first);
    tcase_add_test(tc, a_preview_without_settings_says_what_is_missing);
    tcase_add_test(tc, the_local_contact_learns_of_a_login_at_once);
    tcase_add_test(tc, the_local_contact_learns_why_nobody_else_does);
    tcase_add_test(tc, destinations_are_of_the_sources_family_where_there_are_any);
    tcase_add_test(tc, the_destination_port_is_the_configured_one_or_unknown);
    tcase_add_test(tc, guessing_is_said_only_where_a_password_was_refused);
    tcase_add_test(tc, dropped_connections_are_a_figure_beside);
    tcase_add_test(tc, attempts_at_several_services_are_said_to_be_so);
    tcase_add_test(tc, all_lines_are_shown_where_they_fit);
    tcase_add_test(tc, a_line_of_escapes_stays_within_the_limit_of_mail);
    tcase_add_test(tc, sender_names_are_quoted_where_they_must_be);
    tcase_add_test(tc, nothing_is_composed_for_what_is_no_address);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
