/* abuse-reporterctl: a table of verbs. Those that need no daemon are done here, the
 * others are asked over the control socket. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "ctl-contact.h"
#include "ctl-online.h"
#include "ctl-scan.h"
#include "log.h"
#include "settings.h"
#include "text.h"

struct verb {
    const char *name;
    int (*offline)(int argc, char **argv); /* NULL: the daemon answers */
    const char *arguments, *help;
};

static const struct verb verbs[] = {
    {"scan", ctl_scan,
     "[--json] [--explain] [--summary] [--now TIME]\n"
     "       [--timezone ZONE] [-c FILE] FILE...|-",
     "what the rules see in a log"},
    {"contact", ctl_contact, "[--json] [-c FILE] [--answer FILE] ADDRESS",
     "which mailbox a report would go to, and why"},
    {"status", NULL, "[--json]", "what the daemon is doing"},
    {"incidents", NULL, "[--json] [--state STATE] [--source ADDRESS]",
     "the incidents, newest first"},
    {"show", NULL, "[--json] ID", "one incident, with its mail"},
    {"approve", NULL, "ID", "let a held incident be reported"},
    {"drop", NULL, "ID", "never report a held or waiting incident"},
    {"reload", NULL, "", "read the configuration again"},
};
#define N_VERBS  (sizeof(verbs) / sizeof(*verbs))
#define WORD_MAX 100 /* bytes of a wrong word that are shown */

static void print_usage(FILE *out)
{
    fputs("usage: abuse-reporterctl [-s SOCKET] VERB ...\n\n", out);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].arguments,
                verbs[i].help);
    fputs("\nabuse-reporterctl(8) tells the rest.\n", out);
}

/* Names the word that is wrong. */
static int misused(const char *word, const char *why)
{
    char *shown = text_escape(word, strlen(word), WORD_MAX);

    fprintf(stderr, "abuse-reporterctl: %s %s\n", shown ? shown : "a word", why);
    free(shown);
    print_usage(stderr);
    return EX_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

static void say_nothing(void *userdata, const char *line)
{
}

/* The socket that the installed configuration names, if it can be read. */
static int online(const char *socket_path, int argc, char **argv)
{
    struct config *c = NULL;
    int r;

    if (!socket_path && settings_load(SETTINGS_PATH, say_nothing, NULL, &c) == 0)
        socket_path = c->control;
    r = ctl_online(socket_path, argc, argv);
    config_free(c);
    return r;
}

/* argv[0] is the verb. scan has more to tell than a line, and does so itself. */
static int run(const struct verb *verb, const char *socket_path, int argc, char **argv)
{
    for (int i = 1; i < argc && verb->offline != ctl_scan; i++)
        if (is_help(argv[i])) {
            printf("usage: abuse-reporterctl %s%s %s\n       %s\n",
                   verb->offline ? "" : "[-s SOCKET] ", verb->name, verb->arguments,
                   verb->help);
            return EX_OK;
        }
    if (verb->offline)
        return verb->offline(argc, argv);
    return online(socket_path, argc, argv);
}

int main(int argc, char **argv)
{
    const char *socket_path = NULL, *word;
    int first = 1;

    log_open("abuse-reporterctl");
    if (argc > 1 && strcmp(argv[1], "-s") == 0) {
        if (argc == 2)
            return misused("-s", "needs a socket");
        socket_path = argv[2];
        first = 3;
    }
    if (first >= argc)
        return misused("a verb", "is missing");
    word = argv[first];
    if (is_help(word)) {
        print_usage(stdout);
        return EX_OK;
    }
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
        puts("abuse-reporterctl " PROGRAM_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(word, verbs[i].name) == 0)
            return run(&verbs[i], socket_path, argc - first, argv + first);
    if (word[0] == '-')
        return misused(word, "is no option before the verb");
    return misused(word, "is no verb");
}
