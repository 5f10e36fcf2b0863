/* What the files of the RDAP reader share: URLs in pieces, and jCards. */
#ifndef RDAP_INTERNAL_H
#define RDAP_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define URL_MAX 2048

/* Slices of the URL that was split. */
struct url {
    bool https;
    struct slice host; /* without the brackets of an IPv6 literal, as written */
    bool literal6;     /* was in brackets */
    struct slice port; /* empty when there is none */
    struct slice path; /* from the first "/" to before "?" or "#"; may be empty */
    struct slice tail; /* the rest, with its "?" or "#"; may be empty */
};

/* Splits an absolute http or https URL; false for anything else (rdap-url.c says what is
 * refused beyond RFC 3986). */
bool url_split(const char *text, struct url *ret);

/* Who gets what a jCard has: each e-mail value as it stood there, each https contact-uri,
 * each formatted name. */
struct jcard_sink {
    /* Each returns 0 or a negative errno, which ends the reading. text lives as long as
     * the JSON does and need not end in NUL. */
    int (*mail)(void *userdata, struct slice text, unsigned pref, bool type_abuse);
    int (*form)(void *userdata, struct slice text);
    int (*name)(void *userdata, struct slice text);
    void *userdata;
};

/* Reads a vcardArray (RFC 7095), property by property: a malformed one is skipped and
 * loses nothing but itself. card may be NULL or of any type. 0 or a negative errno. */
int jcard_read(const json_t *card, const struct jcard_sink *sink);

/* A JSON string without NUL in it; false for anything else. */
bool json_slice(const json_t *value, struct slice *ret);

/* Parses n bytes unless they are deeper or have more objects and arrays than any RDAP
 * answer needs: jansson's own limits would let 1 MiB of brackets become 80 MiB of memory.
 * NULL with the reason for people in why. */
json_t *rdap_load_json(const char *body, size_t n, char why[static 128]);

/* rdap-entity.c: reads a remarks or notices member into net->truncated and, when given,
 * into lines and *doubted. 0 or -ENOMEM. */
struct rdap_network;
int rdap_read_remarks(struct rdap_network *net, const json_t *remarks, char ***lines,
                      bool *doubted);
/* Reads the entities of the whole answer, at every depth. 0 or -ENOMEM. */
int rdap_read_entities(struct rdap_network *net, const json_t *root);
/* Frees a NULL-terminated list of strings; NULL in and out. */
char **rdap_lines_free(char **list);

#endif
