/* What the lines of each service look like: templates with typed holes, and the table of
 * the ones that are built in. */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "attempts.h"
#include "text.h"

/* Positive outcomes. */
enum {
    RULE_E_TEMPLATE = 1, /* rule_compile(), rules_add(): the template is wrong */
    RULE_E_NONE,         /* rules_match(): no rule knows the message */
    RULE_E_TRUNCATED,    /* as long as the program's limit: the end may be missing */
    RULE_E_AMBIGUOUS,    /* the text allows two readings */
};

/* Promises about a program that a template alone cannot make. */
enum rule_flags {
    /* The program never writes a ':' in {user}, so the first ": " ends what it wrote
     * itself. Needed where a template has both {user} and {rest}. */
    RULE_NO_COLON_IN_USER = 1 << 0,
    /* "error: " or "fatal: " may stand before the message (OpenSSH log.c). */
    RULE_LEVEL_PREFIX = 1 << 1,
    /* Nobody has read the program's source: a {word} may be something that a stranger
     * typed, and other messages of the program may begin or end with such text. */
    RULE_UNPROVEN = 1 << 2,
    /* The service's limit is a precaution, and counts only for templates in which the
     * address stands after free text: nothing else can be moved by a cut. */
    RULE_LIMIT_AFTER_FREE = 1 << 3,
    /* A template without {addr} is no error: the lines beside it have one. */
    RULE_NO_ADDR = 1 << 4,
    /* The lines that one process writes are one session ... */
    RULE_BY_PID = 1 << 5,
    /* ... or those about one source are, whoever writes them. */
    RULE_BY_SOURCE = 1 << 6,
};

/* What a message says of an attempt. */
enum rule_meaning {
    RULE_REFUSED,     /* a credential was refused */
    RULE_SUCCESS,     /* a login succeeded */
    RULE_REFUSED_KEY, /* a key was refused: clients offer all they have */
    /* The same refusal in the words of the program and in PAM's: of these two, the more
     * numerous in a session count. */
    RULE_OWN,
    RULE_PAM,
    RULE_UNKNOWN_USER, /* the name does not exist; what follows says more */
    RULE_BEGIN,        /* a connection */
    RULE_END,          /* its end before any login */
    RULE_BLOCKED,      /* a connection dropped as a penalty for earlier ones */
    RULE_NOISE,        /* nothing, but it names the session's source */
};

/* One template.
 *
 *     Failed password for invalid user {user} from {addr} port {port} ssh2
 *
 * is matched against the whole message. Literal text stands for itself, "{{" and "}}" for
 * single braces. The holes:
 *
 *     {addr}  an IPv4 or IPv6 address in the form that inet_ntop(3) writes; exactly one
 *     {port}  1 to 65535 without leading zeros; at most one
 *     {peer}  both, as ADDR:PORT or [ADDR]:PORT
 *     {num}   digits
 *     {count} 1 to 1000000 without leading zeros: how many attempts; at most one
 *     {host}  letters, digits, '.', ':', '-' and '_': a host's name or address that is
 *             not looked at
 *     {word}  anything without blanks, at least one byte
 *     {user}  the name that was tried: free text, may be empty; at most one
 *     {rest}  free text that is not looked at; at most one
 *
 * Free text may hold anything that a stranger typed, so a template has one free hole at
 * most; what stands before it is matched from the left end, what follows from the right.
 * The one exception is a {rest} at the end, after ": ", beside a {user}: then the message
 * is cut at its first ": " before that (the end of an address such as "2001:db8::" is
 * none). No hole takes control bytes.
 *
 * Of a program that is RULE_UNPROVEN a template must not begin with the free hole, since
 * any message that ends in a stranger's text would fit; and between the {addr} or {peer}
 * and the end of the message that is not at the free hole's side no {word} and no {host}
 * may stand, since a name with blanks in it could bring its own address there. A {num}
 * there must be what the program itself computes. */
struct rule;

struct rule_error {
    size_t position;  /* of the byte, from 0 */
    const char *what; /* static text, a clause without a full stop */
};

/* Returns 0, -ENOMEM, or RULE_E_TEMPLATE with *ret_error filled. rule_free() takes NULL
 * and returns NULL. */
int rule_compile(const char *text, size_t n, unsigned flags, struct rule **ret,
                 struct rule_error *ret_error);
struct rule *rule_free(struct rule *rule);

struct rule_match {
    struct addr source; /* family 0 where the template has none (RULE_NO_ADDR) */
    uint16_t port;      /* 0 where the template has none */
    uint64_t count;     /* 1 where the template has none */
    struct slice user;  /* inside the message; p is NULL where the template has none */
    struct slice source_text, port_text; /* what {addr} and {port} took, the same way */
};

/* Returns 0, RULE_E_NONE, or RULE_E_AMBIGUOUS when the message fits but breaks the
 * promise of RULE_NO_COLON_IN_USER. *ret is filled on 0 only. */
int rule_match(const struct rule *rule, struct slice message, struct rule_match *ret);

/* Whether {addr} stands after the free hole, so that a message that was cut off could end
 * in an address out of a stranger's text. */
bool rule_ends_decide(const struct rule *rule);

/* The byte that every message of the rule begins with; -1 when that can be any. */
int rule_first_byte(const struct rule *rule);

/* A row of the table. Everything is borrowed for as long as the rules live. */
struct rule_row {
    const char *template;
    enum rule_meaning meaning;
    bool unknown_user;         /* the message says so, as sshd's "invalid user" does */
    const char *since, *until; /* release; NULL for "still" */
    const char *file;          /* where the program writes it */
    const char *once; /* a message that has this text twice or more allows several
                         readings; NULL: no such text */
};

/* Rows that share the programs that write them. */
struct rule_service {
    const char *name;   /* "sshd" */
    const char *family; /* services whose lines make up common sessions; NULL: the
                           name */
    const char *const *programs; /* NULL at the end; matched exactly */
    unsigned flags;
    size_t limit; /* messages of this length or more are cut by the program; 0: none */
    const struct rule_row *rows;
    size_t n_rows;
};

/* A set of compiled services; the first row that fits wins, and rows that fit but tell of
 * another source, port or meaning make the message ambiguous. */
struct rules;

/* Returns 0 or -ENOMEM; the set is empty. */
int rules_new(struct rules **ret);
struct rules *rules_free(struct rules *rules);

/* Adds a service. Returns 0, -ENOMEM, or RULE_E_TEMPLATE with the row that is wrong in
 * *ret_row and the place in *ret_error; the set is unchanged then. */
int rules_add(struct rules *rules, const struct rule_service *service, size_t *ret_row,
              struct rule_error *ret_error);

/* What is built in, to be given to rules_add(). */
extern const struct rule_service *const rules_builtin[];
extern const size_t rules_n_builtin;

struct rules_result {
    struct rule_match match;
    enum rule_meaning meaning;
    bool unknown_user; /* of the first row that fits */
    const char *service, *family;
    unsigned flags;
    const char *template; /* of that row */
};

/* Whether any rule is about what this program writes. */
bool rules_know(const struct rules *rules, struct slice program);

/* Asks all services of the program. Returns 0 and fills *ret, or RULE_E_NONE,
 * RULE_E_TRUNCATED, RULE_E_AMBIGUOUS. */
int rules_match(const struct rules *rules, struct slice program, struct slice message,
                struct rules_result *ret);

#endif
