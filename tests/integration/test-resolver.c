/* Prints "N passed, N failed" at the end; to be started by run-resolver. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "resolver-world.h"

int main(void)
{
    Suite *suite = suite_create("resolver");
    TCase *tc = tcase_create("resolver");
    SRunner *runner = srunner_create(suite);
    int run, failed;

    tcase_set_timeout(tc, 60);
    add_answer_tests(tc);
    add_server_tests(tc);
    add_lookup_tests(tc);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    run = srunner_ntests_run(runner);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
