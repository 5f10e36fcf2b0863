/* Writes what sshd would write, whatever a client sends: OpenSSH's formats with their
 * widths, the cut of the name at its first ':', escaping once or (up to 10.2, from the
 * unprivileged child) twice, the cut at 500 bytes, and syslogd's header around it. */
#ifndef SSHD_SPEECH_H
#define SSHD_SPEECH_H

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t state; /* set it to the seed, not 0 */

static uint64_t rnd(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

struct buffer {
    char s[4096];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void put(struct buffer *b,
                                                      const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(b->s + b->n, sizeof(b->s) - b->n, format, ap);
    va_end(ap);
    b->n = b->n + (size_t)n < sizeof(b->s) ? b->n + (size_t)n : sizeof(b->s) - 1;
}

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
        put(b, "%s", pieces[rnd(sizeof(pieces) / sizeof(pieces[0]))]);
}

struct spoken {
    char source[64];
    unsigned port;
    struct buffer user;    /* as it stands in the message */
    struct buffer message; /* as log.c gives it to syslog(3) */
    bool counts;           /* tells of a refused or accepted credential */
    bool success;
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

static void speak_other(const struct spoken *s, struct buffer *m, const char *user,
                        const char *extra)
{
    const char *a = s->source;
    unsigned p = s->port;

    switch (rnd(9)) {
    case 0: put(m, "Invalid user %.100s from %.100s port %u", user, a, p); break;
    case 1:
        put(m, "Connection closed by invalid user %s %s port %u [preauth]", user, a, p);
        break;
    case 2:
        put(m, "Disconnecting authenticating user %s %s port %u: %.100s [preauth]", user,
            a, p, extra);
        break;
    case 3:
        put(m,
            "error: maximum authentication attempts exceeded for %.100s from %s "
            "port %u ssh2 [preauth]",
            user, a, p);
        break;
    case 4:
        put(m,
            "error: PAM: User not known to the underlying authentication module "
            "for illegal user %.100s from %.100s",
            user, a);
        break;
    case 5: put(m, "Received disconnect from %s port %u:11: %.400s", a, p, extra); break;
    case 6:
        put(m,
            "Unable to negotiate with %s port %u: no matching key exchange method "
            "found. Their offer: %s",
            a, p, extra);
        break;
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
    if (rnd(4) > 0)
        speak_auth(s, m, user.s, extra.s);
    else
        speak_other(s, m, user.s, extra.s);
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

static void put_line(const struct spoken *s, uint64_t repeats, struct buffer *line)
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
    case 0: put(line, "Nov 22 21:36:13 h %s[7]: %s", program, message); break;
    case 1:
        put(line, "2026-11-22T21:36:13.123456+00:00 h %s[7]: %s", program, message);
        break;
    default:
        put(line, "<38>1 2026-11-22T21:36:13Z h %s 7 - -  %s", program, message);
        break;
    }
}

#endif
