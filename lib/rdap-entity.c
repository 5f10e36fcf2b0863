/* Entities and remarks of an RDAP answer (RFC 9083 sections 4.3 and 5.1).
 *
 * Entities nest: the abuse contact stands beside the network (RIPE, APNIC, LACNIC), below
 * the registrant, or below a customer's provider (ARIN). The same handle comes several
 * times with different roles and, but for one place, without its card; what is said of it
 * in all places is united, and the place nearest to the network is its depth. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "rdap-internal.h"
#include "rdap.h"

/* Caps beside those of the header; what is beyond is dropped and marks the answer as
 * truncated. */
#define MAILS_MAX      1000
#define ROLES_MAX      32
#define ROLE_MAX       64
#define LINES_MAX      300
#define LINE_BYTES_MAX 4000
#define TITLE_MAX      100

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

char **rdap_lines_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
    return NULL;
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

int rdap_read_remarks(struct rdap_network *net, const json_t *remarks, char ***lines,
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
        r = rdap_read_remarks(walk->net, json_object_get(object, "remarks"),
                              &entity->remarks, &entity->doubted);
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

int rdap_read_entities(struct rdap_network *net, const json_t *root)
{
    struct walk walk = {.net = net};

    return walk_entities(&walk, root, 0);
}
