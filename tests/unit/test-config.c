#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "moment.h"
#include "text.h"

#define SOURCES "sources:\n- file: /var/log/auth.log\n"
#define SENDER                                                                      \
    "report: {from: \"Abuse reports <abuse@isp.test>\", reply_to: abuse@isp.test, " \
    "addresses: [192.0.2.1]}\n"
#define LAB "reportable: [203.0.113.0/24]\n"

/* The paths that exist, each with a blank around it. */
static bool exists(void *userdata, const char *path)
{
    char needle[256];

    snprintf(needle, sizeof(needle), " %s ", path);
    return strstr(userdata, needle) != NULL;
}

static struct config *read_good_in(const char *files, const char *text)
{
    char userdata[256];
    struct config_world world = {.file_exists = exists, .userdata = userdata};
    struct config_errors errors = {0};
    struct config *c = NULL;
    int r;

    snprintf(userdata, sizeof(userdata), "%s", files);
    r = config_parse(text, strlen(text), &world, &c, &errors);
    for (size_t i = 0; i < errors.n; i++)
        printf("%u:%u: %s\n", errors.errors[i].line, errors.errors[i].column,
               errors.errors[i].message);
    config_errors_done(&errors);
    ck_assert_int_eq(r, 0);
    ck_assert_ptr_nonnull(c);
    return c;
}

static struct config *read_good(const char *text)
{
    return read_good_in("", text);
}

static void good(const char *text)
{
    config_free(read_good(text));
}

/* All errors as "LINE:COLUMN message\n" must be want; a message may be cut by "...". */
static void expect_in(const char *files, const char *text, size_t n, int result,
                      const char *want)
{
    char userdata[256], *got = NULL;
    struct config_world world = {.file_exists = exists, .userdata = userdata};
    struct config_errors errors = {0};
    struct config *c = NULL;
    size_t size;
    FILE *f = open_memstream(&got, &size);

    snprintf(userdata, sizeof(userdata), "%s", files);
    ck_assert_int_eq(config_parse(text, n, &world, &c, &errors), result);
    ck_assert_ptr_null(c);
    for (size_t i = 0; i < errors.n; i++) {
        const char *m = errors.errors[i].message;

        ck_assert(text_is_printable(m, strlen(m)));
        fprintf(f, "%u:%u %s\n", errors.errors[i].line, errors.errors[i].column, m);
    }
    fclose(f);
    config_errors_done(&errors);
    for (const char *g = got, *w = want; *w || *g;) {
        size_t line = strcspn(w, "\n"), head = line;

        if (line > 3 && memcmp(w + line - 3, "...", 3) == 0)
            head = line - 3;
        ck_assert_msg(strncmp(g, w, head) == 0 &&
                          (head < line || g[head] == '\n' || g[head] == '\0'),
                      "got:\n%swant:\n%s", got, want);
        g += strcspn(g, "\n");
        g += *g == '\n';
        w += line + (w[line] == '\n');
        ck_assert_msg(!*g == !*w, "got:\n%swant:\n%s", got, want);
    }
    free(got);
}

static void expect(const char *text, const char *want)
{
    expect_in("", text, strlen(text), CONFIG_E_CONTENT, want);
}

/* One line after a good list of sources. */
static void expect_line(const char *line, const char *want)
{
    char text[1024];

    snprintf(text, sizeof(text), SOURCES "%s\n", line);
    expect(text, want);
}

START_TEST(defaults_are_those_of_the_manual)
{
    struct config *c = read_good(SOURCES);

    ck_assert_uint_eq(c->n_sources, 1);
    ck_assert_int_eq(c->sources[0].kind, SOURCE_FILE);
    ck_assert_str_eq(c->sources[0].path, "/var/log/auth.log");
    ck_assert(!c->sources[0].from_beginning);
    ck_assert_ptr_null(c->sources[0].programs);
    ck_assert_uint_eq(c->detect.failures, 20);
    ck_assert_int_eq(c->detect.window, 600 * USEC_PER_SEC);
    ck_assert_int_eq(c->detect.settle, 600 * USEC_PER_SEC);
    ck_assert_int_eq(c->policy.settle, 600 * USEC_PER_SEC);
    ck_assert_int_eq(c->detect.max_age, 3600 * USEC_PER_SEC);
    ck_assert_uint_eq(c->detect.ipv6_prefix, 64);
    ck_assert_uint_eq(c->detect.slow.failures, 20);
    ck_assert_int_eq(c->detect.slow.window, 86400 * USEC_PER_SEC);
    ck_assert_uint_eq(c->detect.names.failures, 10);
    ck_assert_uint_eq(c->detect.names.names, 5);
    ck_assert_int_eq(c->detect.names.window, 86400 * USEC_PER_SEC);
    ck_assert_uint_eq(c->detect.memory, 96 << 20);
    ck_assert_uint_eq(c->ignore.n, 0);
    ck_assert_uint_eq(c->reportable.n, 0);
    ck_assert_ptr_null(c->rdap.bootstrap_ipv4);
    ck_assert_ptr_null(c->rdap.bootstrap_ipv6);
    ck_assert_ptr_null(c->rdap.proxy);
    ck_assert_int_eq(c->rdap.timeout, 30 * USEC_PER_SEC);
    ck_assert_ptr_null(c->report.from);
    ck_assert_uint_eq(c->report.n_ports, 1);
    ck_assert_uint_eq(report_port_of(&c->report, "sshd"), 22);
    ck_assert_str_eq(c->report.local_contact, "root");
    ck_assert(!c->report.hide_destination);
    ck_assert_int_eq(c->policy.mode, MODE_OBSERVE);
    ck_assert_int_eq(c->policy.per_source, INT64_C(3) * 86400 * USEC_PER_SEC);
    ck_assert_uint_eq(c->policy.per_contact.n, 10);
    ck_assert_int_eq(c->policy.per_contact.per, INT64_C(86400) * USEC_PER_SEC);
    ck_assert_uint_eq(c->policy.total.n, 25);
    ck_assert_int_eq(c->policy.max_report_age, INT64_C(86400) * USEC_PER_SEC);
    ck_assert_str_eq(c->delivery.mta, "smtp://127.0.0.1:25");
    ck_assert_str_eq(c->delivery.log, "journal");
    ck_assert_str_eq(c->state, "/var/lib/abuse-reporterd/state.db");
    ck_assert_str_eq(c->control, "/run/abuse-reporterd/control.sock");
    config_free(c);
    c = config_new_default();
    ck_assert_uint_eq(c->n_sources, 0);
    ck_assert_uint_eq(c->detect.failures, 20);
    config_free(c);
}
END_TEST

START_TEST(every_value_arrives_at_its_place)
{
    struct config *c = read_good(
        "sources:\n"
        "  - {file: /a, start: beginning, programs: [sshd, sshd-session]}\n"
        "  - {journal: {directory: /j, start: beginning}, programs: [dropbear]}\n"
        "detect: {failures: 5, window: 90s, settle: 2m, max_age: 2h, ipv6_prefix: 56}\n"
        "ignore: [192.0.2.0/24, 198.51.100.7, '2001:db8::/32']\n" LAB
        "rdap: {bootstrap_ipv4: 'http://127.0.0.1:8080/v4.json', bootstrap_ipv6: /b6, "
        "ca_file: /ca, timeout: 5s, proxy: 'http://127.0.0.1:3128'}\n"
        "report:\n"
        "  from: \"Abuse reports <abuse@example.org>\"\n"
        "  reply_to: desk@example.org\n"
        "  organisation: Example\n"
        "  phone: +44 20 7946 0000\n"
        "  addresses: [192.0.2.1, '2001:db8::1']\n"
        "  hide_destination: true\n"
        "  ports: {sshd: 2222}\n"
        "  local_contact: Admin@EXAMPLE.org\n"
        "  note: |\n    One line.\n    Another.\n"
        "mode: send\n"
        "limits: {per_source: 0s, per_contact: 3/12h, total: 100/1h, max_report_age: "
        "2d}\n"
        "delivery: {mta: 'smtp://[::1]:2525', log: /var/log/mail.log}\n"
        "state: /s\ncontrol: /c\n");

    ck_assert_uint_eq(c->n_sources, 2);
    ck_assert(c->sources[0].from_beginning);
    ck_assert_str_eq(c->sources[0].programs[1], "sshd-session");
    ck_assert_ptr_null(c->sources[0].programs[2]);
    ck_assert_int_eq(c->sources[1].kind, SOURCE_JOURNAL);
    ck_assert_str_eq(c->sources[1].journal_dir, "/j");
    ck_assert(c->sources[1].from_beginning);
    ck_assert_uint_eq(c->detect.failures, 5);
    ck_assert_int_eq(c->detect.window, 90 * USEC_PER_SEC);
    ck_assert_int_eq(c->policy.settle, 120 * USEC_PER_SEC);
    ck_assert_uint_eq(c->detect.ipv6_prefix, 56);
    ck_assert_uint_eq(c->ignore.n, 3);
    ck_assert_uint_eq(c->reportable.n, 1);
    ck_assert_str_eq(c->rdap.bootstrap_ipv4, "http://127.0.0.1:8080/v4.json");
    ck_assert_str_eq(c->rdap.bootstrap_ipv6, "/b6");
    ck_assert_str_eq(c->rdap.ca_file, "/ca");
    ck_assert_int_eq(c->rdap.timeout, 5 * USEC_PER_SEC);
    ck_assert_str_eq(c->report.from, "Abuse reports <abuse@example.org>");
    ck_assert_str_eq(c->report.phone, "+44 20 7946 0000");
    ck_assert_uint_eq(c->report.n_addresses, 2);
    ck_assert(c->report.hide_destination);
    ck_assert_uint_eq(report_port_of(&c->report, "sshd"), 2222);
    ck_assert_uint_eq(report_port_of(&c->report, "imapd"), 0);
    ck_assert_str_eq(c->report.local_contact, "Admin@example.org");
    ck_assert_str_eq(c->report.note, "One line.\nAnother.\n");
    ck_assert_int_eq(c->policy.mode, MODE_SEND);
    ck_assert_int_eq(c->policy.per_source, 0);
    ck_assert_uint_eq(c->policy.per_contact.n, 3);
    ck_assert_int_eq(c->policy.per_contact.per, INT64_C(43200) * USEC_PER_SEC);
    ck_assert_str_eq(c->delivery.mta, "smtp://[::1]:2525");
    ck_assert_str_eq(c->delivery.log, "/var/log/mail.log");
    ck_assert_str_eq(c->state, "/s");
    ck_assert_str_eq(c->control, "/c");
    config_free(c);
}
END_TEST

START_TEST(a_slow_window_is_a_mapping_or_off)
{
    struct config *c =
        read_good(SOURCES "detect: {slow: off, names: {window: 2h}, memory: 1G}\n");

    ck_assert_uint_eq(c->detect.slow.failures, 0);
    ck_assert_uint_eq(c->detect.names.failures, 10);
    ck_assert_int_eq(c->detect.names.window, 7200 * USEC_PER_SEC);
    ck_assert_uint_eq(c->detect.memory, 1u << 30);
    config_free(c);
    c = read_good(SOURCES "detect: {slow: , names: off}\n");
    ck_assert_uint_eq(c->detect.slow.failures, 20);
    ck_assert_uint_eq(c->detect.names.failures, 0);
    config_free(c);
}
END_TEST

START_TEST(a_text_log_may_be_of_another_zone)
{
    const char *files = " /a.log /usr/share/zoneinfo/Europe/Berlin ";
    struct config *c =
        read_good_in(files, "sources:\n  - file: /a.log\n    timezone: Europe/Berlin\n");

    ck_assert_str_eq(c->sources[0].timezone, "Europe/Berlin");
    config_free(c);
    expect("sources:\n  - file: /a.log\n    timezone: Europe/Berlim\n",
           "3:15 sources.timezone: this system has no /usr/share/zoneinfo/Europe/Berlim");
    expect("sources:\n  - file: /a.log\n    timezone: ../../etc/passwd\n",
           "3:15 sources.timezone: \"../../etc/passwd\" is not the name of a ...");
    expect("sources:\n  - file: /a.log\n    timezone: +01:00\n",
           "3:15 sources.timezone: \"+01:00\" is not the name of a ...");
    expect_in(files, "sources: [{journal: {}, timezone: Europe/Berlin}]\n", 50,
              CONFIG_E_CONTENT, "1:35 sources.timezone: the journal's times need no ...");
}
END_TEST

START_TEST(sections_may_be_empty)
{
    good(SOURCES "detect:\nrdap: {}\nreport: ~\nignore:\nlimits: null\n");
    good("sources:\n- journal:\n");
}
END_TEST

START_TEST(sources_are_required)
{
    const char *missing = "sources is required: ...";
    char want[64];

    snprintf(want, sizeof(want), "1:1 %s", missing);
    expect("", want);
    expect("# only a comment\n", want);
    expect("mode: observe\n", want);
    expect("{}\n", want);
    expect("sources:\n", "1:9 sources must be auto, or a list ...");
    expect("sources: []\n", "1:10 sources must be auto, or a list ...");
    expect("sources: /var/log/auth.log\n", "1:10 sources must be auto, or a list ...");
    expect("just words\n", "1:1 the configuration must be a mapping: ...");
    expect("- a\n", "1:1 the configuration must be a mapping: ...");
}
END_TEST

START_TEST(a_source_is_one_file_or_one_journal)
{
    expect("sources:\n- /var/log/auth.log\n", "2:3 a source is ...");
    expect("sources:\n- start: end\n", "2:3 a source needs ...");
    expect("sources:\n- {file: /a, journal: {}}\n",
           "2:23 sources.journal: a source is either ...");
    expect("sources:\n- file: auth.log\n",
           "2:9 sources.file: \"auth.log\" is not an absolute path ...");
    expect("sources:\n- file: /var/log/../auth.log\n", "2:9 sources.file: ...");
    expect("sources:\n- file: [/a]\n", "2:9 sources.file: a list is given ...");
    expect("sources:\n- file: /a\n  start: middle\n",
           "3:10 sources.start: \"middle\" is not end or beginning");
    expect("sources:\n- journal: {start: end}\n  start: end\n",
           "3:10 sources.start: this source has it already at 2:20");
    expect("sources:\n- file: /a\n  programs: sshd\n",
           "3:13 sources.programs must be a list ...");
    expect("sources:\n- file: /a\n  programs: []\n",
           "3:13 sources.programs: must name ...");
    expect("sources:\n- file: /a\n  programs: [s shd, sshd]\n",
           "3:14 sources.programs: \"s shd\" is not a program's name ...");
    expect("sources:\n- file: /a\n  directory: /x\n",
           "3:3 unknown key sources.directory; do you mean sources.journal.directory?");
    expect("sources:\n- journal: {dir: /x}\n", "2:13 unknown key sources.journal.dir");
}
END_TEST

START_TEST(one_program_comes_by_one_source)
{
    static const char both[] = "sources:\n- file: /a\n- journal: {}\n";
    static const char apart[] = "sources:\n- {file: /a, programs: [sshd]}\n"
                                "- {journal: {}, programs: [sshd-session]}\n";
    static const char twice[] = "sources:\n- {file: /a, programs: [x]}\n- file: /b\n"
                                "- {file: /a, programs: [y]}\n";

    config_free(read_good_in(" /b ", both)); /* the file is absent */
    expect_in(" /a ", both, strlen(both), CONFIG_E_CONTENT,
              "3:3 the source at 2:3 gives the same programs' lines, ...");
    config_free(read_good_in(" /a ", apart));
    expect_in("", twice, strlen(twice), CONFIG_E_CONTENT,
              "4:3 the same source as at 2:3");
    expect_in(" /a  /b ", twice, strlen(twice), CONFIG_E_CONTENT,
              "3:3 the source at 2:3 gives ...\n4:3 the same source as at 2:3");
    expect("sources: [journal: {}, journal: {programs: [a]}]\n",
           "1:24 the same source as at 1:11");
}
END_TEST

START_TEST(unknown_keys_are_errors_with_a_suggestion)
{
    expect_line("detekt: {}", "3:1 unknown key detekt; do you mean detect?");
    expect_line("detect: {windwo: 10m}",
                "3:10 unknown key detect.windwo; do you mean detect.window?");
    expect_line("window: 10m", "3:1 unknown key window; do you mean detect.window?");
    expect_line("frobnicate: 1", "3:1 unknown key frobnicate");
    expect_line("\"a\\0b\": 1", "3:1 unknown key a\\x00b");
    expect_line("\"mode\\0\": send", "3:1 unknown key mode\\x00; do you mean mode?");
    expect_line("detect.window: 10m", "3:1 unknown key detect.window");
    expect_line("sources.file: /x", "3:1 unknown key sources.file");
    expect_line("report: {ports: {shd: 22}}",
                "3:18 report.ports: unknown service; do you mean sshd?");
}
END_TEST

START_TEST(duplicate_keys_anchors_and_documents_are_errors)
{
    expect_line("mode: observe\nmode: observe",
                "4:1 mode is given twice; the first is at 3:1");
    expect_line("state: &s /x\ncontrol: *s", "3:8 anchors (&name) are not allowed\n"
                                             "4:10 aliases (*name) are not allowed");
    expect_line("mode: !!str observe", "3:7 tags (!name) are not allowed");
    expect_line("---\nmode: observe", "3:1 a second document begins: one is allowed");
}
END_TEST

START_TEST(all_errors_of_content_come_in_the_order_of_the_file)
{
    expect("mode: loud\nsources: []\ndetect: {failures: 0, window: 10}\nmode: hold\n",
           "1:7 mode: \"loud\" is not observe, hold or send\n"
           "2:10 sources must be auto, or a list ...\n"
           "3:20 detect.failures: 0 is out of range: 1 to 100000\n"
           "3:31 detect.window: \"10\" is not a duration: ...\n"
           "4:1 mode is given twice; the first is at 1:1");
}
END_TEST

START_TEST(a_hundred_thousand_errors_are_all_told)
{
    const size_t many = 100000;
    struct config_errors errors = {0};
    struct config *c = NULL;
    char *text = malloc(16 + 4 * many);
    size_t n = (size_t)sprintf(text, "ignore:");

    for (size_t i = 0; i < many; i++)
        n += (size_t)sprintf(text + n, "\n- x");
    ck_assert_int_eq(config_parse(text, n, NULL, &c, &errors), CONFIG_E_CONTENT);
    ck_assert_uint_eq(errors.n, many + 1); /* and no sources */
    ck_assert_uint_eq(errors.errors[many].line, many + 1);
    config_errors_done(&errors);
    free(text);
}
END_TEST

START_TEST(a_syntax_error_is_told_alone)
{
    static const char text[] = "mode: loud\nmode: loud\nstate: [\n";

    expect_in("", text, strlen(text), CONFIG_E_SYNTAX, "4:1 ...");
    expect_in("", "a\0b", 3, CONFIG_E_SYNTAX, "1:2 ...");
    expect_in("",
              "\x7f"
              "ELF\x02\x01\xff",
              7, CONFIG_E_SYNTAX, "1:1 ...");
}
END_TEST

START_TEST(numbers_and_durations_have_shapes_and_ranges)
{
    expect_line("detect: {failures: \"20\"}",
                "3:20 detect.failures: \"20\" is not a whole number (without quotes)");
    expect_line("detect: {failures: -1}", "3:20 detect.failures: \"-1\" is not ...");
    expect_line("detect: {failures: 1e3}", "3:20 detect.failures: \"1e3\" is not ...");
    expect_line("detect: {failures: 99999999999}", "3:20 detect.failures: ...");
    expect_line("detect: {failures: [20]}",
                "3:20 detect.failures: a list is given where a whole number belongs");
    expect_line("detect: {failures: }", "3:20 detect.failures has no value; ...");
    expect_line("detect: {ipv6_prefix: 129}",
                "3:23 detect.ipv6_prefix: 129 is out of range: 48 to 128");
    expect_line("detect: {window: 0s}", "3:18 detect.window: out of range: 1s to 30d");
    expect_line("detect: {settle: 0m}", "3:18 detect.settle: out of range: 1s to 30d");
    expect_line("detect: {max_age: 31d}", "3:19 detect.max_age: out of range: ...");
    expect_line("detect: {skew: 0s}", "3:16 detect.skew: out of range: 1s to 30d");
    expect_line("detect: {slow: of}", "3:16 detect.slow: \"of\" is not off, or a ...");
    expect_line("detect: {slow: {failures: 0}}", "3:27 detect.slow.failures: 0 is ...");
    expect_line("detect: {slow: {names: 3}}",
                "3:17 unknown key detect.slow.names; do you mean detect.names?");
    expect_line("detect: {names: {names: 101}}", "3:25 detect.names.names: 101 is ...");
    expect_line("detect: {memory: 96}", "3:18 detect.memory: \"96\" is not a size: ...");
    expect_line("detect: {memory: M}", "3:18 detect.memory: \"M\" is not a size: ...");
    expect_line("detect: {memory: 100K}",
                "3:18 detect.memory: out of range: 4M to 16384M");
    expect_line("detect: {window: 10 m}", "3:18 detect.window: \"10 m\" is not ...");
    expect_line("detect: {window: 1.5h}", "3:18 detect.window: \"1.5h\" is not ...");
    expect_line("detect: {window: 10m5s}", "3:18 detect.window: \"10m5s\" is not ...");
    expect_line("rdap: {timeout: 11m}", "3:17 rdap.timeout: out of range: 1s to 10m");
    expect_line("limits: {per_contact: 10}",
                "3:23 limits.per_contact: \"10\" is not a rate, ...");
    expect_line("limits: {per_contact: 0/1d}", "3:23 limits.per_contact: the number ...");
    expect_line("limits: {total: 5/0d}", "3:17 limits.total: out of range: ...");
    expect_line("limits: {total: 5/}", "3:17 limits.total: \"5/\" is not a rate, ...");
    expect_line("limits: {total: /1d}", "3:17 limits.total: \"/1d\" is not a rate, ...");
    expect_line("limits: {max_report_age: 0s}", "3:26 limits.max_report_age: out ...");
    expect_line("report: {ports: {sshd: 0}}",
                "3:24 report.ports: 0 is out of range: ...");
    expect_line("report: {ports: {sshd: 65536}}", "3:24 report.ports: 65536 is ...");
    expect_line("report: {hide_destination: maybe}",
                "3:28 report.hide_destination: \"maybe\" is not true or false");
}
END_TEST

START_TEST(networks_and_addresses_are_strict)
{
    expect_line("ignore: [192.0.2.5/24]",
                "3:10 ignore: bits of the address stand beyond the prefix length; do you "
                "mean 192.0.2.0/24?");
    expect_line("ignore: [192.0.2, 10.0.0.0/33, host.example, 10.0.0.0/]",
                "3:10 ignore: \"192.0.2\" is not ...\n"
                "3:19 ignore: \"10.0.0.0/33\" is not ...\n"
                "3:32 ignore: \"host.example\" is not ...\n"
                "3:46 ignore: \"10.0.0.0/\" is not ...");
    expect_line("ignore: 192.0.2.0/24", "3:9 ignore must be a list of networks: ...");
    expect_line("reportable: [8.8.8.0/24]", "3:13 reportable: 8.8.8.0/24 is public ...");
    expect_line("report: {addresses: [192.0.2.1, 192.0.2.0/24, www.example.org]}",
                "3:33 report.addresses: \"192.0.2.0/24\" is not an IPv4 or IPv6 address\n"
                "3:47 report.addresses: \"www.example.org\" is not ...");
    expect_line("report: {addresses: [192.0.2.1, 192.0.2.1]}",
                "3:33 report.addresses: this address is listed already");
}
END_TEST

START_TEST(urls_are_https_outside_a_lab)
{
    good(SOURCES "rdap: {bootstrap_ipv4: 'https://data.iana.org/rdap/ipv4.json'}\n");
    good(SOURCES "rdap: {bootstrap_ipv4: /etc/ipv4.json}\n");
    good(SOURCES LAB "rdap: {bootstrap_ipv4: 'http://localhost:8080/x'}\n");
    expect_line("rdap: {bootstrap_ipv4: 'http://data.iana.org/rdap/ipv4.json'}",
                "3:24 rdap.bootstrap_ipv4: must be https, save in a lab ...");
    expect_line("rdap: {bootstrap_ipv6: 'https://127.0.0.1/x'}",
                "3:24 rdap.bootstrap_ipv6: names a special-purpose address, ...");
    expect_line("rdap: {bootstrap_ipv6: 'https://[::1]:443/x'}",
                "3:24 rdap.bootstrap_ipv6: names a special-purpose address, ...");
    expect_line("rdap: {bootstrap_ipv6: 'https://www.localhost/x'}",
                "3:24 rdap.bootstrap_ipv6: names a special-purpose address, ...");
    static const char *const bad[] = {
        "ftp://a.example/",
        "https://",
        "https://a b.example/",
        "https://u:p@a.example/",
        "https://a:0/",
        "https://a:99999/",
        "https://-a.example/",
        "https://1.2.3/",
        "https://[::1/",
        "https://a..example/",
        "rdap/ipv4.json",
        "https://a:/",
        "https://[1.2.3.4]/",
        "https://a12345678901234567890123456789012345678901234567890123456789bcde/",
        "https://::1/",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[160], want[200];

        snprintf(line, sizeof(line), "rdap: {bootstrap_ipv4: '%s'}", bad[i]);
        snprintf(want, sizeof(want), "3:24 rdap.bootstrap_ipv4: \"%s\" is not ...",
                 bad[i]);
        expect_line(line, want);
    }
}
END_TEST

START_TEST(the_mta_is_a_plain_smtp_url)
{
    good(SOURCES "delivery: {mta: 'smtp://localhost'}\n");
    good(SOURCES "delivery: {mta: 'smtp://mail.example.org:587', log: journal}\n");
    expect_line("delivery: {mta: 'smtp://u:p@localhost'}", "3:17 delivery.mta: ...");
    expect_line("delivery: {mta: 'smtps://localhost'}", "3:17 delivery.mta: ...");
    expect_line("delivery: {mta: 'smtp://localhost/x'}", "3:17 delivery.mta: ...");
    expect_line("delivery: {mta: localhost}", "3:17 delivery.mta: ...");
    expect_line("delivery: {log: syslog}", "3:17 delivery.log: ...");
}
END_TEST

START_TEST(hold_and_send_need_a_sender_that_can_be_answered)
{
    expect_line("mode: send", "3:7 mode: send needs report.addresses, ...\n"
                              "3:7 mode: send needs report.from, ...\n"
                              "3:7 mode: send needs report.reply_to, ...");
    expect_line("mode: hold\n" SENDER,
                "4:16 report.from: abuse@isp.test is in a domain reserved ...\n"
                "4:60 report.reply_to: abuse@isp.test is in a domain reserved ...");
    good(SOURCES LAB "mode: hold\n" SENDER);
    good(SOURCES "mode: observe\n" SENDER);
    good(SOURCES LAB "mode: send\nreport: {from: a@b.test, reply_to: a@b.test, "
                     "hide_destination: true}\n");
    expect_line("mode: send\n" LAB
                "report: {from: noreply@b.test, reply_to: No-Reply@b.test, addresses: "
                "['::1']}",
                "5:16 report.from: a noreply address; ...\n"
                "5:42 report.reply_to: a noreply address; ...");
    expect_line("mode: send\n" LAB "report: {from: a@b.test, reply_to: a@b.test, "
                "addresses: []}",
                "3:7 mode: send needs report.addresses, ...");
}
END_TEST

START_TEST(hold_and_send_need_addresses_that_strangers_see)
{
#define MAILBOXES "report: {from: a@b.org, reply_to: a@b.org, "
    expect_line("mode: hold\n" MAILBOXES "addresses: [8.8.8.8, 192.168.1.2, '::1']}",
                "4:55 report.addresses: 192.168.1.2 is Private-Use: name the address as "
                "strangers see it\n"
                "4:55 report.addresses: ::1 is Loopback: name the address as strangers "
                "see it");
    expect_line("mode: send\n" MAILBOXES "addresses: ['fe80::1']}",
                "4:55 report.addresses: fe80::1 is Link-Local: ...");
    good(SOURCES "mode: send\n" MAILBOXES "addresses: [8.8.8.8, 192.0.2.1]}\n");
    good(SOURCES "mode: send\n" MAILBOXES
                 "hide_destination: true, addresses: [10.0.0.1]}\n");
    good(SOURCES "mode: observe\n" MAILBOXES "addresses: [10.0.0.1]}\n");
    good(SOURCES LAB "mode: send\n" MAILBOXES "addresses: [10.0.0.1]}\n");
#undef MAILBOXES
}
END_TEST

START_TEST(text_for_the_mail_is_printable_ascii)
{
    expect_line("report: {organisation: \"M\xc3\xbcller\"}",
                "3:24 report.organisation: only ASCII is supported, ...");
    expect_line("report: {organisation: \"a\\nBcc: x@y.example\"}",
                "3:24 report.organisation: holds a control character or line break");
    expect_line("report: {phone: \"1\\r\\n2\"}", "3:17 report.phone: holds ...");
    expect_line("report: {phone: \"\"}", "3:17 report.phone: must be 1 to 60 ...");
    expect_line("report: {note: \"a\\tb\"}", "3:16 report.note: holds ...");
    expect_line("report: {from: \"A <a@b.test>\\nBcc: x@y.test\"}",
                "3:16 report.from: ...");
    expect_line("report: {from: nobody}", "3:16 report.from: \"nobody\" is not a ...");
    expect_line("report: {from: \"a@b.test, c@d.test\"}", "3:16 report.from: ...");
    expect_line("report: {local_contact: -root}", "3:25 report.local_contact: ...");
    expect_line("report: {local_contact: \"root\\n\"}", "3:25 report.local_contact: ...");
}
END_TEST

START_TEST(paths_are_absolute_and_two)
{
    expect_line("state: state.db", "3:8 state: \"state.db\" is not an absolute path ...");
    expect_line("state: /x\ncontrol: /x", "4:10 state and control must be two files");
    expect_line("control: /1234567890123456789012345678901234567890123456789012345678901"
                "23456789012345678901234567890123456789012345678901234567890",
                "3:10 control: longer than 107 bytes");
    expect_line("state: \"/a\\0b\"", "3:8 state: ...");
    expect_line("state: /", "3:8 state: ...");
    expect_line("state: /a/", "3:8 state: ...");
}
END_TEST

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    char *text = malloc(1 << 20);

    ck_assert_msg(f != NULL, "cannot open %s", path);
    ck_assert_ptr_nonnull(text);
    *ret_n = fread(text, 1, (1 << 20) - 1, f);
    text[*ret_n] = '\0';
    fclose(f);
    return text;
}

START_TEST(the_shipped_file_is_good_with_and_without_auth_log)
{
    size_t n;
    char *text = read_file("conf/abuse-reporterd.yaml", &n);
    struct config *c = read_good_in("", text);

    ck_assert_int_eq(c->policy.mode, MODE_OBSERVE);
    ck_assert_uint_eq(c->n_sources, 1);
    ck_assert_int_eq(c->sources[0].kind, SOURCE_JOURNAL);
    config_free(c);
    config_free(read_good_in(" /var/log/auth.log ", text));
    free(text);
}
END_TEST

/* "#" followed by a setting, in contrast to "# " and a sentence. */
static bool commented_setting(const char *line)
{
    return line[0] == '#' && line[1] != '\n' && (line[1] != ' ' || line[2] == ' ');
}

START_TEST(what_the_shipped_file_shows_is_good_when_uncommented)
{
    size_t n;
    char *text = read_file("conf/abuse-reporterd.yaml", &n), *p;
    struct config *c, *defaults = config_new_default();

    p = strstr(text, "  - journal: {}\n"); /* the others stand in its place */
    ck_assert_ptr_nonnull(p);
    memmove(p, p + 16, strlen(p + 16) + 1);
    for (p = text; *p;) {
        char *next = p + strcspn(p, "\n");

        if (commented_setting(p)) {
            memmove(p, p + 1, strlen(p));
            next--;
        }
        p = *next ? next + 1 : next;
    }
    c = read_good_in(" /usr/share/zoneinfo/Europe/Berlin ", text);
    ck_assert_uint_eq(c->n_sources, 2);
    ck_assert_str_eq(c->report.from, "Abuse reports <abuse-reports@example.org>");
    ck_assert_uint_eq(c->reportable.n, 0);
    ck_assert_uint_eq(c->detect.failures, defaults->detect.failures);
    ck_assert_int_eq(c->detect.window, defaults->detect.window);
    ck_assert_int_eq(c->detect.settle, defaults->detect.settle);
    ck_assert_int_eq(c->detect.max_age, defaults->detect.max_age);
    ck_assert_uint_eq(c->detect.ipv6_prefix, defaults->detect.ipv6_prefix);
    ck_assert_int_eq(c->policy.mode, defaults->policy.mode);
    ck_assert_int_eq(c->policy.per_source, defaults->policy.per_source);
    ck_assert_uint_eq(c->policy.per_contact.n, defaults->policy.per_contact.n);
    ck_assert_int_eq(c->policy.per_contact.per, defaults->policy.per_contact.per);
    ck_assert_uint_eq(c->policy.total.n, defaults->policy.total.n);
    ck_assert_int_eq(c->policy.total.per, defaults->policy.total.per);
    ck_assert_int_eq(c->policy.max_report_age, defaults->policy.max_report_age);
    ck_assert_int_eq(c->rdap.timeout, defaults->rdap.timeout);
    ck_assert_str_eq(c->delivery.mta, defaults->delivery.mta);
    ck_assert_str_eq(c->delivery.log, defaults->delivery.log);
    ck_assert_str_eq(c->state, defaults->state);
    ck_assert_str_eq(c->control, defaults->control);
    ck_assert_str_eq(c->report.local_contact, defaults->report.local_contact);
    config_free(c);
    config_free(defaults);
    free(text);
}
END_TEST

/* Whether the last word of a key stands in the text as a key, "WORD:". */
static bool names_key(const char *text, const char *key, const char *suffix)
{
    const char *leaf = strrchr(key, '.');
    char word[64];

    leaf = leaf ? leaf + 1 : key;
    snprintf(word, sizeof(word), "%s%s", leaf, suffix);
    for (const char *p = text; (p = strstr(p, word)); p++)
        if (p > text && strchr(" #{\n`", p[-1]))
            return true;
    return false;
}

START_TEST(every_key_is_in_the_shipped_file)
{
    size_t n;
    char *text = read_file("conf/abuse-reporterd.yaml", &n);

    for (size_t i = 0; config_key(i); i++)
        ck_assert_msg(names_key(text, config_key(i), ":"), "%s is not documented",
                      config_key(i));
    free(text);
}
END_TEST

START_TEST(every_key_is_in_the_manual)
{
    const char *key;
    size_t n;
    char *text = read_file("man/abuse-reporterd.yaml.5", &n);

    for (size_t i = 0; (key = config_key(i)); i++) {
        const char *leaf = strrchr(key, '.');
        char item[80], section[80];

        snprintf(item, sizeof(item), "\n.It Ic %s\n", leaf ? leaf + 1 : key);
        snprintf(section, sizeof(section), "\n.It Ic %.*s\n", (int)strcspn(key, "."),
                 key);
        ck_assert_msg(strstr(text, item) != NULL, "%s is not documented", key);
        ck_assert_msg(strstr(text, section) != NULL, "%s is not documented", key);
    }
    free(text);
}
END_TEST

START_TEST(the_example_of_the_manual_is_good_and_shows_every_section)
{
    size_t n;
    char *text = read_file("man/abuse-reporterd.yaml.5", &n);
    char *begin = strstr(text, ".Bd -literal -offset indent\n"), *end;
    struct config *c;

    ck_assert_ptr_nonnull(begin);
    ck_assert_ptr_nonnull(strstr(text, ".\\\" example begins\n.Bd"));
    begin = strchr(begin, '\n') + 1;
    end = strstr(begin, ".Ed\n.\\\" example ends\n");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    c = read_good_in(" /var/log/auth.log ", begin);
    ck_assert_int_eq(c->policy.mode, MODE_SEND);
    for (size_t i = 0; config_key(i); i++)
        if (strncmp(config_key(i), "sources.", 8) != 0)
            ck_assert_msg(names_key(begin - 1, config_key(i), ":"), "%s is not shown",
                          config_key(i));
    config_free(c);
    free(text);
}
END_TEST

static const struct rule_service *rule_of(const struct config *c, size_t i,
                                          const char *program, const char *service)
{
    ck_assert_uint_gt(c->n_rules, i);
    ck_assert_str_eq(c->rules[i].programs[0], program);
    ck_assert_ptr_null(c->rules[i].programs[1]);
    ck_assert_str_eq(c->rules[i].name, service);
    return &c->rules[i];
}

static bool chooses(const char *files, enum source_kind kind, const char *path)
{
    struct config_world world = {.file_exists = exists, .userdata = (void *)files};
    const char *got, *why = NULL;

    return config_choose_source(&world, &got, &why) == kind && why &&
           strcmp(got ? got : "", path) == 0;
}

START_TEST(auto_takes_a_persistent_journal_or_the_text_log)
{
    ck_assert(chooses(" /var/log/journal  /var/log/auth.log ", SOURCE_JOURNAL, ""));
    ck_assert(chooses(" /var/log/auth.log ", SOURCE_FILE, "/var/log/auth.log"));
    ck_assert(chooses(" /var/log/secure ", SOURCE_FILE, "/var/log/secure"));
    ck_assert(chooses("", SOURCE_JOURNAL, ""));
}
END_TEST

START_TEST(auto_can_be_written_in_three_ways)
{
    static const char *const ways[] = {"sources: auto\n", "sources: [auto]\n",
                                       "sources:\n- auto: {}\n", "sources: [{auto: }]\n"};
    struct config *c;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        c = read_good(ways[i]);
        ck_assert_uint_eq(c->n_sources, 1);
        ck_assert_int_eq(c->sources[0].kind, SOURCE_AUTO);
        ck_assert(!c->sources[0].from_beginning);
        config_free(c);
    }
    c = read_good("sources:\n- auto: {}\n  start: beginning\n  programs: [sshd]\n");
    ck_assert(c->sources[0].from_beginning);
    ck_assert_str_eq(c->sources[0].programs[0], "sshd");
    config_free(c);
    expect("sources: [{auto: {start: end}}]\n", "1:18 sources.auto: takes nothing ...");
    expect("sources: [{auto: yes}]\n", "1:18 sources.auto: takes nothing ...");
    expect("sources: [{auto: {}, journal: {}}]\n",
           "1:31 sources.journal: a source is either ...");
    expect("sources: [auto, auto]\n", "1:17 the source at 1:11 gives the same ...");
    expect("sources: [auto, journal: {}]\n",
           "1:17 the source at 1:11 gives the same ...");
    expect("sources: automatic\n", "1:10 sources must be auto, or a list ...");
}
END_TEST

START_TEST(rules_are_kept_by_program)
{
    struct config *c = read_good(
        SOURCES "rules:\n"
                "- {program: myapp, failure: \"login failed for {user} from {addr}\"}\n"
                "- program: other\n"
                "  service: shop\n"
                "  limit: 1000\n"
                "  failure: ['no {user} at {addr}', 'bad \"{user}\" at {addr}']\n"
                "  success: hello {user} at {addr}\n"
                "- {program: myapp, success: \"welcome {user} from {addr}\"}\n"
                "report: {ports: {shop: 443, myapp: 8080, sshd: 2222}}\n");
    const struct rule_service *s = rule_of(c, 0, "myapp", "myapp");

    ck_assert_uint_eq(c->n_rules, 2);
    ck_assert_uint_eq(s->n_rows, 2);
    ck_assert_str_eq(s->rows[0].template, "login failed for {user} from {addr}");
    ck_assert_int_eq(s->rows[0].meaning, RULE_REFUSED);
    ck_assert_str_eq(s->rows[1].template, "welcome {user} from {addr}");
    ck_assert_int_eq(s->rows[1].meaning, RULE_SUCCESS);
    ck_assert_uint_eq(s->limit, 256);
    s = rule_of(c, 1, "other", "shop");
    ck_assert_uint_eq(s->n_rows, 3);
    ck_assert_str_eq(s->rows[1].template, "bad \"{user}\" at {addr}");
    ck_assert_uint_eq(s->limit, 1000);
    ck_assert_uint_eq(report_port_of(&c->report, "shop"), 443);
    ck_assert_uint_eq(report_port_of(&c->report, "myapp"), 8080);
    ck_assert_uint_eq(report_port_of(&c->report, "sshd"), 2222);
    ck_assert(config_program_is(c, "other", "shop"));
    ck_assert(config_program_is(c, "shop", "shop"));
    ck_assert(config_program_is(c, "sshd-session", "sshd"));
    ck_assert(!config_program_is(c, "myapp", "shop"));
    config_free(c);
}
END_TEST

/* A rule's keys after "program: a" in a mapping that begins at 4:3. */
static void expect_rule(const char *keys, const char *want)
{
    char text[1024];

    snprintf(text, sizeof(text), SOURCES "rules:\n- program: a\n  %s\n", keys);
    expect(text, want);
}

START_TEST(a_wrong_template_is_shown_at_its_byte)
{
    expect_rule("failure: no {usr} at {addr}", "5:15 rules.failure: no such hole; ...");
    expect_rule("failure: \"no {usr} at {addr}\"",
                "5:16 rules.failure: no such hole; ...");
    expect_rule("failure: \"a \\\"b\\\\ {usr}\"",
                "5:21 rules.failure: no such hole; ...");
    expect_rule("failure: 'it''s {usr}'", "5:19 rules.failure: no such hole; ...");
    expect_rule("failure: \"na\u00efve {usr}\"", "5:19 rules.failure: no such hole; ...");
    expect_rule("failure: [\"a {addr}\", \"b {usr}\"]",
                "5:28 rules.failure: no such hole; ...");
    expect_rule("failure: \"\\u0041 {usr}\"", "5:12 rules.failure: no such hole; ...");
    expect_rule("failure: |\n    no {usr}", "5:12 rules.failure: no such hole; ...");
    expect_rule("failure: \"a\\x07 {addr}\"", "5:14 rules.failure: a control byte ...");
    expect_rule("failure: {user}", "5:12 rules.failure: a mapping is given ...");
    expect_rule("failure: no address", "5:22 rules.failure: there is no {addr}");
}
END_TEST

START_TEST(a_template_that_could_be_steered_is_refused_and_explained)
{
    expect_rule("failure: \"{user} failed from {addr}\"",
                "5:13 rules.failure: any message that ends in a stranger's words ...");
    expect_rule("success: by {word} from {addr} {rest}",
                "5:15 rules.success: a name with blanks that is typed here ...");
    expect_rule("failure: by {user} from {addr} {rest}",
                "5:34 rules.failure: {user} and {rest} together ...");
}
END_TEST

START_TEST(a_rule_names_a_program_that_is_not_built_in)
{
    expect_line("rules: [{program: sshd, failure: \"x {addr}\"}]",
                "3:19 rules.program: sshd is known already: ...");
    expect_line("rules: [{program: sshd-session, failure: \"x {addr}\"}]",
                "3:19 rules.program: sshd-session is known already: ...");
    expect_line("rules: [{program: a, service: sshd, failure: \"x {addr}\"}]",
                "3:31 rules.service: this name belongs to ...");
    expect_line("rules: [{program: a b, failure: \"x {addr}\"}]",
                "3:19 rules.program: \"a b\" is not the name of a program ...");
    expect_line("rules: [{program: a-program-with-a-long-name, failure: \"x {addr}\"}]",
                "3:19 rules.program: a name of more than 23 bytes needs ...");
    expect_line(
        "rules: [{program: a, service: a-service-with-a-long-name, failure: \"{addr}\"}]",
        "3:31 rules.service: \"a-service-with-a-long-name\" is not a short ...");
    good(SOURCES "rules: [{program: a-program-with-a-long-name, service: a, "
                 "failure: \"x {addr}\"}]\n");
}
END_TEST

START_TEST(a_rule_needs_a_program_and_a_template)
{
    expect_line("rules: [{failure: \"x {addr}\"}]", "3:9 a rule needs `program`, ...");
    expect_line("rules: [{program: a}]", "3:9 a rule needs `failure` or `success`, ...");
    expect_line("rules: [{program: a, failure: []}]",
                "3:31 rules.failure: an empty list; ...");
    expect_line("rules: [x]", "3:9 a rule is a mapping such as ...");
    expect_line("rules: {program: a}", "3:8 rules must be a list of ...");
    expect_line("rules: [{program: a, falure: \"x {addr}\"}]",
                "3:9 a rule needs `failure` or `success`, ...\n"
                "3:22 unknown key rules.falure; do you mean rules.failure?");
    expect_line("rules: [{program: a, limit: 10, failure: \"x {addr}\"}]",
                "3:29 rules.limit: 10 is out of range: ...");
    expect_line("rules: [{program: a, failure: [\"x {addr}\", \"x {addr}\"]}]",
                "3:44 rules.failure: this program has the same template already");
    expect_line("rules: [{program: a, failure: \"x {addr}\", success: \"x {addr}\"}]",
                "3:52 rules.success: this program has the same template already");
    expect_line("rules: [{program: a, service: b, failure: \"x {addr}\"}, "
                "{program: a, service: c, failure: \"y {addr}\"}]",
                "3:78 rules.service: at 3:19 the same program has the service b");
    good(SOURCES "rules: []\n");
    good(SOURCES "rules:\n");
}
END_TEST

START_TEST(there_are_at_most_64_templates)
{
    char text[8192], *p = text, *end = text + sizeof(text);

    p += snprintf(p, (size_t)(end - p), SOURCES "rules:\n- program: a\n  failure:\n");
    for (int i = 0; i < 64; i++)
        p += snprintf(p, (size_t)(end - p), "  - \"%d {addr}\"\n", i);
    good(text);
    p += snprintf(p, (size_t)(end - p), "  - \"x {addr}\"\n  - \"y {addr}\"\n");
    expect(text, "70:5 rules: more than 64 templates");
}
END_TEST

START_TEST(ports_are_of_services_that_are_known)
{
    expect(SOURCES "report: {ports: {shop: 443, myap: 1, x: 1}}\n"
                   "rules: [{program: myapp, failure: \"x {addr}\"}]\n",
           "3:18 report.ports: unknown service; known are sshd and those of `rules`\n"
           "3:29 report.ports: unknown service; do you mean myapp?\n"
           "3:38 report.ports: unknown service; known are sshd and those of `rules`");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, defaults_are_those_of_the_manual);
    tcase_add_test(tc, every_value_arrives_at_its_place);
    tcase_add_test(tc, a_slow_window_is_a_mapping_or_off);
    tcase_add_test(tc, a_text_log_may_be_of_another_zone);
    tcase_add_test(tc, sections_may_be_empty);
    tcase_add_test(tc, sources_are_required);
    tcase_add_test(tc, a_source_is_one_file_or_one_journal);
    tcase_add_test(tc, one_program_comes_by_one_source);
    tcase_add_test(tc, unknown_keys_are_errors_with_a_suggestion);
    tcase_add_test(tc, duplicate_keys_anchors_and_documents_are_errors);
    tcase_add_test(tc, all_errors_of_content_come_in_the_order_of_the_file);
    tcase_add_test(tc, a_hundred_thousand_errors_are_all_told);
    tcase_add_test(tc, a_syntax_error_is_told_alone);
    tcase_add_test(tc, numbers_and_durations_have_shapes_and_ranges);
    tcase_add_test(tc, networks_and_addresses_are_strict);
    tcase_add_test(tc, urls_are_https_outside_a_lab);
    tcase_add_test(tc, auto_takes_a_persistent_journal_or_the_text_log);
    tcase_add_test(tc, auto_can_be_written_in_three_ways);
    tcase_add_test(tc, rules_are_kept_by_program);
    tcase_add_test(tc, a_wrong_template_is_shown_at_its_byte);
    tcase_add_test(tc, a_template_that_could_be_steered_is_refused_and_explained);
    tcase_add_test(tc, a_rule_names_a_program_that_is_not_built_in);
    tcase_add_test(tc, a_rule_needs_a_program_and_a_template);
    tcase_add_test(tc, there_are_at_most_64_templates);
    tcase_add_test(tc, ports_are_of_services_that_are_known);
    tcase_add_test(tc, the_mta_is_a_plain_smtp_url);
    tcase_add_test(tc, hold_and_send_need_a_sender_that_can_be_answered);
    tcase_add_test(tc, hold_and_send_need_addresses_that_strangers_see);
    tcase_add_test(tc, text_for_the_mail_is_printable_ascii);
    tcase_add_test(tc, paths_are_absolute_and_two);
    tcase_add_test(tc, the_shipped_file_is_good_with_and_without_auth_log);
    tcase_add_test(tc, what_the_shipped_file_shows_is_good_when_uncommented);
    tcase_add_test(tc, every_key_is_in_the_shipped_file);
    tcase_add_test(tc, every_key_is_in_the_manual);
    tcase_add_test(tc, the_example_of_the_manual_is_good_and_shows_every_section);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
