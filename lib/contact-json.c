/* Results: made, copied, and as the JSON that people's scripts and the cache read. */
#include "contact.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cleanup.h"
#include "contact-internal.h"
#include "mailaddr.h"

#define REJECTED_MAX 100
#define TEXT_MAX     500
#define RETRY_MAX    (INT64_C(366) * 86400 * 1000000)

static const char *const outcome_names[] = {
    [CONTACT_FOUND] = "found",
    [CONTACT_NONE_PUBLISHED] = "none-published",
    [CONTACT_PLACEHOLDER_ONLY] = "placeholder-only",
    [CONTACT_FORM_ONLY] = "form-only",
    [CONTACT_SPECIAL_PURPOSE] = "special-purpose",
    [CONTACT_LOOKUP_FAILED] = "lookup-failed",
};

#define N_OUTCOMES (sizeof(outcome_names) / sizeof(outcome_names[0]))

const char *contact_outcome_name(enum contact_outcome outcome)
{
    return (size_t)outcome < N_OUTCOMES ? outcome_names[outcome] : "unknown";
}

int contact_outcome_parse(const char *name)
{
    for (size_t i = 0; i < N_OUTCOMES; i++)
        if (strcmp(outcome_names[i], name) == 0)
            return (int)i;
    return -EINVAL;
}

void contact_result_done(struct contact_result *r)
{
    for (size_t i = 0; i < r->n_rejected; i++) {
        free(r->rejected[i].contact);
        free(r->rejected[i].why);
    }
    free(r->rejected);
    free(r->contact);
    free(r->source);
    free(r->network);
    free(r->form);
    free(r->server);
    free(r->detail);
    *r = (struct contact_result){0};
}

static int add_rejected(struct contact_result *r, char *contact, const char *why)
{
    struct contact_rejected *grown =
        contact ? reallocarray(r->rejected, r->n_rejected + 1, sizeof(*grown)) : NULL;
    char *copy = grown ? strdup(why) : NULL;

    if (grown)
        r->rejected = grown;
    if (!copy) {
        free(contact);
        return -ENOMEM;
    }
    grown[r->n_rejected++] = (struct contact_rejected){.contact = contact, .why = copy};
    return 0;
}

int contact_reject(struct contact_result *r, const char *value, const char *why)
{
    char *contact = text_escape(value, strlen(value), MAILADDR_MAX);

    for (size_t i = 0; contact && i < r->n_rejected; i++)
        if (strcmp(r->rejected[i].contact, contact) == 0) {
            free(contact);
            return 0;
        }
    if (r->n_rejected >= REJECTED_MAX) {
        free(contact);
        return 0;
    }
    return add_rejected(r, contact, why);
}

/* A copy that is printable ASCII; NULL stays NULL. */
static int copy_text(const char *from, char **ret)
{
    if (!from)
        return 0;
    *ret = text_is_printable(from, strlen(from))
               ? strdup(from)
               : text_escape(from, strlen(from), TEXT_MAX);
    return *ret ? 0 : -ENOMEM;
}

static int copy_into(const struct contact_result *from, struct contact_result *to)
{
    int r = copy_text(from->contact, &to->contact);

    if (r == 0)
        r = copy_text(from->source, &to->source);
    if (r == 0)
        r = copy_text(from->network, &to->network);
    if (r == 0)
        r = copy_text(from->form, &to->form);
    if (r == 0)
        r = copy_text(from->server, &to->server);
    if (r == 0)
        r = copy_text(from->detail, &to->detail);
    for (size_t i = 0; i < from->n_rejected && r == 0; i++)
        r = add_rejected(to, strdup(from->rejected[i].contact), from->rejected[i].why);
    return r;
}

int contact_result_copy(const struct contact_result *from, struct contact_result *ret)
{
    struct contact_result copy = {.outcome = from->outcome,
                                  .start = from->start,
                                  .end = from->end,
                                  .temporary = from->temporary,
                                  .retry_after = from->retry_after};
    int r = copy_into(from, &copy);

    if (r < 0) {
        contact_result_done(&copy);
        return r;
    }
    *ret = copy;
    return 0;
}

int contact_result_make(enum contact_outcome outcome, const char *detail, bool temporary,
                        struct contact_result *ret)
{
    struct contact_result result = {.outcome = outcome, .temporary = temporary};
    int r = copy_text(detail, &result.detail);

    if (r < 0)
        return r;
    *ret = result;
    return 0;
}

/* ---- JSON ---- */

static int set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *rejected_json(const struct contact_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < r->n_rejected; i++) {
        json_t *one = json_pack("{s:s,s:s}", "contact", r->rejected[i].contact, "why",
                                r->rejected[i].why);

        if (!one || json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The keys that everybody gets first, in this order; then those that have a value. */
static int fill_json(const struct contact_result *r, const struct addr *query,
                     json_t *root)
{
    char text[ADDR_TEXT_MAX];
    int e = set(root, "query", json_string(addr_format(query, text)));

    if (e == 0)
        e = set(root, "outcome", json_string(contact_outcome_name(r->outcome)));
    if (e == 0)
        e = set(root, "contact", text_or_null(r->contact));
    if (e == 0)
        e = set(root, "source", text_or_null(r->source));
    if (e == 0)
        e = set(root, "network", text_or_null(r->network));
    if (e == 0)
        e = set(root, "rejected", rejected_json(r));
    if (e == 0 && r->form)
        e = set(root, "form", json_string(r->form));
    if (e == 0 && r->server)
        e = set(root, "server", json_string(r->server));
    if (e == 0 && r->detail)
        e = set(root, "detail", json_string(r->detail));
    if (e == 0 && r->outcome == CONTACT_LOOKUP_FAILED)
        e = set(root, "temporary", json_boolean(r->temporary));
    if (e == 0 && r->retry_after > 0)
        e = set(root, "retry_after", json_integer(r->retry_after));
    return e;
}

int contact_result_json(const struct contact_result *r, const struct addr *query,
                        char **ret)
{
    json_t *root = json_object();
    char *text = NULL;

    if (root && fill_json(r, query, root) == 0)
        text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(root);
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* A string member of printable ASCII, or null, or absent. */
static int get_text(const json_t *root, const char *key, char **ret)
{
    const json_t *value = json_object_get(root, key);
    const char *text = json_string_value(value);

    if (!value || json_is_null(value))
        return 0;
    if (!text || !text_is_printable(text, json_string_length(value)))
        return -EBADMSG;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

static int get_rejected(const json_t *list, struct contact_result *r)
{
    int e = json_is_array(list) && json_array_size(list) <= REJECTED_MAX ? 0 : -EBADMSG;

    for (size_t i = 0; i < json_array_size(list) && e == 0; i++) {
        const json_t *one = json_array_get(list, i);
        _cleanup_(cleanup_free) char *contact = NULL, *why = NULL;

        e = get_text(one, "contact", &contact);
        if (e == 0)
            e = get_text(one, "why", &why);
        if (e == 0 && (!contact || !why))
            e = -EBADMSG;
        if (e == 0)
            e = add_rejected(r, TAKE_PTR(contact), why);
    }
    return e;
}

static int get_network(struct contact_result *r)
{
    const char *dash = r->network ? strstr(r->network, " - ") : NULL;

    if (!r->network)
        return 0;
    if (!dash || !addr_parse(r->network, (size_t)(dash - r->network), &r->start) ||
        !addr_parse(dash + 3, strlen(dash + 3), &r->end))
        return -EBADMSG;
    return 0;
}

/* What is found is a recipient: it is checked again, whoever kept it meanwhile. */
static int get_outcome(const json_t *root, struct contact_result *r)
{
    const char *name = json_string_value(json_object_get(root, "outcome"));
    const json_t *wait = json_object_get(root, "retry_after");
    int outcome = name ? contact_outcome_parse(name) : -EINVAL;
    char addr[MAILADDR_MAX + 1];

    if (outcome < 0 || (outcome == CONTACT_FOUND) != (r->contact != NULL) ||
        (outcome == CONTACT_FOUND) != (r->source != NULL))
        return -EBADMSG;
    if (r->contact && (!mailaddr_parse(r->contact, strlen(r->contact), addr) ||
                       strcmp(addr, r->contact) != 0))
        return -EBADMSG;
    if (wait && (!json_is_integer(wait) || json_integer_value(wait) < 0 ||
                 json_integer_value(wait) > RETRY_MAX))
        return -EBADMSG;
    r->outcome = (enum contact_outcome)outcome;
    r->temporary = json_is_true(json_object_get(root, "temporary"));
    r->retry_after = json_integer_value(wait);
    return 0;
}

static int fill_result(const json_t *root, struct contact_result *r)
{
    int e = json_is_object(root) ? 0 : -EBADMSG;

    if (e == 0)
        e = get_text(root, "contact", &r->contact);
    if (e == 0)
        e = get_text(root, "source", &r->source);
    if (e == 0)
        e = get_text(root, "network", &r->network);
    if (e == 0)
        e = get_text(root, "form", &r->form);
    if (e == 0)
        e = get_text(root, "server", &r->server);
    if (e == 0)
        e = get_text(root, "detail", &r->detail);
    if (e == 0)
        e = get_rejected(json_object_get(root, "rejected"), r);
    if (e == 0)
        e = get_network(r);
    if (e == 0)
        e = get_outcome(root, r);
    return e;
}

int contact_result_from_json(const char *text, struct contact_result *ret)
{
    struct contact_result result = {0};
    json_t *root = json_loads(text, 0, NULL);
    int e = fill_result(root, &result);

    json_decref(root);
    if (e < 0) {
        contact_result_done(&result);
        return e;
    }
    *ret = result;
    return 0;
}
