/* daemon/journal.c in a real loop on journal files made by systemd-journal-remote: only
 * root's entries of sshd are given, each once and in order, across restarts, pauses and
 * entries that have been removed. Exits 77 (skipped) where that program is missing. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"
#include "logline.h"
#include "loop.h"

#define ROOT     0
#define SOMEBODY 1000

static const char *const converters[] = {"/lib/systemd/systemd-journal-remote",
                                         "/usr/lib/systemd/systemd-journal-remote"};
static const char *converter;

static struct loop *loop;
static struct journal *journal;
static char dir[64], got[1 << 20], logged[16384];
static char *cursor;
static bool from_beginning;
static size_t lines, backlog, caught_up, refuse_at;
static int64_t clock_of_entries, uptime_of_entries;

/* In the place of daemon/log.c. */
void log_line(int priority, const char *format, ...)
{
    size_t n = strlen(logged);
    va_list ap;

    va_start(ap, format);
    vsnprintf(logged + n, sizeof(logged) - n, format, ap);
    va_end(ap);
    n = strlen(logged);
    snprintf(logged + n, sizeof(logged) - n, "\n");
}

static size_t times_logged(const char *text)
{
    size_t n = 0;

    for (const char *p = logged; (p = strstr(p, text)); p++)
        n++;
    return n;
}

static void setup(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%s/journal-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(loop_new(&loop), 0);
    from_beginning = true;
    clock_of_entries = INT64_C(1795383554000000);
    uptime_of_entries = INT64_C(554000000);
}

static void teardown(void)
{
    pid_t child;

    journal = journal_free(journal);
    loop = loop_free(loop);
    free(cursor);
    child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

/* Entries */

static FILE *begin_entries(const char *file)
{
    char command[256];
    FILE *f;

    snprintf(command, sizeof(command), "%s -o %s/%s.journal - >/dev/null 2>&1", converter,
             dir, file);
    f = popen(command, "w");
    ck_assert_ptr_nonnull(f);
    return f;
}

static void end_entries(FILE *f)
{
    ck_assert_int_eq(pclose(f), 0);
}

static void entry_of(FILE *f, int uid, const char *identifier, const char *message,
                     size_t n)
{
    unsigned char size[8];

    clock_of_entries += 1000;
    uptime_of_entries += 1000;
    fprintf(f, "__REALTIME_TIMESTAMP=%" PRId64 "\n__MONOTONIC_TIMESTAMP=%" PRId64 "\n",
            clock_of_entries, uptime_of_entries);
    fprintf(f,
            "_BOOT_ID=00000000000040008000000000000001\n_HOSTNAME=mail\n_UID=%d\n"
            "SYSLOG_IDENTIFIER=%s\nSYSLOG_PID=7\nMESSAGE\n",
            uid, identifier);
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)(n >> (8 * i));
    fwrite(size, 1, 8, f);
    fwrite(message, 1, n, f);
    fprintf(f, "\n\n");
}

static void entry(FILE *f, const char *message)
{
    entry_of(f, ROOT, "sshd", message, strlen(message));
}

/* Entries "FIRST" to "LAST" of sshd in a file. */
static void numbered(const char *file, int first, int last)
{
    FILE *f = begin_entries(file);
    char message[16];

    for (int i = first; i <= last; i++) {
        snprintf(message, sizeof(message), "%d", i);
        entry(f, message);
    }
    end_entries(f);
}

/* Running */

static int on_entry(void *userdata, const struct logline *line, bool is_backlog)
{
    size_t n = strlen(got);

    if (refuse_at > 0 && lines + 1 == refuse_at)
        return -1;
    snprintf(got + n, sizeof(got) - n, "%.*s|", (int)line->message.n, line->message.p);
    lines++;
    backlog += is_backlog;
    return 0;
}

static int on_entry_whole(void *userdata, const struct logline *line, bool is_backlog)
{
    size_t n = strlen(got);

    ck_assert(line->message.p >= line->line.p &&
              line->message.p + line->message.n == line->line.p + line->line.n);
    snprintf(got + n, sizeof(got) - n, "%.*s\n", (int)line->line.n, line->line.p);
    lines++;
    return 0;
}

static void on_caught_up(void *userdata)
{
    caught_up++;
}

static void begin_with(int (*fn)(void *, const struct logline *, bool))
{
    struct journal_ops ops = {.entry = fn, .caught_up = on_caught_up};
    static const char *const identifiers[] = {"sshd", "sshd-session", "sshd-auth", NULL};
    struct journal_params params = {.directory = dir,
                                    .from_beginning = from_beginning,
                                    .cursor = cursor,
                                    .identifiers = identifiers};

    ck_assert_int_eq(journal_new(loop, &params, &ops, NULL, &journal), 0);
}

static void begin(void)
{
    begin_with(on_entry);
}

static void crash(void)
{
    journal = journal_free(journal);
}

static void save_cursor(void)
{
    free(cursor);
    cursor = NULL;
    ck_assert_int_eq(journal_cursor(journal, &cursor), 0);
    journal_saved(journal);
}

struct wait {
    size_t lines, caught_up;
    int64_t until;
    struct watch *tick;
};

static int64_t now_usec(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void on_tick(void *userdata, unsigned what)
{
    struct wait *w = userdata;

    if ((lines >= w->lines && caught_up >= w->caught_up) || now_usec() >= w->until)
        loop_stop(loop);
    else
        watch_arm(w->tick, 2000);
}

static void run_until(size_t want_lines, size_t want_caught_up, int64_t usec)
{
    struct wait w = {want_lines, want_caught_up, now_usec() + usec, NULL};

    ck_assert_int_eq(loop_timer(loop, on_tick, &w, &w.tick), 0);
    watch_arm(w.tick, 1000);
    ck_assert_int_eq(loop_run(loop), 0);
    watch_free(w.tick);
}

static void run_for(int64_t usec)
{
    run_until(SIZE_MAX, SIZE_MAX, usec);
}

static void settle(void)
{
    journal_resume(journal);
    run_until(0, caught_up + 1, 20000000);
    run_for(20000);
}

static void await_lines(size_t n)
{
    run_until(n, 0, 20000000);
    ck_assert_msg(lines >= n, "%zu of %zu: %.300s\n%s", lines, n, got, logged);
}

static struct journal_counters counters(void)
{
    struct journal_counters c;

    journal_counters(journal, &c);
    return c;
}

/* Whose entries */

START_TEST(only_roots_entries_of_sshd_are_given)
{
    char line[1024];
    FILE *in = fopen("tests/integration/journal.export", "r"), *f;

    ck_assert_ptr_nonnull(in);
    f = begin_entries("a");
    while (fgets(line, sizeof(line), in))
        fputs(line, f);
    fclose(in);
    end_entries(f);
    begin_with(on_entry_whole);
    settle();
    ck_assert_str_eq(
        got,
        "2026-11-22T21:39:14.999986+00:00 mail sshd[101]: Server listening on 0.0.0.0 "
        "port "
        "22.\n"
        "2026-11-22T21:39:15.999989+00:00 mail sshd[102]: Failed password for invalid "
        "user "
        "admin from 203.0.113.5 port 40001 ssh2\n"
        "2026-11-22T21:39:18.999998+00:00 mail sshd-session[104]: Failed password for "
        "invalid user root from 2001:db8::5 port 40004 ssh2\n"
        "2026-11-22T21:39:21.000021+00:00 mail sshd-auth[106]: Failed password for root "
        "from 203.0.113.5 port 40005 ssh2\n"
        "2026-11-22T21:39:22.000007+00:00 mail sshd: no process id\n");
    ck_assert_uint_eq(counters().entries, 5);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(names_that_only_resemble_sshds_are_not_given)
{
    FILE *f = begin_entries("a");

    entry_of(f, ROOT, "sshd2", "x", 1);
    entry_of(f, ROOT, "SSHD", "x", 1);
    entry_of(f, SOMEBODY, "sshd", "x", 1);
    entry_of(f, ROOT, "sshd-session", "1", 1);
    end_entries(f);
    begin();
    settle();
    ck_assert_str_eq(got, "1|");
}
END_TEST

START_TEST(message_that_is_no_line_is_counted_and_passed)
{
    FILE *f = begin_entries("a");
    char *longer = malloc(20000);

    memset(longer, 'x', 20000);
    entry(f, "1");
    entry_of(f, ROOT, "sshd", "two\nlines", 9);
    entry_of(f, ROOT, "sshd", "nul\0inside", 10);
    entry_of(f, ROOT, "sshd", "\033[31mred", 8);
    entry_of(f, ROOT, "sshd", longer, 20000);
    entry(f, "2");
    free(longer);
    end_entries(f);
    begin();
    settle();
    ck_assert_str_eq(got, "1|2|");
    ck_assert_uint_eq(counters().garbage, 4);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

/* Following */

START_TEST(new_entries_and_new_files_wake_the_reader)
{
    numbered("a", 1, 2);
    begin();
    await_lines(2);
    settle();
    ck_assert_uint_eq(backlog, 2);
    numbered("a", 3, 4);
    await_lines(4);
    numbered("b", 5, 6);
    await_lines(6);
    ck_assert_str_eq(got, "1|2|3|4|5|6|");
    ck_assert_uint_eq(backlog, 2);
}
END_TEST

START_TEST(first_start_begins_at_the_end)
{
    from_beginning = false;
    numbered("a", 1, 2);
    numbered("b", 3, 4);
    begin();
    settle();
    ck_assert_uint_eq(lines, 0);
    ck_assert(journal_changed(journal)); /* the next start is a resume */
    numbered("b", 5, 6);
    await_lines(2);
    ck_assert_str_eq(got, "5|6|");
}
END_TEST

START_TEST(first_start_without_entries_remembers_the_time)
{
    from_beginning = false;
    begin();
    settle();
    save_cursor();
    crash();
    clock_of_entries = (int64_t)time(NULL) * 1000000 + 2000000;
    numbered("a", 1, 2);
    begin();
    await_lines(2);
    ck_assert_str_eq(got, "1|2|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

static struct watch *each_turn;
static size_t lines_before, most_in_a_turn;

static void on_turn(void *userdata, unsigned what)
{
    if (lines - lines_before > most_in_a_turn)
        most_in_a_turn = lines - lines_before;
    lines_before = lines;
    watch_arm(each_turn, 0);
}

START_TEST(many_entries_are_read_in_turns)
{
    numbered("a", 1, 1700);
    ck_assert_int_eq(loop_timer(loop, on_turn, NULL, &each_turn), 0);
    watch_arm(each_turn, 0);
    begin();
    ck_assert_int_eq(journal_caught_up(journal), MOMENT_NONE);
    await_lines(1700);
    settle();
    watch_free(each_turn);
    ck_assert_uint_eq(lines, 1700);
    ck_assert_uint_le(most_in_a_turn, 500);
    ck_assert_ptr_nonnull(strstr(got, "|499|500|501|502|"));
    ck_assert_int_ne(journal_caught_up(journal), MOMENT_NONE);
}
END_TEST

START_TEST(idle_reader_does_not_spin)
{
    struct rusage before, after;

    numbered("a", 1, 1);
    begin();
    await_lines(1);
    settle();
    journal_pause(journal);
    numbered("a", 2, 2); /* notifications that a paused reader must take off */
    caught_up = 0;
    getrusage(RUSAGE_SELF, &before);
    run_for(700000);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                         after.ru_utime.tv_usec - before.ru_utime.tv_usec,
                     350000);
    ck_assert_uint_eq(lines, 1);
    journal_resume(journal);
    await_lines(2);
    ck_assert_str_eq(got, "1|2|");
}
END_TEST

START_TEST(absent_directory_is_said_once_and_tried_again)
{
    char renamed[80];

    numbered("a", 1, 1);
    snprintf(renamed, sizeof(renamed), "%s.away", dir);
    ck_assert_int_eq(rename(dir, renamed), 0);
    begin();
    run_for(2300000);
    ck_assert_uint_eq(times_logged("cannot be read"), 1);
    ck_assert_int_eq(rename(renamed, dir), 0);
    await_lines(1);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

/* Going on */

START_TEST(restart_goes_on_after_the_cursor)
{
    numbered("a", 1, 3);
    begin();
    await_lines(3);
    save_cursor();
    ck_assert(!journal_changed(journal));
    crash();
    numbered("a", 4, 5);
    begin();
    await_lines(5);
    settle();
    ck_assert_str_eq(got, "1|2|3|4|5|");
    ck_assert_uint_eq(backlog, 5);
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(removed_entries_are_a_gap_and_the_next_one_is_given)
{
    char path[96];

    numbered("a", 1, 3);
    numbered("b", 4, 6);
    refuse_at = 3;
    begin();
    run_for(100000);
    save_cursor();
    crash();
    snprintf(path, sizeof(path), "%s/a.journal", dir);
    ck_assert_int_eq(unlink(path), 0);
    refuse_at = 0;
    begin();
    await_lines(5);
    settle();
    ck_assert_str_eq(got, "1|2|4|5|6|");
    ck_assert_uint_eq(counters().gaps, 1);
    ck_assert_uint_eq(times_logged("gap: "), 1);
}
END_TEST

START_TEST(garbage_cursor_is_a_gap_and_a_first_start)
{
    static const char *const garbage[] = {"garbage", "@", "@12x", "", "s=zz;i=1"};

    numbered("a", 1, 1);
    from_beginning = false;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        free(cursor);
        cursor = strdup(garbage[i]);
        begin();
        settle();
        ck_assert_uint_eq(lines, 0);
        ck_assert_uint_eq(counters().gaps, 1);
        save_cursor();
        ck_assert_ptr_nonnull(strstr(cursor, "s="));
        crash();
    }
}
END_TEST

START_TEST(refused_entry_is_given_after_the_resume)
{
    numbered("a", 1, 4);
    refuse_at = 2;
    begin();
    run_for(100000);
    ck_assert_str_eq(got, "1|");
    ck_assert_int_eq(journal_caught_up(journal), MOMENT_NONE);
    save_cursor();
    refuse_at = 0;
    journal_resume(journal);
    await_lines(4);
    settle();
    ck_assert_str_eq(got, "1|2|3|4|");
    crash();
    got[0] = '\0';
    begin();
    await_lines(7);
    ck_assert_str_eq(got, "2|3|4|");
}
END_TEST

START_TEST(refused_first_entry_is_not_lost)
{
    numbered("a", 1, 2);
    refuse_at = 1;
    begin();
    run_for(100000);
    ck_assert_int_eq(journal_cursor(journal, &cursor), -ENODATA);
    refuse_at = 0;
    journal_resume(journal);
    await_lines(2);
    ck_assert_str_eq(got, "1|2|");
    from_beginning = false;
}
END_TEST

START_TEST(pause_at_the_end_forgets_nothing)
{
    from_beginning = false;
    numbered("a", 1, 2);
    begin();
    settle();
    journal_pause(journal);
    numbered("a", 3, 4);
    run_for(50000);
    ck_assert_uint_eq(lines, 0);
    journal_resume(journal);
    await_lines(2);
    ck_assert_str_eq(got, "3|4|");
    ck_assert_uint_eq(backlog, 2);
}
END_TEST

/* journald's own entries: of its driver, and one that somebody made up. */
static void suppressed(FILE *f, const char *transport, const char *text)
{
    clock_of_entries += 1000;
    uptime_of_entries += 1000;
    fprintf(f,
            "__REALTIME_TIMESTAMP=%" PRId64 "\n__MONOTONIC_TIMESTAMP=%" PRId64 "\n"
            "_BOOT_ID=00000000000040008000000000000001\n_HOSTNAME=mail\n_UID=0\n"
            "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\n_TRANSPORT=%s\n"
            "SYSLOG_IDENTIFIER=systemd-journald\nMESSAGE=%s\n\n",
            clock_of_entries, uptime_of_entries, transport, text);
}

static void entry_of_unit(FILE *f, const char *unit, const char *message)
{
    clock_of_entries += 1000;
    uptime_of_entries += 1000;
    fprintf(f,
            "__REALTIME_TIMESTAMP=%" PRId64 "\n__MONOTONIC_TIMESTAMP=%" PRId64 "\n"
            "_BOOT_ID=00000000000040008000000000000001\n_HOSTNAME=mail\n_UID=0\n"
            "SYSLOG_IDENTIFIER=sshd\n_SYSTEMD_UNIT=%s\nMESSAGE=%s\n\n",
            clock_of_entries, uptime_of_entries, unit, message);
}

START_TEST(messages_that_journald_dropped_are_a_gap)
{
    FILE *f = begin_entries("a");

    entry(f, "1");
    suppressed(f, "driver", "Suppressed 120 messages from ssh.service");
    suppressed(f, "driver", "Suppressed 5 messages from sshd@1-192.0.2.1:22.service");
    suppressed(f, "driver", "Suppressed 7 messages from chatty.service");
    suppressed(f, "journal", "Suppressed 1000 messages from ssh.service");
    suppressed(f, "driver", "Suppressed x messages from ssh.service");
    suppressed(f, "driver", "Suppressed 0 messages from ssh.service");
    suppressed(f, "driver", "Suppressed 99999999999999999999 messages from ssh.service");
    entry_of_unit(f, "login-host.service", "2");
    suppressed(f, "driver", "Suppressed 3 messages from login-host.service");
    entry(f, "3");
    end_entries(f);
    begin();
    await_lines(3);
    settle();
    ck_assert_str_eq(got, "1|2|3|");
    ck_assert_uint_eq(counters().suppressed, 128);
    ck_assert_uint_eq(counters().gaps, 3);
    ck_assert_uint_eq(times_logged("gap: journald dropped 120 messages of ssh.service"),
                      1);
    save_cursor();
    crash();
    begin();
    settle();
    ck_assert_uint_eq(counters().suppressed, 0);
}
END_TEST

/* Where the text of an entry stands in a file. */
static long find_in_file(const char *path, const char *text, size_t n)
{
    static char buf[16 << 20];
    FILE *f = fopen(path, "r");
    size_t size;
    char *p;

    ck_assert_ptr_nonnull(f);
    size = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    p = memmem(buf, size, text, n);
    ck_assert_ptr_nonnull(p);
    return p - buf;
}

static void wipe(const char *path, long at, size_t n)
{
    FILE *f = fopen(path, "r+");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
    for (size_t i = 0; i < n; i++)
        fputc(0, f);
    fclose(f);
}

START_TEST(damage_in_a_file_is_a_gap_and_little_is_lost)
{
    static const char text[] = "MESSAGE=600";
    char path[96], *p;
    size_t n;

    numbered("a", 1, 1000);
    numbered("b", 1001, 1200);
    snprintf(path, sizeof(path), "%s/a.journal", dir);
    wipe(path, find_in_file(path, text, sizeof(text) - 1) - 8, 300);
    begin();
    run_until(1000, 1, 20000000);
    settle();
    ck_assert_uint_eq(counters().gaps, 1);
    ck_assert_uint_eq(times_logged("gap: "), 1);
    ck_assert_msg(strncmp(got, "1|2|3|", 6) == 0, "%.50s", got);
    ck_assert_ptr_nonnull(strstr(got, "|1001|1002|"));
    ck_assert_ptr_nonnull(strstr(got, "|1199|1200|"));
    ck_assert_uint_ge(lines, 1100);
    n = 0;
    for (p = got; *p; p = strchr(p, '|') + 1) { /* each once and in order */
        size_t number = strtoul(p, NULL, 10);

        ck_assert_uint_gt(number, n);
        n = number;
    }
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_a_gap)
{
    char path[96];

    numbered("a", 1, 3);
    numbered("b", 4, 6);
    snprintf(path, sizeof(path), "%s/a.journal", dir);
    ck_assert_int_eq(truncate(path, 1000), 0);
    begin();
    await_lines(3);
    settle();
    ck_assert_str_eq(got, "4|5|6|");
    ck_assert_uint_eq(counters().gaps, 1);
    ck_assert_ptr_nonnull(strstr(logged, "a.journal cannot be read"));
}
END_TEST

START_TEST(a_damaged_file_from_before_the_cursor_is_none)
{
    char path[96];
    FILE *f;

    clock_of_entries = ((int64_t)time(NULL) + 60) * 1000000; /* younger than the file */
    numbered("a", 1, 3);
    begin();
    await_lines(3);
    save_cursor();
    crash();
    snprintf(path, sizeof(path), "%s/old.journal", dir);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("no journal at all", f);
    fclose(f);
    begin();
    settle();
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(a_clock_that_was_set_back_does_not_stop_the_reading)
{
    from_beginning = false;
    ck_assert_int_gt(
        asprintf(&cursor, "@%" PRId64, ((int64_t)time(NULL) + 3600) * 1000000), 0);
    begin();
    settle();
    ck_assert_uint_eq(counters().gaps, 1);
    ck_assert_uint_eq(times_logged("the clock has been set back"), 1);
    clock_of_entries = (int64_t)time(NULL) * 1000000 + 1000000;
    numbered("a", 1, 2);
    await_lines(2);
    ck_assert_str_eq(got, "1|2|");
}
END_TEST

START_TEST(entries_with_an_earlier_time_are_read_as_they_come)
{
    numbered("a", 1, 3);
    begin();
    await_lines(3);
    clock_of_entries -= INT64_C(3600000000);
    numbered("a", 4, 5);
    await_lines(5);
    save_cursor();
    crash();
    numbered("a", 6, 7);
    begin();
    await_lines(7);
    settle();
    ck_assert_str_eq(got, "1|2|3|4|5|6|7|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

START_TEST(rotation_and_vacuum_lose_nothing_that_was_there)
{
    char from[96], to[96];

    numbered("system", 1, 3);
    begin();
    await_lines(3);
    for (int i = 0; i < 4; i++) {
        snprintf(from, sizeof(from), "%s/system.journal", dir);
        snprintf(to, sizeof(to), "%s/system@%d.journal", dir, i);
        ck_assert_int_eq(rename(from, to), 0);
        numbered("system", 4 + 3 * i, 6 + 3 * i);
        await_lines(6 + 3 * (size_t)i);
        ck_assert_int_eq(unlink(to), 0);
        run_for(20000);
    }
    settle();
    ck_assert_str_eq(got, "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|");
    ck_assert_uint_eq(counters().gaps, 0);
}
END_TEST

static void find_converter(void)
{
    for (size_t i = 0; i < sizeof(converters) / sizeof(converters[0]) && !converter; i++)
        if (access(converters[i], X_OK) == 0)
            converter = converters[i];
}

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *tc = tcase_create("journal");
    SRunner *runner;
    int failed;

    find_converter();
    if (!converter) {
        puts("skipped: systemd-journal-remote is not installed");
        return 77;
    }
    runner = srunner_create(suite);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, only_roots_entries_of_sshd_are_given);
    tcase_add_test(tc, names_that_only_resemble_sshds_are_not_given);
    tcase_add_test(tc, message_that_is_no_line_is_counted_and_passed);
    tcase_add_test(tc, new_entries_and_new_files_wake_the_reader);
    tcase_add_test(tc, first_start_begins_at_the_end);
    tcase_add_test(tc, first_start_without_entries_remembers_the_time);
    tcase_add_test(tc, many_entries_are_read_in_turns);
    tcase_add_test(tc, idle_reader_does_not_spin);
    tcase_add_test(tc, absent_directory_is_said_once_and_tried_again);
    tcase_add_test(tc, restart_goes_on_after_the_cursor);
    tcase_add_test(tc, removed_entries_are_a_gap_and_the_next_one_is_given);
    tcase_add_test(tc, garbage_cursor_is_a_gap_and_a_first_start);
    tcase_add_test(tc, refused_entry_is_given_after_the_resume);
    tcase_add_test(tc, refused_first_entry_is_not_lost);
    tcase_add_test(tc, pause_at_the_end_forgets_nothing);
    tcase_add_test(tc, messages_that_journald_dropped_are_a_gap);
    tcase_add_test(tc, damage_in_a_file_is_a_gap_and_little_is_lost);
    tcase_add_test(tc, a_file_that_cannot_be_opened_is_a_gap);
    tcase_add_test(tc, a_damaged_file_from_before_the_cursor_is_none);
    tcase_add_test(tc, a_clock_that_was_set_back_does_not_stop_the_reading);
    tcase_add_test(tc, entries_with_an_earlier_time_are_read_as_they_come);
    tcase_add_test(tc, rotation_and_vacuum_lose_nothing_that_was_there);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
