/* Writes what sshd would write, whatever a client sends: OpenSSH's formats with their
 * widths, the cut of the name at its first ':', escaping once or (up to 10.2, from the
 * unprivileged child) twice, the cut at 500 bytes, and syslogd's header around it. */
#ifndef SSHD_SPEECH_H
#define SSHD_SPEECH_H

#include <arpa/inet.h>
#include <string.h>

#include "rules.h"
#include "speech.h"

/* strnvis(3) with VIS_CSTYLE|VIS_NL|VIS_TAB|VIS_OCTAL, as sshd's log.c calls it. */
static void vis(struct buffer *b)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    struct buffer out = {.n = 0};

    for (size_t i = 0; i < b->n; i++) {
        unsigned char c = (unsigned char)b->s[i];

        if (c >= 7 && c <= 13)
            put(&out, "\\%c", letters[c - 7]);
        else if (c == '\\')
            put(&out, "\\\\");
        else if (c < 0x20 || c >= 0x7f)
            put(&out, "\\%03o", c);
        else
            put(&out, "%c", c);
    }
    *b = out;
}

/* The text of a built-in template about somebody else. */
static void template_text(struct buffer *b)
{
    static const struct {
        const char *hole, *text;
    } holes[] = {
        {"{addr}", "192.0.2.1"}, {"{port}", "22"},   {"{peer}", "192.0.2.1:22"},
        {"{num}", "1"},          {"{count}", "9"},   {"{host}", "192.0.2.1"},
        {"{word}", "password"},  {"{user}", "root"}, {"{rest}", "x"},
    };
    const struct rule_service *service = rules_builtin[rnd(rules_n_builtin)];

    for (const char *p = service->rows[rnd(service->n_rows)].template; *p;) {
        size_t i = 0;

        while (i < 9 && strncmp(p, holes[i].hole, strlen(holes[i].hole)) != 0)
            i++;
        if (i < 9) {
            put(b, "%s", holes[i].text);
            p += strlen(holes[i].hole);
        } else {
            put(b, "%c", *p++);
        }
    }
}

/* What a client may send as a name or as other text. */
static void hostile_text(struct buffer *b)
{
    static const char *const pieces[] = {
        " from 192.0.2.1 port 22 ssh2",
        " from ",
        " port ",
        " port 22",
        " ssh2",
        " ssh1",
        "192.0.2.1",
        "2001:db8:bad::1",
        "::ffff:192.0.2.1",
        "UNKNOWN port 65535",
        ": ",
        ":",
        "Failed password for ",
        "Failed keyboard-interactive/pam for ",
        "invalid user ",
        "Accepted publickey for ",
        "Accepted password for ",
        "root",
        "admin",
        " ",
        "  ",
        "message repeated 9 times: [ ",
        "]",
        " [preauth]",
        "error: ",
        "fatal: ",
        "\n",
        "\r",
        "\t",
        "\\",
        "\x01",
        "\x7f",
        "\xff",
        "\xc3\xbc",
        "%n%s",
        "{user}",
        "{addr}",
        "1",
        "22",
        "\nNov 22 21:36:13 h sshd[1]: ",
        "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        "Failed password for root from 192.0.2.1 port 22 ssh2",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "Connection closed by invalid user ",
        "Invalid user ",
        "PAM: ",
        " for illegal user ",
    };
    uint64_t n = rnd(rnd(4) == 0 ? 30 : 7);

    for (uint64_t i = 0; i < n; i++)
        if (rnd(12) == 0)
            template_text(b);
        else
            put(b, "%s", pieces[rnd(sizeof(pieces) / sizeof(pieces[0]))]);
}

struct spoken {
    char source[64];
    unsigned port;
    struct buffer user;    /* as it stands in the message */
    struct buffer message; /* as log.c gives it to syslog(3) */
    bool counts;           /* alone, makes an attempt */
    bool success;
    bool once, portless; /* makes one however often repeated; names no port */
    bool whole;
};

static void speak_auth(struct spoken *s, struct buffer *m, const char *user,
                       const char *extra)
{
    static const char *const methods[] = {"password",
                                          "keyboard-interactive/pam",
                                          "keyboard-interactive",
                                          "none",
                                          "publickey",
                                          "hostbased",
                                          "gssapi-with-mic"};
    static const char *const results[] = {"Failed",   "Failed",  "Failed",
                                          "Accepted", "Partial", "Postponed"};
    size_t method = rnd(rnd(2) ? 2 : 7), result = rnd(6);
    bool tail = method >= 4 && (result != 3 || rnd(4) > 0);

    /* No user that exists has a name like that. */
    bool invalid = result != 3 && (rnd(2) || strncmp(user, "invalid user ", 13) == 0);

    /* Protocol 1 had none of the methods that record something. */
    const char *protocol = tail || rnd(8) ? "ssh2" : "ssh1";

    s->success = result == 3;
    s->counts = result == 3 || (result < 3 && method < 3);
    put(m, "%s %s for %s%.100s from %.200s port %d %s%s%s", results[result],
        methods[method], invalid ? "invalid user " : "", user, s->source, (int)s->port,
        protocol, tail ? ": " : "", tail ? extra : "");
}

static void speak_attempt(struct spoken *s, struct buffer *m, const char *user)
{
    static const char *const texts[] = {
        "Authentication failure",
        "User not known to the underlying authentication module",
    };
    bool illegal = rnd(2) || strncmp(user, "illegal user ", 13) == 0;

    s->counts = true;
    s->portless = true;
    switch (rnd(3)) {
    case 0:
        put(m, "Invalid user %.100s from %.100s port %u", user, s->source, s->port);
        s->once = true;
        s->portless = false;
        break;
    case 1:
        put(m, "Invalid user %.100s from %.100s", user, s->source);
        s->once = true;
        break;
    default:
        put(m, "error: PAM: %s for %s%.100s from %.100s", texts[rnd(2)],
            illegal ? "illegal user " : "", user, s->source);
        break;
    }
}

/* The end of a connection: "before PEER after". */
static void speak_end(const struct spoken *s, struct buffer *m, const char *user,
                      const char *extra)
{
    static const char *const ends[][2] = {
        {"Connection closed by ", ""},
        {"Connection reset by ", ""},
        {"Disconnected from ", ""},
        {"Connection from ", " timed out"},
        {"Timeout, client not responding from ", ""},
        {"Disconnecting ", ": "},
        {"Unable to negotiate with ", ": no matching cipher found. Their offer: "},
    };
    static const char *const names[] = {"", "invalid user ", "authenticating user ",
                                        "authenticatinguser ", "user "};
    size_t end = rnd(7), name = rnd(5);

    put(m, "%s%s%s%s%s port %u%s%.100s%s", ends[end][0], names[name],
        name > 0 ? user : "", name > 0 ? " " : "", s->source, s->port, ends[end][1],
        end > 4 ? extra : "", rnd(2) ? " [preauth]" : "");
}

static void speak_other(const struct spoken *s, struct buffer *m, const char *user,
                        const char *extra)
{
    const char *a = s->source;
    unsigned p = s->port;

    switch (rnd(9)) {
    case 0:
        put(m, "administratively prohibited connection for %s from %s port %u", user, a,
            p);
        break;
    case 1:
        put(m, "Connection from %s port %u on 192.0.2.1 port 22 rdomain \"%s\"", a, p,
            extra);
        break;
    case 2: put(m, "banner exchange: Connection from %s port %u: %s", a, p, extra); break;
    case 3:
        put(m,
            "error: maximum authentication attempts exceeded for %.100s from %s "
            "port %u ssh2 [preauth]",
            user, a, p);
        break;
    case 4: put(m, "User %.100s from %s not allowed because x", user, a); break;
    case 5: put(m, "Received disconnect from %s port %u:11: %.400s", a, p, extra); break;
    case 6: put(m, "probed from %s port %u with %s.  Don't panic.", a, p, extra); break;
    case 7:
        put(m, "Bad protocol version identification '%.100s' from %s port %u", extra, a,
            p);
        break;
    default: put(m, "input_userauth_request: invalid user %s [preauth]", user); break;
    }
}

static void speak(struct spoken *s)
{
    struct buffer user = {.n = 0}, extra = {.n = 0}, *m = &s->message;
    unsigned char bytes[16];
    int times = 1 + (rnd(3) == 0);
    char *colon;

    *s = (struct spoken){.port = 1 + (unsigned)rnd(65535)};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)rnd(rnd(3) ? 256 : 1);
    inet_ntop(rnd(2) ? AF_INET : AF_INET6, bytes, s->source, sizeof(s->source));
    if (strncmp(s->source, "::ffff:", 7) == 0 && strchr(s->source, '.'))
        memmove(s->source, s->source + 7, strlen(s->source) - 6);
    if (rnd(20) == 0)
        snprintf(s->source, sizeof(s->source), "%s", rnd(2) ? "UNKNOWN" : "fe80::1%eth0");
    hostile_text(&user);
    hostile_text(&extra);
    colon = strchr(user.s, ':');
    if (colon)
        *colon = '\0'; /* the style */
    switch (rnd(8)) {
    case 0: speak_attempt(s, m, user.s); break;
    case 1: speak_end(s, m, user.s, extra.s); break;
    case 2: speak_other(s, m, user.s, extra.s); break;
    default: speak_auth(s, m, user.s, extra.s); break;
    }
    m->n = m->n > 1023 ? 1023 : m->n;
    for (int i = 0; i < times; i++)
        vis(m);
    put(&s->user, "%.100s", user.s);
    for (int i = 0; i < times; i++)
        vis(&s->user);
    s->whole = m->n < 500;
    m->n = m->n > 500 ? 500 : m->n;
    m->s[m->n] = '\0';
}

static void put_line(const struct spoken *s, uint64_t repeats, uint64_t pid,
                     struct buffer *line)
{
    static const char *const programs[] = {"sshd", "sshd-session", "sshd-auth"};
    const char *program = programs[rnd(3)];
    char message[1024];

    if (repeats > 0)
        snprintf(message, sizeof(message), "message repeated %d times: [ %.799s]",
                 (int)repeats, s->message.s);
    else
        snprintf(message, sizeof(message), "%.800s", s->message.s);
    switch (rnd(3)) {
    case 0:
        put(line, "Nov 22 21:36:13 h %s[%" PRIu64 "]: %s", program, pid, message);
        break;
    case 1:
        put(line, "2026-11-22T21:36:13.123456+00:00 h %s[%" PRIu64 "]: %s", program, pid,
            message);
        break;
    default:
        put(line, "<38>1 2026-11-22T21:36:13Z h %s %" PRIu64 " - -  %s", program, pid,
            message);
        break;
    }
}

#endif
