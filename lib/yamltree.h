/* YAML for configuration files: one document as a tree in which every node knows its
 * place. Anchors, aliases, tags and duplicate keys are refused: a key that silently wins
 * over another, or text that grows by references, has no business in /etc. */
#ifndef YAMLTREE_H
#define YAMLTREE_H

#include <stdbool.h>
#include <stddef.h>

#define YAMLTREE_BYTES_MAX (1u << 20)
#define YAMLTREE_DEPTH_MAX 16
#define YAMLTREE_KEYS_MAX  256 /* in one mapping */

enum yamlnode_kind {
    YAMLNODE_SCALAR,
    YAMLNODE_LIST,
    YAMLNODE_MAP,
    YAMLNODE_BROKEN, /* its error has been told: to be passed over in silence */
};

struct yamlnode {
    enum yamlnode_kind kind;
    unsigned line, column; /* where it begins, in characters, both from 1 */

    char *text; /* SCALAR: n bytes and a NUL; there may be NULs inside */
    size_t n;
    bool plain; /* SCALAR: written without quotes, so it may be a number or null */

    struct yamlnode **keys;  /* MAP: scalars, distinct; parallel to items */
    struct yamlnode **items; /* LIST and MAP */
    size_t n_items, n_room;
};

/* Called with each error, in any order; message is printable ASCII. Returns 0, or a
 * negative errno that ends the reading. */
typedef int (*yamltree_error_fn)(void *userdata, unsigned line, unsigned column,
                                 const char *message);

enum {
    YAMLTREE_E_SYNTAX = 1, /* not YAML, too big or too deep; the last call told it */
};

/* Reads n bytes of UTF-8 as one document. 0 and the tree in *ret, even when errors of
 * content were told (the nodes they concern are left out or BROKEN; an anchored or tagged
 * node is there); a text without a document is a plain scalar of no bytes at 1:1. Else
 * YAMLTREE_E_SYNTAX, -ENOMEM, or what fn returned. */
int yamltree_parse(const char *text, size_t n, yamltree_error_fn fn, void *userdata,
                   struct yamlnode **ret);
struct yamlnode *yamlnode_free(struct yamlnode *node); /* takes NULL, returns NULL */

/* The value of a key, or NULL. */
const struct yamlnode *yamlnode_get(const struct yamlnode *map, const char *key);
/* A plain scalar that is empty, "~" or "null". */
bool yamlnode_is_null(const struct yamlnode *node);

#endif
