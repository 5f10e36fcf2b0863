#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static struct rule *compile(const char *template, unsigned flags)
{
    struct rule_error error = {0};
    struct rule *rule = NULL;
    int r = rule_compile(template, strlen(template), flags, &rule, &error);

    ck_assert_msg(r == 0, "\"%s\" at %zu: %s", template, error.position, error.what);
    return rule;
}

/* "SOURCE PORT [USER]" of what a template makes of a message, "none" or "ambiguous". */
static const char *reading(const char *template, unsigned flags, const char *message)
{
    static char text[1024];
    char addr[ADDR_TEXT_MAX];
    struct rule *rule = compile(template, flags);
    struct rule_match match;
    int r = rule_match(rule, (struct slice){message, strlen(message)}, &match);

    rule_free(rule);
    if (r != 0)
        return r == RULE_E_AMBIGUOUS ? "ambiguous" : "none";
    snprintf(text, sizeof(text), "%s %u%s%.*s%s", addr_format(&match.source, addr),
             match.port, match.user.p ? " [" : "", (int)match.user.n,
             match.user.p ? match.user.p : "", match.user.p ? "]" : "");
    return text;
}

static void expect(const char *template, const char *message, const char *want)
{
    ck_assert_str_eq(reading(template, 0, message), want);
}

static void expect_error(const char *template, unsigned flags, size_t position,
                         const char *what)
{
    struct rule_error error = {0};
    struct rule *rule = NULL;

    ck_assert_msg(rule_compile(template, strlen(template), flags, &rule, &error) ==
                      RULE_E_TEMPLATE,
                  "taken: %s", template);
    ck_assert_ptr_null(rule);
    ck_assert_msg(error.position == position, "\"%s\": at %zu, not %zu", template,
                  error.position, position);
    ck_assert_msg(strstr(error.what, what) != NULL, "\"%s\": %s", template, error.what);
}

START_TEST(a_template_is_matched_against_the_whole_message)
{
    static const char t[] = "login of {user} from {addr} port {port} failed";

    expect(t, "login of bob from 192.0.2.1 port 22 failed", "192.0.2.1 22 [bob]");
    expect(t, "login of bob from 192.0.2.1 port 22 failed ", "none");
    expect(t, " login of bob from 192.0.2.1 port 22 failed", "none");
    expect(t, "login of bob from 192.0.2.1 port 22 failed again", "none");
    expect(t, "login of bob from 192.0.2.1 port 22", "none");
    expect(t, "login of ", "none");
    expect(t, "login", "none");
    expect(t, "", "none");
    expect("{addr} left", "192.0.2.1 left", "192.0.2.1 0");
    expect("{addr} left", "192.0.2.1 left again", "none");
    expect("{addr}", "192.0.2.1", "192.0.2.1 0");
    expect("{addr}", "192.0.2.1 ", "none");
    expect("{addr}", "", "none");
}
END_TEST

START_TEST(what_follows_free_text_is_found_from_the_right)
{
    static const char t[] = "{user} from {addr} port {port}";

    expect(t, "a from 192.0.2.1 port 1 from 192.0.2.2 port 2",
           "192.0.2.2 2 [a from 192.0.2.1 port 1]");
    expect(t, " from 192.0.2.2 port 2", "192.0.2.2 2 []");
    expect(t, "from 192.0.2.2 port 2", "none");
    expect(t, "a from 192.0.2.1 port 1 from 192.0.2.2 port x", "none");
    expect("[{addr}]:{port} {rest}", "[2001:db8::1]:22 x [192.0.2.1]:5 y",
           "2001:db8::1 22");
    expect("{rest} <{addr}>", "<192.0.2.1> <192.0.2.2>", "192.0.2.2 0");
    expect("a{user}b {addr}", "ab 192.0.2.1", "192.0.2.1 0 []");
    expect("ab{user}b {addr}", "ab 192.0.2.1", "none"); /* one b cannot be both */
}
END_TEST

START_TEST(typed_holes_hold_what_they_say)
{
    expect("{word} {addr}", "x-y:z 192.0.2.1", "192.0.2.1 0");
    expect("{word} {addr}", " 192.0.2.1", "none");
    expect("{word} {addr}", "x y 192.0.2.1", "none");
    expect("{num} {addr}", "0042 192.0.2.1", "192.0.2.1 0");
    expect("{num} {addr}", "-1 192.0.2.1", "none");
    expect("{num} {addr}", "x 192.0.2.1", "none");
    expect("{num}: {addr} a", "7: 192.0.2.1 a", "192.0.2.1 0");
    expect("port {port} {addr}", "port 65535 192.0.2.1", "192.0.2.1 65535");
    expect("port {port} {addr}", "port 65536 192.0.2.1", "none");
    expect("port {port} {addr}", "port 0 192.0.2.1", "none");
    expect("port {port} {addr}", "port 022 192.0.2.1", "none");
    expect("{addr} x", "::FFFF:1.2.3.4 x", "none");
    expect("{addr} x", "::ffff:1.2.3.4 x", "1.2.3.4 0");
    expect("{addr} x", "2001:db8::5 x", "2001:db8::5 0");
    expect("{addr} x", "2001:db8:0::5 x", "none");
    expect("{addr} x", "fe80::1%eth0 x", "none");
    expect("{addr} x", "host x", "none");
}
END_TEST

START_TEST(a_hole_ends_where_its_neighbour_says)
{
    expect("from {addr}: {num}: x", "from 192.0.2.1: 11: x", "192.0.2.1 0");
    expect("from {addr}: {num}: x", "from 2001:db8::1: 11: x", "2001:db8::1 0");
    expect("from {addr}: {num}: x", "from 2001:db8::: 11: x", "2001:db8:: 0");
    expect("{user} by {addr}abc!", "u by 192.0.2.1abc!", "192.0.2.1 0 [u]");
    expect("{user} a: {addr}", "u a: 192.0.2.1", "192.0.2.1 0 [u]");
    expect("{user} :{addr}", "u :::1", "::1 0 [u]");
    expect("{user} :{addr}", "u ::::1", "none");
}
END_TEST

START_TEST(literal_braces_are_written_twice)
{
    expect("{{user}} {addr}", "{user} 192.0.2.1", "192.0.2.1 0");
    expect("}}{{{addr}", "}{192.0.2.1", "192.0.2.1 0");
}
END_TEST

START_TEST(a_foreign_tail_is_cut_at_the_first_colon_and_blank)
{
    static const char t[] = "ok {word} for {user} from {addr}: by {rest}";
    unsigned flags = RULE_NO_COLON_IN_USER;

    ck_assert_str_eq(reading(t, flags, "ok x for bob from 192.0.2.1: by me"),
                     "192.0.2.1 0 [bob]");
    ck_assert_str_eq(
        reading(t, flags, "ok x for bob from 192.0.2.1: by a for b from 192.0.2.2: by c"),
        "192.0.2.1 0 [bob]");
    ck_assert_str_eq(reading(t, flags, "ok x for bob from 2001:db8::: by me"), "none");
    ck_assert_str_eq(reading(t, flags, "ok x for bob from 192.0.2.1: by "),
                     "192.0.2.1 0 [bob]");
    ck_assert_str_eq(reading(t, flags, "ok x for bob from 192.0.2.1: for me"), "none");
    ck_assert_str_eq(reading(t, flags, "ok x for b: b from 192.0.2.1: by me"), "none");
    ck_assert_str_eq(reading(t, flags, "ok x for b:b from 192.0.2.1: by me"),
                     "ambiguous");
    ck_assert_str_eq(
        reading("ok {user} from {addr} x: {rest}", flags, "ok bob from 2001:db8:: x: y"),
        "2001:db8:: 0 [bob]");
    /* Without a name there is nothing to cut for. */
    ck_assert_str_eq(reading("from {addr}: {rest}", 0, "from 192.0.2.1: a: b"),
                     "192.0.2.1 0");
}
END_TEST

START_TEST(no_hole_takes_control_bytes)
{
    expect("{user} from {addr}", "a\nb from 192.0.2.1", "none");
    expect("{rest} from {addr}", "a\x7f from 192.0.2.1", "none");
    expect("{word} from {addr}", "a\tb from 192.0.2.1", "none");
    expect("{user} from {addr}", "\xc3\xbc\xff from 192.0.2.1",
           "192.0.2.1 0 [\xc3\xbc\xff]");
    ck_assert_str_eq(reading("{user} from {addr}: {rest}", RULE_NO_COLON_IN_USER,
                             "a from 192.0.2.1: \x1b[2J"),
                     "none");
}
END_TEST

START_TEST(errors_in_templates_are_explained_with_their_place)
{
    expect_error("", 0, 0, "empty");
    expect_error("from {addr", 0, 5, "never closed");
    expect_error("from {ip}", 0, 5, "no such hole");
    expect_error("from {}", 0, 5, "no such hole");
    expect_error("from {ADDR}", 0, 5, "no such hole");
    expect_error("from } {addr}", 0, 5, "lone brace");
    expect_error("a\tb {addr}", 0, 1, "control byte");
    expect_error("no hole", 0, 7, "no {addr}");
    expect_error("{user} x", 0, 8, "no {addr}");
    expect_error("{addr} x {addr}", 0, 9, "second {addr}");
    expect_error("{port} x {port} {addr}", 0, 9, "second {port}");
    expect_error("{user} x {user} {addr}", 0, 9, "second {user}");
    expect_error("{rest} x {rest} {addr}", 0, 9, "second {rest}");
    expect_error("{user}{addr}", 0, 6, "between");
    expect_error("{rest} by {user} {addr}", 0, 10, "second hole of free text");
    expect_error("{user} {addr}: {rest}", 0, 15, "colon in the name");
    expect_error("{user} {addr} {rest}", RULE_NO_COLON_IN_USER, 14, "follow \": \"");
    expect_error("a: {user} {addr}: {rest}", RULE_NO_COLON_IN_USER, 16, "first");
    expect_error("{word}-{addr} x", 0, 6, "where the hole ends");
    expect_error("{addr}: {num}5{word}", 0, 13, "where the hole ends");
    expect_error("{addr}:{num} x", 0, 6, "where the hole ends");
    expect_error("{user} 1{num}0{addr}", 0, 13, "where the hole ends");
}
END_TEST

START_TEST(templates_have_a_largest_size)
{
    char text[600] = "{addr}";
    struct rule_error error;
    struct rule *rule = NULL;

    memset(text + 6, 'x', sizeof(text) - 6);
    ck_assert_int_eq(rule_compile(text, 400, 0, &rule, &error), 0);
    rule = rule_free(rule);
    ck_assert_int_eq(rule_compile(text, 401, 0, &rule, &error), RULE_E_TEMPLATE);
    for (size_t i = 0; i + 6 <= 396; i += 6)
        memcpy(text + i, "{num} ", 6);
    memcpy(text + 390, "{addr}", 6);
    ck_assert_int_eq(rule_compile(text, 396, 0, &rule, &error), RULE_E_TEMPLATE);
    ck_assert_str_eq(error.what, "too many parts");
    ck_assert_uint_eq(error.position, 96);
    ck_assert_ptr_null(rule_free(NULL));
}
END_TEST

/* A service of two rows, for the set. */
static const char *const programs[] = {"foo", "foo-session", NULL};

static int match_set(const struct rule_row *rows, size_t n, const char *program,
                     const char *message, struct rules_result *ret)
{
    const struct rule_service service = {
        .name = "foo", .programs = programs, .limit = 60, .rows = rows, .n_rows = n};
    struct rules *rules = NULL;
    struct rule_error error;
    size_t row;
    int r;

    ck_assert_int_eq(rules_new(&rules), 0);
    ck_assert_int_eq(rules_add(rules, &service, &row, &error), 0);
    r = rules_match(rules, (struct slice){program, strlen(program)},
                    (struct slice){message, strlen(message)}, ret);
    rules_free(rules);
    return r;
}

START_TEST(rows_that_disagree_make_a_message_ambiguous)
{
    static const struct rule_row rows[] = {
        {.template = "a {user} from {addr}", .meaning = RULE_REFUSED},
        {.template = "a new {user} from {addr}", .meaning = RULE_REFUSED},
        {.template = "a b from {addr} {rest}", .meaning = RULE_REFUSED},
        {.template = "a good {user} from {addr}", .meaning = RULE_SUCCESS},
    };
    struct rules_result result = {.service = "untouched"};

    ck_assert_int_eq(match_set(rows, 4, "foo", "a new x from 192.0.2.1", &result), 0);
    ck_assert(slice_equal_str(result.match.user, "new x")); /* the first row's */
    result.service = "untouched";
    ck_assert_int_eq(
        match_set(rows, 4, "foo", "a b from 192.0.2.1 from 192.0.2.2", &result),
        RULE_E_AMBIGUOUS);
    ck_assert_int_eq(match_set(rows, 4, "foo", "a good x from 192.0.2.1", &result),
                     RULE_E_AMBIGUOUS);
    ck_assert_str_eq(result.service, "untouched");
}
END_TEST

START_TEST(rows_that_disagree_on_the_port_make_a_message_ambiguous)
{
    static const struct rule_row rows[] = {
        {.template = "{addr}:{port} {rest}"},
        {.template = "{addr}:{num} to {port}"},
    };
    static const struct rule_row spaced[] = {
        {.template = "{addr} {port} {rest}"},
        {.template = "{addr} {num} to {port}"},
    };
    const struct rule_service wrong = {
        .name = "foo", .programs = programs, .rows = rows, .n_rows = 2};
    struct rules_result result;
    struct rules *rules = NULL;
    struct rule_error error;
    size_t row;

    ck_assert_int_eq(match_set(spaced, 2, "foo", "192.0.2.1 1 to 1", &result), 0);
    ck_assert_int_eq(match_set(spaced, 2, "foo", "192.0.2.1 1 to 2", &result),
                     RULE_E_AMBIGUOUS);
    /* A colon says nothing beside an address. */
    ck_assert_int_eq(rules_new(&rules), 0);
    ck_assert_int_eq(rules_add(rules, &wrong, &row, &error), RULE_E_TEMPLATE);
    rules_free(rules);
}
END_TEST

START_TEST(a_level_before_the_message_is_no_part_of_it)
{
    static const struct rule_row rows[] = {{.template = "{user} from {addr}"}};
    struct rule_service service = {
        .name = "foo", .programs = programs, .rows = rows, .n_rows = 1};
    const struct slice program = SLICE("foo"), message = SLICE("error: x from 192.0.2.1");
    struct rules_result result;

    for (int i = 0; i < 2; i++) {
        struct rules *rules = NULL;
        struct rule_error error;
        size_t row;

        service.flags = i == 0 ? 0 : RULE_LEVEL_PREFIX;
        ck_assert_int_eq(rules_new(&rules), 0);
        ck_assert_int_eq(rules_add(rules, &service, &row, &error), 0);
        ck_assert_int_eq(rules_match(rules, program, message, &result), 0);
        ck_assert(slice_equal_str(result.match.user, i == 0 ? "error: x" : "x"));
        rules_free(rules);
    }
}
END_TEST

START_TEST(programs_and_lengths_are_exact)
{
    static const struct rule_row rows[] = {
        {.template = "{user} from {addr}", .meaning = RULE_SUCCESS}};
    char text[100] = "";
    struct rules_result result;

    ck_assert_int_eq(match_set(rows, 1, "foo", "x from 192.0.2.1", &result), 0);
    ck_assert_str_eq(result.service, "foo");
    ck_assert_int_eq(result.meaning, RULE_SUCCESS);
    ck_assert_int_eq(match_set(rows, 1, "foo-session", "x from 192.0.2.1", &result), 0);
    ck_assert_int_eq(match_set(rows, 1, "fo", "x from 192.0.2.1", &result), RULE_E_NONE);
    ck_assert_int_eq(match_set(rows, 1, "foo2", "x from 192.0.2.1", &result),
                     RULE_E_NONE);
    ck_assert_int_eq(match_set(rows, 1, "", "x from 192.0.2.1", &result), RULE_E_NONE);
    ck_assert_int_eq(match_set(rows, 1, "foo", "", &result), RULE_E_NONE);
    snprintf(text, sizeof(text), "%44s from 192.0.2.1", "x"); /* 59 bytes */
    ck_assert_int_eq(match_set(rows, 1, "foo", text, &result), 0);
    snprintf(text, sizeof(text), "%45s from 192.0.2.1", "x");
    ck_assert_int_eq(match_set(rows, 1, "foo", text, &result), RULE_E_TRUNCATED);
}
END_TEST

START_TEST(a_service_with_a_wrong_row_is_not_added)
{
    static const struct rule_row rows[] = {{.template = "x {addr}"}, {.template = "x"}};
    const struct rule_service service = {
        .name = "foo", .programs = programs, .rows = rows, .n_rows = 2};
    struct rules_result result;
    struct rules *rules = NULL;
    struct rule_error error;
    size_t row = 9;

    ck_assert_int_eq(rules_new(&rules), 0);
    ck_assert_int_eq(rules_add(rules, &service, &row, &error), RULE_E_TEMPLATE);
    ck_assert_uint_eq(row, 1);
    ck_assert_uint_eq(error.position, 1);
    ck_assert_int_eq(rules_match(rules, SLICE("foo"), SLICE("x 192.0.2.1"), &result),
                     RULE_E_NONE);
    rules_free(rules);
}
END_TEST

START_TEST(the_built_in_table_compiles_and_names_its_sources)
{
    struct rules *rules = NULL;
    struct rule_error error;
    size_t row;

    ck_assert_int_eq(rules_new(&rules), 0);
    for (size_t i = 0; i < rules_n_builtin; i++) {
        const struct rule_service *s = rules_builtin[i];
        int r = rules_add(rules, s, &row, &error);

        ck_assert_msg(r == 0, "%s, row %zu, at %zu: %s", s->name, row, error.position,
                      error.what);
        for (size_t k = 0; k < s->n_rows; k++)
            ck_assert_msg(s->rows[k].since && s->rows[k].file, "%s", s->rows[k].template);
    }
    rules_free(rules);
}
END_TEST

static void steers(const char *template, size_t position, const char *what)
{
    expect_error(template, RULE_UNPROVEN, position, what);
    rule_free(compile(template, 0));
}

static void stands(const char *template)
{
    rule_free(compile(template, RULE_UNPROVEN));
}

START_TEST(a_template_that_a_stranger_could_steer_is_refused_where_nobody_vouches)
{
    /* "login by x from 192.0.2.1 y from 203.0.113.5", typed: "x from 192.0.2.1 y" */
    steers("login by {word} from {addr} {rest}", 9, "a name with blanks");
    steers("via {num} by {word} from {addr} as {user}", 13, "a name with blanks");
    steers("failed {rest} from {addr} for {word}", 30, "a name with blanks");
    steers("failed {user} from {addr} id {num} for {word} x", 39, "a name with blanks");
    /* Another message of the program may end in anything. */
    steers("login {word} from {peer}: {rest}", 6, "a name with blanks");
    steers("login failed for {user} from {peer}, agent {word}", 43, "a name with blanks");
    steers("login {host} from {addr}: {rest}", 6, "a name with blanks");
    steers("login failed for {user} from {addr}, agent {host}", 43, "a name with blanks");
    steers("login failed for {host} from {addr} ({rest})", 17, "a name with blanks");
    steers("{user} failed from {addr}", 0, "begin with text");
    steers("{rest} from {addr}", 0, "begin with text");
    expect_error("failed {user} from {rest} {addr}", RULE_UNPROVEN, 19, "free text");

    stands("login failed for {user} from {addr}");
    stands("login failed from {addr} for {user}");
    stands("login failed from {addr} by {word} for {user}");
    stands("login by {word} failed for {user} from {addr} port {port}");
    stands("login by {word} from {addr} as {word}");
    stands("[{num}] from {addr} {rest}");
    stands("{addr} failed: {rest}");
}
END_TEST

START_TEST(words_without_free_text_cannot_move_an_address)
{
    static const char t[] = "login by {word} from {addr} as {word}";

    expect(t, "login by x from 203.0.113.5 as y", "203.0.113.5 0");
    expect(t, "login by x from 192.0.2.1 as z from 203.0.113.5 as y", "none");
    expect(t, "login by x from 203.0.113.5 as y from 192.0.2.1 as z", "none");
}
END_TEST

/* Random templates of words and holes, and messages as such a program writes them, in
 * which all that strangers choose is made of other messages with an address of theirs. */

static uint64_t random_state;

static unsigned rnd(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % n);
}

static void make_template(char *out, size_t size)
{
    static const char *const parts[] = {"{addr}", "{user}", "{word}", "{rest}", "{num}",
                                        "{port}", "by",     "from",   "[",      "]",
                                        ",",      ":",      "for"};
    size_t n = 0, k = 2 + rnd(7);

    out[0] = '\0';
    for (size_t i = 0; i < k; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i && rnd(4) ? " " : "",
                              parts[rnd(sizeof(parts) / sizeof(parts[0]))]);
}

/* Writes the message; what stands in the holes of text is chosen by fill(). */
static void render(const char *template, const char *addr, char *out, size_t size,
                   const char *(*fill)(const char *template))
{
    size_t n = 0;

    for (const char *p = template; *p && n < size - 1;) {
        size_t hole = *p == '{' ? strcspn(p, "}") + 1 : 0;

        if (hole == 0)
            out[n++] = *p++;
        else
            n += (size_t)snprintf(out + n, size - n, "%s",
                                  p[1] == 'a'                  ? addr
                                  : p[1] == 'n' || p[1] == 'p' ? "17"
                                                               : fill(template));
        if (n >= size)
            n = size - 1;
        p += hole;
    }
    out[n] = '\0';
}

static const char *fill_plain(const char *template)
{
    static const char *const plain[] = {"bob", "x", "", "a b", "17", "192.0.2.66"};

    return plain[rnd(sizeof(plain) / sizeof(plain[0]))];
}

/* A piece of a message about the stranger's victim, with the one or other end cut. */
static const char *fill_evil(const char *template)
{
    static char text[2][600];
    static unsigned turn;
    char *out = text[turn++ % 2];
    size_t n, cut;

    if (rnd(4) == 0)
        return fill_plain(template);
    render(template, "192.0.2.66", out, sizeof(text[0]) - 1, fill_plain);
    n = strlen(out);
    if (n > 0 && rnd(3) > 0) {
        cut = rnd((unsigned)n);
        memmove(out, out + cut, n - cut + 1);
        n -= cut;
    }
    if (n > 0 && rnd(2) > 0)
        out[rnd((unsigned)n)] = '\0';
    return out;
}

START_TEST(no_text_of_a_stranger_moves_the_address_of_a_template_that_was_taken)
{
    const char *seed = getenv("TEST_SEED");
    unsigned taken = 0, matched = 0;

    random_state = seed ? strtoull(seed, NULL, 0) : 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < 60000; i++) {
        char template[200], message[4000], text[ADDR_TEXT_MAX];
        struct rule_error error;
        struct rule *rule;

        make_template(template, sizeof(template));
        if (rule_compile(template, strlen(template), RULE_UNPROVEN, &rule, &error) != 0)
            continue;
        taken++;
        for (unsigned k = 0; k < 40; k++) {
            struct rule_match match;

            render(template, "203.0.113.5", message, sizeof(message), fill_evil);
            if (rule_match(rule, (struct slice){message, strlen(message)}, &match) != 0)
                continue;
            matched++;
            ck_assert_msg(strcmp(addr_format(&match.source, text), "203.0.113.5") == 0,
                          "\"%s\" reads %s in \"%s\"", template, text, message);
        }
        rule_free(rule);
    }
    ck_assert_uint_gt(taken, 1000);
    ck_assert_uint_gt(matched, 10000);
}
END_TEST

static int match_custom(const char *template, const char *message)
{
    static const char *const names[] = {"myapp", NULL};
    const struct rule_row row = {.template = template};
    const struct rule_service service = {
        .name = "myapp",
        .programs = names,
        .flags = RULE_UNPROVEN | RULE_LIMIT_AFTER_FREE,
        .limit = 64,
        .rows = &row,
        .n_rows = 1,
    };
    struct rules_result result;
    struct rule_error error;
    struct rules *rules;
    size_t where;
    int r;

    ck_assert_int_eq(rules_new(&rules), 0);
    ck_assert_int_eq(rules_add(rules, &service, &where, &error), 0);
    r = rules_match(rules, SLICE("myapp"), (struct slice){message, strlen(message)},
                    &result);
    rules_free(rules);
    return r;
}

START_TEST(a_limit_of_precaution_counts_where_a_cut_could_end_in_an_address)
{
    static const char ends[] = "failed for {user} from {addr}";
    static const char begins[] = "failed from {addr} for {user}";
    char at[100], below[100];

    snprintf(at, sizeof(at), "failed for %035d from 203.0.113.55", 0);
    ck_assert_uint_eq(strlen(at), 64);
    snprintf(below, sizeof(below), "failed for %034d from 203.0.113.55", 0);
    ck_assert_uint_eq(strlen(below), 63);
    ck_assert_int_eq(match_custom(ends, below), 0);
    ck_assert_int_eq(match_custom(ends, at), RULE_E_TRUNCATED);
    snprintf(at, sizeof(at), "failed for %040d from nowhere at all", 0);
    ck_assert_int_eq(match_custom(ends, at), RULE_E_NONE);
    snprintf(at, sizeof(at), "failed from 203.0.113.55 for %050d", 0);
    ck_assert_int_eq(match_custom(begins, at), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *tc = tcase_create("rules");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_template_is_matched_against_the_whole_message);
    tcase_add_test(tc, what_follows_free_text_is_found_from_the_right);
    tcase_add_test(tc, typed_holes_hold_what_they_say);
    tcase_add_test(tc, a_hole_ends_where_its_neighbour_says);
    tcase_add_test(tc, literal_braces_are_written_twice);
    tcase_add_test(tc, a_foreign_tail_is_cut_at_the_first_colon_and_blank);
    tcase_add_test(tc, no_hole_takes_control_bytes);
    tcase_add_test(tc, errors_in_templates_are_explained_with_their_place);
    tcase_add_test(tc, templates_have_a_largest_size);
    tcase_add_test(tc, rows_that_disagree_make_a_message_ambiguous);
    tcase_add_test(tc, rows_that_disagree_on_the_port_make_a_message_ambiguous);
    tcase_add_test(tc, a_level_before_the_message_is_no_part_of_it);
    tcase_add_test(tc, programs_and_lengths_are_exact);
    tcase_add_test(tc, a_service_with_a_wrong_row_is_not_added);
    tcase_add_test(tc, the_built_in_table_compiles_and_names_its_sources);
    tcase_add_test(
        tc, a_template_that_a_stranger_could_steer_is_refused_where_nobody_vouches);
    tcase_add_test(tc,
                   no_text_of_a_stranger_moves_the_address_of_a_template_that_was_taken);
    tcase_add_test(tc, words_without_free_text_cannot_move_an_address);
    tcase_add_test(tc, a_limit_of_precaution_counts_where_a_cut_could_end_in_an_address);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
