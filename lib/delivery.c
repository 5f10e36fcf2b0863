#include "delivery.h"

#include <string.h>

#include "text.h"

/* The first row that fits decides. Replies from low to high, both included. What is not
 * in the table for a stage is a reply that no server should give there. */
static const struct {
    enum delivery_stage stage;
    long low, high;
    enum delivery_action action;
} replies[] = {
    /* The MTA takes nothing from anybody now: not the message's fault. */
    {STAGE_GREETING, 0, 999, DELIVERY_MTA_DOWN},
    {STAGE_HELLO, 500, 599, DELIVERY_OUR_FAULT}, /* our name, or our address */
    {STAGE_HELLO, 0, 999, DELIVERY_MTA_DOWN},
    {STAGE_MAIL, 552, 552, DELIVERY_REJECTED}, /* too large */
    {STAGE_MAIL, 500, 599, DELIVERY_OUR_FAULT},
    {STAGE_MAIL, 0, 999, DELIVERY_RETRY},
    {STAGE_RCPT, 500, 599, DELIVERY_BAD_RECIPIENT},
    {STAGE_RCPT, 0, 999, DELIVERY_RETRY},
    {STAGE_DATA, 552, 552, DELIVERY_REJECTED},
    {STAGE_DATA, 500, 599, DELIVERY_OUR_FAULT},
    {STAGE_DATA, 0, 999, DELIVERY_RETRY},
    /* Any 2xx is positive completion (RFC 5321 4.2.1), though libcurl takes 250 only. */
    {STAGE_FINAL, 200, 299, DELIVERY_ACCEPTED},
    {STAGE_FINAL, 400, 499, DELIVERY_RETRY},
    {STAGE_FINAL, 500, 599, DELIVERY_REJECTED},
    {STAGE_FINAL, 0, 999, DELIVERY_UNKNOWN},
};

static enum delivery_action judge_lost(enum delivery_stage stage)
{
    switch (stage) {
    case STAGE_GREETING:
    case STAGE_HELLO: return DELIVERY_MTA_DOWN;
    case STAGE_MAIL:
    case STAGE_RCPT:
    case STAGE_DATA: return DELIVERY_RETRY;
    case STAGE_FINAL: break;
    }
    return DELIVERY_UNKNOWN;
}

enum delivery_action delivery_judge(const struct delivery_facts *facts)
{
    switch (facts->end) {
    case DELIVERY_NO_CONNECT: return DELIVERY_MTA_DOWN;
    case DELIVERY_LOST: return judge_lost(facts->stage);
    case DELIVERY_REPLIED: break;
    }
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
        if (replies[i].stage == facts->stage && facts->reply >= replies[i].low &&
            facts->reply <= replies[i].high)
            return replies[i].action;
    return DELIVERY_UNKNOWN;
}

const char *delivery_action_name(enum delivery_action action)
{
    switch (action) {
    case DELIVERY_ACCEPTED: return "accepted";
    case DELIVERY_RETRY: return "retry";
    case DELIVERY_MTA_DOWN: return "mta-down";
    case DELIVERY_BAD_RECIPIENT: return "bad-recipient";
    case DELIVERY_REJECTED: return "rejected";
    case DELIVERY_OUR_FAULT: return "our-fault";
    case DELIVERY_UNKNOWN: return "unknown";
    }
    return "unknown";
}

/* A word ends at these, or where the line ends. */
static bool is_break(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n';
}

/* Where "KEY" followed by the n bytes of value stands as a word of its own, or NULL. */
static const char *find_field(const char *line, size_t n, const char *key,
                              const char *value, size_t value_n)
{
    size_t key_n = strlen(key);
    const char *p = line, *end = line + n;

    while ((p = memmem(p, (size_t)(end - p), key, key_n))) {
        const char *v = p + key_n, *after = v + value_n;

        if ((p == line || is_break(p[-1])) && (size_t)(end - v) >= value_n &&
            memcmp(v, value, value_n) == 0 && (after == end || is_break(*after)))
            return p;
        p++;
    }
    return NULL;
}

static bool names_exim(const char *line, size_t n, const char *message_id, size_t id_n)
{
    return memmem(line, n, " <= ", 4) &&
           find_field(line, n, "id=", message_id + 1, id_n - 2);
}

static bool is_message_id(const char *message_id, size_t n)
{
    return n > 2 && message_id[0] == '<' && message_id[n - 1] == '>';
}

bool delivery_log_names(const char *line, size_t n, const char *message_id)
{
    size_t id_n = strlen(message_id);

    return is_message_id(message_id, id_n) &&
           (find_field(line, n, "message-id=", message_id, id_n) ||
            find_field(line, n, "msgid=", message_id, id_n) ||
            names_exim(line, n, message_id, id_n));
}

bool delivery_log_proves(const char *line, size_t n, const char *message_id)
{
    return delivery_log_names(line, n, message_id) && !memmem(line, n, "cleanup[", 8);
}

static bool is_id_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-';
}

static bool take_id(const char *p, size_t n, char *ret, size_t max)
{
    if (n == 0 || n >= max)
        return false;
    memcpy(ret, p, n);
    ret[n] = '\0';
    return true;
}

static size_t id_span(const char *p, const char *end)
{
    const char *q = p;

    while (q < end && is_id_byte(*q))
        q++;
    return (size_t)(q - p);
}

bool delivery_log_queue_id(const char *line, size_t n, char *ret, size_t max)
{
    const char *end = line + n;
    const char *p = memmem(line, n, " <= ", 4);
    size_t id_n;

    if (p) { /* Exim: the word before */
        const char *start = p;

        while (start > line && is_id_byte(start[-1]))
            start--;
        return take_id(start, (size_t)(p - start), ret, max);
    }
    p = memmem(line, n, "]: ", 3); /* after the tag, "ID: " */
    if (!p)
        return false;
    p += 3;
    id_n = id_span(p, end);
    return (size_t)(end - p) >= id_n + 2 && memcmp(p + id_n, ": ", 2) == 0 &&
           take_id(p, id_n, ret, max);
}

/* What follows the tag, "program[pid]: "; no bytes when there is none. */
static struct slice after_tag(const char *line, size_t n)
{
    const char *p = memmem(line, n, "]: ", 3);

    return p ? (struct slice){p + 3, n - (size_t)(p + 3 - line)}
             : (struct slice){line, 0};
}

static bool skip(struct slice *s, const char *prefix)
{
    size_t n = strlen(prefix);

    if (!slice_starts(*s, prefix))
        return false;
    *s = (struct slice){s->p + n, s->n - n};
    return true;
}

static bool starts_with_any(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_starts(s, *words))
            return true;
    return false;
}

bool delivery_log_confirms(const char *line, size_t n, const char *queue_id)
{
    static const char *const words[] = {"from=<", "to=<", NULL};
    struct slice s = after_tag(line, n);

    return queue_id[0] && skip(&s, queue_id) && skip(&s, ": ") &&
           starts_with_any(s, words);
}

bool delivery_log_refuses(const char *line, size_t n, const char *queue_id)
{
    static const char *const words[] = {
        "reject: ", "milter-reject: ", "discard: ", "milter-discard: ", NULL};
    struct slice s = after_tag(line, n);
    bool warning = skip(&s, "warning: ");

    return queue_id[0] && skip(&s, queue_id) && skip(&s, ": ") &&
           (warning || starts_with_any(s, words));
}

bool delivery_log_breaks(const char *line, size_t n)
{
    static const char *const words[] = {"DATA", "END-OF-MESSAGE", NULL};
    struct slice s = after_tag(line, n);

    return memmem(line, n, "smtpd[", 6) &&
           (skip(&s, "lost connection after ") || skip(&s, "timeout after ")) &&
           starts_with_any(s, words);
}

bool delivery_queue_id(const char *reply, char *ret, size_t max)
{
    static const char queued[] = "queued as ",
                      id[] = " id=", sent[] = " Message accepted";
    const char *end = reply + strlen(reply);
    const char *p;

    if ((p = strstr(reply, queued)))
        p += sizeof(queued) - 1;
    else if ((p = strstr(reply, id)))
        p += sizeof(id) - 1;
    if (p)
        return take_id(p, id_span(p, end), ret, max);
    end = strstr(reply, sent);
    if (!end)
        return false;
    for (p = end; p > reply && is_id_byte(p[-1]);)
        p--;
    /* "250 2.0.0 Message accepted" names none: an id follows a blank, no dot. */
    if (p == reply || p[-1] != ' ' || p - reply <= 4)
        return false;
    return take_id(p, (size_t)(end - p), ret, max);
}
