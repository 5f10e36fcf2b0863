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
 * Up to 7.3 "ssh1" was possible; the tail came with 6.3. "Failed none" and "Failed
 * publickey" are no guessed password, "Partial" is no refusal, and "Postponed" is no
 * result: no row. */
#include "rules.h"

#define LIMIT 500 /* log.c do_log(): syslog(pri, "%.500s", ...) */

static const char *const programs[] = {"sshd", "sshd-session", "sshd-auth", NULL};

#define AUTH(text, meaning, first, last)                                             \
    {                                                                                \
        .template = (text), .outcome = (meaning), .since = (first), .until = (last), \
        .file = "auth.c"                                                             \
    }
#define UNKNOWN(text, first, last)                                            \
    {                                                                         \
        .template = (text), .outcome = ATTEMPT_FAILURE, .unknown_user = true, \
        .since = (first), .until = (last), .file = "auth.c"                   \
    }

/* A failure of that method under protocol 2 and 1, of an unknown and of a known user. */
#define FAILED(method)                                                                \
    UNKNOWN("Failed " method " for invalid user {user} from {addr} port {port} ssh2", \
            "5.3", NULL),                                                             \
        AUTH("Failed " method " for {user} from {addr} port {port} ssh2",             \
             ATTEMPT_FAILURE, "5.3", NULL),                                           \
        UNKNOWN("Failed " method                                                      \
                " for invalid user {user} from {addr} port {port} ssh1",              \
                "5.3", "7.3"),                                                        \
        AUTH("Failed " method " for {user} from {addr} port {port} ssh1",             \
             ATTEMPT_FAILURE, "5.3", "7.3")

static const struct rule_row rows[] = {
    FAILED("password"),
    FAILED("keyboard-interactive"),
    FAILED("keyboard-interactive/{word}"),

    AUTH("Accepted {word} for {user} from {addr} port {port} ssh2", ATTEMPT_SUCCESS,
         "5.3", NULL),
    AUTH("Accepted {word} for {user} from {addr} port {port} ssh1", ATTEMPT_SUCCESS,
         "5.3", "7.3"),
    AUTH("Accepted publickey for {user} from {addr} port {port} ssh2: {rest}",
         ATTEMPT_SUCCESS, "6.3", NULL),
    AUTH("Accepted hostbased for {user} from {addr} port {port} ssh2: {rest}",
         ATTEMPT_SUCCESS, "6.3", NULL),
    AUTH("Accepted gssapi-with-mic for {user} from {addr} port {port} ssh2: {rest}",
         ATTEMPT_SUCCESS, "6.3", NULL),
    /* A patch of Debian's and Red Hat's. */
    AUTH("Accepted gssapi-keyex for {user} from {addr} port {port} ssh2: {rest}",
         ATTEMPT_SUCCESS, "6.3", NULL),
    AUTH("Accepted rsa for {user} from {addr} port {port} ssh1: {rest}", ATTEMPT_SUCCESS,
         "6.3", "7.3"),
    AUTH("Accepted rhosts-rsa for {user} from {addr} port {port} ssh1: {rest}",
         ATTEMPT_SUCCESS, "6.3", "7.3"),
};

const struct rule_service rules_builtin[] = {
    {
        .name = "sshd",
        .programs = programs,
        .flags = RULE_NO_COLON_IN_USER | RULE_LEVEL_PREFIX,
        .limit = LIMIT,
        .rows = rows,
        .n_rows = sizeof(rows) / sizeof(rows[0]),
    },
};

const size_t rules_n_builtin = sizeof(rules_builtin) / sizeof(rules_builtin[0]);
