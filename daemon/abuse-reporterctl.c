/* abuse-reporterctl: a table of verbs. Those that need no daemon are done here, the
 * others are asked over the control socket. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "ctl-contact.h"
#include "ctl-online.h"
#include "ctl-scan.h"
#include "log.h"
#include "settings.h"

struct verb {
    const char *name;
    int (*offline)(int argc, char **argv); /* NULL: the daemon answers */
    const char *arguments, *help;
};

static const struct verb verbs[] = {
    {"scan", ctl_scan, "[--json] [--summary] [--now TIME] [-c FILE] FILE...|-",
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
#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

static void print_usage(FILE *out)
{
    fputs("usage: abuse-reporterctl [-s SOCKET] VERB ...\n\n", out);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].arguments,
                verbs[i].help);
    fputs("\nabuse-reporterctl(8) tells the rest.\n", out);
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

int main(int argc, char **argv)
{
    const char *socket_path = NULL;
    int first = 1;

    log_open("abuse-reporterctl");
    if (argc > 2 && strcmp(argv[1], "-s") == 0) {
        socket_path = argv[2];
        first = 3;
    }
    if (first < argc &&
        (strcmp(argv[first], "-h") == 0 || strcmp(argv[first], "--help") == 0)) {
        print_usage(stdout);
        return EX_OK;
    }
    if (first < argc && strcmp(argv[first], "--version") == 0) {
        puts("abuse-reporterctl " PROGRAM_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; first < argc && i < N_VERBS; i++) {
        if (strcmp(argv[first], verbs[i].name) != 0)
            continue;
        if (verbs[i].offline)
            return verbs[i].offline(argc - first, argv + first);
        return online(socket_path, argc - first, argv + first);
    }
    print_usage(stderr);
    return EX_USAGE;
}
