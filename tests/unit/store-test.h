/* What the tests of the store share: a directory of their own, and rows to put in. */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "store.h"

#define T0 (INT64_C(1795383373) * USEC_PER_SEC) /* 2026-11-22 21:36:13 UTC */

static const uint8_t test_secret[16] = "0123456789abcdef";

static char test_dir[64];
static char test_path[96];

__attribute__((unused)) static void test_dir_make(void)
{
    strcpy(test_dir, "/tmp/test-store.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test_dir));
    ck_assert_int_gt(snprintf(test_path, sizeof(test_path), "%s/state.db", test_dir), 0);
}

__attribute__((unused)) static void test_dir_remove(void)
{
    static const char *const suffixes[] = {"",         "-wal",  "-shm",
                                           "-journal", ".lock", ".old"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char name[128];

        ck_assert_int_gt(snprintf(name, sizeof(name), "%s%s", test_path, suffixes[i]), 0);
        unlink(name);
    }
    ck_assert_int_eq(rmdir(test_dir), 0);
}

__attribute__((unused)) static struct store *test_open(void)
{
    struct store *s = NULL;

    ck_assert_int_eq(store_open(test_path, test_secret, &s), 0);
    return s;
}

__attribute__((unused)) static struct store *test_open_memory(void)
{
    struct store *s = NULL;

    ck_assert_int_eq(store_open(NULL, test_secret, &s), 0);
    return s;
}

__attribute__((unused)) static struct net test_net(const char *text)
{
    struct net net;

    ck_assert(net_parse(text, strlen(text), &net));
    return net;
}

/* A stored incident of that source, in that state. Freed by the caller. */
__attribute__((unused)) static struct incident *
test_incident(struct store *s, const char *source, enum incident_state state, int64_t due)
{
    struct net net = test_net(source);
    struct incident *inc = incident_new(&net);

    ck_assert_ptr_nonnull(inc);
    strcpy(inc->service, "sshd");
    inc->first = inc->last = (struct stamp){.usec = T0, .digits = 6};
    inc->count = 20;
    inc->state = state;
    inc->due = due;
    ck_assert_int_eq(store_incident_put(s, inc), 0);
    return inc;
}

/* A message of that incident, not yet stored. */
__attribute__((unused)) static struct message *test_message(int64_t incident,
                                                            unsigned sequence)
{
    struct message *m = calloc(1, sizeof(*m));
    char id[64];

    ck_assert_ptr_nonnull(m);
    ck_assert_int_gt(
        snprintf(id, sizeof(id), "<%ld.%u@example.org>", (long)incident, sequence), 0);
    m->incident = incident;
    m->sequence = sequence;
    m->message_id = strdup(id);
    m->sender = strdup("abuse-reports@example.org");
    m->recipient = strdup("abuse@isp.example");
    m->bytes = strdup("Subject: x\r\n\r\nbody\r\n");
    m->n = strlen(m->bytes);
    m->created = T0;
    m->due = T0;
    m->started = MOMENT_NONE;
    return m;
}

#endif
