#include <check.h>
#include <stdlib.h>

#include "siphash.h"

/* Key 00 01 … 0f, message 00 01 … of n bytes; n = 15 is the example of the paper
 * (appendix A), the others are what OpenSSL's SIPHASH gives. */
START_TEST(hashes_are_those_of_the_paper)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)}, {63, UINT64_C(0x958a324ceb064572)},
    };
    uint8_t key[16], message[64];

    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_uint_eq(siphash24(message, rows[i].n, key), rows[i].hash);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("siphash");
    TCase *tc = tcase_create("siphash");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, hashes_are_those_of_the_paper);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
