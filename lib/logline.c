/* One line of a log, cut into its syslog parts.
 *
 * The grammar is narrow on purpose. Any local user can hand text to syslogd, and what
 * looks like a second header inside it ends up after the real one: "TIME HOST evil
 * sshd[1]: ...". So after the host there has to be a tag at once, nothing is searched
 * for, and a tag is a name, at most one "[digits]" and a colon (rsyslog's imjournal lets
 * a tag through that holds another: "sshd[2][35]:"). What this cannot tell apart is a tag
 * that was set to sshd's by logger(1); only the journal knows who wrote a line. */
#include "logline.h"

#include <string.h>

#define BSD_TIME_LEN 15 /* "Nov 22 21:36:13" */

/* NUL and the other control bytes, TAB apart: programs indent with it. */
static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

#define BLOCK 32

/* In blocks, without a branch inside, so that the compiler can take many bytes at once:
 * this is the one test that reads all of every line. A block that has a TAB is looked at
 * again, byte by byte. */
static bool has_control(const char *p, size_t n)
{
    while (n >= BLOCK) {
        unsigned char bad = 0;

        for (int i = 0; i < BLOCK; i++) {
            unsigned char c = (unsigned char)p[i];

            bad |= (unsigned char)((c < 0x20) | (c == 0x7f));
        }
        if (bad)
            for (int i = 0; i < BLOCK; i++)
                if (is_control((unsigned char)p[i]))
                    return true;
        p += BLOCK;
        n -= BLOCK;
    }
    for (; n > 0; p++, n--)
        if (is_control((unsigned char)*p))
            return true;
    return false;
}

static struct slice skip(struct slice s, size_t n)
{
    return (struct slice){s.p + n, s.n - n};
}

/* Cuts the text up to the next blank off *s, and the blank; false when that text is empty
 * or no blank follows it. */
static bool take_word(struct slice *s, struct slice *ret)
{
    const char *blank = s->n > 0 ? memchr(s->p, ' ', s->n) : NULL;

    if (!blank || blank == s->p)
        return false;
    *ret = (struct slice){s->p, (size_t)(blank - s->p)};
    *s = skip(*s, ret->n + 1);
    return true;
}

/* A process id of 1 to 10 digits; -1 for anything else. */
static int64_t parse_pid(struct slice s)
{
    int64_t v = 0;

    if (s.n == 0 || s.n > 10)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        v = v * 10 + (s.p[i] - '0');
    }
    return v;
}

/* "<38>", which some templates write before the time. */
static bool skip_priority(struct slice *s)
{
    size_t i = 1;

    if (s->n == 0 || s->p[0] != '<')
        return true;
    while (i < s->n && i < 4 && s->p[i] >= '0' && s->p[i] <= '9')
        i++;
    if (i == 1 || i >= s->n || s->p[i] != '>')
        return false;
    *s = skip(*s, i + 1);
    return true;
}

static bool take_time(struct slice *s, struct slice *ret)
{
    if (s->n == 0)
        return false;
    if (s->p[0] >= '0' && s->p[0] <= '9') {
        struct slice date = *s, rest = *s, first, clock;

        if (!take_word(&rest, &first))
            return false;
        if (first.n == 10 && !take_word(&rest, &clock)) /* "2026-11-22 21:36:13Z" */
            return false;
        *ret = (struct slice){date.p, (size_t)(rest.p - date.p) - 1};
        *s = rest;
        return ret->n >= 20 && ret->p[4] == '-' && ret->p[7] == '-';
    }
    if (s->n <= BSD_TIME_LEN || s->p[3] != ' ' || s->p[6] != ' ' || s->p[9] != ':' ||
        s->p[12] != ':' || s->p[BSD_TIME_LEN] != ' ')
        return false;
    *ret = (struct slice){s->p, BSD_TIME_LEN};
    *s = skip(*s, BSD_TIME_LEN + 1);
    return true;
}

/* "TAG: MSG" or "TAG[123]: MSG", where MSG may be empty. */
static bool take_tag(struct slice *s, struct logline *line)
{
    size_t i = 0, pid_at;

    while (i < s->n && s->p[i] != ' ' && s->p[i] != ':' && s->p[i] != '[' &&
           s->p[i] != ']')
        i++;
    line->program = (struct slice){s->p, i};
    line->pid = -1;
    if (i == 0 || i == s->n)
        return false;
    if (s->p[i] == '[') {
        pid_at = ++i;
        while (i < s->n && s->p[i] != ']')
            i++;
        line->pid = parse_pid((struct slice){s->p + pid_at, i - pid_at});
        if (line->pid < 0 || i == s->n)
            return false;
        i++;
    }
    if (i == s->n || s->p[i] != ':' || (i + 1 < s->n && s->p[i + 1] != ' '))
        return false;
    *s = skip(*s, i + 1 < s->n ? i + 2 : i + 1);
    return true;
}

static bool split_traditional(struct slice s, struct logline *line)
{
    /* A tag here instead of a host means that the template left the host out; then what
     * stands in the tag's place is message. */
    if (!take_word(&s, &line->host) || line->host.p[line->host.n - 1] == ':' ||
        memchr(line->host.p, '[', line->host.n) || !take_tag(&s, line))
        return false;
    line->message = s;
    return true;
}

/* "-" or one or more "[id name="value" ...]" (RFC 5424 section 6.3). */
static bool skip_structured_data(struct slice *s)
{
    size_t i = 0;

    if (s->n > 0 && s->p[0] == '-') {
        i = 1;
    } else {
        while (i < s->n && s->p[i] == '[') {
            bool quoted = false;

            for (i++; i < s->n && (quoted || s->p[i] != ']'); i++) {
                if (s->p[i] == '"')
                    quoted = !quoted;
                else if (quoted && s->p[i] == '\\')
                    i++;
            }
            if (i >= s->n)
                return false;
            i++;
        }
        if (i == 0)
            return false;
    }
    if (i < s->n && s->p[i] != ' ')
        return false;
    *s = skip(*s, i < s->n ? i + 1 : i);
    return true;
}

/* What follows the time in RFC 5424: HOST APP PID MSGID SD [MSG]. rsyslog's template puts
 * the blank that RFC 3164 has after the tag before the message as well. */
static bool split_rfc5424(struct slice s, struct logline *line)
{
    struct slice pid, msgid;

    if (!take_word(&s, &line->host) || !take_word(&s, &line->program) ||
        !take_word(&s, &pid) || !take_word(&s, &msgid) || !skip_structured_data(&s))
        return false;
    line->pid = parse_pid(pid);
    if (slice_starts(s, "\xef\xbb\xbf"))
        s = skip(s, 3);
    if (s.n > 0 && s.p[0] == ' ')
        s = skip(s, 1);
    line->message = s;
    return true;
}

int logline_split(const char *text, size_t n, struct logline *ret, struct slice *ret_time)
{
    struct logline line = {.time = STAMP_NONE};
    struct slice s, time;
    bool rfc5424, good;

    if (n > 0 && text[n - 1] == '\r')
        n--;
    if (n == 0)
        return LOGLINE_E_EMPTY;
    s = line.line = (struct slice){text, n};
    if (has_control(text, n) || !skip_priority(&s))
        return LOGLINE_E_GARBAGE;
    rfc5424 = slice_starts(s, "1 ");
    if (rfc5424)
        s = skip(s, 2);
    if (!take_time(&s, &time))
        return LOGLINE_E_GARBAGE;
    good = rfc5424 ? split_rfc5424(s, &line) : split_traditional(s, &line);
    if (!good)
        return LOGLINE_E_GARBAGE;
    *ret = line;
    *ret_time = time;
    return 0;
}

const char *logline_garbage(const char *text, size_t n, size_t *ret_at)
{
    struct logline line;
    struct slice s = {text, n}, time;
    bool rfc5424;

    *ret_at = 0;
    if (logline_split(text, n, &line, &time) == 0)
        return NULL;
    if (n == 0 || (n == 1 && text[0] == '\r'))
        return "the line is empty";
    for (size_t i = 0; i < n; i++)
        if (is_control((unsigned char)text[i]) && !(i + 1 == n && text[i] == '\r')) {
            *ret_at = i;
            return "a control byte stands in it, which no syslog daemon writes";
        }
    if (!skip_priority(&s))
        return "it begins with <, but with no priority such as <38>";
    rfc5424 = slice_starts(s, "1 ");
    if (rfc5424)
        s = skip(s, 2);
    *ret_at = (size_t)(s.p - text);
    if (!take_time(&s, &time))
        return "no time in a form of syslog's stands at its beginning";
    *ret_at = (size_t)(s.p - text);
    return rfc5424 ? "what follows the time is no header of RFC 5424"
                   : "what follows the time is no host and then a program's name with a "
                     "colon, such as \"host sshd[1]: \"";
}

bool logline_time(struct slice time, struct moment_cache *cache, int64_t reference,
                  bool live, struct stamp *ret)
{
    if (time.n == BSD_TIME_LEN)
        return moment_parse_rfc3164_cached(cache, time.p, time.n, reference, live, ret);
    return moment_parse_rfc3339(time.p, time.n, ret);
}

int logline_parse(const char *text, size_t n, int64_t reference, int live,
                  struct logline *ret)
{
    struct moment_cache cache = {0};
    struct logline line;
    struct slice time;
    int r;

    r = logline_split(text, n, &line, &time);
    if (r != 0)
        return r;
    if (!logline_time(time, &cache, reference, live, &line.time))
        return LOGLINE_E_TIME;
    *ret = line;
    return 0;
}
