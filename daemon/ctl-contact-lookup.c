/* `abuse-reporterctl contact ADDRESS`: the daemon's own resolver, with the state in
 * memory, so that it can be tried beside a running daemon and leaves nothing behind. */
#include "ctl-contact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cleanup.h"
#include "config.h"
#include "host.h"
#include "loop.h"
#include "moment.h"
#include "resolver.h"
#include "settings.h"
#include "store.h"

#define DEADLINE (120 * USEC_PER_SEC)

struct asking {
    struct loop *loop;
    struct store *store;
    struct resolver *resolver;
    struct watch *deadline;
    struct lookup *lookup;
    const struct addr *addr;
    bool json;
    int code;
};

DEFINE_CLEANUP(struct config *, config_free)

static void give(struct asking *a, const struct contact_result *result)
{
    a->code = ctl_contact_print(a->addr, result, a->json);
    loop_stop(a->loop);
}

static void on_contact(void *userdata, const struct contact_result *result)
{
    struct asking *a = userdata;

    a->lookup = NULL;
    give(a, result);
}

static void on_deadline(void *userdata, unsigned what)
{
    struct asking *a = userdata;
    struct contact_result result = {0};

    a->lookup = lookup_cancel(a->lookup);
    if (contact_result_make(CONTACT_LOOKUP_FAILED, "no answer within two minutes", true,
                            &result) == 0)
        give(a, &result);
    else
        loop_stop(a->loop);
    contact_result_done(&result);
}

static int open_store(struct asking *a)
{
    uint8_t secret[16];
    int r;

    r = host_random(secret, sizeof(secret));
    if (r < 0)
        return r;
    r = store_open(NULL, secret, &a->store);
    if (r > 0) {
        fprintf(stderr, "abuse-reporterctl: %s\n", store_error_text(r));
        return -EIO;
    }
    return r;
}

static int open_resolver(struct asking *a, const struct config *c)
{
    struct resolver_params params = {
        .bootstrap_ipv4 = c->rdap.bootstrap_ipv4,
        .bootstrap_ipv6 = c->rdap.bootstrap_ipv6,
        .ca_file = c->rdap.ca_file,
        .proxy = c->rdap.proxy,
        .user_agent = "abuse-reporterctl/" PROGRAM_VERSION,
        .timeout = c->rdap.timeout,
        .reportable = &c->reportable,
        .once = true,
    };

    return resolver_new(a->loop, a->store, &params, &a->resolver);
}

static int ask(struct asking *a, const struct config *c)
{
    int r;

    if ((r = loop_new(&a->loop)) < 0 || (r = open_store(a)) < 0 ||
        (r = open_resolver(a, c)) < 0 ||
        (r = loop_timer(a->loop, on_deadline, a, &a->deadline)) < 0 ||
        (r = watch_arm(a->deadline, DEADLINE)) < 0 ||
        (r = resolver_lookup(a->resolver, a->addr, on_contact, a, &a->lookup)) < 0)
        return r;
    return loop_run(a->loop);
}

static void asking_done(struct asking *a)
{
    resolver_free(a->resolver);
    watch_free(a->deadline);
    store_free(a->store);
    loop_free(a->loop);
}

int ctl_contact_lookup(const struct addr *addr, const char *config_path, bool json)
{
    _cleanup_(config_freep) struct config *config = NULL;
    struct asking a = {.addr = addr, .json = json, .code = EX_OSERR};
    int r;

    if (config_path) {
        r = settings_load(config_path, settings_say_stderr, NULL, &config);
        if (r != 0)
            return r < 0 ? EX_OSERR : EX_CONFIG;
    } else {
        config = config_new_default();
        if (!config)
            return EX_OSERR;
    }
    r = ask(&a, config);
    if (r < 0)
        fprintf(stderr, "abuse-reporterctl: %s\n", strerror(-r));
    asking_done(&a);
    return r < 0 ? EX_OSERR : a.code;
}
