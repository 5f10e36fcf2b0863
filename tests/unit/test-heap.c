#include <check.h>
#include <stdlib.h>

#include "heap.h"

#define N 300

struct owner {
    struct heap_node node;
    int64_t due;
};

/* The earliest of those that are in, the slow way. */
static int64_t earliest(const struct owner *owners)
{
    int64_t due = INT64_MAX;

    for (unsigned i = 0; i < N; i++)
        if (owners[i].node.place > 0 && owners[i].due < due)
            due = owners[i].due;
    return due;
}

START_TEST(the_first_is_always_the_earliest)
{
    static struct owner owners[N];
    struct heap h = {0};
    struct heap_node *first;
    int64_t due;

    srandom(7);
    for (unsigned step = 0; step < 20000; step++) {
        struct owner *o = &owners[random() % N];

        if (random() % 3 == 0) {
            heap_remove(&h, &o->node);
        } else {
            o->due = random() % 1000 - 500;
            ck_assert_int_eq(heap_reserve(&h, h.n + 1), 0);
            heap_put(&h, &o->node, o->due);
        }
        first = heap_first(&h, &due);
        if (first)
            ck_assert_int_eq(due, earliest(owners));
        else
            ck_assert_int_eq(earliest(owners), INT64_MAX);
    }
    while ((first = heap_first(&h, &due))) {
        ck_assert_int_eq(due, earliest(owners));
        heap_remove(&h, first);
    }
    heap_done(&h);
}
END_TEST

START_TEST(an_empty_heap_has_no_first)
{
    struct heap h = {0};
    struct heap_node node = {0};
    int64_t due;

    ck_assert_ptr_null(heap_first(&h, &due));
    heap_remove(&h, &node);
    heap_done(&h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tc = tcase_create("heap");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, the_first_is_always_the_earliest);
    tcase_add_test(tc, an_empty_heap_has_no_first);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
