/* `abuse-reporterctl contact`: shows which mailbox an RDAP answer gives, and why.
 *
 * With --answer the bytes of that file are judged and nobody is asked; addresses in
 * reserved domains count then as real ones do, since nothing can be sent from here. */
#include "ctl-contact.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cleanup.h"
#include "rdap.h"
#include "text.h"

#define COLUMNS     79
#define LABEL_WIDTH 10
#define OPERAND_MAX 100

/* ---- text for people ---- */

/* Writes "Label:    text", the text broken at blanks and indented. A word that is longer
 * than a line stands on a line of its own, so that it can be copied, or is cut into lines
 * when it is foreign text that only has to be seen. */
static void put_field(const char *label, const char *text, bool cut)
{
    size_t width = COLUMNS - LABEL_WIDTH, column = 0;

    printf("%-*s", LABEL_WIDTH, label);
    while (*text) {
        size_t n = strcspn(text, " ");

        if (column > 0 && column + 1 + n > width) {
            printf("\n%*s", LABEL_WIDTH, "");
            column = 0;
        } else if (column > 0) {
            putchar(' ');
            column++;
        }
        while (cut && n > width) {
            printf("%.*s\n%*s", (int)width, text, LABEL_WIDTH, "");
            text += width;
            n -= width;
        }
        fwrite(text, 1, n, stdout);
        column += n;
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static const char *reason(const struct contact_result *result)
{
    if (result->outcome == CONTACT_FOUND && result->source)
        return strcmp(result->source, "rdap-remarks") == 0
                   ? "no entity names a usable abuse mailbox, but a remark does "
                     "(rdap-remarks)"
                   : "it ranks first among those that the registry names for abuse "
                     "(rdap-abuse)";
    if (result->detail)
        return result->detail;
    if (result->outcome == CONTACT_SPECIAL_PURPOSE)
        return "nobody owns such an address, so nobody is asked";
    return NULL;
}

static void print_text(const struct addr *query, const struct contact_result *result)
{
    char text[ADDR_TEXT_MAX];

    put_field("Address:", addr_format(query, text), false);
    put_field("Outcome:", contact_outcome_name(result->outcome), false);
    if (result->contact)
        put_field("Contact:", result->contact, false);
    if (reason(result))
        put_field("Because:", reason(result), true);
    if (result->network)
        put_field("Network:", result->network, false);
    if (result->form)
        put_field("Form:", result->form, false);
    if (result->server)
        put_field("Server:", result->server, false);
    for (size_t i = 0; i < result->n_rejected; i++) {
        put_field(i == 0 ? "Rejected:" : "", result->rejected[i].contact, true);
        put_field("", result->rejected[i].why, true);
    }
}

static int exit_code(const struct contact_result *result)
{
    return result->outcome == CONTACT_LOOKUP_FAILED ? EX_TEMPFAIL : EX_OK;
}

int ctl_contact_print(const struct addr *query, const struct contact_result *result,
                      bool json)
{
    _cleanup_(cleanup_free) char *text = NULL;

    if (!json) {
        print_text(query, result);
    } else {
        int r = contact_result_json(result, query, &text);

        if (r < 0) {
            fprintf(stderr, "abuse-reporterctl: %s\n", strerror(-r));
            return EX_OSERR;
        }
        puts(text);
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "abuse-reporterctl: cannot write: %s\n", strerror(errno));
        return EX_IOERR;
    }
    return exit_code(result);
}

/* ---- a saved answer ---- */

/* Reads at most one byte more than an answer may have, which then says that it is too
 * long. Returns 0 or a negative errno. */
static int read_answer(const char *path, char **ret, size_t *ret_n)
{
    _cleanup_(cleanup_free) char *body = malloc(RDAP_BODY_MAX + 1);
    _cleanup_(cleanup_close) int opened = -1;
    bool is_stdin = strcmp(path, "-") == 0;
    size_t n = 0;

    if (!body)
        return -ENOMEM;
    if (!is_stdin) {
        opened = open(path, O_RDONLY | O_CLOEXEC);
        if (opened < 0)
            return -errno;
    }
    while (n < RDAP_BODY_MAX + 1) {
        ssize_t got =
            read(is_stdin ? STDIN_FILENO : opened, body + n, RDAP_BODY_MAX + 1 - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = TAKE_PTR(body);
    *ret_n = n;
    return 0;
}

static int judge_answer(const char *path, const struct addr *query, bool json)
{
    static const struct contact_rules rules = {.any_domain = true};
    _cleanup_(cleanup_free) char *body = NULL;
    struct contact_result result;
    size_t n = 0;
    int r = read_answer(path, &body, &n);

    if (r < 0) {
        fprintf(stderr, "abuse-reporterctl: cannot read %s: %s\n",
                strcmp(path, "-") == 0 ? "standard input" : path, strerror(-r));
        return r == -ENOMEM ? EX_OSERR : EX_NOINPUT;
    }
    r = contact_judge(body, n, query, &rules, &result);
    if (r < 0) {
        fprintf(stderr, "abuse-reporterctl: %s\n", strerror(-r));
        return EX_OSERR;
    }
    r = ctl_contact_print(query, &result, json);
    contact_result_done(&result);
    return r;
}

/* ---- the verb ---- */

static int usage(const char *complaint, const char *operand)
{
    char *shown = operand ? text_escape(operand, strlen(operand), OPERAND_MAX) : NULL;

    fprintf(stderr, "abuse-reporterctl: contact: %s%s%s\n", complaint, shown ? ": " : "",
            shown ? shown : "");
    fprintf(stderr, "usage: abuse-reporterctl contact [--json] [-c FILE] [--answer FILE] "
                    "ADDRESS\n");
    free(shown);
    return EX_USAGE;
}

int ctl_contact(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"answer", required_argument, NULL, 'a'},
                                            {"config", required_argument, NULL, 'c'},
                                            {0}};
    const char *answer = NULL, *config = NULL;
    struct addr query;
    bool json = false;
    int c;

    opterr = 0;
    optind = 0; /* the tool has read its own options with getopt before */
    while ((c = getopt_long(argc, argv, ":c:", options, NULL)) != -1) {
        switch (c) {
        case 'j': json = true; break;
        case 'a': answer = optarg; break;
        case 'c': config = optarg; break;
        case ':': return usage("this option needs a file", argv[optind - 1]);
        default: return usage("no such option", argv[optind - 1]);
        }
    }
    if (argc - optind != 1)
        return usage("give one address", NULL);
    if (!addr_parse(argv[optind], strlen(argv[optind]), &query))
        return usage("no IP address", argv[optind]);
    if (answer)
        return judge_answer(answer, &query, json);
    return ctl_contact_lookup(&query, config, json);
}
