/* JSON within bounds, and jCards (RFC 7095) as registries really write them.
 *
 * RFC 7095 gives each property four or more elements: name, parameters, type, value, more
 * values. Registries send three elements, null values, arrays, parameters that are no
 * object, "pref" as a number. Whatever cannot be read is skipped alone: clients that gave
 * up the whole card on the first odd property found no contact at all in LACNIC space. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "rdap-internal.h"
#include "rdap.h"

/* Entities nested RDAP_DEPTH_MAX deep need about 30 levels; the largest answer known has
 * some 2,000 objects and arrays in 100 kB. */
#define JSON_DEPTH_MAX      200
#define JSON_CONTAINERS_MAX 50000

#define PROPERTIES_MAX 500
#define PREF_ABSENT    100

bool json_slice(const json_t *value, struct slice *ret)
{
    struct slice s;

    if (!json_is_string(value))
        return false;
    s = (struct slice){json_string_value(value), json_string_length(value)};
    if (memchr(s.p, '\0', s.n))
        return false;
    *ret = s;
    return true;
}

/* Whether the nesting outside of strings stays within the bounds. */
static bool shape_ok(const char *p, size_t n, char why[static 128])
{
    size_t depth = 0, containers = 0;
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        char c = p[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX || ++containers > JSON_CONTAINERS_MAX) {
                snprintf(why, 128, "JSON that is nested too deep or has too many parts");
                return false;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *rdap_load_json(const char *body, size_t n, char why[static 128])
{
    static const char bom[] = "\xef\xbb\xbf";
    json_error_t error;
    json_t *root;
    size_t blank = 0;

    if (n >= 3 && memcmp(body, bom, 3) == 0) {
        body += 3;
        n -= 3;
    }
    while (blank < n && strchr(" \t\r\n", body[blank]) && body[blank])
        blank++;
    if (blank == n) {
        snprintf(why, 128, "an empty answer");
        return NULL;
    }
    if (body[blank] == '<') {
        snprintf(why, 128, "a page of HTML or XML instead of JSON");
        return NULL;
    }
    if (!shape_ok(body, n, why))
        return NULL;
    /* NUL is let through here so that one \u0000 loses one string, not the answer. */
    root = json_loadb(body, n, JSON_ALLOW_NUL, &error);
    if (!root)
        snprintf(why, 128, "no whole JSON text in UTF-8 (wrong at line %d, column %d)",
                 error.line, error.column);
    return root;
}

/* A parameter's value may be one string or an array of them. */
static bool param_is(const json_t *param, const char *want)
{
    struct slice s;

    if (json_slice(param, &s))
        return strcasecmp(s.p, want) == 0;
    for (size_t i = 0; i < json_array_size(param); i++)
        if (json_slice(json_array_get(param, i), &s) && strcasecmp(s.p, want) == 0)
            return true;
    return false;
}

/* 1 to 100, written as a string or as a number; the absent value for anything else. */
static unsigned read_pref(const json_t *param)
{
    json_int_t pref = 0;
    struct slice s;

    if (json_is_array(param))
        param = json_array_get(param, 0);
    if (json_is_integer(param)) {
        pref = json_integer_value(param);
    } else if (json_slice(param, &s) && s.n <= 3) {
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] < '0' || s.p[i] > '9')
                return PREF_ABSENT;
            pref = pref * 10 + (s.p[i] - '0');
        }
    }
    return pref >= 1 && pref <= 100 ? (unsigned)pref : PREF_ABSENT;
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* One text may name several mailboxes; one without "@" is prose and stays whole. */
static int give_mails(const struct jcard_sink *sink, struct slice text,
                      const json_t *params)
{
    unsigned pref = read_pref(json_object_get(params, "pref"));
    bool type_abuse = param_is(json_object_get(params, "type"), "abuse");
    const char *separators = memchr(text.p, '@', text.n) ? ",;" : "";
    int r = 0;

    for (size_t i = 0; i <= text.n && r == 0;) {
        size_t n = strcspn(text.p + i, separators);
        struct slice part = trim((struct slice){text.p + i, n});

        if (part.n > 0)
            r = sink->mail(sink->userdata, part, pref, type_abuse);
        i += n + 1;
    }
    return r;
}

static int give_contact_uri(const struct jcard_sink *sink, struct slice text,
                            const json_t *params)
{
    text = trim(text);
    if (text.n >= 8 && strncasecmp(text.p, "https://", 8) == 0)
        return sink->form(sink->userdata, text);
    if (text.n >= 7 && strncasecmp(text.p, "mailto:", 7) == 0)
        return give_mails(sink, text, params);
    return 0;
}

static int give_value(const struct jcard_sink *sink, const char *property,
                      const json_t *params, struct slice text)
{
    if (strcasecmp(property, "email") == 0)
        return give_mails(sink, text, params);
    if (strcasecmp(property, "contact-uri") == 0)
        return give_contact_uri(sink, text, params);
    if (strcasecmp(property, "fn") == 0)
        return sink->name(sink->userdata, text);
    return 0;
}

static int read_property(const struct jcard_sink *sink, const json_t *property)
{
    const json_t *params = json_array_get(property, 1);
    struct slice name, text;
    int r = 0;

    if (!json_slice(json_array_get(property, 0), &name))
        return 0;
    for (size_t i = 3; i < json_array_size(property) && r == 0; i++) {
        const json_t *value = json_array_get(property, i);

        if (json_slice(value, &text))
            r = give_value(sink, name.p, params, text);
        for (size_t j = 0; j < json_array_size(value) && r == 0; j++)
            if (json_slice(json_array_get(value, j), &text))
                r = give_value(sink, name.p, params, text);
    }
    return r;
}

int jcard_read(const json_t *card, const struct jcard_sink *sink)
{
    int r = 0;

    /* ["vcard", [property, ...]]: the properties are wherever the array of arrays is. */
    for (size_t i = 0; i < json_array_size(card) && r == 0; i++) {
        const json_t *properties = json_array_get(card, i);

        for (size_t j = 0;
             j < json_array_size(properties) && j < PROPERTIES_MAX && r == 0; j++)
            r = read_property(sink, json_array_get(properties, j));
    }
    return r;
}
