/* The journal is recognised as systemd tells services to: JOURNAL_STREAM names the device
 * and inode of stderr (systemd.exec(5)). Elsewhere the lines go to stderr as they are. */
#include "log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "addr.h"
#include "incident.h"

#define FACILITY_DAEMON "3"
#define TEXT_MAX        2048

/* Written into systemd/abuse-reporterd.catalog too; never to be changed. */
static const char *const message_ids[] = {
    [EVENT_OPENED] = "ddf39738ce7b4d728d8209e6e7921018",
    [EVENT_CLOSED] = "b4d88fa3ce9541aabbe79bef81a56f6d",
    [EVENT_CONTACT] = "a9f5771b405746acad0cd39671379a1e",
    [EVENT_OBSERVED] = "6262a8efc8504711b365a0a701aa126d",
    [EVENT_WAITING] = "20f0d165d95849449a3b9922ccdba0a8",
    [EVENT_HELD] = "7f1f6116c06f43f9bc4eed169976f74c",
    [EVENT_QUEUED] = "074f1603be804fa88aea06d5304b8bdc",
    [EVENT_SENT] = "dd1002db0f7b4e71af6f99688e6cc95b",
    [EVENT_DROPPED] = "34324004c37f4b1aaef261059e297b39",
    [EVENT_DELIVERY] = "6a9c24b4dacb42b1b9554b36fd4e6603",
    [EVENT_GUESSED] = "0ff42f8d7fef40cfbe94c93dbd793fcf",
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

struct log_note {
    enum log_event event;
    int priority;
    int64_t id;
    uint64_t count;
    char source[NET_TEXT_MAX];
    char reason[32];
    char *contact, *text;
};

struct log_note *log_note_new(enum log_event event, int priority,
                              const struct incident *inc, const char *text)
{
    struct log_note *note = calloc(1, sizeof(*note));

    if (!note)
        return NULL;
    note->event = event;
    note->priority = priority;
    note->id = inc->id;
    note->count = inc->count;
    net_format(&inc->source, note->source);
    snprintf(note->reason, sizeof(note->reason), "%s", inc->reason);
    note->contact = strdup(inc->contact ? inc->contact : "");
    note->text = strdup(text);
    return note->contact && note->text ? note : log_note_free(note);
}

struct log_note *log_note_free(struct log_note *note)
{
    if (!note)
        return NULL;
    free(note->contact);
    free(note->text);
    free(note);
    return NULL;
}

void log_note_write(const struct log_note *note)
{
    char whole[TEXT_MAX];

    snprintf(whole, sizeof(whole), "incident %" PRId64 " from %s: %s", note->id,
             note->source, note->text);
    if (!to_journal ||
        sd_journal_send(
            "PRIORITY=%d", note->priority, "SYSLOG_FACILITY=" FACILITY_DAEMON,
            "SYSLOG_IDENTIFIER=%s", log_ident, "MESSAGE=%s", whole, "MESSAGE_ID=%s",
            message_ids[note->event], "ABUSE_INCIDENT=%" PRId64, note->id,
            "ABUSE_SOURCE=%s", note->source, "ABUSE_COUNT=%" PRIu64, note->count,
            "ABUSE_REASON=%s", note->reason, "ABUSE_CONTACT=%s", note->contact, NULL) < 0)
        write_line(note->priority, whole);
}
