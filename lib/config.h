/* /etc/abuse-reporterd.yaml: read aside, judged as a whole, every error with its place.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "policy.h"
#include "report.h"
#include "rules.h"
#include "tracker.h"

enum source_kind {
    SOURCE_FILE,
    SOURCE_JOURNAL,
    SOURCE_AUTO, /* config_choose_source() says which of the two */
};

struct source_params {
    enum source_kind kind;
    char *path;          /* SOURCE_FILE */
    char *journal_dir;   /* SOURCE_JOURNAL: `directory`, or NULL for the system's */
    bool from_beginning; /* start: beginning */
    char **programs;     /* `programs: [sshd]`, NULL-terminated, or NULL for all */
    char *timezone;      /* of a text log's times, or NULL: this system's */
};

struct rdap_params {
    char *bootstrap_ipv4, *bootstrap_ipv6; /* URL or absolute path, or NULL: IANA's */
    char *ca_file;                         /* or NULL: the system's */
    char *proxy;                           /* URL, or NULL */
    int64_t timeout;                       /* µs for one request */
};

struct delivery_params {
    char *mta; /* "smtp://127.0.0.1:25" */
    char *log; /* "journal" or an absolute path */
};

struct detect_params {
    unsigned failures;
    int64_t window, settle, max_age; /* µs */
    struct tracker_slow slow, names; /* failures 0: off */
    unsigned ipv6_prefix;
    int64_t skew;   /* µs between a line's time and its arrival */
    size_t memory;  /* bytes */
    bool publickey; /* a refused key is an attempt */
};

struct config {
    struct source_params *sources;
    size_t n_sources;
    struct rule_service *rules; /* the operator's own, one for each program */
    size_t n_rules;
    struct detect_params detect;
    struct netlist ignore;
    struct netlist reportable; /* not empty: a lab */
    struct rdap_params rdap;
    struct report_params report;
    struct policy_params policy; /* mode and limits; settle is detect's */
    struct delivery_params delivery;
    char *state;   /* absolute path */
    char *control; /* absolute path of the socket */
};

struct config_error {
    unsigned line, column; /* from 1 */
    char *message;         /* what is wrong and what to do; printable ASCII */
};

struct config_errors {
    struct config_error *errors; /* in the order of the file */
    size_t n;
};
void config_errors_done(struct config_errors *errors);

/* What the world looks like, asked by the caller: whether a path exists now. Two sources
 * of one program are an error only when both are there. */
struct config_world {
    bool (*file_exists)(void *userdata, const char *path);
    void *userdata;
};

/* Reads n bytes of YAML into a new object with all defaults filled in. 0; CONFIG_E_SYNTAX
 * with the first syntax error, or CONFIG_E_CONTENT with all errors of content, in
 * *errors; -ENOMEM. *ret is untouched unless 0, *errors unless it is filled. world may be
 * NULL: no file exists. */
enum {
    CONFIG_E_SYNTAX = 1,
    CONFIG_E_CONTENT,
};
int config_parse(const char *text, size_t n, const struct config_world *world,
                 struct config **ret, struct config_errors *errors);
/* All defaults and no sources: what `scan` uses without -c. NULL when out of memory. */
struct config *config_new_default(void);
struct config *config_free(struct config *c); /* takes NULL, returns NULL */

/* What a source of SOURCE_AUTO is now: the journal where it outlives a restart of the
 * system, else the text log of this system, else the journal all the same. SOURCE_FILE
 * with its path (static) in *ret_path, or SOURCE_JOURNAL; *ret_why says why, in words. */
enum source_kind config_choose_source(const struct config_world *world,
                                      const char **ret_path, const char **ret_why);

/* What `detect` says, as the tracker takes it; hash_key is its key. */
void config_tracker_params(const struct config *c, const uint8_t hash_key[static 16],
                           struct tracker_params *ret);

/* Whether two sources could carry the same program's lines: their `programs` are not
 * disjoint, and no list means all. */
bool config_sources_overlap(const struct source_params *a, const struct source_params *b);

/* Whether a name under a source's `programs` takes a service's lines: it is the service's
 * name, or that of a program which writes for it, built in or of the operator's rules. */
bool config_program_is(const struct config *c, const char *program, const char *service);

/* The i-th key as the manual must name it ("detect.window"), NULL past the end: the table
 * that parses is the table that a test compares with the manual and conf/. */
const char *config_key(size_t i);

#endif
