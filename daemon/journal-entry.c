#include "journal-entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "logline.h"
#include "moment.h"
#include "text.h"

#define HEADER_MAX JOURNAL_HEADER_MAX
#define VALUE_MAX  JOURNAL_VALUE_MAX

/* Matches of one field are alternatives, and the fields must all fit, on either side of
 * the disjunction. */
int journal_entry_match(sd_journal *sd, const char *const *identifiers)
{
    int r = sd_journal_add_match(sd, "_TRANSPORT=driver", 0);

    if (r >= 0) /* SD_MESSAGE_JOURNAL_DROPPED */
        r = sd_journal_add_match(sd, "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", 0);
    if (r >= 0)
        r = sd_journal_add_disjunction(sd);
    if (r >= 0)
        r = sd_journal_add_match(sd, "_UID=0", 0);
    for (size_t i = 0; r >= 0 && identifiers[i]; i++) {
        char match[sizeof("SYSLOG_IDENTIFIER=") + JOURNAL_VALUE_MAX];
        int n = snprintf(match, sizeof(match), "SYSLOG_IDENTIFIER=%s", identifiers[i]);

        if (n < 0 || n >= (int)sizeof(match))
            return -ENAMETOOLONG;
        r = sd_journal_add_match(sd, match, 0);
    }
    return r;
}

bool journal_entry_word(sd_journal *sd, const char *field, char *buf, size_t size)
{
    const void *data;
    size_t n, skip = strlen(field) + 1;

    if (sd_journal_get_data(sd, field, &data, &n) < 0 || n < skip || n - skip >= size ||
        n == skip)
        return false;
    memcpy(buf, (const char *)data + skip, n - skip);
    buf[n - skip] = '\0';
    return text_is_printable(buf, n - skip) && !memchr(buf, ' ', n - skip);
}

static bool get_number(sd_journal *sd, const char *field, int64_t max, int64_t *ret)
{
    char text[21], *end;
    long long value;

    if (!journal_entry_word(sd, field, text, sizeof(text)) || text[0] < '0' ||
        text[0] > '9')
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max)
        return false;
    *ret = value;
    return true;
}

/* When the sender's system call was made, else when journald wrote the entry. */
static bool get_time(sd_journal *sd, struct stamp *ret)
{
    const int64_t max = INT64_C(253402300799) * USEC_PER_SEC; /* the year 9999 */
    uint64_t usec;
    int64_t source;

    ret->digits = 6;
    if (get_number(sd, "_SOURCE_REALTIME_TIMESTAMP", max, &source)) {
        ret->usec = source;
        return true;
    }
    if (sd_journal_get_realtime_usec(sd, &usec) < 0 || usec > (uint64_t)max)
        return false;
    ret->usec = (int64_t)usec;
    return true;
}

/* Writes the header "TIME HOST TAG[PID]: "; its length, or 0 when the entry has none. */
static size_t write_header(sd_journal *sd, char buf[static HEADER_MAX])
{
    char time[MOMENT_TEXT_MAX], host[VALUE_MAX], program[VALUE_MAX], tag[32] = "";
    struct stamp stamp;
    int64_t pid;
    int n;

    if (!get_time(sd, &stamp) ||
        !journal_entry_word(sd, "_HOSTNAME", host, sizeof(host)) ||
        !journal_entry_word(sd, "SYSLOG_IDENTIFIER", program, sizeof(program)))
        return 0;
    if (get_number(sd, "SYSLOG_PID", INT32_MAX, &pid) ||
        get_number(sd, "_PID", INT32_MAX, &pid))
        snprintf(tag, sizeof(tag), "[%" PRId64 "]", pid);
    moment_format_rfc3339(stamp, time);
    time[strcspn(time, "Z")] = '\0';
    n = snprintf(buf, HEADER_MAX, "%s+00:00 %s %s%s: ", time, host, program, tag);
    return n > 0 && n < HEADER_MAX ? (size_t)n : 0;
}

bool journal_entry_line(sd_journal *sd, char *buf, size_t size, struct logline *ret)
{
    static const char field[] = "MESSAGE";
    char header[HEADER_MAX];
    size_t header_n = write_header(sd, header), n;
    const void *data;

    if (header_n == 0 || sd_journal_get_data(sd, field, &data, &n) < 0 ||
        n < sizeof(field) || n - sizeof(field) > size - header_n)
        return false;
    n -= sizeof(field);
    memcpy(buf, header, header_n);
    memcpy(buf + header_n, (const char *)data + sizeof(field), n);
    return logline_parse(buf, header_n + n, 0, 0, ret) == 0;
}

/* "Suppressed 1234 messages from ssh.service" (systemd, journald-server.c). */
static bool parse_suppressed(struct slice s, uint64_t *ret_n,
                             char unit[static JOURNAL_VALUE_MAX])
{
    static const char head[] = "MESSAGE=Suppressed ", middle[] = " messages from ";
    uint64_t n = 0;

    if (!slice_starts(s, head))
        return false;
    s = (struct slice){s.p + sizeof(head) - 1, s.n - (sizeof(head) - 1)};
    for (; s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9';
         s = (struct slice){s.p + 1, s.n - 1})
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.p[0] - '0'), &n))
            return false;
    if (n == 0 || !slice_starts(s, middle))
        return false;
    s = (struct slice){s.p + sizeof(middle) - 1, s.n - (sizeof(middle) - 1)};
    if (s.n == 0 || s.n >= JOURNAL_VALUE_MAX || !text_is_printable(s.p, s.n))
        return false;
    memcpy(unit, s.p, s.n);
    unit[s.n] = '\0';
    *ret_n = n;
    return true;
}

bool journal_entry_suppressed(sd_journal *sd, uint64_t *ret_n,
                              char unit[static JOURNAL_VALUE_MAX])
{
    char transport[16];
    const void *data;
    size_t size;

    if (!journal_entry_word(sd, "_TRANSPORT", transport, sizeof(transport)) ||
        strcmp(transport, "driver") != 0)
        return false;
    if (sd_journal_get_data(sd, "MESSAGE", &data, &size) < 0 ||
        !parse_suppressed((struct slice){data, size}, ret_n, unit))
        *ret_n = 0;
    return true;
}

void journal_units_note(struct journal_units *units, sd_journal *sd)
{
    char name[VALUE_MAX], *copy;

    if (!journal_entry_word(sd, "_SYSTEMD_UNIT", name, sizeof(name)) ||
        journal_units_has(units, name))
        return;
    copy = strdup(name);
    if (!copy)
        return; /* only its suppressed messages would not be told */
    free(units->names[units->next]);
    units->names[units->next] = copy;
    units->next = (units->next + 1) % JOURNAL_UNITS_MAX;
}

bool journal_units_has(const struct journal_units *units, const char *name)
{
    for (unsigned i = 0; i < JOURNAL_UNITS_MAX && units->names[i]; i++)
        if (strcmp(units->names[i], name) == 0)
            return true;
    return false;
}

void journal_units_done(struct journal_units *units)
{
    for (unsigned i = 0; i < JOURNAL_UNITS_MAX; i++)
        free(units->names[i]);
    *units = (struct journal_units){0};
}
