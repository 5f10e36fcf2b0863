/* daemon/tail.c in a real loop on real files: whatever is done to a log, each line that
 * was written is given once, in order, and what cannot be known is counted as a gap. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "moment.h"
#include "tailing.h"

#define HOUR INT64_C(3600000000)

/* Rotation while running */

START_TEST(rename_and_create_loses_nothing)
{
    append("log", "1\n2\n");
    tail_begin();
    await_lines(2);
    append("log", "3\n");
    move("log", "log.1");
    append("log", "4\n");
    await_lines(4);
    append("log", "5\n");
    await_lines(5);
    expect("1|2|3|4|5|");
    ck_assert_uint_eq(counters().rotations, 1);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(writer_that_keeps_the_old_file_open_is_followed)
{
    tl.keep = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    move("log", "log.1");
    append("log.1", "2\n");
    await_lines(2);
    append("log.1", "3\n");
    append("log", "4\n");
    await_lines(4);
    append("log.1", "5\n");
    await_lines(5);
    expect("1|2|3|4|5|");
}
END_TEST

START_TEST(old_files_lines_come_first_when_both_have_some)
{
    tl.keep = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    move("log", "log.1");
    append("log", "3\n");
    append("log.1", "2\n");
    await_lines(3);
    append("log", "5\n");
    append("log.1", "4\n");
    await_lines(5);
    expect("1|2|3|4|5|");
}
END_TEST

START_TEST(old_file_is_left_when_it_is_idle_and_has_a_successor)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    move("log", "log.1");
    append("log", "2\n");
    await_lines(2);
    ck_assert(tail_changed(tl.tail));
    save_cursor();
    ck_assert_ptr_nonnull(strstr(tl.cursor, "},{")); /* both files are remembered */
    run_for(800000);
    ck_assert(tail_changed(tl.tail));
    save_cursor();
    ck_assert_ptr_null(strstr(tl.cursor, "},{"));
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(absent_successor_costs_nothing)
{
    struct rusage before, after;

    tl.period = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    move("log", "log.1");
    getrusage(RUSAGE_SELF, &before);
    tl.caught_up = 0;
    run_for(700000);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_uint_le(tl.caught_up, 3);
    ck_assert_int_lt((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                         after.ru_utime.tv_usec - before.ru_utime.tv_usec,
                     300000);
    ck_assert(!tail_present(tl.tail));
    append("log", "2\n");
    await_lines(2);
    ck_assert(tail_present(tl.tail));
    expect("1|2|");
}
END_TEST

START_TEST(two_rotations_between_two_looks_lose_nothing)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    append("log", "2\n");
    move("log", "log.1");
    append("log", "3\n");
    move("log.1", "log.2");
    move("log", "log.1");
    append("log", "4\n");
    await_lines(4);
    expect("1|2|3|4|");
    ck_assert_uint_eq(counters().rotations, 2);
}
END_TEST

START_TEST(middle_file_is_read_though_the_oldest_is_gone)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    run_for(20000);
    append("log", "2\n");
    delete_file("log"); /* compressed, then removed */
    append("log", "3\n");
    move("log", "log.1");
    append("log", "4\n");
    await_lines(4);
    expect("1|2|3|4|");
}
END_TEST

START_TEST(dated_generations_are_read_in_order)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    move("log", "log-20261121");
    append("log", "2\n");
    move("log", "log-20261122");
    append("log", "3\n");
    await_lines(3);
    expect("1|2|3|");
}
END_TEST

START_TEST(many_rotations_at_once_lose_nothing)
{
    char from[16], to[16], line[16];

    append("log", "1\n");
    tail_begin();
    await_lines(1);
    for (int i = 2; i <= 12; i++) {
        for (int k = i - 2; k >= 1; k--) {
            snprintf(from, sizeof(from), "log.%d", k);
            snprintf(to, sizeof(to), "log.%d", k + 1);
            move(from, to);
        }
        move("log", "log.1");
        snprintf(line, sizeof(line), "%d\n", i);
        append("log", line);
    }
    await_lines(12);
    expect("1|2|3|4|5|6|7|8|9|10|11|12|");
}
END_TEST

START_TEST(file_with_the_same_beginning_is_another_file)
{
    char first[1200];

    memset(first, 'x', sizeof(first));
    first[1100] = '\n';
    first[1101] = '\0';
    append("log", first);
    append("log", "a\n");
    tail_begin();
    await_lines(2);
    move("log", "log.1");
    append("log", first);
    append("log", "a\nb\n");
    await_lines(5);
    ck_assert_str_eq(tl.got + strlen(tl.got) - 4, "a|b|");
}
END_TEST

START_TEST(empty_successor_changes_nothing)
{
    append("log", "1\n2\n");
    tail_begin();
    await_lines(2);
    move("log", "log.1");
    append("log", "");
    run_for(900000);
    save_cursor();
    tail_end();
    tail_begin();
    settle();
    append("log", "3\n");
    await_lines(3);
    expect("1|2|3|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(renaming_back_and_hard_links_give_nothing_twice)
{
    append("log", "1\n2\n");
    tail_begin();
    await_lines(2);
    move("log", "x");
    settle();
    move("x", "log");
    settle();
    ck_assert_int_eq(link(tl.path, in_dir("log.1")), 0);
    settle();
    append("log", "3\n");
    await_lines(3);
    move("log", "y");
    append("log", "4\n");
    await_lines(4);
    move("y", "log");
    append("log", "5\n");
    await_lines(5);
    run_for(900000); /* it is not an old file any more, to be left when idle */
    append("log", "6\n");
    await_lines(6);
    expect("1|2|3|4|5|6|");
}
END_TEST

START_TEST(last_line_without_newline_is_never_merged)
{
    append("log", "1\nhalf");
    tail_begin();
    await_lines(1);
    move("log", "log.1");
    append("log", "2\n");
    await_lines(3);
    append("log", "3\n");
    await_lines(4);
    expect("1|2|half|3|");
}
END_TEST

/* copytruncate */

START_TEST(copytruncate_to_a_smaller_file)
{
    append("log", "line 1\nline 2\n");
    tail_begin();
    await_lines(2);
    copy("log", "log.1");
    cut("log", 0);
    append("log", "3\n");
    await_lines(3);
    expect("line 1|line 2|3|");
    ck_assert_uint_eq(counters().truncations, 1);
}
END_TEST

START_TEST(copytruncate_to_the_same_size)
{
    append("log", "line 1\nline 2\n");
    tail_begin();
    await_lines(2);
    copy("log", "log.1");
    cut("log", 0);
    append("log", "line 3\nline 4\n");
    await_lines(4);
    expect("line 1|line 2|line 3|line 4|");
}
END_TEST

START_TEST(copytruncate_and_outgrown_before_the_next_look)
{
    append("log", "line 1\nline 2\n");
    tail_begin();
    await_lines(2);
    copy("log", "log.1");
    cut("log", 0);
    append("log", "line 3\nline 4\nline 5\n");
    await_lines(5);
    expect("line 1|line 2|line 3|line 4|line 5|");
}
END_TEST

START_TEST(copytruncate_with_unread_lines_reads_them_in_the_copy)
{
    append("log", "line 1\nline 2\n");
    tail_begin();
    await_lines(2);
    append("log", "line 3\n");
    copy("log", "log.1");
    cut("log", 0);
    append("log", "line 4\n");
    await_lines(4);
    expect("line 1|line 2|line 3|line 4|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(hole_left_by_a_writer_without_append_is_skipped)
{
    int fd = open(tl.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_eq(write(fd, "line 1\nline 2\n", 14), 14);
    tail_begin();
    await_lines(2);
    copy("log", "log.1");
    cut("log", 0);
    ck_assert_int_eq(write(fd, "line 3\n", 7), 7);
    close(fd);
    await_lines(3);
    expect("line 1|line 2|line 3|");
    ck_assert_uint_eq(counters().nul_bytes, 14);
}
END_TEST

START_TEST(file_cut_to_nothing_begins_at_its_beginning)
{
    append("log", "line 1\nline 2\nha");
    tail_begin();
    await_lines(2);
    cut("log", 0);
    settle();
    append("log", "3\n");
    await_lines(3);
    expect("line 1|line 2|3|");
}
END_TEST

START_TEST(partial_first_line_that_was_cut_is_not_merged)
{
    append("log", "hal");
    tail_begin();
    settle();
    cut("log", 0);
    append("log", "line 1\nline 2\n");
    await_lines(2);
    expect("line 1|line 2|");
}
END_TEST

/* Coming and going */

START_TEST(absent_file_is_said_once_and_read_from_its_first_byte)
{
    tl.period = 20000;
    tl.from_beginning = false;
    tail_begin();
    run_for(200000);
    ck_assert_uint_eq(times_logged("is not there yet"), 1);
    ck_assert(!tail_present(tl.tail));
    ck_assert_int_ne(tail_caught_up(tl.tail), MOMENT_NONE);
    append("log", "1\n2\n");
    await_lines(2);
    expect("1|2|");
    ck_assert_uint_eq(tl.backlog, 0);
}
END_TEST

START_TEST(absent_directory_is_watched_for)
{
    snprintf(tl.path, sizeof(tl.path), "%s/a/b/log", tl.dir);
    tl.period = HOUR;
    tail_begin();
    settle();
    ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
    run_for(30000);
    ck_assert_int_eq(mkdir(in_dir("a/b"), 0755), 0);
    run_for(30000);
    append("a/b/log", "1\n");
    await_lines(1);
    append("a/b/log", "2\n");
    await_lines(2);
    expect("1|2|");
}
END_TEST

START_TEST(replaced_directory_is_followed)
{
    snprintf(tl.path, sizeof(tl.path), "%s/a/log", tl.dir);
    tl.period = HOUR;
    ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
    append("a/log", "1\n");
    tail_begin();
    await_lines(1);
    move("a", "b");
    settle();
    ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
    run_for(30000);
    append("b/log", "2\n");
    append("a/log", "3\n");
    await_lines(3);
    append("a/log", "4\n");
    await_lines(4);
    expect("1|2|3|4|");
}
END_TEST

START_TEST(symbolic_link_is_followed_to_its_new_target)
{
    append("first", "1\n");
    ck_assert_int_eq(symlink("first", tl.path), 0);
    tail_begin();
    await_lines(1);
    append("first", "2\n");
    append("second", "3\n");
    ck_assert_int_eq(symlink("second", in_dir("new")), 0);
    move("new", "log");
    await_lines(3);
    append("second", "4\n");
    await_lines(4);
    expect("1|2|3|4|");
}
END_TEST

START_TEST(dangling_and_circular_links_are_waited_for)
{
    tl.period = 20000;
    ck_assert_int_eq(symlink("target", tl.path), 0);
    tail_begin();
    run_for(100000);
    ck_assert_uint_eq(times_logged("is not there yet"), 1);
    delete_file("log");
    ck_assert_int_eq(symlink("log", tl.path), 0);
    run_for(100000);
    ck_assert_uint_eq(times_logged("cannot be read"), 1);
    delete_file("log");
    append("log", "1\n");
    await_lines(1);
}
END_TEST

START_TEST(unreadable_file_is_said_once_and_read_when_it_may)
{
    int fd;

    tl.period = 20000;
    tl.from_beginning = false;
    append("log", "old\n");
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(tl.dir, 65534, 65534), 0);
        ck_assert_int_eq(chown(tl.path, 65534, 65534), 0);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    fd = open(tl.path, O_WRONLY | O_APPEND | O_CLOEXEC);
    ck_assert_int_eq(chmod(tl.path, 0), 0);
    tail_begin();
    run_for(300000);
    ck_assert_uint_eq(times_logged("cannot be read: Permission denied"), 1);
    ck_assert_int_eq(write(fd, "new\n", 4), 4);
    close(fd);
    ck_assert_int_eq(chmod(tl.path, 0640), 0);
    await_lines(1);
    expect("new|");
    ck_assert_uint_eq(tl.backlog, 1);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(directory_or_fifo_in_its_place_does_not_hang)
{
    ck_assert_int_eq(mkfifo(tl.path, 0644), 0);
    tail_begin();
    settle();
    ck_assert_uint_eq(times_logged("is not a regular file"), 1);
    delete_file("log");
    append("log", "1\n");
    await_lines(1);
}
END_TEST

/* Wake-ups */

START_TEST(appended_line_wakes_without_the_timer)
{
    tl.period = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    for (size_t i = 2; i < 20; i++) {
        append("log", "x\n");
        await_lines(i);
    }
}
END_TEST

START_TEST(full_event_queue_loses_nothing)
{
    tl.period = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    for (int i = 0; i < 8500; i++) {
        append("other", "");
        delete_file("other");
    }
    move("log", "log.1");
    append("log", "2\n");
    await_lines(2);
    expect("1|2|");
}
END_TEST

START_TEST(without_inotify_the_log_is_looked_at_each_second)
{
    struct rlimit files;
    int fds[256], n = 0;

    append("log", "1\n");
    tl.period = HOUR;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = 200;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    while (n < 255 && (fds[n] = dup(0)) >= 0)
        n++;
    tail_begin();
    run_for(100000);
    ck_assert_uint_eq(times_logged("looking each second"), 1);
    ck_assert_uint_eq(times_logged("Too many open files; trying again"), 1);
    while (n > 0)
        close(fds[--n]);
    await_lines(1);
    expect("1|");
}
END_TEST

static struct watch *each_turn;
static size_t lines_before, most_in_a_turn;

static void on_turn(void *userdata, unsigned what)
{
    if (tl.lines - lines_before > most_in_a_turn)
        most_in_a_turn = tl.lines - lines_before;
    lines_before = tl.lines;
    watch_arm(each_turn, 0);
}

START_TEST(long_backlog_leaves_room_for_others)
{
    char *block = malloc(1 << 20);

    for (size_t i = 0; i < 1 << 20; i++)
        block[i] = i % 64 == 63 ? '\n' : 'x';
    for (int i = 0; i < 8; i++)
        append_bytes("log", block, 1 << 20);
    free(block);
    ck_assert_int_eq(loop_timer(tl.loop, on_turn, NULL, &each_turn), 0);
    watch_arm(each_turn, 0);
    tail_begin();
    ck_assert_int_eq(tail_caught_up(tl.tail), MOMENT_NONE);
    await_lines(8 << 14);
    settle();
    watch_free(each_turn);
    ck_assert_uint_eq(tl.lines, 8 << 14);
    ck_assert_uint_eq(tl.backlog, tl.lines);
    ck_assert_uint_le(most_in_a_turn, 256 * 1024 / 64);
}
END_TEST

/* Lines */

START_TEST(line_in_three_parts_is_one_line)
{
    tail_begin();
    append("log", "1\nfirst ");
    await_lines(1);
    settle();
    append("log", "second ");
    settle();
    append("log", "third\n");
    await_lines(2);
    expect("1|first second third|");
}
END_TEST

START_TEST(block_of_nuls_spoils_only_its_line)
{
    append_bytes("log", "1\nbef\0\0\0ore\n3\n", 15);
    tail_begin();
    await_lines(3);
    ck_assert_mem_eq(tl.got, "1|bef\0\0\0ore|3|", 15);
}
END_TEST

START_TEST(very_long_lines_are_passed_over_in_bounded_memory)
{
    char *block = malloc(1 << 20);
    struct rusage before, after;

    memset(block, 'x', 1 << 20);
    append("log", "1\n");
    append_bytes("log", block, 65536);
    append("log", "\n2\n");
    append_bytes("log", block, 1 << 20);
    append("log", "\n3\nx");
    cut("log", 100 << 20);
    append("log", "\n4\n");
    free(block);
    getrusage(RUSAGE_SELF, &before);
    tail_begin();
    await_lines(4);
    getrusage(RUSAGE_SELF, &after);
    expect("1|2|3|4|");
    ck_assert_uint_eq(counters().overlong, 3);
    if (!getenv("TAIL_TEST_INSTRUMENTED"))
        ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 4096);
}
END_TEST

START_TEST(foreign_bytes_are_given_as_they_are)
{
    append("log", "crlf\r\n\xff\xfe gr\xfc\xdf\n\xc0\xaf\x1b[31m\n");
    tail_begin();
    await_lines(3);
    expect("crlf\r|\xff\xfe gr\xfc\xdf|\xc0\xaf\x1b[31m|");
}
END_TEST

/* Beginning, going on, pausing */

START_TEST(first_start_begins_after_the_last_complete_line)
{
    tl.from_beginning = false;
    append("log", "1\n2\nhalf");
    tail_begin();
    settle();
    ck_assert_uint_eq(tl.lines, 0);
    ck_assert(tail_changed(tl.tail)); /* so that the next start is a resume */
    append("log", " done\n3\n");
    await_lines(2);
    expect("half done|3|");
    ck_assert_uint_eq(tl.backlog, 0);
}
END_TEST

START_TEST(first_start_inside_an_endless_line_discards_its_rest)
{
    char *block = malloc(1 << 16);

    memset(block, 'x', 1 << 16);
    tl.from_beginning = false;
    append_bytes("log", block, 1 << 16);
    free(block);
    tail_begin();
    settle();
    append("log", "rest\n1\n");
    await_lines(1);
    expect("1|");
}
END_TEST

START_TEST(backlog_ends_where_the_file_ended_at_the_start)
{
    append("log", "1\n2\n3");
    tail_begin();
    await_lines(2);
    ck_assert_uint_eq(tl.backlog, 2);
    append("log", "\n4\n");
    await_lines(4);
    ck_assert_uint_eq(tl.backlog, 2);
}
END_TEST

START_TEST(restart_goes_on_at_the_cursor)
{
    append("log", "1\n2\nha");
    tail_begin();
    await_lines(2);
    settle();
    save_cursor();
    ck_assert(!tail_changed(tl.tail));
    tail_end();
    append("log", "lf\n3\n");
    tail_begin();
    await_lines(4);
    settle();
    expect("1|2|half|3|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(rotation_while_down_goes_on_in_the_rotated_file)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    tail_end();
    append("log", "2\n");
    move("log", "log.1");
    append("log", "3\n");
    tail_begin();
    await_lines(3);
    append("log.1", "4\n"); /* its writer has not been told yet */
    await_lines(4);
    expect("1|2|3|4|");
    ck_assert_uint_eq(tl.backlog, 3);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(restart_while_an_old_file_is_drained_forgets_neither)
{
    tl.keep = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    move("log", "log.1");
    append("log", "2\n");
    await_lines(2);
    save_cursor();
    tail_end();
    append("log", "4\n");
    append("log.1", "3\n");
    tail_begin();
    await_lines(4);
    expect("1|2|3|4|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(three_rotations_while_down_are_read_in_order)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    tail_end();
    append("log", "2\n");
    move("log", "log.3");
    append("log", "3\n");
    move("log", "log.2");
    append("log", "4\n");
    move("log", "log.1");
    append("log", "5\n");
    append("log.4", "older\n");
    tail_begin();
    await_lines(5);
    settle();
    expect("1|2|3|4|5|");
}
END_TEST

START_TEST(copytruncate_while_down_goes_on_in_the_copy)
{
    append("log", "line 1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    tail_end();
    append("log", "line 2\n");
    copy("log", "log.1");
    cut("log", 0);
    append("log", "line 3\nline 4\n");
    tail_begin();
    await_lines(4);
    settle();
    expect("line 1|line 2|line 3|line 4|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(reused_inode_does_not_hide_the_new_files_head)
{
    for (int i = 0; i < 12; i++) {
        append("log", "line 1\nline 2\n");
        tail_begin();
        await_lines(2);
        settle();
        save_cursor();
        tail_end();
        delete_file("log");
        append("log", "line 3\nline 4\nline 5\n");
        tail_begin();
        await_lines(5);
        settle();
        expect("line 1|line 2|line 3|line 4|line 5|");
        ck_assert_uint_eq(counters().gaps, 1);
        ck_assert_uint_eq(times_logged("gap: "), 1);
        tail_end();
        delete_file("log");
        free(tl.cursor);
        tl.cursor = NULL;
        tl.got_n = tl.lines = 0;
        logged[0] = '\0';
    }
}
END_TEST

START_TEST(removed_log_does_not_bring_old_generations_back)
{
    append("log.1", "old 1\nold 2\n");
    run_for(20000); /* births are told apart by clock ticks */
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    tail_end();
    delete_file("log");
    append("log", "2\n");
    tail_begin();
    await_lines(2);
    settle();
    expect("1|2|");
    ck_assert_uint_eq(counters().gaps, 1);
}
END_TEST

START_TEST(copies_that_were_read_as_the_log_are_not_read_again)
{
    append("log", "line 1\n");
    run_for(20000);
    tail_begin();
    await_lines(1);
    copy("log", "log.1");
    cut("log", 0);
    append("log", "line 2\n");
    await_lines(2);
    run_for(300000);
    save_cursor();
    tail_end();
    delete_file("log");
    append("log", "line 3\n");
    tail_begin();
    await_lines(3);
    settle();
    expect("line 1|line 2|line 3|");
    ck_assert_uint_eq(counters().gaps, 1);
}
END_TEST

START_TEST(restored_log_is_not_read_twice)
{
    char first[1200];

    memset(first, 'x', sizeof(first));
    first[1100] = '\n';
    first[1101] = '\0';
    append("log", first);
    append("log", "1\n");
    tail_begin();
    await_lines(2);
    save_cursor();
    tail_end();
    copy("log", "restored");
    move("restored", "log");
    append("log", "2\n");
    tail_begin();
    await_lines(3);
    settle();
    ck_assert_uint_eq(tl.lines, 3);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(absent_log_does_not_forget_the_cursor)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    save_cursor();
    tail_end();
    append("log", "2\n");
    move("log", "elsewhere");
    tail_begin();
    settle();
    save_cursor();
    move("elsewhere", "log");
    await_lines(2);
    expect("1|2|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(garbage_cursor_is_a_gap_and_a_first_start)
{
    tl.from_beginning = false;
    tl.cursor = strdup("{\"files\":[{}]}");
    append("log", "1\n");
    tail_begin();
    settle();
    append("log", "2\n");
    await_lines(1);
    expect("2|");
    ck_assert_uint_eq(counters().gaps, 1);
    ck_assert_uint_eq(times_logged("gap: "), 1);
}
END_TEST

START_TEST(no_cursor_before_a_file_was_seen)
{
    tail_begin();
    settle();
    ck_assert_int_eq(tail_cursor(tl.tail, &tl.cursor), -ENODATA);
}
END_TEST

START_TEST(refused_line_is_given_after_the_resume)
{
    append("log", "1\n2\n3\n");
    tl.refuse_at = 2;
    tail_begin();
    run_for(100000);
    expect("1|");
    ck_assert_int_eq(tail_caught_up(tl.tail), MOMENT_NONE);
    save_cursor();
    append("log", "4\n");
    run_for(50000);
    expect("1|");
    tl.refuse_at = 0;
    tail_resume(tl.tail);
    await_lines(4);
    expect("1|2|3|4|");
    ck_assert_uint_eq(tl.backlog, 4);
    tail_end(); /* and a crash in the pause would give the same */
    tl.got_n = tl.lines = 0;
    tail_begin();
    await_lines(3);
    expect("2|3|4|");
}
END_TEST

START_TEST(resume_without_a_pause_looks_again)
{
    int64_t before;

    tl.period = HOUR;
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    settle();
    before = tail_caught_up(tl.tail);
    tl.backlog = 0;
    tail_resume(tl.tail);
    settle();
    ck_assert_int_gt(tail_caught_up(tl.tail), before);
    append("log", "2\n");
    await_lines(2);
    ck_assert_uint_eq(tl.backlog, 0);
}
END_TEST

START_TEST(rotations_during_a_pause_lose_nothing)
{
    append("log", "1\n");
    tail_begin();
    await_lines(1);
    tail_pause(tl.tail);
    append("log", "2\n");
    move("log", "log.1");
    append("log", "3\n");
    run_for(300000);
    delete_file("log.1");
    move("log", "log.1");
    append("log", "4\n");
    run_for(600000);
    delete_file("log.1");
    expect("1|");
    tail_resume(tl.tail);
    await_lines(4);
    expect("1|2|3|4|");
}
END_TEST

/* Everything at once */

START_TEST(racing_rotations_lose_nothing)
{
    enum { LINES = 12000, EACH = 60 };
    pid_t child;
    char *p;

    append("log", "");
    tail_begin();
    settle();
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (int i = 0; i < LINES; i++) {
            char line[32], from[16], to[16];

            if (i % EACH == 0 && i > 0) {
                for (int k = 13; k >= 1; k--) {
                    snprintf(from, sizeof(from), "log.%d", k);
                    snprintf(to, sizeof(to), "log.%d", k + 1);
                    (void)rename(in_dir(from), in_dir(to));
                }
                (void)rename(in_dir("log"), in_dir("log.1"));
                usleep(getenv("TAIL_TEST_INSTRUMENTED") ? 20000 : 1500);
            }
            snprintf(line, sizeof(line), "%d\n", i);
            append("log", line);
        }
        _exit(0);
    }
    await_lines(LINES);
    waitpid(child, NULL, 0);
    settle();
    ck_assert_uint_eq(tl.lines, LINES);
    p = tl.got;
    for (long i = 0; i < LINES; i++) {
        ck_assert_int_eq(strtol(p, &p, 10), i);
        p++;
    }
}
END_TEST

/* The model: lines written, and those that a daemon which may die at any moment and goes
 * on from its last commit has given. */
struct model {
    char *written;
    size_t n;
    int next, partial, generations;
    bool late; /* the writer still holds the rotated file */
    size_t saved_n, saved_lines;
};

static void model_write(struct model *m, const char *text)
{
    size_t n = strlen(text);

    append(m->late ? "log.1" : "log", text);
    m->written = realloc(m->written, m->n + n + 1);
    for (size_t i = 0; i <= n; i++)
        m->written[m->n + i] = text[i] == '\n' ? '|' : text[i];
    m->n += n;
}

static void model_line(struct model *m)
{
    char text[128];

    if (m->partial > 0) {
        model_write(m, " end\n");
        m->partial = 0;
        return;
    }
    snprintf(text, sizeof(text), "%d: Failed password for root from 192.0.2.%d\n",
             m->next, m->next % 200);
    m->next++;
    model_write(m, text);
}

static void model_partial(struct model *m)
{
    char text[32];

    snprintf(text, sizeof(text), m->partial++ > 0 ? " more" : "%d:", m->next);
    if (m->partial == 1)
        m->next++;
    model_write(m, text);
}

static void model_rotate(struct model *m)
{
    if (m->late || m->generations == 12)
        return;
    for (int k = m->generations; k >= 1; k--) {
        char from[16], to[16];

        snprintf(from, sizeof(from), "log.%d", k);
        snprintf(to, sizeof(to), "log.%d", k + 1);
        move(from, to);
    }
    m->generations++;
    move("log", "log.1");
    m->late = true;
}

static void model_reopen(struct model *m)
{
    if (!m->late)
        return;
    if (m->partial > 0)
        model_line(m);
    m->late = false;
    append("log", "");
}

static void model_crash(struct model *m)
{
    tail_end();
    tl.got_n = m->saved_n;
    tl.got[tl.got_n] = '\0';
    tl.lines = m->saved_lines;
    tl.refuse_at = 0;
    tail_begin();
}

static void model_save(struct model *m)
{
    free(tl.cursor);
    tl.cursor = NULL;
    if (tail_cursor(tl.tail, &tl.cursor) == 0) {
        m->saved_n = tl.got_n;
        m->saved_lines = tl.lines;
    }
}

static void model_step(struct model *m)
{
    switch (rand() % 12) {
    case 0:
    case 1:
    case 2:
        for (int i = rand() % 30; i >= 0; i--)
            model_line(m);
        break;
    case 3: model_partial(m); break;
    case 4: model_rotate(m); break;
    case 5:
    case 6: model_reopen(m); break;
    case 7: run_for(3000); break;
    case 8: settle(); break;
    case 9: model_save(m); break;
    case 10: model_crash(m); break;
    case 11:
        tl.refuse_at = tl.refuse_at ? 0 : tl.lines + 1 + (size_t)(rand() % 20);
        tail_resume(tl.tail);
        break;
    }
}

START_TEST(any_course_of_events_gives_each_line_once)
{
    const char *seed = getenv("TAIL_TEST_SEED");
    unsigned start = seed ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)getpid();
    struct model m = {0};

    srand(start);
    tl.period = 10000;
    tl.keep = 40000;
    append("log", "");
    tail_begin();
    settle();
    model_save(&m);
    for (int i = 0; i < 150; i++)
        model_step(&m);
    model_reopen(&m);
    if (m.partial > 0)
        model_line(&m);
    tl.refuse_at = 0;
    tail_resume(tl.tail);
    settle();
    settle();
    ck_assert_msg(strcmp(tl.got, m.written ? m.written : "") == 0,
                  "TAIL_TEST_SEED=%u\nwritten %s\ngot %s\nlog %s", start, m.written,
                  tl.got, logged);
    free(m.written);
}
END_TEST

static void add_rotation(Suite *suite)
{
    TCase *tc = tcase_create("rotation");

    tcase_add_checked_fixture(tc, tailing_setup, tailing_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, rename_and_create_loses_nothing);
    tcase_add_test(tc, writer_that_keeps_the_old_file_open_is_followed);
    tcase_add_test(tc, old_files_lines_come_first_when_both_have_some);
    tcase_add_test(tc, old_file_is_left_when_it_is_idle_and_has_a_successor);
    tcase_add_test(tc, absent_successor_costs_nothing);
    tcase_add_test(tc, two_rotations_between_two_looks_lose_nothing);
    tcase_add_test(tc, middle_file_is_read_though_the_oldest_is_gone);
    tcase_add_test(tc, dated_generations_are_read_in_order);
    tcase_add_test(tc, many_rotations_at_once_lose_nothing);
    tcase_add_test(tc, file_with_the_same_beginning_is_another_file);
    tcase_add_test(tc, empty_successor_changes_nothing);
    tcase_add_test(tc, renaming_back_and_hard_links_give_nothing_twice);
    tcase_add_test(tc, last_line_without_newline_is_never_merged);
    tcase_add_test(tc, copytruncate_to_a_smaller_file);
    tcase_add_test(tc, copytruncate_to_the_same_size);
    tcase_add_test(tc, copytruncate_and_outgrown_before_the_next_look);
    tcase_add_test(tc, copytruncate_with_unread_lines_reads_them_in_the_copy);
    tcase_add_test(tc, hole_left_by_a_writer_without_append_is_skipped);
    tcase_add_test(tc, file_cut_to_nothing_begins_at_its_beginning);
    tcase_add_test(tc, partial_first_line_that_was_cut_is_not_merged);
    suite_add_tcase(suite, tc);
}

static void add_presence(Suite *suite)
{
    TCase *tc = tcase_create("presence");

    tcase_add_checked_fixture(tc, tailing_setup, tailing_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, absent_file_is_said_once_and_read_from_its_first_byte);
    tcase_add_test(tc, absent_directory_is_watched_for);
    tcase_add_test(tc, replaced_directory_is_followed);
    tcase_add_test(tc, symbolic_link_is_followed_to_its_new_target);
    tcase_add_test(tc, dangling_and_circular_links_are_waited_for);
    tcase_add_test(tc, unreadable_file_is_said_once_and_read_when_it_may);
    tcase_add_test(tc, directory_or_fifo_in_its_place_does_not_hang);
    tcase_add_test(tc, appended_line_wakes_without_the_timer);
    tcase_add_test(tc, full_event_queue_loses_nothing);
    tcase_add_test(tc, without_inotify_the_log_is_looked_at_each_second);
    tcase_add_test(tc, long_backlog_leaves_room_for_others);
    tcase_add_test(tc, line_in_three_parts_is_one_line);
    tcase_add_test(tc, block_of_nuls_spoils_only_its_line);
    tcase_add_test(tc, very_long_lines_are_passed_over_in_bounded_memory);
    tcase_add_test(tc, foreign_bytes_are_given_as_they_are);
    suite_add_tcase(suite, tc);
}

static void add_resume(Suite *suite)
{
    TCase *tc = tcase_create("resume");

    tcase_add_checked_fixture(tc, tailing_setup, tailing_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, first_start_begins_after_the_last_complete_line);
    tcase_add_test(tc, first_start_inside_an_endless_line_discards_its_rest);
    tcase_add_test(tc, backlog_ends_where_the_file_ended_at_the_start);
    tcase_add_test(tc, restart_goes_on_at_the_cursor);
    tcase_add_test(tc, rotation_while_down_goes_on_in_the_rotated_file);
    tcase_add_test(tc, restart_while_an_old_file_is_drained_forgets_neither);
    tcase_add_test(tc, three_rotations_while_down_are_read_in_order);
    tcase_add_test(tc, copytruncate_while_down_goes_on_in_the_copy);
    tcase_add_test(tc, reused_inode_does_not_hide_the_new_files_head);
    tcase_add_test(tc, removed_log_does_not_bring_old_generations_back);
    tcase_add_test(tc, copies_that_were_read_as_the_log_are_not_read_again);
    tcase_add_test(tc, restored_log_is_not_read_twice);
    tcase_add_test(tc, absent_log_does_not_forget_the_cursor);
    tcase_add_test(tc, garbage_cursor_is_a_gap_and_a_first_start);
    tcase_add_test(tc, no_cursor_before_a_file_was_seen);
    tcase_add_test(tc, refused_line_is_given_after_the_resume);
    tcase_add_test(tc, resume_without_a_pause_looks_again);
    tcase_add_test(tc, rotations_during_a_pause_lose_nothing);
    tcase_add_test(tc, racing_rotations_lose_nothing);
    tcase_add_loop_test(tc, any_course_of_events_gives_each_line_once, 0, 6);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("tail");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_rotation(suite);
    add_presence(suite);
    add_resume(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
