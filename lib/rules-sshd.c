/* What OpenSSH's sshd writes, from 5.3 on.
 *
 * auth.c auth_log() writes every result of an authentication:
 *
 *     "%s %s%s%s for %s%.100s from %.200s port %d ssh2%s%s"
 *      |   | | |     |     |         |        |        | `-- what the method recorded
 *      |   | | |     |     |         |        |        `---- ": ", or nothing
 *      |   | | |     |     |         |        `------------- of the peer
 *      |   | | |     |     |         `---------------------- its address, never a name
 *      |   | | |     |     `-------------------------------- what the client sent as user
 *      |   | | |     `-------------------------------------- "invalid user ", or nothing
 *      |   `-`-`-------------------------------------------- method, "/", submethod
 *      `---------------------------------------------------- Failed, Accepted, ...
 *
 * The user name is cut at its first ':' before it is stored (auth2.c
 * input_userauth_request(), the rest is the "style"), so it never has one. Passwords and
 * keyboard-interactive record nothing. Keys, hosts and Kerberos names do, and a
 * certificate's key ID in there is a stranger's text, hence the tail. log.c cuts each
 * message at 500 bytes after escaping.
 *
 * Up to 7.3 "ssh1" was possible; the tail came with 6.3. "Partial" is no refusal, and
 * "Postponed" and "Failed none" are no result. Keys, hosts and tickets are sent by
 * clients unasked, so a refused one is no guess; keys count where the operator wants it.
 *
 * An invalid user is named once in a connection (auth.c getpwnamallow()), before anything
 * is refused. PAM's refusals by keyboard-interactive are told twice, by auth-pam.c
 * sshpam_query() and, at the default level only for invalid users and from the third
 * refusal on, by auth_log(). The connection ends with one of the messages of packet.c, in
 * which the peer is "invalid user U A port N", "authenticating user U A port N", "user U
 * A port N" (packet.c sshpkt_fmt_connection_id(), since 7.5) or its address alone; the
 * monitor forgets a blank. "[preauth]" says that the unprivileged child wrote it.
 * 9.8 and 9.8p1 swap the addresses in the messages about a time-out, so none is taken
 * from there. */
#include "rules-builtin.h"

#define LIMIT 500 /* log.c do_log(): syslog(pri, "%.500s", ...) */

static const char *const programs[] = {"sshd", "sshd-session", "sshd-auth", NULL};

#define ROW(text, what, first, last, where)                                       \
    {                                                                             \
        .template = (text), .meaning = (what), .since = (first), .until = (last), \
        .file = (where)                                                           \
    }
#define UNKNOWN(text, what, first, last, where)                                        \
    {                                                                                  \
        .template = (text), .meaning = (what), .unknown_user = true, .since = (first), \
        .until = (last), .file = (where)                                               \
    }

/* Refused with that method under protocol 2 and 1, to an unknown and to a known user. */
#define FAILED(method, what)                                                          \
    UNKNOWN("Failed " method " for invalid user {user} from {addr} port {port} ssh2", \
            what, "5.3", NULL, "auth.c"),                                             \
        ROW("Failed " method " for {user} from {addr} port {port} ssh2", what, "5.3", \
            NULL, "auth.c"),                                                          \
        UNKNOWN("Failed " method " for invalid user {user} from {addr} port {port} "  \
                "ssh1",                                                               \
                what, "5.3", "7.3", "auth.c"),                                        \
        ROW("Failed " method " for {user} from {addr} port {port} ssh1", what, "5.3", \
            "7.3", "auth.c")

/* What Linux-PAM's pam_strerror() says of a refusal; its other texts are faults. */
#define PAM_REFUSED(text)                                                               \
    UNKNOWN("PAM: " text " for illegal user {user} from {addr}", RULE_PAM, "5.3", NULL, \
            "auth-pam.c"),                                                              \
        ROW("PAM: " text " for {user} from {addr}", RULE_PAM, "5.3", NULL, "auth-pam.c")

/* With and without the mark of the unprivileged child. */
#define BOTH(text, what, first, last, where) \
    ROW(text, what, first, last, where), ROW(text " [preauth]", what, first, last, where)

/* The end of a connection, by each name that the peer can have in it. */
#define END(each, before, after, first)                                              \
    each(before "{addr} port {port}" after, RULE_END, first, NULL, "packet.c"),      \
        each(before "invalid user {user} {addr} port {port}" after, RULE_END, "7.5", \
             NULL, "packet.c"),                                                      \
        each(before "authenticating user {user} {addr} port {port}" after, RULE_END, \
             "7.5", NULL, "packet.c"),                                               \
        each(before "authenticatinguser {user} {addr} port {port}" after, RULE_END,  \
             "7.5", NULL, "packet.c"),                                               \
        each(before "user {user} {addr} port {port}" after, RULE_END, "7.5", NULL,   \
             "packet.c")

#define DROP(reason, what, first)                                                      \
    ROW("drop connection #{num} from [{addr}]:{port} on [{host}]:{num} " reason, what, \
        first, NULL, "sshd.c")

static const struct rule_row rows[] = {
    FAILED("password", RULE_REFUSED),
    FAILED("keyboard-interactive", RULE_OWN),
    FAILED("keyboard-interactive/{word}", RULE_OWN),
    PAM_REFUSED("Authentication failure"),
    PAM_REFUSED("User not known to the underlying authentication module"),
    PAM_REFUSED("Have exhausted maximum number of retries for service"),
    PAM_REFUSED("Permission denied"),
    PAM_REFUSED("User account has expired"),

    FAILED("publickey", RULE_REFUSED_KEY),
    UNKNOWN(
        "Failed publickey for invalid user {user} from {addr} port {port} ssh2: {rest}",
        RULE_REFUSED_KEY, "6.3", NULL, "auth.c"),
    ROW("Failed publickey for {user} from {addr} port {port} ssh2: {rest}",
        RULE_REFUSED_KEY, "6.3", NULL, "auth.c"),
    FAILED("none", RULE_NOISE),
    FAILED("hostbased", RULE_NOISE),
    FAILED("gssapi-with-mic", RULE_NOISE),
    ROW("Postponed {word} for {user} from {addr} port {port} ssh2", RULE_NOISE, "5.3",
        NULL, "auth.c"),
    ROW("Postponed {word} for {user} from {addr} port {port} ssh2 [preauth]", RULE_NOISE,
        "5.9", NULL, "auth.c"),
    ROW("Partial {word} for {user} from {addr} port {port} ssh2", RULE_NOISE, "6.2", NULL,
        "auth.c"),

    ROW("Accepted {word} for {user} from {addr} port {port} ssh2", RULE_SUCCESS, "5.3",
        NULL, "auth.c"),
    ROW("Accepted {word} for {user} from {addr} port {port} ssh1", RULE_SUCCESS, "5.3",
        "7.3", "auth.c"),
    ROW("Accepted publickey for {user} from {addr} port {port} ssh2: {rest}",
        RULE_SUCCESS, "6.3", NULL, "auth.c"),
    ROW("Accepted hostbased for {user} from {addr} port {port} ssh2: {rest}",
        RULE_SUCCESS, "6.3", NULL, "auth.c"),
    ROW("Accepted gssapi-with-mic for {user} from {addr} port {port} ssh2: {rest}",
        RULE_SUCCESS, "6.3", NULL, "auth.c"),
    /* A patch of Debian's and Red Hat's. */
    ROW("Accepted gssapi-keyex for {user} from {addr} port {port} ssh2: {rest}",
        RULE_SUCCESS, "6.3", NULL, "auth.c"),
    ROW("Accepted rsa for {user} from {addr} port {port} ssh1: {rest}", RULE_SUCCESS,
        "6.3", "7.3", "auth.c"),
    ROW("Accepted rhosts-rsa for {user} from {addr} port {port} ssh1: {rest}",
        RULE_SUCCESS, "6.3", "7.3", "auth.c"),

    UNKNOWN("Invalid user {user} from {addr} port {port}", RULE_UNKNOWN_USER, "7.3", NULL,
            "auth.c"),
    UNKNOWN("Invalid user {user} from {addr}", RULE_UNKNOWN_USER, "5.3", "7.2", "auth.c"),

    /* What is refused here was counted, each by its own line. */
    BOTH("maximum authentication attempts exceeded for invalid user {user} from {addr} "
         "port {port} ssh2",
         RULE_NOISE, "6.8", NULL, "auth.c"),
    BOTH("maximum authentication attempts exceeded for {user} from {addr} port {port} "
         "ssh2",
         RULE_NOISE, "6.8", NULL, "auth.c"),
    BOTH("Disconnecting: Too many authentication failures for {user} from {addr} port "
         "{port} ssh2",
         RULE_END, "6.7", "6.7", "auth.c"),
    BOTH("administratively prohibited connection for {user} from {addr} port {port}",
         RULE_NOISE, "9.9", NULL, "auth.c"),
    ROW("ROOT LOGIN REFUSED FROM {addr} port {port}", RULE_NOISE, "7.3", NULL, "auth.c"),
    ROW("ROOT LOGIN REFUSED FROM {addr}", RULE_NOISE, "5.3", "7.2", "auth.c"),
    BOTH("Username too long from {addr} port {port}", RULE_END, "8.5", NULL, "auth2.c"),

    END(BOTH, "Connection closed by ", "", "7.2"),
    END(BOTH, "Connection reset by ", "", "7.2"),
    END(BOTH, "Disconnected from ", "", "7.2"),
    END(BOTH, "Connection from ", " timed out", "7.2"),
    END(BOTH, "Timeout, client not responding from ", "", "7.7"),
    END(ROW, "Disconnecting ", ": {rest}", "7.5"),
    END(ROW, "Unable to negotiate with ", ": {rest}", "7.5"),
    BOTH("Connection closed by {addr}", RULE_END, "5.3", "7.1", "packet.c"),
    BOTH("Connection reset by {addr}", RULE_END, "6.9", "7.1", "packet.c"),
    BOTH("Disconnected from {addr}", RULE_END, "6.8", "7.1", "packet.c"),
    ROW("Unable to negotiate with {addr}: {rest}", RULE_END, "7.0", "7.4", "packet.c"),
    ROW("Received disconnect from {addr} port {port}:{num}: {rest}", RULE_END, "7.2",
        NULL, "packet.c"),
    ROW("Received disconnect from {addr}: {num}: {rest}", RULE_END, "5.3", "7.1",
        "packet.c"),
    ROW("Read error from remote host {addr} port {port}: {rest}", RULE_END, "8.5", NULL,
        "serverloop.c"),
    ROW("ssh_dispatch_run_fatal: Connection from {addr} port {port}: {rest}", RULE_END,
        "8.5", NULL, "packet.c"),
    BOTH("Finished discarding for {addr} port {port}", RULE_END, "7.2", NULL, "packet.c"),
    ROW("Timeout before authentication for {addr} port {port}", RULE_END, "7.3", "9.7",
        "sshd.c"),
    ROW("Timeout before authentication for {addr}", RULE_END, "5.3", "7.2", "sshd.c"),
    ROW("Timeout before authentication for connection from {host} to {host}, pid = {num}",
        RULE_NOISE, "9.8", NULL, "sshd.c"),

    /* Scanners: no login was tried. */
    ROW("Connection from {addr} port {port} on {host} port {num}", RULE_NOISE, "6.5",
        NULL, "sshd.c"),
    ROW("Connection from {addr} port {port} on {host} port {num} rdomain {rest}",
        RULE_NOISE, "7.7", NULL, "sshd.c"),
    ROW("Connection from {addr} port {port}", RULE_NOISE, "5.3", "6.4", "sshd.c"),
    ROW("banner exchange: Connection from {addr} port {port}: {rest}", RULE_NOISE, "8.3",
        NULL, "sshd.c"),
    ROW("Did not receive identification string from {addr} port {port}", RULE_NOISE,
        "7.3", "7.9", "sshd.c"),
    ROW("Did not receive identification string from {addr}", RULE_NOISE, "5.3", "7.2",
        "sshd.c"),
    ROW("Bad protocol version identification '{rest}' from {addr} port {port}",
        RULE_NOISE, "6.5", "7.9", "sshd.c"),
    ROW("Bad protocol version identification '{rest}' from {addr}", RULE_NOISE, "5.3",
        "6.4", "sshd.c"),

    DROP("penalty: failed authentication", RULE_BLOCKED, "9.8"),
    DROP("penalty: attempted authentication by invalid user", RULE_BLOCKED, "10.3"),
    DROP("penalty: connections without attempting authentication", RULE_BLOCKED, "9.8"),
    DROP("penalty: exceeded LoginGraceTime", RULE_BLOCKED, "9.8"),
    DROP("penalty: caused crash", RULE_BLOCKED, "9.8"),
    DROP("penalty: connection prohibited by RefuseConnection", RULE_BLOCKED, "9.9"),
    DROP("PerSourcePenalties", RULE_BLOCKED, "10.0"),
    /* For want of room, whoever it was. */
    DROP("past MaxStartups", RULE_NOISE, "7.4"),
    DROP("past Maxstartups", RULE_NOISE, "9.8"),
    DROP("Maxstartups", RULE_NOISE, "10.0"),
    DROP("too many penalised addresses", RULE_NOISE, "9.8"),
};

const struct rule_service rules_sshd = {
    .name = "sshd",
    .programs = programs,
    .flags = RULE_NO_COLON_IN_USER | RULE_LEVEL_PREFIX | RULE_BY_PID,
    .limit = LIMIT,
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};
