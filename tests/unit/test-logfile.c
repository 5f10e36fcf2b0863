#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logfile.h"

/* What was given: each line followed by "|", and the last end. */
struct given {
    char *text;
    size_t n, lines;
    uint64_t end;
    size_t refuse_at; /* refuse the line of this number, from 1; 0 none */
};

static int on_line(void *userdata, const char *line, size_t n, uint64_t end)
{
    struct given *g = userdata;

    if (g->refuse_at > 0 && g->lines + 1 == g->refuse_at)
        return 7;
    g->text = realloc(g->text, g->n + n + 2);
    memcpy(g->text + g->n, line, n);
    g->n += n;
    g->text[g->n++] = '|';
    g->text[g->n] = '\0';
    g->lines++;
    g->end = end;
    return 0;
}

static struct given g;
static struct lines *l;

static void setup(void)
{
    g = (struct given){0};
    ck_assert_int_eq(lines_new(on_line, &g, &l), 0);
}

static void teardown(void)
{
    l = lines_free(l);
    free(g.text);
}

static int feed(const char *text)
{
    return lines_feed(l, text, strlen(text));
}

static char *repeat(char c, size_t n)
{
    char *s = malloc(n + 1);

    memset(s, c, n);
    s[n] = '\0';
    return s;
}

START_TEST(lines_are_given_whole_and_without_lf)
{
    feed("one\ntwo\r\n\nthree\n");
    ck_assert_str_eq(g.text, "one|two\r||three|");
    ck_assert_uint_eq(lines_offset(l), 16);
    ck_assert_uint_eq(g.end, 16);
}
END_TEST

START_TEST(line_in_three_parts_is_one_line)
{
    feed("a\nfir");
    ck_assert_uint_eq(lines_offset(l), 2);
    ck_assert_uint_eq(lines_pending(l), 3);
    feed("st ha");
    feed("lf\nrest");
    ck_assert_str_eq(g.text, "a|first half|");
    ck_assert_uint_eq(lines_offset(l), 13);
    ck_assert_uint_eq(lines_pending(l), 4);
}
END_TEST

START_TEST(hole_of_nuls_is_skipped_and_counted)
{
    lines_feed(l, "\0\0\0", 3);
    lines_feed(l, "\0\0line\nx\0y\n", 11);
    ck_assert_uint_eq(g.lines, 2);
    ck_assert_mem_eq(g.text, "line|x\0y|", 9); /* an inner NUL is the caller's to judge */
    ck_assert_uint_eq(lines_counters(l)->nul_bytes, 5);
    ck_assert_uint_eq(lines_offset(l), 14);
}
END_TEST

START_TEST(longest_line_is_given_and_longer_ones_are_not)
{
    char *max = repeat('m', LOGFILE_LINE_MAX),
         *longer = repeat('x', LOGFILE_LINE_MAX + 1);
    char *huge = repeat('h', 1 << 20);

    feed(max);
    feed("\n");
    ck_assert_uint_eq(g.n, LOGFILE_LINE_MAX + 1);
    feed(longer);
    feed("\n");
    feed(huge);
    feed(huge);
    ck_assert_uint_eq(lines_pending(l), 2 << 20);
    feed("tail of it\nnext\n");
    ck_assert_uint_eq(g.lines, 2);
    ck_assert_str_eq(g.text + LOGFILE_LINE_MAX + 1, "next|");
    ck_assert_uint_eq(lines_counters(l)->overlong, 2);
    free(max);
    free(longer);
    free(huge);
}
END_TEST

START_TEST(refused_line_is_given_again)
{
    static const char log[] = "one\ntwo\nthree\n";

    g.refuse_at = 2;
    feed("on");
    ck_assert_int_eq(feed("e\ntwo\nthree\n"), 7);
    ck_assert_uint_eq(lines_offset(l), 4);
    ck_assert_uint_eq(lines_pending(l), 0);
    g.refuse_at = 0;
    ck_assert_int_eq(feed(log + 4), 0);
    ck_assert_str_eq(g.text, "one|two|three|");
}
END_TEST

START_TEST(final_file_gives_its_unterminated_line_once)
{
    feed("one\ntwo");
    ck_assert_int_eq(lines_flush(l), 0);
    ck_assert_int_eq(lines_flush(l), 0);
    ck_assert_str_eq(g.text, "one|two|");
    ck_assert_uint_eq(lines_offset(l), 7);
}
END_TEST

START_TEST(final_file_with_overlong_end_gives_nothing)
{
    char *longer = repeat('x', LOGFILE_LINE_MAX + 1);

    feed(longer);
    ck_assert_int_eq(lines_flush(l), 0);
    ck_assert_uint_eq(g.lines, 0);
    ck_assert_uint_eq(lines_offset(l), LOGFILE_LINE_MAX + 1);
    free(longer);
}
END_TEST

/* Writes a log of n numbered lines into buf. */
static size_t numbered(char *buf, int n)
{
    size_t k = 0;

    for (int i = 0; i < n; i++)
        k += (size_t)sprintf(buf + k, "Nov 22 21:36:13 host sshd[%d]: line %d\n", i, i);
    return k;
}

static void expect_place(const char *log, enum lines_extent extent, uint64_t offset)
{
    struct logfile_place p = {0};
    uint32_t head_n = offset < LOGFILE_HEAD ? (uint32_t)offset : LOGFILE_HEAD;
    uint32_t tail_n = offset < LOGFILE_TAIL ? (uint32_t)offset : LOGFILE_TAIL;

    lines_place(l, extent, &p);
    ck_assert_uint_eq(p.offset, offset);
    ck_assert_uint_eq(p.head_n, head_n);
    ck_assert_uint_eq(p.tail_n, tail_n);
    ck_assert_uint_eq(p.head_hash, logfile_hash(log, head_n));
    ck_assert_uint_eq(p.tail_hash, logfile_hash(log + offset - tail_n, tail_n));
}

START_TEST(place_is_made_of_the_bytes_that_were_read)
{
    char log[8192];
    size_t n = numbered(log, 150);

    for (size_t step = 1; step < 900; step += 37) {
        lines_start(l, 0);
        for (size_t at = 0; at < n; at += step) {
            lines_feed(l, log + at, step < n - at ? step : n - at);
            expect_place(log, LINES_GIVEN, lines_offset(l));
            expect_place(log, LINES_READ, lines_offset(l) + lines_pending(l));
        }
    }
}
END_TEST

START_TEST(place_stays_true_after_a_resume_and_a_refusal)
{
    char log[8192];
    size_t n = numbered(log, 150), start = (size_t)(strstr(log, "line 40\n") + 8 - log);

    lines_resume(l, start, log, log + start - LOGFILE_TAIL);
    expect_place(log, LINES_GIVEN, start);
    expect_place(log, LINES_READ, start);
    lines_feed(l, log + start, 20);
    expect_place(log, LINES_READ, start + 20);
    g.refuse_at = 3;
    ck_assert_int_eq(lines_feed(l, log + start + 20, n - start - 20), 7);
    expect_place(log, LINES_GIVEN, lines_offset(l));
    expect_place(log, LINES_READ, lines_offset(l));
}
END_TEST

static const struct logfile_id id = {0xfc00, 32771, 1795383554583686000};

static struct logfile_place place_in(const char *log, size_t n)
{
    struct logfile_place p = {.id = id};

    lines_start(l, 0);
    lines_feed(l, log, n);
    lines_place(l, LINES_GIVEN, &p);
    return p;
}

static enum logfile_match match(const struct logfile_place *p,
                                const struct logfile_id *is, const char *log, size_t n)
{
    bool reaches = n >= p->offset;

    return logfile_match(p, is, n, n >= p->head_n ? log : NULL,
                         reaches ? log + p->offset - p->tail_n : NULL);
}

START_TEST(grown_file_is_the_same)
{
    char log[8192];
    size_t n = numbered(log, 150);
    struct logfile_place p = place_in(log, 5000);
    struct logfile_id without = {id.dev, id.ino, 0}, moved = {0xfd01, id.ino, id.born};

    ck_assert_int_eq(match(&p, &id, log, n), LOGFILE_SAME);
    ck_assert_int_eq(match(&p, &id, log, p.offset), LOGFILE_SAME);
    ck_assert_int_eq(match(&p, &without, log, n), LOGFILE_SAME);
    ck_assert_int_eq(match(&p, &moved, log, n), LOGFILE_SAME); /* renumbered at boot */
}
END_TEST

START_TEST(cut_or_rewritten_file_begins_anew)
{
    char log[8192], later[8192];
    size_t n = numbered(log, 150);
    struct logfile_place p = place_in(log, 5000);

    ck_assert_int_eq(match(&p, &id, log, p.offset - 1), LOGFILE_TRUNCATED);
    ck_assert_int_eq(match(&p, &id, "", 0), LOGFILE_TRUNCATED);
    memcpy(later, log, n);
    later[0] = 'D';
    ck_assert_int_eq(match(&p, &id, later, n), LOGFILE_TRUNCATED); /* other head */
    memcpy(later, log, n);
    later[p.offset - 2] ^= 1;
    ck_assert_int_eq(match(&p, &id, later, n), LOGFILE_TRUNCATED); /* other tail */
    ck_assert_int_eq(logfile_match(&p, &id, n, NULL, NULL), LOGFILE_TRUNCATED);
}
END_TEST

START_TEST(reused_inode_is_another_file)
{
    char log[8192];
    size_t n = numbered(log, 150);
    struct logfile_place p = place_in(log, 5000);
    struct logfile_id reused = {id.dev, id.ino, id.born + 1};

    ck_assert_int_eq(match(&p, &reused, "other log\n", 10), LOGFILE_OTHER);
    ck_assert_int_eq(match(&p, &reused, log, n), LOGFILE_COPY);
    p = place_in(log, 0);
    ck_assert_int_eq(match(&p, &id, log, n), LOGFILE_SAME); /* empty then */
    ck_assert_int_eq(match(&p, &reused, log, n), LOGFILE_OTHER);
}
END_TEST

START_TEST(places_survive_the_store)
{
    struct logfile_place in[2] = {
        {{UINT64_MAX, UINT64_MAX - 1, 0}, 0, 0, 0, 0, 0, 0},
        {id, INT64_MAX, UINT64_C(0x8000000000000001), 1024, 3, 256, 99},
    };
    struct logfile_place out[2];
    size_t n = 0;
    char *text;

    ck_assert_int_eq(logfile_places_json(in, 2, &text), 0);
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_int_eq(logfile_places_from_json(text, out, 2, &n), 0);
    ck_assert_uint_eq(n, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(out[i].id.dev, in[i].id.dev);
        ck_assert_uint_eq(out[i].id.ino, in[i].id.ino);
        ck_assert_int_eq(out[i].id.born, in[i].id.born);
        ck_assert_uint_eq(out[i].offset, in[i].offset);
        ck_assert_uint_eq(out[i].head_hash, in[i].head_hash);
        ck_assert_uint_eq(out[i].head_n, in[i].head_n);
        ck_assert_uint_eq(out[i].tail_hash, in[i].tail_hash);
        ck_assert_uint_eq(out[i].tail_n, in[i].tail_n);
        ck_assert_int_eq(out[i].seen, in[i].seen);
    }
    ck_assert_int_eq(logfile_places_from_json(text, out, 1, &n), -EBADMSG);
    free(text);
}
END_TEST

START_TEST(damaged_places_are_refused)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{\"files\":[]}",
        "{\"files\":[1]}",
        "{\"files\":[{\"dev\":\"1\"}]}",
#define PLACE(ino, offset, head_n, tail_n)                                     \
    "{\"files\":[{\"dev\":\"1\",\"ino\":" ino ",\"born\":1,\"offset\":" offset \
    ",\"head\":\"a\",\"head_n\":" head_n ",\"tail\":\"b\",\"tail_n\":" tail_n  \
    ",\"seen\":1}]}"
        PLACE("2", "9", "9", "9"),
        PLACE("\"g\"", "9", "9", "9"),
        PLACE("\"\"", "9", "9", "9"),
        PLACE("\"11112222333344445\"", "9", "9", "9"),
        PLACE("\"2\"", "-1", "0", "0"),
        PLACE("\"2\"", "9223372036854775808", "9", "9"),
        PLACE("\"2\"", "9", "10", "9"),
        PLACE("\"2\"", "9", "9", "10"),
        PLACE("\"2\"", "9999", "1025", "9"),
        PLACE("\"2\"", "9999", "9", "257"),
    };
    struct logfile_place p;
    size_t n = 99;

    ck_assert_int_eq(logfile_places_from_json(PLACE("\"2\"", "9", "9", "9"), &p, 1, &n),
                     0);
    n = 99;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(logfile_places_from_json(bad[i], &p, 1, &n) == -EBADMSG, "%s",
                      bad[i]);
    ck_assert_uint_eq(n, 99);
}
END_TEST

START_TEST(dated_generations_are_told_by_name)
{
    static const char *const dated[] = {"log-20261123", "log-2026112309",
                                        "log-20261123-1795383554"};
    static const char *const others[] = {
        "log",
        "log-2026",
        "log-20261123.gz",
        "log-20261123~",
        "log-20261123x",
        "logs-20261123",
        "log.20261123",
        "log-config-20261123",
        "log-",
        "20261123",
        "lo",
        "log-2026-1123",
    };

    for (size_t i = 0; i < sizeof(dated) / sizeof(dated[0]); i++)
        ck_assert_msg(logfile_is_dated("log", dated[i]), "%s", dated[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!logfile_is_dated("log", others[i]), "%s", others[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("logfile");
    TCase *tc = tcase_create("logfile");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, lines_are_given_whole_and_without_lf);
    tcase_add_test(tc, line_in_three_parts_is_one_line);
    tcase_add_test(tc, hole_of_nuls_is_skipped_and_counted);
    tcase_add_test(tc, longest_line_is_given_and_longer_ones_are_not);
    tcase_add_test(tc, refused_line_is_given_again);
    tcase_add_test(tc, final_file_gives_its_unterminated_line_once);
    tcase_add_test(tc, final_file_with_overlong_end_gives_nothing);
    tcase_add_test(tc, place_is_made_of_the_bytes_that_were_read);
    tcase_add_test(tc, place_stays_true_after_a_resume_and_a_refusal);
    tcase_add_test(tc, grown_file_is_the_same);
    tcase_add_test(tc, cut_or_rewritten_file_begins_anew);
    tcase_add_test(tc, reused_inode_is_another_file);
    tcase_add_test(tc, places_survive_the_store);
    tcase_add_test(tc, damaged_places_are_refused);
    tcase_add_test(tc, dated_generations_are_told_by_name);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
