/* What dropbear, vsftpd, proftpd and login write. `since` is the release in which the
 * message was seen; older ones may have it too.
 *
 * dropbear names the peer in every message but the one about an unknown user, so that one
 * takes it from the beginning or the end of its process.
 *
 * The FTP servers and login ask PAM, whose pam_unix (support.c, pam_unix_auth.c) writes
 *
 *     pam_unix(SERVICE:auth): authentication failure; logname= uid=0 euid=0 tty=ftp
 *     ruser=WHAT THE CLIENT TYPED rhost=ADDRESS  user=NAME OF A USER THAT EXISTS
 *
 * with " user=" only for a known one. The client's text can hold anything but a second
 * "rhost=" (rule_row.once). The servers tell of the same refusal in a line of their own
 * where they log to syslog; see RULE_OWN. That of vsftpd quotes file names and anonymous
 * passwords in other messages of the same form, always after a first `Client "`. */
#include "rules-builtin.h"

/* The programs' own limits are not known; a syslogd's is 1024 with the header. */
#define LIMIT 900

#define ROW(text, what, release, where)                                            \
    {                                                                              \
        .template = (text), .meaning = (what), .since = (release), .file = (where) \
    }
#define ROW_ONCE(text, what, release, where, unique)                                \
    {                                                                               \
        .template = (text), .meaning = (what), .since = (release), .file = (where), \
        .once = (unique)                                                            \
    }

static const struct rule_row dropbear[] = {
    ROW("Child connection from {peer}", RULE_BEGIN, "2022.83", "svr-main.c"),
    ROW("Bad password attempt for '{user}' from {peer}", RULE_REFUSED, "2022.83",
        "svr-authpasswd.c"),
    ROW("Bad PAM password attempt for '{user}' from {peer}", RULE_REFUSED, "2022.83",
        "svr-authpam.c"),
    {.template = "Login attempt for nonexistent user",
     .meaning = RULE_UNKNOWN_USER,
     .unknown_user = true,
     .since = "2022.83",
     .file = "svr-auth.c"},
    {.template = "Login attempt for nonexistent user from {peer}",
     .meaning = RULE_UNKNOWN_USER,
     .unknown_user = true,
     .since = "2022.83",
     .file = "svr-auth.c"},
    ROW("Exit before auth from <{peer}>: {rest}", RULE_END, "2022.83", "svr-session.c"),
    ROW("Exit before auth: {rest}", RULE_END, "2022.83", "svr-session.c"),
    ROW("Password auth succeeded for '{user}' from {peer}", RULE_SUCCESS, "2022.83",
        "svr-authpasswd.c"),
    ROW("PAM password auth succeeded for '{user}' from {peer}", RULE_SUCCESS, "2022.83",
        "svr-authpam.c"),
    ROW("Pubkey auth succeeded for '{user}' with {word} key {word} from {peer}",
        RULE_SUCCESS, "2022.83", "svr-authpubkey.c"),
};

/* With and without a name of the caller's, of an unknown and of a known user; a journal
 * cuts the blank at the end off. */
#define PAM_ENDS(head)                                                   \
    ROW_ONCE(head "{addr}", RULE_PAM, "1.5", "pam_unix", "rhost="),      \
        ROW_ONCE(head "{addr} ", RULE_PAM, "1.5", "pam_unix", "rhost="), \
        ROW_ONCE(head "{addr}  user={word}", RULE_PAM, "1.5", "pam_unix", "rhost=")
#define PAM_NAMES(head)                                                              \
    PAM_ENDS(head "logname= uid={num} euid={num} tty={word} ruser={user} rhost="),   \
        PAM_ENDS(head "logname={word} uid={num} euid={num} tty={word} ruser={user} " \
                      "rhost=")
#define PAM(service)                                                   \
    PAM_NAMES("pam_unix(" service ":auth): authentication failure; "), \
        PAM_NAMES("PAM {count} more authentication failure; "),        \
        PAM_NAMES("PAM {count} more authentication failures; ")

static const struct rule_row vsftpd[] = {
    ROW_ONCE("[{user}] FAIL LOGIN: Client \"{addr}\"", RULE_OWN, "3.0.3", "logging.c",
             "Client \""),
    ROW_ONCE("[{user}] OK LOGIN: Client \"{addr}\"", RULE_SUCCESS, "3.0.3", "logging.c",
             "Client \""),
    PAM("{word}"),
};

/* "SERVER (CLIENT[ADDRESS]): ", all of it before anything that the client typed. The
 * client's name is the reverse zone's, whose owner may put more into it than names have;
 * but then the end of the head stands there twice. */
#define PROFTPD(text, what, unknown)                                       \
    {                                                                      \
        .template = "{host} ({host}[{addr}]): " text, .meaning = (what),   \
        .unknown_user = (unknown), .since = "1.3.8", .file = "mod_auth.c", \
        .once = "]): "                                                     \
    }

static const struct rule_row proftpd[] = {
    PROFTPD("USER {user} (Login failed): Incorrect password", RULE_OWN, false),
    PROFTPD("USER {user} (Login failed): Incorrect password.", RULE_OWN, false),
    PROFTPD("USER {user}: no such user found from {host} [{host}] to {host}", RULE_OWN,
            true),
    PROFTPD("SECURITY VIOLATION: Root login attempted", RULE_OWN, false),
    PROFTPD("USER {user}: Login successful.", RULE_SUCCESS, false),
    PROFTPD("USER {user}: Login successful", RULE_SUCCESS, false),
    PAM("{word}"),
};

/* The name of a known user stands behind the address; login's caller has none. */
#define LOGIN(head)                                                                     \
    ROW_ONCE(head "uid={num} euid={num} tty={word} ruser= rhost={addr}  user={user}",   \
             RULE_PAM, "1.5", "pam_unix", "rhost="),                                    \
        ROW_ONCE(head "uid={num} euid={num} tty={word} ruser= rhost={addr}", RULE_PAM,  \
                 "1.5", "pam_unix", "rhost="),                                          \
        ROW_ONCE(head "uid={num} euid={num} tty={word} ruser= rhost={addr} ", RULE_PAM, \
                 "1.5", "pam_unix", "rhost=")
#define LOGINS(head) LOGIN(head "logname= "), LOGIN(head "logname={word} ")

static const struct rule_row login[] = {
    LOGINS("pam_unix(login:auth): authentication failure; "),
    LOGINS("pam_unix(remote:auth): authentication failure; "),
    LOGINS("PAM {count} more authentication failure; "),
    LOGINS("PAM {count} more authentication failures; "),
};

#define SERVICE(label, how)                                                    \
    {                                                                          \
        .name = #label, .programs = (const char *const[]){#label, NULL},       \
        .flags = (how) | RULE_LIMIT_AFTER_FREE, .limit = LIMIT, .rows = label, \
        .n_rows = sizeof(label) / sizeof(label[0])                             \
    }

const struct rule_service rules_dropbear = SERVICE(dropbear, RULE_BY_PID);
const struct rule_service rules_vsftpd = SERVICE(vsftpd, RULE_BY_SOURCE);
const struct rule_service rules_proftpd = SERVICE(proftpd, RULE_BY_SOURCE);
const struct rule_service rules_login = SERVICE(login, RULE_BY_SOURCE);
