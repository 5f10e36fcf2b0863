/* Messages in the store. */
#include "store-test.h"

#include <errno.h>
#include <stdio.h>

static struct message *get(struct store *s, int64_t id)
{
    struct message *m = NULL;

    ck_assert_int_eq(store_message_get(s, id, &m), 0);
    return m;
}

/* A stored message with that due, of an incident of its own. */
static int64_t put_in(struct store *s, enum message_state state, int64_t due)
{
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    struct message *m = test_message(inc->id, 1);
    int64_t id;

    m->state = state;
    m->due = due;
    ck_assert_int_eq(store_message_add(s, m), 0);
    id = m->id;
    message_free(m);
    incident_free(inc);
    return id;
}

START_TEST(a_message_comes_back_byte_for_byte)
{
    static const char bytes[] = "Subject: x\r\n\r\n.dot\r\n\0\xff\r\n";
    struct store *s = test_open();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    struct message *m = test_message(inc->id, 1), *back;

    free(m->bytes);
    m->n = sizeof(bytes) - 1;
    m->bytes = malloc(m->n);
    memcpy(m->bytes, bytes, m->n);
    ck_assert_int_eq(store_message_add(s, m), 0);
    store_free(s);
    s = test_open();
    back = get(s, m->id);
    ck_assert_int_eq(back->incident, inc->id);
    ck_assert_uint_eq(back->sequence, 1);
    ck_assert_int_eq(back->state, MESSAGE_QUEUED);
    ck_assert_str_eq(back->message_id, m->message_id);
    ck_assert_str_eq(back->sender, m->sender);
    ck_assert_str_eq(back->recipient, m->recipient);
    ck_assert_uint_eq(back->n, sizeof(bytes) - 1);
    ck_assert_mem_eq(back->bytes, bytes, sizeof(bytes)); /* ends with a NUL */
    ck_assert_int_eq(back->created, T0);
    ck_assert_int_eq(back->due, T0);
    ck_assert_int_eq(back->started, MOMENT_NONE);
    ck_assert_ptr_null(back->queue_id);
    ck_assert_ptr_null(back->error);
    message_free(back);
    message_free(m);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(only_the_fate_of_a_message_changes)
{
    struct store *s = test_open();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    struct message *m = test_message(inc->id, 1), *back;

    ck_assert_int_eq(store_message_add(s, m), 0);
    m->state = MESSAGE_SENDING;
    m->attempts = 2;
    m->due = MOMENT_NONE;
    m->started = T0 + 3;
    m->queue_id = strdup("4ZbQ1x2");
    m->error = strdup("451 later");
    m->recipient[0] = 'X';
    m->bytes[0] = 'X';
    ck_assert_int_eq(store_message_put(s, m), 0);
    back = get(s, m->id);
    ck_assert_int_eq(back->state, MESSAGE_SENDING);
    ck_assert_uint_eq(back->attempts, 2);
    ck_assert_int_eq(back->due, MOMENT_NONE);
    ck_assert_int_eq(back->started, T0 + 3);
    ck_assert_str_eq(back->queue_id, "4ZbQ1x2");
    ck_assert_str_eq(back->error, "451 later");
    ck_assert_str_eq(back->recipient, "abuse@isp.example");
    ck_assert_int_eq(back->bytes[0], 'S');
    message_free(back);
    message_free(m);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(the_notice_of_a_login_is_no_report)
{
    struct store *s = test_open_memory();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_HELD, MOMENT_NONE);
    struct message *alert = test_message(inc->id, MESSAGE_ALERT), *found = NULL;
    struct message *report = test_message(inc->id, 1);

    ck_assert_int_eq(store_message_alert(s, inc->id, &found), STORE_E_MISSING);
    ck_assert_int_eq(store_message_add(s, alert), 0);
    ck_assert_int_eq(store_message_of(s, inc->id, &found), STORE_E_MISSING);
    ck_assert_int_eq(store_message_add(s, report), 0);
    ck_assert_int_eq(store_message_of(s, inc->id, &found), 0);
    ck_assert_int_eq(found->id, report->id);
    message_free(found);
    ck_assert_int_eq(store_message_alert(s, inc->id, &found), 0);
    ck_assert_int_eq(found->id, alert->id);
    message_free(found);
    message_free(alert);
    message_free(report);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(one_incident_has_each_message_once)
{
    struct store *s = test_open_memory();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    struct message *a = test_message(inc->id, 1), *b = test_message(inc->id, 1);
    struct message *c = test_message(inc->id, 2), *lost = test_message(4711, 1),
                   *of = NULL;

    ck_assert_int_eq(store_message_of(s, inc->id, &of), STORE_E_MISSING);
    ck_assert_int_eq(store_message_add(s, a), 0);
    b->message_id[1] = 'x';
    ck_assert_int_eq(store_message_add(s, b), -EEXIST);
    ck_assert_int_eq(b->id, 0);
    ck_assert_int_eq(store_message_add(s, c), 0);
    ck_assert_int_eq(store_message_of(s, inc->id, &of), 0);
    ck_assert_int_eq(of->id, c->id);
    ck_assert_int_eq(store_message_add(s, lost), -EINVAL); /* no such incident */
    message_free(of);
    message_free(a);
    message_free(b);
    message_free(c);
    message_free(lost);
    incident_free(inc);
    store_free(s);
}
END_TEST

START_TEST(the_queue_is_worked_in_order_of_due)
{
    struct store *s = test_open_memory();
    int64_t due = 0, later = put_in(s, MESSAGE_QUEUED, T0 + 20);
    int64_t first = put_in(s, MESSAGE_QUEUED, T0 + 10);
    struct message *m = NULL;

    put_in(s, MESSAGE_HELD, T0);
    put_in(s, MESSAGE_SENT, T0);
    ck_assert_int_eq(store_message_due(s, T0 + 9, &m), STORE_E_MISSING);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(store_message_next_due(s, &due), 0);
    ck_assert_int_eq(due, T0 + 10);
    ck_assert_int_eq(store_message_due(s, T0 + 30, &m), 0);
    ck_assert_int_eq(m->id, first);
    m->state = MESSAGE_SENT;
    ck_assert_int_eq(store_message_put(s, m), 0);
    m = message_free(m);
    ck_assert_int_eq(store_message_due(s, T0 + 30, &m), 0);
    ck_assert_int_eq(m->id, later);
    m->state = MESSAGE_DEAD;
    ck_assert_int_eq(store_message_put(s, m), 0);
    ck_assert_int_eq(store_message_next_due(s, &due), STORE_E_MISSING);
    message_free(m);
    store_free(s);
}
END_TEST

START_TEST(messages_in_doubt_are_found_after_a_restart)
{
    struct store *s = test_open();
    int64_t a = put_in(s, MESSAGE_SENDING, T0), b;
    struct message *m = NULL;

    put_in(s, MESSAGE_QUEUED, T0);
    b = put_in(s, MESSAGE_SENDING, T0);
    store_free(s);
    s = test_open();
    ck_assert_int_eq(store_message_in_state(s, MESSAGE_SENDING, 0, &m), 0);
    ck_assert_int_eq(m->id, a);
    m = message_free(m);
    ck_assert_int_eq(store_message_in_state(s, MESSAGE_SENDING, a, &m), 0);
    ck_assert_int_eq(m->id, b);
    m = message_free(m);
    ck_assert_int_eq(store_message_in_state(s, MESSAGE_SENDING, b, &m), STORE_E_MISSING);
    store_free(s);
}
END_TEST

START_TEST(states_have_names)
{
    ck_assert_str_eq(message_state_name(MESSAGE_QUEUED), "queued");
    ck_assert_str_eq(message_state_name(MESSAGE_DEAD), "dead");
    ck_assert_str_eq(message_state_name((enum message_state)77), "unknown");
    ck_assert_ptr_null(message_free(NULL));
    ck_assert_ptr_null(store_free(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store-message");
    TCase *tc = tcase_create("store-message");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, test_dir_make, test_dir_remove);
    tcase_add_test(tc, a_message_comes_back_byte_for_byte);
    tcase_add_test(tc, only_the_fate_of_a_message_changes);
    tcase_add_test(tc, the_notice_of_a_login_is_no_report);
    tcase_add_test(tc, one_incident_has_each_message_once);
    tcase_add_test(tc, the_queue_is_worked_in_order_of_due);
    tcase_add_test(tc, messages_in_doubt_are_found_after_a_restart);
    tcase_add_test(tc, states_have_names);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
