#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "text.h"

#define MIN (60 * USEC_PER_SEC)
#define H   (60 * MIN)
#define D   (24 * H)

/* The present of all rows, and when the last event was by default. */
#define NOW  (INT64_C(20000) * D)
#define LAST (NOW - 30 * MIN)

struct row {
    const char *name;
    enum policy_mode mode;
    enum policy_owner owner;
    int64_t last;        /* of the incident; 0: LAST */
    int64_t last_report; /* 0: none */
    int64_t login;       /* the source's last success; 0: none */
    bool success, approved;
    int contact; /* outcome + 1; 0: not looked up; LATER: temporary failure */
    unsigned contact_reports, total_reports;
    enum policy_verdict verdict;
    enum policy_reason reason;
    int64_t until; /* 0: none */
};

#define FOUND (CONTACT_FOUND + 1)
#define LATER 100

static const struct row rows[] = {
    {"a stranger's contact is looked up", .mode = MODE_SEND, .verdict = VERDICT_LOOKUP},
    {"observe looks up too", .mode = MODE_OBSERVE, .verdict = VERDICT_LOOKUP},
    {"send sends", .mode = MODE_SEND, .contact = FOUND, .verdict = VERDICT_REPORT},
    {"observe observes", .mode = MODE_OBSERVE, .contact = FOUND,
     .verdict = VERDICT_OBSERVE, .reason = REASON_OBSERVE},
    {"hold asks", .mode = MODE_HOLD, .contact = FOUND, .verdict = VERDICT_HOLD,
     .reason = REASON_APPROVAL},
    {"hold sends what is approved", .mode = MODE_HOLD, .approved = true, .contact = FOUND,
     .verdict = VERDICT_REPORT},
    {"observe sends nothing, even approved", .mode = MODE_OBSERVE, .approved = true,
     .contact = FOUND, .verdict = VERDICT_OBSERVE, .reason = REASON_OBSERVE},

    {"ignored is never reported", .mode = MODE_SEND, .owner = OWNER_IGNORED,
     .contact = FOUND, .approved = true, .verdict = VERDICT_NEVER,
     .reason = REASON_IGNORED},
    {"ignored comes before a success", .mode = MODE_SEND, .owner = OWNER_IGNORED,
     .success = true, .verdict = VERDICT_NEVER, .reason = REASON_IGNORED},
    {"special goes to the local contact", .mode = MODE_SEND, .owner = OWNER_SPECIAL,
     .verdict = VERDICT_LOCAL, .reason = REASON_SPECIAL},
    {"special in hold too", .mode = MODE_HOLD, .owner = OWNER_SPECIAL, .success = true,
     .verdict = VERDICT_LOCAL, .reason = REASON_SPECIAL},
    {"special is observed in observe", .mode = MODE_OBSERVE, .owner = OWNER_SPECIAL,
     .verdict = VERDICT_OBSERVE, .reason = REASON_SPECIAL},
    {"an own address goes to the local contact", .mode = MODE_SEND, .owner = OWNER_SELF,
     .verdict = VERDICT_LOCAL, .reason = REASON_OWN_ADDRESS},
    {"an own address is observed in observe", .mode = MODE_OBSERVE, .owner = OWNER_SELF,
     .verdict = VERDICT_OBSERVE, .reason = REASON_OWN_ADDRESS},

    {"the local contact is spared old news", .mode = MODE_SEND, .owner = OWNER_SELF,
     .last = NOW - 2 * D, .verdict = VERDICT_NEVER, .reason = REASON_TOO_OLD},
    {"the local contact is not told again and again", .mode = MODE_SEND,
     .owner = OWNER_SPECIAL, .last_report = NOW - H, .verdict = VERDICT_NEVER,
     .reason = REASON_REPORTED},

    {"a success is held", .mode = MODE_SEND, .success = true, .contact = FOUND,
     .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"a success is held before anybody is asked", .mode = MODE_SEND, .success = true,
     .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"a success is held in observe", .mode = MODE_OBSERVE, .success = true,
     .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"a success that is old is held all the same", .mode = MODE_SEND, .success = true,
     .last = NOW - 9 * D, .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"a success that the operator approved goes on", .mode = MODE_SEND, .success = true,
     .approved = true, .contact = FOUND, .verdict = VERDICT_REPORT},

    {"a login long before is held too", .mode = MODE_SEND, .login = NOW - 30 * D + 1,
     .contact = FOUND, .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"a login after the burst is held too", .mode = MODE_OBSERVE, .login = NOW - MIN,
     .verdict = VERDICT_HOLD, .reason = REASON_SUCCESS},
    {"after thirty days a login is forgotten", .mode = MODE_SEND, .login = NOW - 30 * D,
     .contact = FOUND, .verdict = VERDICT_REPORT},
    {"a login that the operator approved goes on", .mode = MODE_SEND, .login = NOW - D,
     .approved = true, .contact = FOUND, .verdict = VERDICT_REPORT},
    {"ignored comes before a login", .mode = MODE_SEND, .owner = OWNER_IGNORED,
     .login = NOW - D, .verdict = VERDICT_NEVER, .reason = REASON_IGNORED},

    {"at max_report_age it is not too old", .mode = MODE_SEND, .last = NOW - D,
     .contact = FOUND, .verdict = VERDICT_REPORT},
    {"past max_report_age it is", .mode = MODE_SEND, .last = NOW - D - 1,
     .contact = FOUND, .approved = true, .verdict = VERDICT_NEVER,
     .reason = REASON_TOO_OLD},
    {"it waits until it has settled", .mode = MODE_SEND, .last = NOW - 10 * MIN + 1,
     .contact = FOUND, .verdict = VERDICT_WAIT, .reason = REASON_SETTLING,
     .until = NOW + 1},
    {"at settle it has settled", .mode = MODE_SEND, .last = NOW - 10 * MIN,
     .contact = FOUND, .verdict = VERDICT_REPORT},
    {"a last event in the future waits", .mode = MODE_SEND, .last = NOW + H,
     .verdict = VERDICT_WAIT, .reason = REASON_SETTLING, .until = NOW + H + 10 * MIN},

    {"within per_source it was reported already", .mode = MODE_SEND,
     .last_report = NOW - 3 * D + 1, .verdict = VERDICT_NEVER, .reason = REASON_REPORTED},
    {"after per_source it is reported again", .mode = MODE_SEND,
     .last_report = NOW - 3 * D, .contact = FOUND, .verdict = VERDICT_REPORT},
    {"settling comes before reported", .mode = MODE_SEND, .last = NOW - 9 * MIN,
     .last_report = NOW - D, .verdict = VERDICT_WAIT, .reason = REASON_SETTLING,
     .until = NOW + MIN},

    {"without a published contact nobody is told", .mode = MODE_SEND,
     .contact = CONTACT_NONE_PUBLISHED + 1, .verdict = VERDICT_NEVER,
     .reason = REASON_NO_CONTACT},
    {"a placeholder is no contact", .mode = MODE_SEND,
     .contact = CONTACT_PLACEHOLDER_ONLY + 1, .verdict = VERDICT_NEVER,
     .reason = REASON_PLACEHOLDER},
    {"a form is no mailbox", .mode = MODE_HOLD, .contact = CONTACT_FORM_ONLY + 1,
     .verdict = VERDICT_NEVER, .reason = REASON_FORM},
    {"the resolver may know that it is special", .mode = MODE_SEND,
     .contact = CONTACT_SPECIAL_PURPOSE + 1, .verdict = VERDICT_LOCAL,
     .reason = REASON_SPECIAL},
    {"and in observe that is observed", .mode = MODE_OBSERVE,
     .contact = CONTACT_SPECIAL_PURPOSE + 1, .verdict = VERDICT_OBSERVE,
     .reason = REASON_SPECIAL},
    {"a useless answer ends it", .mode = MODE_SEND, .contact = CONTACT_LOOKUP_FAILED + 1,
     .verdict = VERDICT_NEVER, .reason = REASON_LOOKUP},
    {"a registry that is away is asked again", .mode = MODE_SEND, .contact = LATER,
     .verdict = VERDICT_WAIT, .reason = REASON_LOOKUP, .until = NOW + 5 * MIN},

    {"below the contact's cap", .mode = MODE_SEND, .contact = FOUND, .contact_reports = 9,
     .total_reports = 24, .verdict = VERDICT_REPORT},
    {"at the contact's cap", .mode = MODE_SEND, .contact = FOUND, .contact_reports = 10,
     .verdict = VERDICT_WAIT, .reason = REASON_CONTACT_CAP, .until = NOW + 2 * H},
    {"at the total cap", .mode = MODE_SEND, .contact = FOUND, .total_reports = 25,
     .verdict = VERDICT_WAIT, .reason = REASON_TOTAL_CAP, .until = NOW + 3 * H},
    {"caps hold what is approved as well", .mode = MODE_HOLD, .approved = true,
     .contact = FOUND, .total_reports = 26, .verdict = VERDICT_WAIT,
     .reason = REASON_TOTAL_CAP, .until = NOW + 3 * H},
    {"caps hold in observe", .mode = MODE_OBSERVE, .contact = FOUND,
     .contact_reports = 10, .verdict = VERDICT_WAIT, .reason = REASON_CONTACT_CAP,
     .until = NOW + 2 * H},
    {"no contact comes before the caps", .mode = MODE_SEND, .contact_reports = 10,
     .total_reports = 25, .verdict = VERDICT_LOOKUP},
};

static const struct policy_params limits = {
    .per_source = 3 * D,
    .per_contact = {.n = 10, .per = D},
    .total = {.n = 25, .per = D},
    .max_report_age = D,
    .settle = 10 * MIN,
};

START_TEST(each_question_is_answered_in_its_turn)
{
    const struct row *row = &rows[_i];
    struct contact_result contact = {
        .outcome = CONTACT_LOOKUP_FAILED, .temporary = true, .retry_after = 5 * MIN};
    struct incident inc = {.id = 7, .attempts = 1, .approved = row->approved};
    struct policy_facts facts = {
        .now = NOW,
        .owner = row->owner,
        .contact = row->contact ? &contact : NULL,
        .last_report = row->last_report ? row->last_report : MOMENT_NONE,
        .last_success = row->login ? row->login : MOMENT_NONE,
        .contact_reports = row->contact_reports,
        .total_reports = row->total_reports,
        .contact_room = NOW + 2 * H,
        .total_room = NOW + 3 * H,
    };
    struct policy_params params = limits;
    struct policy_decision d;

    params.mode = row->mode;
    inc.last.usec = row->last ? row->last : LAST;
    inc.first.usec = inc.last.usec - H;
    inc.success = row->success ? inc.last.usec : MOMENT_NONE;
    if (row->contact && row->contact != LATER) {
        contact.outcome = (enum contact_outcome)(row->contact - 1);
        contact.temporary = false;
    }
    d = policy_decide(&params, &inc, &facts);
    ck_assert_msg(d.verdict == row->verdict && d.reason == row->reason &&
                      d.until == (row->until ? row->until : MOMENT_NONE),
                  "%s: verdict %d, reason \"%s\", until %lld", row->name, d.verdict,
                  policy_reason_name(d.reason), (long long)d.until);
}
END_TEST

START_TEST(a_rate_of_none_waits_and_does_not_spin)
{
    struct policy_params params = limits;
    struct contact_result contact = {.outcome = CONTACT_FOUND};
    struct incident inc = {.last = {.usec = LAST}, .success = MOMENT_NONE};
    struct policy_facts facts = {.now = NOW,
                                 .contact = &contact,
                                 .last_report = MOMENT_NONE,
                                 .last_success = MOMENT_NONE,
                                 .contact_room = NOW,
                                 .total_room = NOW};
    struct policy_decision d;

    params.mode = MODE_SEND;
    params.total.n = 0;
    d = policy_decide(&params, &inc, &facts);
    ck_assert_int_eq(d.verdict, VERDICT_WAIT);
    ck_assert_int_eq(d.until, NOW + D);
}
END_TEST

START_TEST(every_reason_has_its_own_word_and_sentence)
{
    for (int i = 0; i < POLICY_REASONS; i++) {
        const char *name = policy_reason_name((enum policy_reason)i);
        const char *text = policy_reason_text((enum policy_reason)i);

        ck_assert_ptr_nonnull(name);
        ck_assert_ptr_nonnull(text);
        ck_assert(text_is_printable(text, strlen(text)));
        ck_assert_uint_gt(strlen(text), 10);
        ck_assert_uint_lt(strlen(name), sizeof(((struct incident *)NULL)->reason));
        ck_assert_int_eq(*name == '\0', i == REASON_NONE);
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(name, policy_reason_name((enum policy_reason)k));
            ck_assert_str_ne(text, policy_reason_text((enum policy_reason)k));
        }
    }
    ck_assert_str_eq(policy_reason_name(REASON_SUCCESS), "successful-login");
    ck_assert_str_eq(policy_reason_name(REASON_CONTACT_CAP), "per-contact-cap");
}
END_TEST

START_TEST(modes_have_names_and_names_have_modes)
{
    ck_assert_int_eq(policy_mode_parse("observe"), MODE_OBSERVE);
    ck_assert_int_eq(policy_mode_parse("hold"), MODE_HOLD);
    ck_assert_int_eq(policy_mode_parse("send"), MODE_SEND);
    ck_assert_int_eq(policy_mode_parse("Send"), -EINVAL);
    ck_assert_str_eq(policy_mode_name(MODE_HOLD), "hold");
}
END_TEST

START_TEST(backoff_doubles_to_four_hours_and_spreads)
{
    int64_t base = MIN;
    bool differ = false;

    for (unsigned n = 1; n < 40; n++) {
        for (uint64_t seed = 0; seed < 200; seed++) {
            int64_t wait = policy_backoff(n, seed);

            ck_assert_int_ge(wait, base);
            ck_assert_int_le(wait, base + base / 5);
            ck_assert_int_eq(wait, policy_backoff(n, seed));
            differ |= wait != policy_backoff(n, seed + 1);
        }
        base = base * 2 > 4 * H ? 4 * H : base * 2;
    }
    ck_assert(differ);
    ck_assert_int_eq(policy_backoff(0, 3), policy_backoff(1, 3));
    ck_assert_int_le(policy_backoff(UINT_MAX, UINT64_MAX), 4 * H + 4 * H / 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tc = tcase_create("policy");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tc, each_question_is_answered_in_its_turn, 0,
                        sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tc, a_rate_of_none_waits_and_does_not_spin);
    tcase_add_test(tc, every_reason_has_its_own_word_and_sentence);
    tcase_add_test(tc, modes_have_names_and_names_have_modes);
    tcase_add_test(tc, backoff_doubles_to_four_hours_and_spreads);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
