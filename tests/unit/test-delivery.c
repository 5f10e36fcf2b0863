#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delivery.h"

static enum delivery_action judge(enum delivery_end end, enum delivery_stage stage,
                                  long reply)
{
    return delivery_judge(
        &(struct delivery_facts){.end = end, .stage = stage, .reply = reply});
}

START_TEST(each_reply_has_its_meaning)
{
    static const struct {
        enum delivery_stage stage;
        long reply;
        enum delivery_action want;
    } rows[] = {
        {STAGE_GREETING, 421, DELIVERY_MTA_DOWN},
        {STAGE_GREETING, 554, DELIVERY_MTA_DOWN},
        {STAGE_GREETING, 0, DELIVERY_MTA_DOWN},
        {STAGE_HELLO, 421, DELIVERY_MTA_DOWN},
        {STAGE_HELLO, 550, DELIVERY_OUR_FAULT},
        {STAGE_MAIL, 451, DELIVERY_RETRY},
        {STAGE_MAIL, 452, DELIVERY_RETRY},
        {STAGE_MAIL, 552, DELIVERY_REJECTED},
        {STAGE_MAIL, 550, DELIVERY_OUR_FAULT},
        {STAGE_MAIL, 553, DELIVERY_OUR_FAULT},
        {STAGE_RCPT, 450, DELIVERY_RETRY},
        {STAGE_RCPT, 452, DELIVERY_RETRY},
        {STAGE_RCPT, 550, DELIVERY_BAD_RECIPIENT},
        {STAGE_RCPT, 552, DELIVERY_BAD_RECIPIENT},
        {STAGE_DATA, 451, DELIVERY_RETRY},
        {STAGE_DATA, 554, DELIVERY_OUR_FAULT},
        {STAGE_DATA, 552, DELIVERY_REJECTED},
        {STAGE_FINAL, 250, DELIVERY_ACCEPTED},
        {STAGE_FINAL, 251, DELIVERY_ACCEPTED},
        {STAGE_FINAL, 451, DELIVERY_RETRY},
        {STAGE_FINAL, 554, DELIVERY_REJECTED},
        {STAGE_FINAL, 354, DELIVERY_UNKNOWN},
        {STAGE_FINAL, 0, DELIVERY_UNKNOWN},
        {STAGE_FINAL, 4711, DELIVERY_UNKNOWN},
        {STAGE_MAIL, 251, DELIVERY_RETRY},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(judge(DELIVERY_REPLIED, rows[i].stage, rows[i].reply) ==
                          rows[i].want,
                      "stage %d reply %ld: want %s", rows[i].stage, rows[i].reply,
                      delivery_action_name(rows[i].want));
}
END_TEST

START_TEST(a_lost_connection_is_in_doubt_only_after_the_dot)
{
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_GREETING, 0), DELIVERY_MTA_DOWN);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_HELLO, 220), DELIVERY_MTA_DOWN);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_MAIL, 250), DELIVERY_RETRY);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_RCPT, 250), DELIVERY_RETRY);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_DATA, 250), DELIVERY_RETRY);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_DATA, 354), DELIVERY_RETRY);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_FINAL, 354), DELIVERY_UNKNOWN);
    ck_assert_int_eq(judge(DELIVERY_LOST, STAGE_FINAL, 250), DELIVERY_UNKNOWN);
}
END_TEST

START_TEST(an_mta_that_does_not_listen_is_down)
{
    for (int stage = STAGE_GREETING; stage <= STAGE_FINAL; stage++)
        ck_assert_int_eq(judge(DELIVERY_NO_CONNECT, (enum delivery_stage)stage, 0),
                         DELIVERY_MTA_DOWN);
}
END_TEST

START_TEST(actions_have_names)
{
    ck_assert_str_eq(delivery_action_name(DELIVERY_ACCEPTED), "accepted");
    ck_assert_str_eq(delivery_action_name(DELIVERY_UNKNOWN), "unknown");
    ck_assert_str_eq(delivery_action_name(DELIVERY_BAD_RECIPIENT), "bad-recipient");
}
END_TEST

#define ID      "<AR-17-9f86d081.1@example.org>"
#define POSTFIX "Nov 22 21:36:13 mx postfix/cleanup[99]: 4ZbQ1x2: message-id=" ID
#define SENDMAIL                                                                    \
    "Nov 22 21:36:13 mx sm-mta[99]: 5AMLaDxQ000123: from=<a@example.org>, size=9, " \
    "class=0, nrcpts=1, msgid=" ID ", proto=ESMTP"
#define EXIM                                                                         \
    "2026-11-22 21:36:13 1abcDE-000abc-12 <= a@example.org H=localhost [127.0.0.1] " \
    "P=esmtp S=900 id=AR-17-9f86d081.1@example.org"

static bool names(const char *line)
{
    return delivery_log_names(line, strlen(line), ID);
}

START_TEST(an_mta_names_the_message_in_its_log)
{
    ck_assert(names(POSTFIX));
    ck_assert(names(SENDMAIL));
    ck_assert(names(EXIM));
    ck_assert(names("message-id=" ID));
}
END_TEST

START_TEST(other_messages_are_not_taken_for_ours)
{
    ck_assert(!names(""));
    ck_assert(!names("x: message-id=<AR-17-9f86d081.10@example.org>"));
    ck_assert(!names("x: message-id=<AR-17-9f86d081.1@example.org.invalid>"));
    ck_assert(!names("x: message-id=<AR-17-9f86d081.1@example.org"));
    ck_assert(!names("x: resent-message-id=" ID));
    ck_assert(!names("x: message-id=" ID "x"));
    ck_assert(!names("x: warning: header In-Reply-To: " ID));
    ck_assert(!names("x id=AR-17-9f86d081.1@example.org")); /* no arrival */
    ck_assert(
        !delivery_log_names(POSTFIX, strlen(POSTFIX), "AR-17-9f86d081.1@example.org"));
    ck_assert(!delivery_log_names(POSTFIX, strlen(POSTFIX), "<>"));
    ck_assert(!delivery_log_names(POSTFIX, strlen(POSTFIX) - 1, ID));
}
END_TEST

START_TEST(a_header_seen_is_not_yet_a_message_taken)
{
    static const char queued[] = "Nov 22 21:36:13 mx postfix/qmgr[7]: 4ZbQ1x2: "
                                 "from=<a@example.org>, size=9, nrcpt=1 (queue active)";
    static const char sent[] = "Nov 22 21:36:13 mx postfix/local[7]: 4ZbQ1x2: "
                               "to=<root@mx>, relay=local, status=sent";
    static const char milter[] = "Nov 22 21:36:13 mx postfix/cleanup[99]: 4ZbQ1x2: "
                                 "milter-reject: END-OF-MESSAGE from localhost";

    ck_assert(!delivery_log_proves(POSTFIX, strlen(POSTFIX), ID));
    ck_assert(delivery_log_proves(SENDMAIL, strlen(SENDMAIL), ID));
    ck_assert(delivery_log_proves(EXIM, strlen(EXIM), ID));
    ck_assert(delivery_log_confirms(queued, strlen(queued), "4ZbQ1x2"));
    ck_assert(delivery_log_confirms(sent, strlen(sent), "4ZbQ1x2"));
    ck_assert(!delivery_log_confirms(queued, strlen(queued), "4ZbQ1x"));
    ck_assert(!delivery_log_confirms(queued, strlen(queued), "4ZbQ1x22"));
    ck_assert(!delivery_log_confirms(queued, strlen(queued), ""));
    ck_assert(!delivery_log_confirms(milter, strlen(milter), "4ZbQ1x2"));
    ck_assert(!delivery_log_confirms(POSTFIX, strlen(POSTFIX), "4ZbQ1x2"));
}
END_TEST

static bool refuses(const char *text)
{
    char line[200];
    int n = snprintf(line, sizeof(line), "Nov 22 21:36:13 mx postfix/%s", text);

    return delivery_log_refuses(line, (size_t)n, "4ZbQ1x2");
}

START_TEST(a_message_that_was_turned_down_is_known_by_its_queue_id)
{
    ck_assert(refuses("cleanup[9]: 4ZbQ1x2: reject: header Subject: x from localhost"));
    ck_assert(refuses("cleanup[9]: 4ZbQ1x2: milter-reject: END-OF-MESSAGE from x"));
    ck_assert(refuses("cleanup[9]: 4ZbQ1x2: discard: body x"));
    ck_assert(refuses("cleanup[9]: 4ZbQ1x2: milter-discard: milter x"));
    ck_assert(refuses("smtpd[9]: 4ZbQ1x2: reject: END-OF-MESSAGE from x: 554"));
    ck_assert(refuses("cleanup[9]: warning: 4ZbQ1x2: queue file size limit exceeded"));
    ck_assert(!refuses("cleanup[9]: 4ZbQ1x: reject: header"));
    ck_assert(!refuses("cleanup[9]: 4ZbQ1x22: reject: header"));
    ck_assert(!refuses("cleanup[9]: 4ZbQ1x2: message-id=<reject: @example.org>"));
    ck_assert(!refuses("smtpd[9]: NOQUEUE: reject: 4ZbQ1x2: reject: RCPT"));
    ck_assert(!refuses(""));
    ck_assert(!delivery_log_refuses("x[1]: : reject: ", 16, ""));
}
END_TEST

static bool breaks(const char *line)
{
    return delivery_log_breaks(line, strlen(line));
}

START_TEST(a_client_that_left_while_it_sent_a_message_is_noticed)
{
    ck_assert(breaks("x postfix/smtpd[9]: lost connection after DATA from localhost"));
    ck_assert(breaks("x postfix/smtpd[9]: lost connection after DATA (17 bytes) from x"));
    ck_assert(breaks("x postfix/smtpd[9]: lost connection after END-OF-MESSAGE from x"));
    ck_assert(breaks("x postfix/smtpd[9]: timeout after DATA (17 bytes) from x"));
    ck_assert(breaks("x postfix/smtpd[9]: timeout after END-OF-MESSAGE from x"));
    ck_assert(!breaks("x postfix/smtpd[9]: lost connection after RCPT from x"));
    ck_assert(!breaks("x postfix/smtp[9]: lost connection after DATA from x"));
    ck_assert(!breaks("x postfix/smtpd[9]: warning: lost connection after DATA"));
    ck_assert(!breaks(""));
}
END_TEST

static void expect_log_id(const char *line, const char *want)
{
    char id[32] = "untouched";

    if (want) {
        ck_assert(delivery_log_queue_id(line, strlen(line), id, sizeof(id)));
        ck_assert_str_eq(id, want);
    } else {
        ck_assert(!delivery_log_queue_id(line, strlen(line), id, sizeof(id)));
        ck_assert_str_eq(id, "untouched");
    }
}

START_TEST(the_log_tells_the_queue_id)
{
    expect_log_id(POSTFIX, "4ZbQ1x2");
    expect_log_id(SENDMAIL, "5AMLaDxQ000123");
    expect_log_id(EXIM, "1abcDE-000abc-12");
    expect_log_id("no tag", NULL);
    expect_log_id("x[1]: ", NULL);
    expect_log_id("x[1]: ABC", NULL);
    expect_log_id("x[1]: ABC:", NULL);
    expect_log_id("x[1]: AB C: from=<>", NULL);
    expect_log_id("x[1]: 0123456789012345678901234567890123456789: x", NULL);
}
END_TEST

static void expect_id(const char *reply, const char *want)
{
    char id[16] = "untouched";

    if (want) {
        ck_assert_msg(delivery_queue_id(reply, id, sizeof(id)), "%s", reply);
        ck_assert_str_eq(id, want);
    } else {
        ck_assert_msg(!delivery_queue_id(reply, id, sizeof(id)), "%s", reply);
        ck_assert_str_eq(id, "untouched");
    }
}

START_TEST(the_final_reply_tells_the_queue_id)
{
    expect_id("250 2.0.0 Ok: queued as 4ZbQ1x2", "4ZbQ1x2");
    expect_id("250 2.0.0 Ok: queued as 4ZbQ1x2\r\n", "4ZbQ1x2");
    expect_id("250 OK id=1abcDE-00abc-12", "1abcDE-00abc-12");
    expect_id("250 2.0.0 8f3b2c1d Message accepted for delivery", "8f3b2c1d");
    expect_id("250 2.0.0 Message accepted for delivery", NULL);
    expect_id("250 Message accepted for delivery", NULL);
    expect_id("Message accepted", NULL);
    expect_id("250 2.0.0 Ok: queued as ", NULL);
    expect_id("250 2.0.0 Ok: queued as \x1b[31m", NULL);
    expect_id("250 2.0.0 Ok: queued as 0123456789abcdef", NULL); /* too long to be kept */
    expect_id("250 Ok", NULL);
    expect_id("", NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delivery");
    TCase *tc = tcase_create("delivery");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, each_reply_has_its_meaning);
    tcase_add_test(tc, a_lost_connection_is_in_doubt_only_after_the_dot);
    tcase_add_test(tc, an_mta_that_does_not_listen_is_down);
    tcase_add_test(tc, actions_have_names);
    tcase_add_test(tc, a_message_that_was_turned_down_is_known_by_its_queue_id);
    tcase_add_test(tc, a_client_that_left_while_it_sent_a_message_is_noticed);
    tcase_add_test(tc, an_mta_names_the_message_in_its_log);
    tcase_add_test(tc, other_messages_are_not_taken_for_ours);
    tcase_add_test(tc, a_header_seen_is_not_yet_a_message_taken);
    tcase_add_test(tc, the_log_tells_the_queue_id);
    tcase_add_test(tc, the_final_reply_tells_the_queue_id);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
