/* What dovecot, postfix and exim write about logins. `since` is the release in which the
 * message was seen; older ones may have it too.
 *
 * All three can ask dovecot's auth process, and that PAM: one refusal is then told by the
 * server that the client spoke to and by pam_unix (see rules-others.c about its form), so
 * they are one family of sessions.
 *
 * dovecot's login processes write the reason, how many attempts there were, and then, in
 * this order (login_log_format_elements), user=<...>, which the client chose and which is
 * not escaped, method, rip, lip, the state of TLS and the session; so the address is
 * found from the right. postfix and exim name the client first. Their reasons say also
 * that the password could not be checked, which is no refusal: only what is known as one
 * counts. */
#include "rules-builtin.h"

#define LIMIT 900 /* as in rules-others.c */

#define ROW(text, what, release, where)                                            \
    {                                                                              \
        .template = (text), .meaning = (what), .since = (release), .file = (where) \
    }
#define ROW_ONCE(text, what, release, where, unique)                                \
    {                                                                               \
        .template = (text), .meaning = (what), .since = (release), .file = (where), \
        .once = (unique)                                                            \
    }

/* What can follow the address. */
#define DOVECOT_END(head, what, tail)                               \
    ROW(head tail, what, "2.3.19", "login-common/client-common.c"), \
        ROW(head tail ", session=<{word}>", what, "2.3.19",         \
            "login-common/client-common.c")
#define DOVECOT(head, what, process)                                                     \
    DOVECOT_END(head ": user=<{user}>, method={word}, rip={addr}, lip={host}", what,     \
                process),                                                                \
        DOVECOT_END(head ": user=<{user}>, method={word}, rip={addr}, lip={host}", what, \
                    process ", TLS"),                                                    \
        DOVECOT_END(head ": user=<{user}>, method={word}, rip={addr}, lip={host}", what, \
                    process ", secured")
#define DOVECOT_FAILED(reason)                                                        \
    DOVECOT("{word}-login: " reason " (auth failed, {count} attempts in {num} secs)", \
            RULE_OWN, ""),                                                            \
        DOVECOT("{word}-login: " reason " (auth failed, {count} attempts)", RULE_OWN, \
                "")

static const struct rule_row dovecot[] = {
    DOVECOT_FAILED("Disconnected"),
    DOVECOT_FAILED("Disconnected: Connection closed"),
    DOVECOT_FAILED("Disconnected: Inactivity"),
    DOVECOT_FAILED("Disconnected: Inactivity during authentication"),
    DOVECOT_FAILED("Disconnected: Too many invalid commands"),
    DOVECOT_FAILED("Disconnected: Too many bad commands"),
    DOVECOT_FAILED("Aborted login"),
    DOVECOT_FAILED("Aborted login by logging out"),
    DOVECOT("{word}-login: Login aborted: Connection closed (auth failed, {count} "
            "attempts in {num} secs) (auth_failed)",
            RULE_OWN, ""),
    DOVECOT("{word}-login: Login aborted: Logged out (auth failed, {count} attempts in "
            "{num} secs) (auth_failed)",
            RULE_OWN, ""),
    DOVECOT("{word}-login: Login aborted: Inactivity (auth failed, {count} attempts in "
            "{num} secs) (auth_failed)",
            RULE_OWN, ""),
    DOVECOT("{word}-login: Login", RULE_SUCCESS, ""),
    DOVECOT("{word}-login: Login", RULE_SUCCESS, ", mpid={num}"),
    DOVECOT("{word}-login: Logged in", RULE_SUCCESS, ""),
    DOVECOT("{word}-login: Logged in", RULE_SUCCESS, ", mpid={num}"),
};

#define PAM_ENDS(head)                                                   \
    ROW_ONCE(head "{addr}", RULE_PAM, "1.5", "pam_unix", "rhost="),      \
        ROW_ONCE(head "{addr} ", RULE_PAM, "1.5", "pam_unix", "rhost="), \
        ROW_ONCE(head "{addr}  user={word}", RULE_PAM, "1.5", "pam_unix", "rhost=")
#define PAM(head) \
    PAM_ENDS(head "logname= uid={num} euid={num} tty=dovecot ruser={user} rhost=")

static const struct rule_row dovecot_pam[] = {
    PAM("pam_unix(dovecot:auth): authentication failure; "),
    PAM("PAM {count} more authentication failure; "),
    PAM("PAM {count} more authentication failures; "),
};

/* The client's name is the reverse zone's; were it to hold such a head, it would stand
 * there twice. */
#define POSTFIX(reason)                                                                 \
    ROW_ONCE("warning: {host}[{addr}]: SASL {word} authentication failed: " reason      \
             ", sasl_username={user}",                                                  \
             RULE_OWN, "3.7", "smtpd_sasl_glue.c", "]: SASL "),                         \
        ROW_ONCE("warning: {host}[{addr}]: SASL {word} authentication failed: " reason, \
                 RULE_OWN, "3.7", "smtpd_sasl_glue.c", "]: SASL ")

static const struct rule_row postfix[] = {
    POSTFIX("(reason unavailable)"),
    POSTFIX("authentication failure"),
    POSTFIX("authentication failed"),
    POSTFIX("Authentication failed"),
    POSTFIX("Authentication failed."),
    POSTFIX("user not found"),
    /* The last word of the server, as sent: "Username:" and "Password:". */
    POSTFIX("VXNlcm5hbWU6"),
    POSTFIX("UGFzc3dvcmQ6"),
};

/* The client as host_and_ident() writes it, when HELO was a name: a HELO with blanks, if
 * exim was told to take it, has no row or the answer twice. Then with or without exim's
 * own time before it. */
#define EXIM_END(head)                                                             \
    ROW_ONCE(head ": 535 Incorrect authentication data (set_id={user})", RULE_OWN, \
             "4.96", "smtp_in.c", ": 535 "),                                       \
        ROW_ONCE(head ": 535 Incorrect authentication data", RULE_OWN, "4.96",     \
                 "smtp_in.c", ": 535 ")

#define EXIM_PORT(head) EXIM_END(head "[{addr}]"), EXIM_END(head "[{addr}]:{port}")
#define EXIM(head)                                                 \
    EXIM_PORT(head "{word} authenticator failed for "),            \
        EXIM_PORT(head "{word} authenticator failed for {word} "), \
        EXIM_PORT(head "{word} authenticator failed for {host} ({word}) ")

static const struct rule_row exim[] = {
    EXIM(""),
    EXIM("{num}-{num}-{num} {word} "),
};

#define SERVICE(label, rows_, ...)                                       \
    {                                                                    \
        .name = (label), .family = "mail",                               \
        .programs = (const char *const[]){__VA_ARGS__, NULL},            \
        .flags = RULE_BY_SOURCE | RULE_LIMIT_AFTER_FREE, .limit = LIMIT, \
        .rows = (rows_), .n_rows = sizeof(rows_) / sizeof((rows_)[0])    \
    }

const struct rule_service rules_dovecot = SERVICE("dovecot", dovecot, "dovecot");
const struct rule_service rules_dovecot_pam =
    SERVICE("dovecot", dovecot_pam, "auth", "auth-worker", "dovecot-auth");
const struct rule_service rules_postfix =
    SERVICE("postfix", postfix, "postfix/smtpd", "postfix/submission/smtpd",
            "postfix/submissions/smtpd", "postfix/smtps/smtpd");
const struct rule_service rules_exim = SERVICE("exim", exim, "exim", "exim4");
