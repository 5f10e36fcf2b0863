/* The journal is recognised as systemd tells services to: JOURNAL_STREAM names the device
 * and inode of stderr (systemd.exec(5)). Elsewhere the lines go to stderr as they are. */
#include "log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "addr.h"
#include "incident.h"

#define FACILITY_DAEMON "3"
#define TEXT_MAX        2048

/* Written into systemd/abuse-reporterd.catalog too; never to be changed. */
static const char *const message_ids[] = {
    [EVENT_OPENED] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e001",
    [EVENT_CLOSED] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e002",
    [EVENT_CONTACT] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e003",
    [EVENT_OBSERVED] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e004",
    [EVENT_WAITING] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e005",
    [EVENT_HELD] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e006",
    [EVENT_QUEUED] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e007",
    [EVENT_SENT] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e008",
    [EVENT_DROPPED] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e009",
    [EVENT_DELIVERY] = "5a0c5f3d2c7b4c06a3d1a0c1f2f7e00a",
};

static const char *log_ident = "abuse-reporterd";
static bool to_journal;

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
        return false;
    return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *ident)
{
    log_ident = ident;
    to_journal = stderr_is_journal();
    setvbuf(stderr, NULL, _IOLBF, 0);
}

static void write_line(int priority, const char *text)
{
    static const char *const levels[] = {"emergency", "alert",  "critical", "error",
                                         "warning",   "notice", "info",     "debug"};

    if (priority > LOG_WARNING)
        fprintf(stderr, "%s: %s\n", log_ident, text);
    else
        fprintf(stderr, "%s: %s: %s\n", log_ident, levels[priority & 7], text);
}

void log_line(int priority, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (!to_journal ||
        sd_journal_send("PRIORITY=%d", priority, "SYSLOG_FACILITY=" FACILITY_DAEMON,
                        "SYSLOG_IDENTIFIER=%s", log_ident, "MESSAGE=%s", text, NULL) < 0)
        write_line(priority, text);
}

void log_incident(enum log_event event, int priority, const struct incident *inc,
                  const char *format, ...)
{
    char text[TEXT_MAX - 256], whole[TEXT_MAX], source[NET_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    net_format(&inc->source, source);
    snprintf(whole, sizeof(whole), "incident %lld from %s: %s", (long long)inc->id,
             source, text);
    if (!to_journal ||
        sd_journal_send("PRIORITY=%d", priority, "SYSLOG_FACILITY=" FACILITY_DAEMON,
                        "SYSLOG_IDENTIFIER=%s", log_ident, "MESSAGE=%s", whole,
                        "MESSAGE_ID=%s", message_ids[event], "ABUSE_INCIDENT=%lld",
                        (long long)inc->id, "ABUSE_SOURCE=%s", source,
                        "ABUSE_COUNT=%llu", (unsigned long long)inc->count,
                        "ABUSE_REASON=%s", inc->reason, "ABUSE_CONTACT=%s",
                        inc->contact ? inc->contact : "", NULL) < 0)
        write_line(priority, whole);
}
