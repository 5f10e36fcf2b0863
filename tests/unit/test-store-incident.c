/* Incidents and the ledger of reports. */
#include "store-test.h"

#include <errno.h>
#include <stdio.h>

static void set(char **field, const char *value)
{
    free(*field);
    *field = strdup(value);
}

static struct incident *get(struct store *s, int64_t id)
{
    struct incident *inc = NULL;

    ck_assert_int_eq(store_incident_get(s, id, &inc), 0);
    return inc;
}

static void add(struct incident *inc, int64_t usec, const char *user, const char *line)
{
    struct attempt a = {
        .time = {.usec = usec, .digits = 6},
        .source = inc->source.addr,
        .port = 40000,
        .user = {.p = user, .n = strlen(user)},
        .service = "sshd",
        .outcome = ATTEMPT_FAILURE,
        .count = 1,
        .line = {.p = line, .n = strlen(line)},
    };

    ck_assert_int_eq(incident_add(inc, &a, CLOCK_SYNCED, 250), 0);
}

START_TEST(an_incident_comes_back_whole)
{
    struct store *s = test_open();
    struct net net = test_net("203.0.113.5");
    struct incident *inc = incident_new(&net), *back;
    char line[64];

    for (int i = 0; i < 12; i++) {
        ck_assert_int_gt(snprintf(line, sizeof(line), "line \xff \"%d\"", i), 0);
        add(inc, T0 + i * USEC_PER_SEC, i % 2 ? "root" : "\xc3\x28\x1b", line);
    }
    set(&inc->detail, "words");
    inc->due = T0 + 5;
    inc->opened = T0;
    ck_assert_int_eq(store_incident_put(s, inc), 0);
    ck_assert_int_gt(inc->id, 0);
    store_free(s);
    s = test_open();
    back = get(s, inc->id);
    ck_assert(net_equal(&back->source, &net));
    ck_assert_str_eq(back->service, "sshd");
    ck_assert_int_eq(back->first.usec, T0);
    ck_assert_int_eq(back->last.usec, T0 + 11 * USEC_PER_SEC);
    ck_assert_int_eq(back->last.digits, 6);
    ck_assert_uint_eq(back->count, 12);
    ck_assert_uint_eq(back->lines, 12);
    ck_assert_uint_eq(back->n_head, INCIDENT_HEAD);
    ck_assert_str_eq(back->head[0].line, "line \xff \"0\"");
    ck_assert_str_eq(incident_tail(back, back->n_tail - 1)->line, "line \xff \"11\"");
    ck_assert_uint_eq(back->n_users, 2);
    ck_assert_str_eq(back->users[0], "\xc3\x28\x1b");
    ck_assert_uint_eq(back->n_ports, 1);
    ck_assert_uint_eq(back->clock_attempts[CLOCK_SYNCED], 12);
    ck_assert_int_eq(back->success, MOMENT_NONE);
    ck_assert_int_eq(back->closed, MOMENT_NONE);
    ck_assert_int_eq(back->due, T0 + 5);
    ck_assert_str_eq(back->detail, "words");
    ck_assert_ptr_null(back->contact);
    ck_assert_int_eq(store_incident_get(s, inc->id + 1, &back), STORE_E_MISSING);
    incident_free(back);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(numbers_and_fate_are_written_apart)
{
    struct store *s = test_open_memory();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_OPEN, MOMENT_NONE);
    struct incident *fate = get(s, inc->id), *back;

    fate->state = INCIDENT_LOOKUP;
    strcpy(fate->reason, "settling");
    set(&fate->detail, "until then");
    set(&fate->contact, "abuse@isp.example");
    set(&fate->contact_source, "rdap-abuse");
    set(&fate->network, "203.0.113.0 - 203.0.113.255");
    fate->due = T0 + 1;
    fate->attempts = 3;
    fate->opened = T0;
    fate->closed = T0 + 2;
    fate->approved = true;
    fate->count = 99;
    ck_assert_int_eq(store_incident_put_fate(s, fate), 0);
    inc->count = 30;
    add(inc, T0 + 60 * USEC_PER_SEC, "root", "last");
    ck_assert_int_eq(store_incident_put(s, inc), 0);
    back = get(s, inc->id);
    ck_assert_uint_eq(back->count, 31);
    ck_assert_uint_eq(back->n_head, 1);
    ck_assert_int_eq(back->state, INCIDENT_LOOKUP);
    ck_assert_str_eq(back->reason, "settling");
    ck_assert_str_eq(back->detail, "until then");
    ck_assert_str_eq(back->contact, "abuse@isp.example");
    ck_assert_str_eq(back->contact_source, "rdap-abuse");
    ck_assert_str_eq(back->network, "203.0.113.0 - 203.0.113.255");
    ck_assert_int_eq(back->due, T0 + 1);
    ck_assert_uint_eq(back->attempts, 3);
    ck_assert_int_eq(back->opened, T0);
    ck_assert_int_eq(back->closed, T0 + 2);
    ck_assert(back->approved);
    fate->id = 4711;
    ck_assert_int_eq(store_incident_put_fate(s, fate), STORE_E_MISSING);
    incident_free(back);
    incident_free(fate);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(a_success_once_seen_is_never_forgotten)
{
    struct store *s = test_open_memory();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_OPEN, MOMENT_NONE);
    struct incident *back;

    inc->success = T0 + 7;
    ck_assert_int_eq(store_incident_put(s, inc), 0);
    inc->success = MOMENT_NONE;
    ck_assert_int_eq(store_incident_put(s, inc), 0);
    ck_assert_int_eq(store_incident_put_fate(s, inc), 0);
    back = get(s, inc->id);
    ck_assert_int_eq(back->success, T0 + 7);
    incident_free(back);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(a_put_can_be_repeated_after_a_rollback)
{
    struct store *s = test_open_memory();
    struct incident *a, *b, *back;

    ck_assert_int_eq(store_begin(s), 0);
    a = test_incident(s, "203.0.113.5", INCIDENT_OPEN, MOMENT_NONE);
    store_rollback(s);
    b = test_incident(s, "203.0.113.6", INCIDENT_OPEN, MOMENT_NONE);
    ck_assert_int_ne(a->id, b->id);
    ck_assert_int_eq(store_incident_get(s, a->id, &back), STORE_E_MISSING);
    ck_assert_int_eq(store_incident_put(s, a), 0);
    back = get(s, a->id);
    ck_assert(net_equal(&back->source, &a->source));
    incident_free(back);
    back = get(s, b->id);
    ck_assert(net_equal(&back->source, &b->source));
    incident_free(back);
    incident_free(a);
    incident_free(b);
    store_free(s);
}
END_TEST

START_TEST(ids_go_on_after_a_restart)
{
    struct store *s = test_open();
    struct incident *a = test_incident(s, "203.0.113.5", INCIDENT_OPEN, MOMENT_NONE), *b;

    store_free(s);
    s = test_open();
    b = test_incident(s, "203.0.113.6", INCIDENT_OPEN, MOMENT_NONE);
    ck_assert_int_eq(b->id, a->id + 1);
    incident_free(a);
    incident_free(b);
    store_free(s);
}
END_TEST

START_TEST(a_failed_put_gives_no_id)
{
    struct store *s = test_open_memory();
    struct net net = test_net("203.0.113.5");
    struct incident *inc = incident_new(&net);
    struct message m = {.id = 1};

    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_message_put(s, &m), STORE_E_MISSING);
    ck_assert_int_eq(store_incident_put(s, inc), STORE_E_MISSING);
    ck_assert_int_eq(inc->id, 0);
    store_rollback(s);
    incident_free(inc);
    store_free(s);
}
END_TEST

struct seen {
    char text[256];
    unsigned n;
    int stop;
};

static int see(void *userdata, const struct incident *inc)
{
    struct seen *seen = userdata;
    char net[NET_TEXT_MAX];
    size_t at = strlen(seen->text);

    seen->n++;
    ck_assert_uint_eq(inc->n_head, 0);
    ck_assert_int_gt(snprintf(seen->text + at, sizeof(seen->text) - at, "%s ",
                              net_format(&inc->source, net)),
                     0);
    return seen->stop;
}

static void expect_each(struct store *s, struct store_incident_filter filter,
                        const char *want)
{
    struct seen seen = {0};

    ck_assert_int_eq(store_incident_each(s, &filter, see, &seen), 0);
    ck_assert_str_eq(seen.text, want);
}

START_TEST(incidents_are_listed_newest_first_and_filtered)
{
    struct store *s = test_open_memory();
    struct addr v6;
    uint64_t counts[INCIDENT_STATES];
    struct seen seen = {.stop = -EINTR};
    static const struct {
        const char *source;
        enum incident_state state;
    } rows[] = {
        {"203.0.113.1", INCIDENT_SENT},
        {"2001:db8:0:1::/64", INCIDENT_HELD},
        {"203.0.113.3", INCIDENT_SENT},
        {"203.0.113.4", INCIDENT_OPEN},
    };

    for (size_t i = 0; i < 4; i++) {
        struct incident *inc =
            test_incident(s, rows[i].source, rows[i].state, MOMENT_NONE);

        add(inc, T0, "root", "line");
        ck_assert_int_eq(store_incident_put(s, inc), 0);
        incident_free(inc);
    }
    ck_assert(addr_parse("2001:db8:0:1::abcd", 18, &v6));
    expect_each(s, (struct store_incident_filter){.state = -1},
                "203.0.113.4 203.0.113.3 2001:db8:0:1::/64 203.0.113.1 ");
    expect_each(s, (struct store_incident_filter){.state = INCIDENT_SENT},
                "203.0.113.3 203.0.113.1 ");
    expect_each(s, (struct store_incident_filter){.state = -1, .limit = 2},
                "203.0.113.4 203.0.113.3 ");
    expect_each(s, (struct store_incident_filter){.state = -1, .before_id = 3},
                "2001:db8:0:1::/64 203.0.113.1 ");
    expect_each(s, (struct store_incident_filter){.state = -1, .source = &v6, .limit = 1},
                "2001:db8:0:1::/64 ");
    expect_each(s, (struct store_incident_filter){.state = INCIDENT_SENT, .source = &v6},
                "");
    ck_assert_int_eq(
        store_incident_each(s, &(struct store_incident_filter){.state = -1}, see, &seen),
        -EINTR);
    ck_assert_uint_eq(seen.n, 1);
    ck_assert_int_eq(store_incident_counts(s, counts), 0);
    ck_assert_uint_eq(counts[INCIDENT_SENT], 2);
    ck_assert_uint_eq(counts[INCIDENT_HELD], 1);
    ck_assert_uint_eq(counts[INCIDENT_OPEN], 1);
    ck_assert_uint_eq(counts[INCIDENT_DROPPED], 0);
    store_free(s);
}
END_TEST

START_TEST(what_is_due_is_found_in_order)
{
    struct store *s = test_open_memory();
    struct incident *later = test_incident(s, "203.0.113.1", INCIDENT_LOOKUP, T0 + 20);
    struct incident *first = test_incident(s, "203.0.113.2", INCIDENT_WAITING, T0 + 10);
    struct incident *held = test_incident(s, "203.0.113.3", INCIDENT_HELD, T0);
    struct incident *never =
        test_incident(s, "203.0.113.4", INCIDENT_LOOKUP, MOMENT_NONE);
    int64_t id = -1, due = -1, skip[] = {first->id};

    ck_assert_int_eq(store_incident_due(s, T0 + 9, NULL, 0, &id), STORE_E_MISSING);
    ck_assert_int_eq(id, -1);
    ck_assert_int_eq(store_incident_due(s, T0 + 10, NULL, 0, &id), 0);
    ck_assert_int_eq(id, first->id);
    ck_assert_int_eq(store_incident_due(s, T0 + 19, skip, 1, &id), STORE_E_MISSING);
    ck_assert_int_eq(store_incident_due(s, INT64_MAX, skip, 1, &id), 0);
    ck_assert_int_eq(id, later->id);
    ck_assert_int_eq(store_next_due(s, &due), 0);
    ck_assert_int_eq(due, T0 + 10);
    first->state = INCIDENT_SENT;
    later->due = MOMENT_NONE;
    ck_assert_int_eq(store_incident_put_fate(s, first), 0);
    ck_assert_int_eq(store_incident_put_fate(s, later), 0);
    ck_assert_int_eq(store_incident_due(s, INT64_MAX, NULL, 0, &id), STORE_E_MISSING);
    ck_assert_int_eq(store_next_due(s, &due), STORE_E_MISSING);
    incident_free(later);
    incident_free(first);
    incident_free(held);
    incident_free(never);
    store_free(s);
}
END_TEST

START_TEST(the_ledger_tells_the_last_report_of_a_source)
{
    struct store *s = test_open_memory();
    struct net a = test_net("203.0.113.5"), b = test_net("203.0.113.6");
    int64_t time = -1;

    ck_assert_int_eq(store_report_last(s, &a, true, &time), STORE_E_MISSING);
    ck_assert_int_eq(store_report_add(s, 1, &a, "abuse@isp.example", T0, false), 0);
    ck_assert_int_eq(store_report_add(s, 2, &a, "abuse@isp.example", T0 + 5, true), 0);
    ck_assert_int_eq(store_report_last(s, &a, false, &time), 0);
    ck_assert_int_eq(time, T0);
    ck_assert_int_eq(store_report_last(s, &a, true, &time), 0);
    ck_assert_int_eq(time, T0 + 5);
    ck_assert_int_eq(store_report_last(s, &b, true, &time), STORE_E_MISSING);
    store_free(s);
}
END_TEST

START_TEST(the_ledger_counts_within_a_window)
{
    struct store *s = test_open_memory();
    struct net a = test_net("203.0.113.5");
    int64_t oldest = -1;
    unsigned n = 99;

    ck_assert_int_eq(store_report_count(s, NULL, T0 - 1, true, &n, &oldest), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(oldest, MOMENT_NONE);
    ck_assert_int_eq(store_report_add(s, 1, &a, "Abuse@isp.example", T0, false), 0);
    ck_assert_int_eq(store_report_add(s, 2, &a, "abuse@ISP.example", T0 + 5, false), 0);
    ck_assert_int_eq(store_report_add(s, 3, &a, "abuse@isp.example", T0 + 6, true), 0);
    ck_assert_int_eq(store_report_add(s, 4, &a, "noc@isp.example", T0 + 7, false), 0);
    ck_assert_int_eq(
        store_report_count(s, "abuse@isp.example", T0 - 1, false, &n, &oldest), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(oldest, T0);
    ck_assert_int_eq(store_report_count(s, "abuse@isp.example", T0, true, &n, &oldest),
                     0);
    ck_assert_uint_eq(n, 2); /* one that is as old as the window is out of it */
    ck_assert_int_eq(oldest, T0 + 5);
    ck_assert_int_eq(store_report_count(s, NULL, T0 - 1, false, &n, &oldest), 0);
    ck_assert_uint_eq(n, 3);
    store_free(s);
}
END_TEST

START_TEST(answers_of_registries_expire)
{
    struct store *s = test_open_memory();
    struct net block = test_net("203.0.113.0/24"), other = test_net("198.51.100.0/24");
    char *json = NULL;

    ck_assert_int_eq(store_answer_put(s, &block, "{\"a\":1}", T0), 0);
    ck_assert_int_eq(store_answer_put(s, &block, "{\"a\":2}", T0 + 10), 0);
    ck_assert_int_eq(store_answer_get(s, &block, T0 + 10, &json), STORE_E_MISSING);
    ck_assert_int_eq(store_answer_get(s, &other, T0, &json), STORE_E_MISSING);
    ck_assert_ptr_null(json);
    ck_assert_int_eq(store_answer_get(s, &block, T0 + 9, &json), 0);
    ck_assert_str_eq(json, "{\"a\":2}");
    free(json);
    store_free(s);
}
END_TEST

START_TEST(answers_and_pauses_have_a_bound)
{
    struct store *s = test_open_memory();
    struct net net = test_net("198.51.0.0"), first = net;
    char host[64], *json = NULL;
    int64_t until;

    ck_assert_int_eq(store_begin(s), 0);
    for (int i = 0; i < 20002; i++) {
        net.addr.bytes[2] = (uint8_t)(i >> 8);
        net.addr.bytes[3] = (uint8_t)i;
        ck_assert_int_eq(store_answer_put(s, &net, "{}", T0 + i), 0);
    }
    for (int i = 0; i < 1002; i++) {
        ck_assert_int_gt(snprintf(host, sizeof(host), "h%d.example", i), 0);
        ck_assert_int_eq(store_pause_put(s, host, T0 + i), 0);
    }
    ck_assert_int_eq(store_commit(s), 0);
    ck_assert_int_eq(store_answer_get(s, &first, 0, &json), STORE_E_MISSING);
    first.addr.bytes[3] = 1;
    ck_assert_int_eq(store_answer_get(s, &first, 0, &json), STORE_E_MISSING);
    first.addr.bytes[3] = 2;
    ck_assert_int_eq(store_answer_get(s, &first, 0, &json), 0);
    free(json);
    ck_assert_int_eq(store_pause_get(s, "h1.example", &until), STORE_E_MISSING);
    ck_assert_int_eq(store_pause_get(s, "h2.example", &until), 0);
    ck_assert_int_eq(until, T0 + 2);
    ck_assert_int_eq(store_pause_put(s, "h2.example", T0 + 9), 0);
    ck_assert_int_eq(store_pause_get(s, "h2.example", &until), 0);
    ck_assert_int_eq(until, T0 + 9);
    store_free(s);
}
END_TEST

START_TEST(a_large_burst_is_found_by_its_source)
{
    struct store *s = test_open_memory();
    struct incident *a = test_incident(s, "203.0.113.5", INCIDENT_SENT, MOMENT_NONE);
    struct incident *b = test_incident(s, "203.0.113.5", INCIDENT_SENT, MOMENT_NONE);
    struct incident *c = test_incident(s, "203.0.113.6", INCIDENT_SENT, MOMENT_NONE);
    int64_t id = 0;

    a->count = 300;
    b->count = 200;
    c->count = 900;
    a->first.usec = b->first.usec = c->first.usec = 1000;
    a->last.usec = b->last.usec = c->last.usec = 2000;
    ck_assert_int_eq(store_incident_put(s, a), 0);
    ck_assert_int_eq(store_incident_put(s, b), 0);
    ck_assert_int_eq(store_incident_put(s, c), 0);
    ck_assert_int_eq(store_incident_large(s, &a->source, 200, 1000, 2000, &id), 0);
    ck_assert_int_eq(id, b->id); /* the newest */
    ck_assert_int_eq(store_incident_large(s, &a->source, 201, 1000, 2000, &id), 0);
    ck_assert_int_eq(id, a->id);
    ck_assert_int_eq(store_incident_large(s, &a->source, 301, 1000, 2000, &id),
                     STORE_E_MISSING);
    ck_assert_int_eq(store_incident_large(s, &a->source, 200, 999, 2000, &id),
                     STORE_E_MISSING);
    ck_assert_int_eq(store_incident_large(s, &a->source, 200, 1000, 2001, &id),
                     STORE_E_MISSING);
    incident_free(a);
    incident_free(b);
    incident_free(c);
    store_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store-incident");
    TCase *tc = tcase_create("store-incident");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, test_dir_make, test_dir_remove);
    tcase_add_test(tc, a_large_burst_is_found_by_its_source);
    tcase_add_test(tc, an_incident_comes_back_whole);
    tcase_add_test(tc, numbers_and_fate_are_written_apart);
    tcase_add_test(tc, a_success_once_seen_is_never_forgotten);
    tcase_add_test(tc, a_put_can_be_repeated_after_a_rollback);
    tcase_add_test(tc, ids_go_on_after_a_restart);
    tcase_add_test(tc, a_failed_put_gives_no_id);
    tcase_add_test(tc, incidents_are_listed_newest_first_and_filtered);
    tcase_add_test(tc, what_is_due_is_found_in_order);
    tcase_add_test(tc, the_ledger_tells_the_last_report_of_a_source);
    tcase_add_test(tc, the_ledger_counts_within_a_window);
    tcase_add_test(tc, answers_of_registries_expire);
    tcase_add_test(tc, answers_and_pauses_have_a_bound);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
