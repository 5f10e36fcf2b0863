#include "settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "host.h"
#include "log.h"
#include "text.h"

#define FILE_MAX (1024 * 1024)

static bool exists_now(void *userdata, const char *path)
{
    return access(path, F_OK) == 0;
}

const struct config_world settings_world = {.file_exists = exists_now};

int settings_load(const char *path, settings_say_fn say, void *userdata,
                  struct config **ret)
{
    _cleanup_(config_errors_done) struct config_errors errors = {0};
    _cleanup_(cleanup_free) char *text = NULL;
    _cleanup_(cleanup_free) char *name = text_escape(path, strlen(path), 4096);
    char line[8192];
    size_t n;
    int r;

    if (!name)
        return -ENOMEM;
    r = host_read_file(path, FILE_MAX, &text, &n);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        snprintf(line, sizeof(line), "%s: cannot be read: %s", name, strerror(-r));
        say(userdata, line);
        return SETTINGS_E_UNREADABLE;
    }
    r = config_parse(text, n, &settings_world, ret, &errors);
    for (size_t i = 0; i < errors.n; i++) {
        snprintf(line, sizeof(line), "%s:%u:%u: %s", name, errors.errors[i].line,
                 errors.errors[i].column, errors.errors[i].message);
        say(userdata, line);
    }
    return r > 0 ? SETTINGS_E_WRONG : r;
}

void settings_say_stderr(void *userdata, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

void settings_say_log(void *userdata, const char *line)
{
    log_error("%s", line);
}
