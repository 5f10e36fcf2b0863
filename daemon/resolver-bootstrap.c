/* The bootstrap table of one address family: a file that is read when the daemon starts,
 * or a URL that is fetched before the first look-up; either again once a day. A good
 * table is never given up for a bad one. Outside a lab the built-in table stands in for
 * one that cannot be had. In a lab nothing does: it must not ask the real registries. */
#include "resolver-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "cleanup.h"
#include "host.h"
#include "log.h"
#include "text.h"

#define REFRESH   (24 * 3600 * USEC_PER_SEC)
#define RETRY     (3600 * USEC_PER_SEC) /* while there is a table to go on with */
#define SHOWN_MAX 200

/* Said once, not with every look-up that it fails. */
static void say(struct bootstrap_table *t, char *error)
{
    bool known = error && t->error && strcmp(error, t->error) == 0;

    free(t->error);
    t->error = error;
    if (known)
        return;
    log_warning("contact: %s%s", error ? error : "no memory for the bootstrap file",
                !t->rows     ? ""
                : t->builtin ? "; the built-in table is used"
                             : "; the table that is there stays");
}

static void try_failed(struct bootstrap_table *t, const char *why)
{
    _cleanup_(cleanup_free) char *shown =
        text_escape(t->source, strlen(t->source), SHOWN_MAX);
    char *error;

    if (asprintf(&error, "the bootstrap file %s: %s", shown ? shown : "", why) < 0)
        error = NULL;
    if (!t->rows && !t->r->lab && bootstrap_new_builtin(&t->rows) == 0)
        t->builtin = true;
    t->next_try = t->rows ? now_monotonic() + RETRY : INT64_MIN;
    say(t, error);
}

static void try_bytes(struct bootstrap_table *t, const char *bytes, size_t n)
{
    struct bootstrap *rows;
    int k = bootstrap_new_json(bytes, n, t->r->lab, &rows);

    if (k != 0) {
        try_failed(t, k > 0 ? "not a bootstrap file" : "out of memory");
        return;
    }
    bootstrap_free(t->rows);
    t->rows = rows;
    t->builtin = false;
    free(TAKE_PTR(t->error));
    t->next_try = now_monotonic() + REFRESH;
}

/* A path */

static void try_path(struct bootstrap_table *t)
{
    _cleanup_(cleanup_free) char *bytes = NULL;
    size_t n = 0;
    int r = host_read_file(t->source, RDAP_BODY_MAX, &bytes, &n);

    if (r < 0)
        try_failed(t, strerror(-r));
    else
        try_bytes(t, bytes, n);
}

/* A URL */

static void fetched(void *userdata, const struct fetch_result *result);

static const char *fetch_next(struct bootstrap_table *t)
{
    int r = fetch_start(t->r->fetcher, chain_url(&t->chain), "application/json", fetched,
                        t, &t->fetch);

    return r < 0 ? strerror(-r) : NULL;
}

/* The waiting queries go on, each with what table_ask() says now. */
static void try_ended(struct bootstrap_table *t)
{
    struct queries waiting;
    struct query *q;

    chain_done(&t->chain);
    TAILQ_INIT(&waiting);
    TAILQ_CONCAT(&waiting, &t->waiting, turn);
    while ((q = TAILQ_FIRST(&waiting))) {
        TAILQ_REMOVE(&waiting, q, turn);
        q->table = NULL;
        if (t->rows)
            query_begin(q);
        else
            query_fail(q, NULL, true, 0, "%s", t->error ? t->error : "out of memory");
    }
}

static void fetched(void *userdata, const struct fetch_result *result)
{
    struct bootstrap_table *t = userdata;
    const char *problem = NULL;
    char status[40];

    t->fetch = NULL;
    if (result->outcome != FETCH_OK) {
        problem = result->error;
    } else if (rdap_judge_status(result->status, NULL) == RDAP_REDIRECT) {
        problem = chain_follow(&t->chain, t->r, result->location);
        if (!problem)
            problem = fetch_next(t);
        if (!problem)
            return;
    } else if (result->status != 200) {
        snprintf(status, sizeof(status), "the server answered %ld", result->status);
        problem = status;
    }
    if (problem)
        try_failed(t, problem);
    else
        try_bytes(t, result->body, result->n);
    try_ended(t);
}

static void try_url(struct bootstrap_table *t)
{
    const char *problem = chain_begin(&t->chain, t->r, t->source);

    if (!problem)
        problem = fetch_next(t);
    if (problem) {
        chain_done(&t->chain);
        try_failed(t, problem);
    }
}

/* Asking */

static void try_now(struct bootstrap_table *t)
{
    if (t->is_path)
        try_path(t);
    else
        try_url(t);
}

enum table_state table_ask(struct bootstrap_table *t, struct query *q)
{
    if (!t->source) {
        free(t->error);
        t->error = strdup("a lab must name its bootstrap file for this address family");
        return TABLE_FAILED;
    }
    if (!t->fetch && now_monotonic() >= t->next_try)
        try_now(t);
    if (t->rows)
        return TABLE_READY;
    if (!t->fetch)
        return TABLE_FAILED;
    q->table = t;
    TAILQ_INSERT_TAIL(&t->waiting, q, turn);
    return TABLE_WAIT;
}

void table_leave(struct query *q)
{
    if (!q->table)
        return;
    TAILQ_REMOVE(&q->table->waiting, q, turn);
    q->table = NULL;
}

int table_init(struct bootstrap_table *t, struct resolver *r, const char *configured,
               const char *iana)
{
    const char *source = configured ? configured : r->lab ? NULL : iana;

    t->r = r;
    t->next_try = INT64_MIN;
    TAILQ_INIT(&t->waiting);
    if (!source)
        return 0;
    t->source = strdup(source);
    if (!t->source)
        return -ENOMEM;
    t->is_path = source[0] == '/';
    if (t->is_path)
        try_path(t); /* now, while privileges and the operator's eye are there */
    return 0;
}

void table_done(struct bootstrap_table *t)
{
    t->fetch = fetch_cancel(t->fetch);
    chain_done(&t->chain);
    bootstrap_free(t->rows);
    free(t->source);
    free(t->error);
    *t = (struct bootstrap_table){.r = t->r};
    TAILQ_INIT(&t->waiting);
}
