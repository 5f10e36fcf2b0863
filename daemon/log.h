/* The daemon's log: the journal when stderr is connected to it, plain lines on stderr
 * otherwise. Facility daemon, never auth: it would feed the file that is read. */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>
#include <syslog.h>

struct incident;

/* ident is "abuse-reporterd" or the tool's name. */
void log_open(const char *ident);

/* One line. Foreign text in the arguments must have passed text_escape(). */
void log_line(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/* What can happen to an incident; each has a MESSAGE_ID of its own (systemd/ catalog). */
enum log_event {
    EVENT_OPENED,
    EVENT_CLOSED,
    EVENT_CONTACT, /* the abuse contact is known, or why not */
    EVENT_OBSERVED,
    EVENT_WAITING,
    EVENT_HELD,
    EVENT_QUEUED,
    EVENT_SENT,
    EVENT_DROPPED,
    EVENT_DELIVERY, /* an attempt at delivery failed */
    EVENT_GUESSED,  /* a login succeeded: a guess may have */
};
/* One entry to be: with MESSAGE_ID, ABUSE_INCIDENT, ABUSE_SOURCE, ABUSE_CONTACT,
 * ABUSE_COUNT, ABUSE_REASON as the incident is now, and the text after its name. Written
 * when what it tells of is durable, see ledger_note(). NULL when out of memory. */
struct log_note;
struct log_note *log_note_new(enum log_event event, int priority,
                              const struct incident *inc, const char *text);
void log_note_write(const struct log_note *note);
struct log_note *log_note_free(struct log_note *note); /* NULL in and out */

#endif
