/* Answers to ip/<address> (RFC 9083 section 5.4), as they have been since 2015.
 *
 * Next to nothing is required: every member is optional in practice, and the type of each
 * is what the server made it. Two things are decided here because nobody after can:
 * whether the answer is a network at all (rate limits and errors come with status 200
 * too), and whether it is the network of the address that was asked about. The rest is
 * carried to contact.c as it stood. */
#include "rdap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "rdap-internal.h"

/* Caps beside those of the header; what is beyond is dropped and marks the answer as
 * truncated. */
#define MAILS_MAX      1000
#define ROLES_MAX      32
#define ROLE_MAX       64
#define LINES_MAX      300
#define LINE_BYTES_MAX 4000
#define TITLE_MAX      100
#define DETAIL_MAX     200

DEFINE_CLEANUP(struct rdap_network *, rdap_network_free)

static void decref(json_t **json)
{
    json_decref(*json);
}

static bool says(struct slice s, const char *words)
{
    return strcasestr(s.p, words) != NULL; /* slices of JSON strings end in NUL */
}

static bool starts_with(struct slice s, const char *prefix)
{
    return strncasecmp(s.p, prefix, strlen(prefix)) == 0;
}

static size_t list_length(char **list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static int list_add(char ***list, struct slice s)
{
    size_t n = list_length(*list);
    char **grown = reallocarray(*list, n + 2, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    *list = grown;
    grown[n + 1] = NULL;
    grown[n] = slice_dup(s);
    return grown[n] ? 0 : -ENOMEM;
}

static char **list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
    return NULL;
}

/* Copies a string member; NULL stays when it is absent or no string. */
static int take_text(const json_t *object, const char *key, char **ret)
{
    struct slice s;

    if (!json_slice(json_object_get(object, key), &s))
        return 0;
    *ret = slice_dup(s);
    return *ret ? 0 : -ENOMEM;
}

/* ---- remarks ---- */

/* Adds the lines of one text. A title that itself speaks of abuse or spam ("Abuse
 * contact") gives its sense to each line below it. */
static int add_lines(struct rdap_network *net, char ***lines, struct slice title,
                     struct slice text)
{
    char line[TITLE_MAX + LINE_BYTES_MAX + 8];
    bool telling = title.n > 0 && title.n <= TITLE_MAX &&
                   (says(title, "abuse") || says(title, "spam"));
    int r = 0;

    for (size_t i = 0; i <= text.n && r == 0;) {
        size_t n = strcspn(text.p + i, "\r\n");
        int len =
            snprintf(line, sizeof(line), "%s%s%.*s", telling ? title.p : "",
                     telling ? ": " : "", (int)(n > LINE_BYTES_MAX ? 0 : n), text.p + i);

        if (n > LINE_BYTES_MAX || list_length(*lines) >= LINES_MAX)
            net->truncated = true;
        else if (n > 0)
            r = list_add(lines, (struct slice){line, (size_t)len});
        i += n + 1;
    }
    return r;
}

static bool says_truncated(struct slice s)
{
    return starts_with(s, "object truncated") || starts_with(s, "result set truncated");
}

static bool says_doubted(struct slice s)
{
    return says(s, "unvalidated poc") || says(s, "validation failed") ||
           says(s, "reported to be invalid");
}

/* Reads one remark or notice. lines and doubted may be NULL. */
static int read_remark(struct rdap_network *net, const json_t *remark, char ***lines,
                       bool *doubted)
{
    const json_t *description = json_object_get(remark, "description");
    struct slice title = SLICE(""), text;
    size_t n = json_is_array(description) ? json_array_size(description) : 1;
    int r = 0;

    if (json_slice(json_object_get(remark, "type"), &text) && says_truncated(text))
        net->truncated = true;
    if (json_slice(json_object_get(remark, "title"), &title)) {
        if (says_truncated(title))
            net->truncated = true;
        if (doubted && says_doubted(title))
            *doubted = true;
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        const json_t *part =
            json_is_array(description) ? json_array_get(description, i) : description;

        if (!json_slice(part, &text))
            continue;
        if (doubted && says_doubted(text))
            *doubted = true;
        if (lines)
            r = add_lines(net, lines, title, text);
    }
    return r;
}

static int read_remarks(struct rdap_network *net, const json_t *remarks, char ***lines,
                        bool *doubted)
{
    int r = 0;

    if (json_is_object(remarks))
        return read_remark(net, remarks, lines, doubted);
    for (size_t i = 0; i < json_array_size(remarks) && r == 0; i++)
        r = read_remark(net, json_array_get(remarks, i), lines, doubted);
    return r;
}

/* ---- entities ---- */

struct walk {
    struct rdap_network *net;
    unsigned
        visited;     /* entity objects, also those that were united with an earlier one */
    unsigned entity; /* whose card is being read */
};

/* Stand-ins such as "DATA REDACTED" are no identity: two people may bear the same one. */
static bool is_identity(struct slice handle)
{
    return handle.n > 0 && !memchr(handle.p, ' ', handle.n) && !says(handle, "redacted");
}

/* The entity with that handle, or a new one. */
static int find_entity(struct rdap_network *net, const json_t *object, unsigned depth,
                       unsigned *ret)
{
    struct rdap_entity *grown, *entity;
    struct slice handle = {0};
    bool known = json_slice(json_object_get(object, "handle"), &handle) && handle.n > 0;

    for (unsigned i = 0; known && is_identity(handle) && i < net->n_entities; i++) {
        entity = &net->entities[i];
        if (entity->handle && slice_equal_str(handle, entity->handle)) {
            if (depth < entity->depth)
                entity->depth = depth;
            *ret = i;
            return 0;
        }
    }
    grown = reallocarray(net->entities, net->n_entities + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    net->entities = grown;
    entity = &grown[net->n_entities];
    *entity = (struct rdap_entity){.depth = depth};
    *ret = net->n_entities++;
    if (known) {
        entity->handle = slice_dup(handle);
        if (!entity->handle)
            return -ENOMEM;
    }
    return 0;
}

static int add_role(struct rdap_entity *entity, struct slice role)
{
    char lowered[ROLE_MAX + 1];

    if (role.n == 0 || role.n > ROLE_MAX || list_length(entity->roles) >= ROLES_MAX)
        return 0;
    for (size_t i = 0; i < role.n; i++)
        lowered[i] = role.p[i] >= 'A' && role.p[i] <= 'Z' ? (char)(role.p[i] - 'A' + 'a')
                                                          : role.p[i];
    lowered[role.n] = '\0';
    for (size_t i = 0; entity->roles && entity->roles[i]; i++)
        if (strcmp(entity->roles[i], lowered) == 0)
            return 0;
    return list_add(&entity->roles, (struct slice){lowered, role.n});
}

/* An array of strings, or one string, or nothing at all (AFRINIC). */
static int read_roles(struct rdap_entity *entity, const json_t *roles)
{
    struct slice role;
    int r = 0;

    if (json_slice(roles, &role))
        return add_role(entity, role);
    for (size_t i = 0; i < json_array_size(roles) && r == 0; i++)
        if (json_slice(json_array_get(roles, i), &role))
            r = add_role(entity, role);
    return r;
}

static bool status_has(const json_t *status, const char *want)
{
    struct slice s;

    if (json_slice(status, &s))
        return strcasecmp(s.p, want) == 0;
    for (size_t i = 0; i < json_array_size(status); i++)
        if (json_slice(json_array_get(status, i), &s) && strcasecmp(s.p, want) == 0)
            return true;
    return false;
}

static int take_mail(void *userdata, struct slice text, unsigned pref, bool type_abuse)
{
    struct walk *walk = userdata;
    struct rdap_network *net = walk->net;
    struct rdap_mail *grown;
    char *value;

    if (net->n_mails >= MAILS_MAX) {
        net->truncated = true;
        return 0;
    }
    grown = reallocarray(net->mails, net->n_mails + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    net->mails = grown;
    value = slice_dup(text);
    if (!value)
        return -ENOMEM;
    grown[net->n_mails++] = (struct rdap_mail){
        .value = value, .entity = walk->entity, .pref = pref, .type_abuse = type_abuse};
    return 0;
}

/* The first one of an entity stays. */
static int take_first(char **member, struct slice text)
{
    if (*member)
        return 0;
    *member = slice_dup(text);
    return *member ? 0 : -ENOMEM;
}

static int take_form(void *userdata, struct slice text)
{
    struct walk *walk = userdata;
    struct url url;
    _cleanup_(cleanup_free) char *copy = slice_dup(text);

    if (!copy)
        return -ENOMEM;
    if (!url_split(copy, &url) || !url.https)
        return 0;
    return take_first(&walk->net->entities[walk->entity].form, text);
}

static int take_name(void *userdata, struct slice text)
{
    struct walk *walk = userdata;

    return take_first(&walk->net->entities[walk->entity].name, text);
}

static int walk_entities(struct walk *walk, const json_t *parent, unsigned depth);

static int walk_entity(struct walk *walk, const json_t *object, unsigned depth)
{
    const struct jcard_sink sink = {
        .mail = take_mail, .form = take_form, .name = take_name, .userdata = walk};
    struct rdap_entity *entity;
    unsigned index;
    int r;

    if (!json_is_object(object))
        return 0;
    if (walk->visited >= RDAP_ENTITIES_MAX) {
        walk->net->truncated = true;
        return 0;
    }
    walk->visited++;
    r = find_entity(walk->net, object, depth, &index);
    if (r < 0)
        return r;
    entity = &walk->net->entities[index];
    if (status_has(json_object_get(object, "status"), "validated"))
        entity->validated = true;
    r = read_roles(entity, json_object_get(object, "roles"));
    if (r == 0)
        r = read_remarks(walk->net, json_object_get(object, "remarks"), &entity->remarks,
                         &entity->doubted);
    walk->entity = index;
    if (r == 0)
        r = jcard_read(json_object_get(object, "vcardArray"), &sink);
    if (r == 0)
        r = walk_entities(walk, object, depth + 1);
    return r;
}

static int walk_entities(struct walk *walk, const json_t *parent, unsigned depth)
{
    const json_t *entities = json_object_get(parent, "entities");
    int r = 0;

    if (depth >= RDAP_DEPTH_MAX && json_array_size(entities) > 0) {
        walk->net->truncated = true;
        return 0;
    }
    if (json_is_object(entities) && depth < RDAP_DEPTH_MAX)
        return walk_entity(walk, entities, depth);
    for (size_t i = 0; i < json_array_size(entities) && r == 0; i++)
        r = walk_entity(walk, json_array_get(entities, i), depth);
    return r;
}

/* ---- the network ---- */

/* An address as servers wrote it: with "/32" behind it (RIPE until 2020), with zeros
 * before its numbers (ARIN until 2016; octal to inet_aton(3), nothing to inet_pton(3)).
 */
static bool read_address(const json_t *value, struct addr *ret)
{
    char text[64];
    size_t n = 0;
    struct slice s;

    if (!json_slice(value, &s))
        return false;
    for (; s.n > 0 && s.p[0] == ' '; s.p++)
        s.n--;
    for (size_t i = 0; i < s.n && s.p[i] != '/' && s.p[i] != ' '; i++) {
        bool first = n == 0 || text[n - 1] == '.';
        bool more = i + 1 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '9';

        if (first && more && s.p[i] == '0' && !memchr(s.p, ':', s.n))
            continue;
        if (n == sizeof(text))
            return false;
        text[n++] = s.p[i];
    }
    return addr_parse(text, n, ret);
}

static void read_range(struct rdap_network *net, const json_t *root)
{
    struct addr start, end;

    if (!read_address(json_object_get(root, "startAddress"), &start) ||
        !read_address(json_object_get(root, "endAddress"), &end) ||
        start.family != end.family || addr_compare(&start, &end) > 0)
        return;
    net->start = start;
    net->end = end;
}

static bool range_known(const struct rdap_network *net)
{
    return net->start.family != 0;
}

static int read_network(const json_t *root, struct rdap_network *net)
{
    struct walk walk = {.net = net};
    int r;

    read_range(net, root);
    r = take_text(root, "handle", &net->handle);
    if (r == 0)
        r = take_text(root, "name", &net->name);
    if (r == 0)
        r = take_text(root, "type", &net->type);
    if (r == 0)
        r = take_text(root, "country", &net->country);
    if (r == 0)
        r = take_text(root, "parentHandle", &net->parent_handle);
    if (r == 0)
        r = read_remarks(net, json_object_get(root, "remarks"), &net->remarks, NULL);
    if (r == 0)
        r = read_remarks(net, json_object_get(root, "notices"), NULL, NULL);
    if (r == 0)
        r = walk_entities(&walk, root, 0);
    return r;
}

static bool is_network(const json_t *root)
{
    struct slice class;

    if (json_slice(json_object_get(root, "objectClassName"), &class))
        return strcasecmp(class.p, "ip network") == 0;
    /* RIPE did without until 2016. */
    return json_object_get(root, "startAddress") || json_object_get(root, "endAddress") ||
           json_object_get(root, "ipVersion");
}

/* LACNIC's way to say "slow down": status 200, and nothing but this notice. */
static bool is_rate_limit_notice(const json_t *root)
{
    const json_t *notices = json_object_get(root, "notices");
    struct slice title;

    for (size_t i = 0; i < json_array_size(notices); i++)
        if (json_slice(json_object_get(json_array_get(notices, i), "title"), &title) &&
            says(title, "rate limit"))
            return true;
    return false;
}

/* The errorCode member (RFC 9083 section 6), as a number or as digits; 0 without one. */
static json_int_t error_code(const json_t *root)
{
    const json_t *code = json_object_get(root, "errorCode");
    struct slice s;

    if (json_is_integer(code))
        return json_integer_value(code);
    if (json_slice(code, &s) && s.n == 3 && strspn(s.p, "0123456789") == 3)
        return (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
    return code ? -1 : 0;
}

/* Says what an answer is that is no network. The text goes to *ret_detail. */
static int judge_other(const json_t *root, char **ret_detail)
{
    json_int_t code = error_code(root);
    _cleanup_(cleanup_free) char *title = NULL;
    struct slice s = SLICE("");
    int n;

    if (code != 0) {
        if (!json_slice(json_object_get(root, "title"), &s))
            s = SLICE("no title");
        title = text_escape(s.p, s.n, DETAIL_MAX);
        if (!title)
            return -ENOMEM;
        n = asprintf(ret_detail, "the server answers with error %lld (%s)",
                     (long long)code, title);
    } else if (is_rate_limit_notice(root)) {
        n = asprintf(ret_detail, "the server limits the rate of questions");
    } else {
        n = asprintf(ret_detail, "the answer is JSON, but describes no IP network");
    }
    if (n < 0) {
        *ret_detail = NULL;
        return -ENOMEM;
    }
    if (code == 404)
        return RDAP_E_NO_DATA;
    if (code == 429 || (code == 0 && is_rate_limit_notice(root)))
        return RDAP_E_RATE_LIMIT;
    return RDAP_E_NOT_NETWORK;
}

/* A range is the queried address's or the answer is somebody else's. */
static int check_range(const struct rdap_network *net, const struct addr *query,
                       char **ret_detail)
{
    char start[ADDR_TEXT_MAX], end[ADDR_TEXT_MAX];

    if (!range_known(net) ||
        (net->start.family == query->family && addr_compare(&net->start, query) <= 0 &&
         addr_compare(query, &net->end) <= 0))
        return 0;
    if (asprintf(ret_detail, "the answer is about another network, %s - %s",
                 addr_format(&net->start, start), addr_format(&net->end, end)) < 0) {
        *ret_detail = NULL;
        return -ENOMEM;
    }
    return RDAP_E_OTHER_NETWORK;
}

static int not_json(const char *why, char **ret_detail)
{
    *ret_detail = strdup(why);
    return *ret_detail ? RDAP_E_NOT_JSON : -ENOMEM;
}

int rdap_parse(const char *body, size_t n, const struct addr *query,
               struct rdap_network **ret, char **ret_detail)
{
    _cleanup_(rdap_network_freep) struct rdap_network *net = NULL;
    _cleanup_(cleanup_free) char *detail = NULL;
    _cleanup_(decref) json_t *root = NULL;
    char why[128];
    int r;

    if (n > RDAP_BODY_MAX) {
        r = not_json("an answer of more than 1 MiB", &detail);
    } else if (!(root = rdap_load_json(body, n, why))) {
        r = not_json(why, &detail);
    } else if (!json_is_object(root) || error_code(root) != 0 || !is_network(root)) {
        r = judge_other(root, &detail);
    } else {
        net = calloc(1, sizeof(*net));
        r = net ? read_network(root, net) : -ENOMEM;
        if (r == 0)
            r = check_range(net, query, &detail);
    }
    if (r > 0 && ret_detail)
        *ret_detail = TAKE_PTR(detail);
    if (r == 0)
        *ret = TAKE_PTR(net);
    return r;
}

struct rdap_network *rdap_network_free(struct rdap_network *net)
{
    if (!net)
        return NULL;
    for (unsigned i = 0; i < net->n_entities; i++) {
        struct rdap_entity *entity = &net->entities[i];

        free(entity->handle);
        free(entity->name);
        free(entity->form);
        list_free(entity->roles);
        list_free(entity->remarks);
    }
    for (unsigned i = 0; i < net->n_mails; i++)
        free(net->mails[i].value);
    free(net->entities);
    free(net->mails);
    list_free(net->remarks);
    free(net->handle);
    free(net->name);
    free(net->type);
    free(net->country);
    free(net->parent_handle);
    free(net);
    return NULL;
}

char *rdap_range_text(const struct rdap_network *net, const struct addr *query)
{
    char start[ADDR_TEXT_MAX], end[ADDR_TEXT_MAX];
    char *text;

    if (!range_known(net))
        return strdup(addr_format(query, start));
    if (asprintf(&text, "%s - %s", addr_format(&net->start, start),
                 addr_format(&net->end, end)) < 0)
        return NULL;
    return text;
}
