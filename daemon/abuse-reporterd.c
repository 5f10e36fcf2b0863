/* abuse-reporterd: follows the log, counts password guessing, and reports it once to the
 * abuse desk of the network it came from. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>

#include "config.h"
#include "log.h"
#include "manager.h"
#include "settings.h"

struct options {
    const char *config_path;
    bool check, once, dry_run;
};

static const char usage[] =
    "usage: abuse-reporterd [-c FILE] [--check] [--once] [--dry-run]\n"
    "\n"
    "  -c, --config FILE  the configuration (" SETTINGS_PATH ")\n"
    "      --check        judge the configuration and exit: 0, or 78 with its errors\n"
    "      --once         read the logs to their present end, do what is due, exit:\n"
    "                     0, or 75 when something is left for later\n"
    "      --dry-run      observe only, and keep nothing\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "abuse-reporterd(8) and abuse-reporterd.yaml(5) tell the rest.\n";

enum { OPT_CHECK = 256, OPT_ONCE, OPT_DRY_RUN };

/* Returns an exit status, or -1 to go on. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, OPT_CHECK},
        {"once", no_argument, NULL, OPT_ONCE},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
        switch (c) {
        case 'c': o->config_path = optarg; break;
        case OPT_CHECK: o->check = true; break;
        case OPT_ONCE: o->once = true; break;
        case OPT_DRY_RUN: o->dry_run = true; break;
        case 'h': fputs(usage, stdout); return EX_OK;
        case 'V': puts("abuse-reporterd " PROGRAM_VERSION); return EX_OK;
        default: fputs(usage, stderr); return EX_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "abuse-reporterd: takes no arguments beside options\n\n%s",
                usage);
        return EX_USAGE;
    }
    return -1;
}

static int load(const struct options *o, struct config **ret)
{
    int r = settings_load(o->config_path,
                          o->check ? settings_say_stderr : settings_say_log, NULL, ret);

    if (r == -ENOMEM)
        return EX_OSERR;
    return r == 0 ? EX_OK : EX_CONFIG;
}

int main(int argc, char **argv)
{
    struct options o = {.config_path = SETTINGS_PATH};
    struct manager_params params = {0};
    struct manager *manager = NULL;
    struct config *config = NULL;
    int status = parse_options(argc, argv, &o);

    if (status >= 0)
        return status;
    umask(0077);
    log_open("abuse-reporterd");
    status = load(&o, &config);
    if (status != EX_OK || o.check)
        goto out;
    params.config_path = o.config_path;
    params.config = config;
    params.once = o.once;
    params.dry_run = o.dry_run;
    if (manager_new(&params, &manager, &status) < 0)
        goto out;
    config = NULL;
    status = manager_run(manager);
    manager_free(manager);
out:
    config_free(config);
    return status;
}
