#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "yamltree.h"

/* All errors of a text as "LINE:COLUMN message\n". */
struct told {
    char text[4096];
    size_t n;
    int answer;
};

static int collect(void *userdata, unsigned line, unsigned column, const char *message)
{
    struct told *told = userdata;

    ck_assert(text_is_printable(message, strlen(message)));
    told->n += (size_t)snprintf(told->text + told->n, sizeof(told->text) - told->n,
                                "%u:%u %s\n", line, column, message);
    ck_assert(told->n < sizeof(told->text));
    return told->answer;
}

static struct yamlnode *read_good(const char *text)
{
    struct told told = {0};
    struct yamlnode *root = NULL;
    int r = yamltree_parse(text, strlen(text), collect, &told, &root);

    ck_assert_str_eq(told.text, "");
    ck_assert_int_eq(r, 0);
    ck_assert_ptr_nonnull(root);
    return root;
}

static void expect_errors(const char *text, int want, const char *errors)
{
    struct told told = {0};
    struct yamlnode *root = NULL;
    int r = yamltree_parse(text, strlen(text), collect, &told, &root);

    ck_assert_str_eq(told.text, errors);
    ck_assert_int_eq(r, want);
    ck_assert((r == 0) == (root != NULL));
    yamlnode_free(root);
}

static void expect_syntax_error_at(const char *text, size_t n, const char *place)
{
    struct told told = {0};
    struct yamlnode *root = NULL;

    ck_assert_int_eq(yamltree_parse(text, n, collect, &told, &root), YAMLTREE_E_SYNTAX);
    ck_assert_ptr_null(root);
    ck_assert_msg(strncmp(told.text, place, strlen(place)) == 0, "%s", told.text);
}

START_TEST(every_node_knows_its_place)
{
    struct yamlnode *root = read_good("# comment\na: 1\nlist:\n  - x\n  - {b: \"2\"}\n");
    const struct yamlnode *list = yamlnode_get(root, "list");

    ck_assert_int_eq(root->kind, YAMLNODE_MAP);
    ck_assert_uint_eq(root->line, 2);
    ck_assert_uint_eq(root->n_items, 2);
    ck_assert_uint_eq(root->keys[1]->line, 3);
    ck_assert_uint_eq(root->keys[1]->column, 1);
    ck_assert_str_eq(yamlnode_get(root, "a")->text, "1");
    ck_assert_uint_eq(yamlnode_get(root, "a")->column, 4);
    ck_assert(yamlnode_get(root, "a")->plain);
    ck_assert_int_eq(list->kind, YAMLNODE_LIST);
    ck_assert_uint_eq(list->n_items, 2);
    ck_assert_uint_eq(list->items[0]->line, 4);
    ck_assert_uint_eq(list->items[0]->column, 5);
    ck_assert(!yamlnode_get(list->items[1], "b")->plain);
    ck_assert_ptr_null(yamlnode_get(root, "absent"));
    ck_assert_ptr_null(yamlnode_get(list, "list"));
    yamlnode_free(root);
}
END_TEST

START_TEST(columns_count_characters_not_bytes)
{
    expect_errors("{\xc3\xbc\xc3\xbc: 1, a: &x 1}\n", 0,
                  "1:12 anchors (&name) are not allowed\n");
}
END_TEST

START_TEST(an_empty_text_is_an_empty_plain_scalar)
{
    const char *texts[] = {"", "# nothing\n", "---\n", "\n\n", "\xef\xbb\xbf"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct yamlnode *root = read_good(texts[i]);

        ck_assert(yamlnode_is_null(root));
        ck_assert_uint_ge(root->line, 1);
        ck_assert_uint_ge(root->column, 1);
        yamlnode_free(root);
    }
}
END_TEST

START_TEST(null_is_told_from_text)
{
    struct yamlnode *root = read_good("[~, null, Null, NULL, '', 'null', nul, {}]\n");

    for (size_t i = 0; i < root->n_items; i++)
        ck_assert_int_eq(yamlnode_is_null(root->items[i]), i < 4);
    yamlnode_free(root);
}
END_TEST

START_TEST(anchors_aliases_and_tags_are_errors_at_their_place)
{
    expect_errors("a: &one 1\nb: *one\nc: !!str 2\nd: &l [1]\ne: !t {x: 1}\n", 0,
                  "1:4 anchors (&name) are not allowed\n"
                  "2:4 aliases (*name) are not allowed\n"
                  "3:4 tags (!name) are not allowed\n"
                  "4:4 anchors (&name) are not allowed\n"
                  "5:4 tags (!name) are not allowed\n");
}
END_TEST

START_TEST(an_alias_leaves_a_broken_node)
{
    struct told told = {0};
    struct yamlnode *root = NULL;
    const char text[] = "a: *x\n*y : 1\n";

    ck_assert_int_eq(yamltree_parse(text, strlen(text), collect, &told, &root), 0);
    ck_assert_uint_eq(root->n_items, 1); /* an alias is no key */
    ck_assert_int_eq(yamlnode_get(root, "a")->kind, YAMLNODE_BROKEN);
    yamlnode_free(root);
}
END_TEST

START_TEST(the_second_of_two_equal_keys_is_an_error_and_left_out)
{
    struct told told = {0};
    struct yamlnode *root = NULL;
    const char text[] = "a: 1\nb: 2\n\"a\": 3\n";

    ck_assert_int_eq(yamltree_parse(text, strlen(text), collect, &told, &root), 0);
    ck_assert_str_eq(told.text, "3:1 a is given twice; the first is at 1:1\n");
    ck_assert_uint_eq(root->n_items, 2);
    ck_assert_str_eq(yamlnode_get(root, "a")->text, "1");
    yamlnode_free(root);
}
END_TEST

START_TEST(keys_are_words_and_shown_harmless)
{
    expect_errors("? [a, b]\n: 1\n? {c: d}\n: 2\n", 0,
                  "1:3 a key must be a word\n3:3 a key must be a word\n");
    expect_errors("{\"\\e[1m\": 1, \"\\e[1m\": 2}\n", 0,
                  "1:14 \\x1b[1m is given twice; the first is at 1:2\n");
}
END_TEST

START_TEST(only_one_document_is_allowed)
{
    expect_errors("a: 1\n---\nb: 2\n---\nc: 3\n", 0,
                  "2:1 a second document begins: one is allowed\n");
    expect_syntax_error_at("a: 1\n---\nb: [\n", 13, "2:1 a second document");
}
END_TEST

START_TEST(syntax_errors_name_their_place)
{
    expect_syntax_error_at("a: 1\n  b: 2\n", 12, "2:4 ");
    expect_syntax_error_at("a: [1\nb: 2\n", 11, "2:");
    expect_syntax_error_at("a:\n\tb: 1\n", 9, "2:1 ");
    expect_syntax_error_at("a: \"x\n", 6, "2:1 ");
    expect_syntax_error_at("a: 1\nb: \xff\n", 10, "2:4 ");
    expect_syntax_error_at("a: 1\nb: x\0y\n", 12, "2:5 ");
    expect_syntax_error_at("\xc3\xbc: \x01", 5, "1:4 ");
}
END_TEST

START_TEST(common_slips_get_a_hint)
{
    expect_syntax_error_at("a: [::1]\n", 9,
                           "1:5 did not find expected node content; put quotes around an "
                           "address that begins with \":\", or close the [ or {");
    expect_syntax_error_at("a: [1,\n", 7, "2:1 did not find expected node content; ");
    expect_syntax_error_at("a: [fe80::]\n", 12, "1:10 found unexpected ':', while");
    expect_syntax_error_at("a: b: c\n", 8,
                           "1:5 mapping values are not allowed in this "
                           "context; put quotes");
    expect_syntax_error_at("a: 1\nb:2\n", 9,
                           "3:1 could not find expected ':', while scanning a simple key "
                           "that began at 2:1; a key needs");
}
END_TEST

START_TEST(size_and_depth_have_caps)
{
    size_t n = YAMLTREE_BYTES_MAX + 1;
    char *big = malloc(n);
    char deep[2 * 40 + 1];

    ck_assert_ptr_nonnull(big);
    memset(big, '#', n);
    expect_syntax_error_at(big, n, "1:1 larger than 1024 KiB");
    free(big);
    memset(deep, '[', 40);
    memset(deep + 40, ']', 40);
    expect_syntax_error_at(deep, 80, "1:17 nested more than 16 deep");
}
END_TEST

START_TEST(a_mapping_has_a_cap_of_keys)
{
    char text[8 * 300];
    size_t n = 0;

    for (unsigned i = 0; i < 257; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "k%u: 1\n", i);
    expect_syntax_error_at(text, n, "257:1 more than 256 keys");
}
END_TEST

START_TEST(the_receiver_of_errors_may_end_the_reading)
{
    struct told told = {.answer = -ENOMEM};
    struct yamlnode *root = NULL;
    const char text[] = "a: &x 1\nb: &y 2\n";

    ck_assert_int_eq(yamltree_parse(text, strlen(text), collect, &told, &root), -ENOMEM);
    ck_assert_str_eq(told.text, "1:4 anchors (&name) are not allowed\n");
    ck_assert_ptr_null(root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yamltree");
    TCase *tc = tcase_create("yamltree");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, every_node_knows_its_place);
    tcase_add_test(tc, columns_count_characters_not_bytes);
    tcase_add_test(tc, an_empty_text_is_an_empty_plain_scalar);
    tcase_add_test(tc, null_is_told_from_text);
    tcase_add_test(tc, anchors_aliases_and_tags_are_errors_at_their_place);
    tcase_add_test(tc, an_alias_leaves_a_broken_node);
    tcase_add_test(tc, the_second_of_two_equal_keys_is_an_error_and_left_out);
    tcase_add_test(tc, keys_are_words_and_shown_harmless);
    tcase_add_test(tc, only_one_document_is_allowed);
    tcase_add_test(tc, syntax_errors_name_their_place);
    tcase_add_test(tc, common_slips_get_a_hint);
    tcase_add_test(tc, size_and_depth_have_caps);
    tcase_add_test(tc, a_mapping_has_a_cap_of_keys);
    tcase_add_test(tc, the_receiver_of_errors_may_end_the_reading);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
