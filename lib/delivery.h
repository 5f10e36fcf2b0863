/* What the local MTA's behaviour means for a message (RFC 5321 4.2), as a table. */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <stdbool.h>
#include <stddef.h>

/* How far the dialogue came and how it ended, translated from CURLcode by the caller. */
enum delivery_end {
    DELIVERY_REPLIED,    /* the server's reply decides: CURLE_OK, 8, 9, 55 */
    DELIVERY_NO_CONNECT, /* refused, no route, name unknown: nothing was said */
    DELIVERY_LOST,       /* closed or timed out; reply is the previous one */
};

enum delivery_action {
    DELIVERY_ACCEPTED,
    DELIVERY_RETRY,         /* this message later */
    DELIVERY_MTA_DOWN,      /* the whole queue later; not an attempt of the message */
    DELIVERY_BAD_RECIPIENT, /* the address is dead */
    DELIVERY_REJECTED,      /* content or policy: the operator */
    DELIVERY_OUR_FAULT,     /* sender or configuration: the operator */
    DELIVERY_UNKNOWN,       /* may be queued: ask the MTA's log */
};

/* The stage whose reply it was, or was waited for. While the body goes out it is still
 * STAGE_DATA: without the dot the server has no message (RFC 5321 4.1.1.4). */
enum delivery_stage {
    STAGE_GREETING,
    STAGE_HELLO,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,  /* the reply to DATA itself */
    STAGE_FINAL, /* the reply after the dot, from the last byte of the body on */
};

struct delivery_facts {
    enum delivery_end end;
    enum delivery_stage stage;
    long reply; /* 3-digit, 0 for none */
};
enum delivery_action delivery_judge(const struct delivery_facts *facts);
const char *delivery_action_name(enum delivery_action action);

/* Whether a line of an MTA's log names this Message-ID ("<…@…>") as its own:
 * message-id=<…> of Postfix, msgid=<…> of sendmail, id=… of Exim. OpenSMTPD names none
 * (its msgid is a number of its own). */
bool delivery_log_names(const char *line, size_t n, const char *message_id);
/* Whether such a line alone proves that the message was taken. Postfix' cleanup(8) writes
 * its line when it sees the header, before the message is complete: there a later line
 * about the same queue id must confirm it. */
bool delivery_log_proves(const char *line, size_t n, const char *message_id);
/* The queue id that such a line begins with ("…: 4ZbQ1x2: message-id=<…>", Exim's
 * "… 1abcDE-000abc-12 <= …"); false when there is none that fits. */
bool delivery_log_queue_id(const char *line, size_t n, char *ret, size_t max);
/* Whether a line says that the queue manager has that message or passed it on:
 * "…: 4ZbQ1x2: from=<…>" or "to=<…>". */
bool delivery_log_confirms(const char *line, size_t n, const char *queue_id);
/* Whether a line says that Postfix turned that message down: "…: 4ZbQ1x2: reject: …",
 * "milter-reject: ", "discard: ", "milter-discard: ", or a warning about it. */
bool delivery_log_refuses(const char *line, size_t n, const char *queue_id);
/* Whether a line says that Postfix' smtpd(8) lost a client that was sending a message or
 * waited for the answer to it: "lost connection after DATA …", "timeout after
 * END-OF-MESSAGE …". */
bool delivery_log_breaks(const char *line, size_t n);
/* "4ZbQ1x2" out of the final reply: "250 2.0.0 Ok: queued as 4ZbQ1x2", "250 OK
 * id=1abcDE-000abc-12", "250 2.0.0 8f3b2c1d Message accepted for delivery". False when
 * there is none, or it is longer than max - 1 bytes of [A-Za-z0-9-]. */
bool delivery_queue_id(const char *reply, char *ret, size_t max);

#endif
