/* The configuration file on disk: read, judged by lib/config, its errors shown. */
#ifndef SETTINGS_H
#define SETTINGS_H

struct config;
struct config_world;

#define SETTINGS_PATH "/etc/abuse-reporterd.yaml"

enum {
    SETTINGS_E_UNREADABLE = 1,
    SETTINGS_E_WRONG,
};

/* Reads path into a new object. Each error goes through say as one line:
 * "FILE:LINE:COLUMN: message", or "FILE: why it cannot be read". 0, SETTINGS_E_…, or
 * -ENOMEM. */
typedef void (*settings_say_fn)(void *userdata, const char *line);
int settings_load(const char *path, settings_say_fn say, void *userdata,
                  struct config **ret);
/* Asks the system what exists; for config_choose_source(). */
extern const struct config_world settings_world;
/* say for the command line: to stderr. */
void settings_say_stderr(void *userdata, const char *line);
/* say for a running daemon: to the log, as errors. */
void settings_say_log(void *userdata, const char *line);

#endif
