/* Shared by the parts of config.c: the reader, the table's rows, and the value parsers.
 */
#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "text.h"
#include "yamltree.h"

#define CONFIG_KEYS_MAX    64
#define CONFIG_SOURCES_MAX 64
#define CONFIG_ADDRS_MAX   16

struct config_reader {
    const struct config_world *world; /* or NULL: no file exists */
    struct slice text;                /* the whole file */
    struct config *config;
    struct config_errors errors;
    const struct yamlnode *root;
    const struct yamlnode *seen[CONFIG_KEYS_MAX];      /* by row: its value */
    const struct yamlnode *places[CONFIG_SOURCES_MAX]; /* by source */
};

/* One row of the table: where a key's value goes and who reads it. */
struct config_key {
    const char *path; /* "detect.window" */
    /* Judges the value and stores it in field (the object that the row's section is read
     * into, plus offset). 0, also when an error of content was told, or -ENOMEM. */
    int (*read)(struct config_reader *r, const struct config_key *key,
                const struct yamlnode *value, void *field);
    size_t offset;
    int64_t min, max; /* numbers, durations (µs), lengths; as the parser says */
};

/* One item of `sources` while it is read. */
struct config_source {
    struct source_params params;
    const struct yamlnode *kind, *start, *programs, *timezone;
};
void config_source_done(struct source_params *source);

/* config.c */
int config_tell(struct config_reader *r, const struct yamlnode *at, const char *format,
                ...) __attribute__((format(printf, 3, 4)));
int config_read_map(struct config_reader *r, const struct yamlnode *map,
                    const char *prefix, void *base);
const struct yamlnode *config_seen(const struct config_reader *r, const char *path);
/* Of the words, the one that this may be a slip of the pen for, or NULL. */
struct config_nearest {
    const char *word; /* n bytes of it */
    size_t n;
    size_t distance;
};
void config_nearest_try(struct config_nearest *nearest, struct slice given,
                        const char *word, size_t n);

/* config-values.c: plain values. min and max: of the number, of the duration in µs, or of
 * the bytes of a text. */
int config_read_text(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* char *, one line */
int config_read_note(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* char *, lines */
int config_read_path(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* char * */
int config_read_bool(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* bool */
int config_read_unsigned(struct config_reader *, const struct config_key *,
                         const struct yamlnode *, void *); /* unsigned */
int config_read_duration(struct config_reader *, const struct config_key *,
                         const struct yamlnode *, void *); /* int64_t */
int config_read_size(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* size_t */
int config_read_slow(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* struct tracker_slow */
int config_read_rate(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* struct policy_rate */
int config_read_mode(struct config_reader *, const struct config_key *,
                     const struct yamlnode *, void *); /* enum policy_mode */

/* config-net.c: addresses, networks, URLs. */
int config_read_networks(struct config_reader *, const struct config_key *,
                         const struct yamlnode *, void *); /* struct netlist */
int config_read_addresses(struct config_reader *, const struct config_key *,
                          const struct yamlnode *, void *); /* struct report_params */
int config_read_ports(struct config_reader *, const struct config_key *,
                      const struct yamlnode *, void *); /* nothing: it is read by */
int config_settle_ports(struct config_reader *r); /* this, when the services are known */
int config_read_bootstrap(struct config_reader *, const struct config_key *,
                          const struct yamlnode *, void *); /* char *: URL or path */
int config_read_proxy(struct config_reader *, const struct config_key *,
                      const struct yamlnode *, void *); /* char * */
int config_read_mta(struct config_reader *, const struct config_key *,
                    const struct yamlnode *, void *); /* char * */
int config_read_mta_log(struct config_reader *, const struct config_key *,
                        const struct yamlnode *, void *); /* char * */
int config_read_mailbox(struct config_reader *, const struct config_key *,
                        const struct yamlnode *, void *); /* char * */
int config_read_local_contact(struct config_reader *, const struct config_key *,
                              const struct yamlnode *, void *); /* char * */
/* Whether a URL that passed config_read_bootstrap() is https to a host that is not known
 * to be this host or special-purpose; *ret_why says why not. */
bool config_url_public(const char *url, const char **ret_why);

/* config-sources.c: `sources` and its items. */
int config_read_sources(struct config_reader *, const struct config_key *,
                        const struct yamlnode *, void *); /* struct config */
int config_read_source_file(struct config_reader *, const struct config_key *,
                            const struct yamlnode *, void *); /* config_source */
int config_read_source_journal(struct config_reader *, const struct config_key *,
                               const struct yamlnode *, void *); /* config_source */
int config_read_source_auto(struct config_reader *, const struct config_key *,
                            const struct yamlnode *, void *); /* config_source */
int config_read_source_directory(struct config_reader *, const struct config_key *,
                                 const struct yamlnode *, void *); /* config_source */
int config_read_source_start(struct config_reader *, const struct config_key *,
                             const struct yamlnode *, void *); /* config_source */
int config_read_source_programs(struct config_reader *, const struct config_key *,
                                const struct yamlnode *, void *); /* config_source */
int config_read_source_timezone(struct config_reader *, const struct config_key *,
                                const struct yamlnode *, void *); /* config_source */
int config_check_sources(struct config_reader *r);
/* The characters of syslog tags, as far as they are of use here. */
bool config_program_ok(struct slice name);

/* config-rules.c: `rules` and its items. */
int config_read_rules(struct config_reader *, const struct config_key *,
                      const struct yamlnode *, void *); /* struct config */
int config_read_rule_part(struct config_reader *, const struct config_key *,
                          const struct yamlnode *, void *); /* const struct yamlnode * */
void config_rules_done(struct config *c);
struct config_rule_parts {
    const struct yamlnode *program, *failure, *success, *service, *limit;
};

/* config-check.c: what can only be said of the whole. */
int config_check(struct config_reader *r);

/* Shared by the value parsers. 1 and the bytes when value is a scalar with something in
 * it; 0 when it was told (or is BROKEN); -ENOMEM. want names what is expected: "a
 * duration such as 10m". */
int config_scalar(struct config_reader *r, const struct config_key *key,
                  const struct yamlnode *value, const char *want, struct slice *ret);
/* Tells "KEY: VALUE is not WANT". */
int config_bad(struct config_reader *r, const struct config_key *key,
               const struct yamlnode *value, const char *want);
/* The same shape for lists: 1 when it is a list, 0 when it was told, BROKEN or empty
 * (null); a list's items are then read as scalars. */
int config_list(struct config_reader *r, const struct config_key *key,
                const struct yamlnode *value, const char *want);
/* Replaces *field by a copy of the bytes. 0 or -ENOMEM. */
int config_set_text(char **field, struct slice text);
/* Whether the bytes can stand as an absolute path: "/a/b", without //, . or .. */
bool config_path_ok(struct slice path);

#endif
