#include "resolver-world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (20 * USEC_PER_SEC)

/* The registries */

const char *test_dir(void)
{
    const char *dir = getenv("RESOLVER_TEST_DIR");

    return dir ? dir : ".";
}

static char *file_text(const char *name)
{
    char path[400];
    FILE *f;
    char *text = NULL;
    size_t size = 0;

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    f = fopen(path, "re");
    ck_assert_msg(f != NULL, "%s is not there: use run-resolver", path);
    if (getdelim(&text, &size, '\0', f) < 0)
        text[0] = '\0';
    fclose(f);
    return text;
}

int port_of(const char *name)
{
    char file[100];
    _cleanup_(cleanup_free) char *text = NULL;

    snprintf(file, sizeof(file), "%s.port", name);
    text = file_text(file);
    return (int)strtol(text, NULL, 10);
}

/* How many requests a registry has seen whose line in the log has this in it. */
unsigned requests(const char *name, const char *part)
{
    char file[100];
    _cleanup_(cleanup_free) char *text = NULL;
    unsigned n = 0;

    snprintf(file, sizeof(file), "%s.log", name);
    text = file_text(file);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        if (strstr(line, part))
            n++;
    }
    return n;
}

/* The world */

static void on_impatience(void *userdata, unsigned what)
{
    ck_abort_msg("no answer in time");
}

void add_network(struct netlist *list, const char *text)
{
    struct net net;

    ck_assert(net_parse(text, strlen(text), &net));
    ck_assert_int_eq(netlist_add(list, &net), 0);
}

void world_prepare(struct world *w)
{
    static const uint8_t secret[16];

    *w = (struct world){0};
    ck_assert_int_eq(loop_new(&w->loop), 0);
    ck_assert_int_eq(store_open(NULL, secret, &w->store), 0);
    ck_assert_int_eq(loop_timer(w->loop, on_impatience, NULL, &w->patience), 0);
    add_network(&w->reportable, "198.18.0.0/15");
    add_network(&w->reportable, "2001:db8::/32");
    snprintf(w->bootstrap_ipv4, sizeof(w->bootstrap_ipv4),
             "http://127.0.0.1:%d/ipv4.json", port_of("plain"));
    snprintf(w->bootstrap_ipv6, sizeof(w->bootstrap_ipv6),
             "http://127.0.0.1:%d/ipv6.json", port_of("plain"));
    snprintf(w->ca_file, sizeof(w->ca_file), "%s/ca.pem", test_dir());
    w->params = (struct resolver_params){
        .bootstrap_ipv4 = w->bootstrap_ipv4,
        .bootstrap_ipv6 = w->bootstrap_ipv6,
        .ca_file = w->ca_file,
        .user_agent = "abuse-reporterd/test",
        .timeout = 10 * USEC_PER_SEC,
        .reportable = &w->reportable,
    };
}

void world_start(struct world *w)
{
    ck_assert_int_eq(resolver_new(w->loop, w->store, &w->params, &w->resolver), 0);
}

void world_new(struct world *w)
{
    world_prepare(w);
    world_start(w);
}

void world_restart(struct world *w)
{
    w->resolver = resolver_free(w->resolver);
    world_start(w);
}

void world_done(struct world *w)
{
    resolver_free(w->resolver);
    for (size_t i = 0; i < w->n_asked; i++)
        contact_result_done(&w->asked[i].result);
    watch_free(w->patience);
    store_free(w->store);
    netlist_done(&w->reportable);
    loop_free(w->loop);
}

static void on_contact(void *userdata, const struct contact_result *result)
{
    struct asked *a = userdata;
    struct world *w = a->w;

    ck_assert(!a->done);
    a->done = true;
    a->lookup = NULL;
    ck_assert_int_eq(contact_result_copy(result, &a->result), 0);
    w->n_waiting--;
    if ((a->then && a->then(a) != 0) || w->n_waiting == 0)
        loop_stop(w->loop);
}

struct addr address(const char *text)
{
    struct addr addr;

    ck_assert(addr_parse(text, strlen(text), &addr));
    return addr;
}

struct asked *begin(struct world *w, const char *text)
{
    struct asked *a = &w->asked[w->n_asked++];
    struct addr addr = address(text);

    ck_assert_uint_le(w->n_asked, ASKED_MAX);
    a->w = w;
    ck_assert_int_eq(resolver_lookup(w->resolver, &addr, on_contact, a, &a->lookup), 0);
    ck_assert(!a->done); /* never called back at once */
    w->n_waiting++;
    return a;
}

void run(struct world *w)
{
    watch_arm(w->patience, PATIENCE);
    ck_assert_int_eq(loop_run(w->loop), 0);
    watch_disarm(w->patience);
}

static void on_over(void *userdata, unsigned what)
{
    loop_stop(userdata);
}

void run_for(struct world *w, int64_t usec)
{
    struct watch *over;

    ck_assert_int_eq(loop_timer(w->loop, on_over, w->loop, &over), 0);
    watch_arm(over, usec);
    ck_assert_int_eq(loop_run(w->loop), 0);
    watch_free(over);
}

const struct contact_result *ask(struct world *w, const char *text)
{
    struct asked *a = begin(w, text);

    run(w);
    ck_assert(a->done);
    return &a->result;
}

void expect_found(const struct contact_result *r, const char *contact)
{
    ck_assert_msg(r->outcome == CONTACT_FOUND, "%s: %s", contact_outcome_name(r->outcome),
                  r->detail ? r->detail : "");
    ck_assert_str_eq(r->contact, contact);
}

void expect_failed(const struct contact_result *r, bool temporary, const char *detail)
{
    ck_assert_int_eq(r->outcome, CONTACT_LOOKUP_FAILED);
    ck_assert_ptr_nonnull(r->detail);
    ck_assert_msg(strstr(r->detail, detail) != NULL, "%s", r->detail);
    ck_assert_int_eq(r->temporary, temporary);
}

void expect_seconds(int64_t usec, int64_t low, int64_t high)
{
    ck_assert_int_ge(usec, low * USEC_PER_SEC);
    ck_assert_int_le(usec, high * USEC_PER_SEC);
}
