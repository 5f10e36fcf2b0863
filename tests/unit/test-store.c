/* Opening, holding, damage, transactions, cursors and sources. */
#include "store-test.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void name_of(char *buf, size_t max, const char *suffix)
{
    ck_assert_int_gt(snprintf(buf, max, "%s%s", test_path, suffix), 0);
}

static void expect_cursor(struct store *s, const char *key, const char *want)
{
    char *got = NULL;

    ck_assert_int_eq(store_cursor_get(s, key, &got), 0);
    ck_assert_str_eq(got, want);
    free(got);
}

static void expect_no_cursor(struct store *s, const char *key)
{
    char *got = NULL;

    ck_assert_int_eq(store_cursor_get(s, key, &got), STORE_E_MISSING);
    ck_assert_ptr_null(got);
}

START_TEST(what_was_written_is_there_after_a_restart)
{
    struct store *s = test_open();

    ck_assert_int_eq(store_cursor_put(s, "journal", "s=1"), 0);
    ck_assert_int_eq(store_cursor_put(s, "journal", "s=2"), 0);
    s = store_free(s);
    s = test_open();
    expect_cursor(s, "journal", "s=2");
    expect_no_cursor(s, "file:/var/log/auth.log");
    store_free(s);
}
END_TEST

START_TEST(what_was_committed_survives_a_kill)
{
    struct store *s;
    pid_t pid = fork();

    if (pid == 0) {
        s = test_open();
        if (store_cursor_put(s, "a", "committed") != 0 || store_begin(s) != 0 ||
            store_cursor_put(s, "a", "open") != 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(store_holder(test_path), 0);
    s = test_open();
    expect_cursor(s, "a", "committed");
    store_free(s);
}
END_TEST

START_TEST(the_secret_is_the_one_of_the_first_start)
{
    static const uint8_t other[16] = "another secret..";
    struct store *s = test_open();

    ck_assert_mem_eq(store_secret(s), test_secret, 16);
    store_free(s);
    ck_assert_int_eq(store_open(test_path, other, &s), 0);
    ck_assert_mem_eq(store_secret(s), test_secret, 16);
    store_free(s);
}
END_TEST

START_TEST(a_second_process_is_told_who_holds_the_state)
{
    pid_t parent = getpid(), pid;
    struct store *s;
    int pipes[2], status;
    char go;

    ck_assert_int_eq(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        struct store *second = NULL;
        bool ok = read(pipes[0], &go, 1) == 1 &&
                  store_open(test_path, test_secret, &second) == STORE_E_BUSY &&
                  !second && store_holder(test_path) == parent;

        _exit(ok ? 0 : 1);
    }
    s = test_open();
    ck_assert_int_eq(write(pipes[1], "g", 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    s = store_free(s);
    ck_assert_int_eq(store_holder(test_path), 0); /* the number is still in the file */
    s = test_open();
    ck_assert_int_eq(store_holder(test_path), parent);
    store_free(s);
    ck_assert_int_eq(store_holder("/nonexistent/state.db"), 0);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(a_foreign_tool_on_the_file_means_busy)
{
    struct store *s = store_free(test_open());
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(test_path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_BUSY);
    sqlite3_close(db);
    store_free(test_open());
}
END_TEST

START_TEST(only_the_owner_may_read_the_files)
{
    static const char *const suffixes[] = {"", "-wal", ".lock"};
    mode_t mask = umask(0);
    struct store *s = test_open();
    struct stat st;
    char name[128];

    umask(mask);
    ck_assert_int_eq(store_cursor_put(s, "a", "b"), 0);
    for (size_t i = 0; i < 3; i++) {
        name_of(name, sizeof(name), suffixes[i]);
        ck_assert_int_eq(stat(name, &st), 0);
        ck_assert_int_eq(st.st_mode & 07777, 0600);
    }
    name_of(name, sizeof(name), "-shm");
    ck_assert_int_ne(stat(name, &st), 0);
    store_free(s);
}
END_TEST

START_TEST(a_missing_directory_is_a_matter_of_access)
{
    struct store *s = NULL;

    ck_assert_int_eq(store_open("/nonexistent/state.db", test_secret, &s),
                     STORE_E_ACCESS);
    ck_assert_int_eq(store_open("/dev/null/state.db", test_secret, &s), STORE_E_ACCESS);
    ck_assert_int_eq(store_open(test_dir, test_secret, &s), STORE_E_ACCESS);
    ck_assert_ptr_null(s);
    ck_assert_int_gt(snprintf(test_path, sizeof(test_path), "%s.lock", test_dir), 0);
    unlink(test_path);
}
END_TEST

static void write_file(const char *bytes, size_t n)
{
    FILE *f = fopen(test_path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(garbage_is_no_state_and_is_left_alone)
{
    static const char garbage[] = "this is not a database, whatever it is: it is long "
                                  "enough to be read as a header of one hundred bytes";
    char back[sizeof(garbage)] = "";
    struct store *s = NULL;
    FILE *f;

    write_file(garbage, sizeof(garbage));
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_CORRUPT);
    ck_assert_ptr_null(s);
    f = fopen(test_path, "r");
    ck_assert_uint_eq(fread(back, 1, sizeof(back), f), sizeof(garbage));
    fclose(f);
    ck_assert_mem_eq(back, garbage, sizeof(garbage));
}
END_TEST

/* Enough rows that every part of the file matters. */
static void fill(struct store *s)
{
    char key[32], text[900];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(store_begin(s), 0);
    for (int i = 0; i < 400; i++) {
        ck_assert_int_gt(snprintf(key, sizeof(key), "key %d", i), 0);
        ck_assert_int_eq(store_cursor_put(s, key, text), 0);
    }
    ck_assert_int_eq(store_commit(s), 0);
}

START_TEST(a_cut_file_is_found_at_the_start)
{
    struct store *s = test_open();

    fill(s);
    store_free(s);
    ck_assert_int_eq(truncate(test_path, 64 * 1024), 0);
    s = NULL;
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_CORRUPT);
    ck_assert_ptr_null(s);
}
END_TEST

/* Pages of a table that the start has no need to read. */
START_TEST(overwritten_pages_are_found_at_the_start)
{
    char page[4096];
    struct store *s = test_open();
    int fd, hit = 0;

    fill(s);
    store_free(s);
    fd = open(test_path, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; pread(fd, page, sizeof(page), at) == (ssize_t)sizeof(page);
         at += (off_t)sizeof(page))
        if (memmem(page, sizeof(page), "xxxxxxxx", 8)) {
            memset(page, 0xa5, 64);
            ck_assert_int_eq(pwrite(fd, page, 64, at), 64);
            hit++;
        }
    close(fd);
    ck_assert_int_gt(hit, 10);
    s = NULL;
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_CORRUPT);
    ck_assert_ptr_null(s);
}
END_TEST

static void change(const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(test_path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(the_last_login_of_each_source_is_kept_for_its_time)
{
    struct addr a = {.family = 6, .bytes = {0x20, 0x01, 0x0d, 0xb8}};
    struct net prefix = addr_network(&a, 64), other = addr_network(&a, 56);
    char user[STORE_USER_MAX + 1], long_name[300];
    struct store *s = test_open();
    int64_t time = 0;

    ck_assert_int_eq(store_login_get(s, &prefix, &time, user), STORE_E_MISSING);
    ck_assert_int_eq(store_login_put(s, &prefix, 500, "bob"), 0);
    ck_assert_int_eq(store_login_put(s, &prefix, 400, "alice"), 0); /* came late */
    store_free(s);
    s = test_open();
    ck_assert_int_eq(store_login_get(s, &prefix, &time, user), 0);
    ck_assert_int_eq(time, 500);
    ck_assert_str_eq(user, "bob");
    ck_assert_int_eq(store_login_get(s, &other, &time, user), STORE_E_MISSING);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    ck_assert_int_eq(store_login_put(s, &other, 600, long_name), 0);
    ck_assert_int_eq(store_login_get(s, &other, &time, user), 0);
    ck_assert_uint_eq(strlen(user), STORE_USER_MAX);

    ck_assert_int_eq(store_login_prune(s, 500), 0);
    ck_assert_int_eq(store_login_get(s, &prefix, &time, user), 0);
    ck_assert_int_eq(store_login_prune(s, 501), 0);
    ck_assert_int_eq(store_login_get(s, &prefix, &time, user), STORE_E_MISSING);
    ck_assert_int_eq(store_login_get(s, &other, &time, user), 0);
    store_free(s);
}
END_TEST

START_TEST(a_newer_version_is_refused_and_left_alone)
{
    struct store *s = test_open();

    ck_assert_int_eq(store_cursor_put(s, "a", "b"), 0);
    store_free(s);
    change("PRAGMA user_version = 9999");
    s = NULL;
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_SCHEMA);
    ck_assert_ptr_null(s);
    change("PRAGMA user_version = 1");
    s = test_open();
    expect_cursor(s, "a", "b");
    store_free(s);
}
END_TEST

START_TEST(another_programs_database_is_refused)
{
    struct store *s = NULL;

    change("CREATE TABLE theirs(a)");
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_CORRUPT);
    change("PRAGMA application_id = 1; PRAGMA user_version = 1");
    ck_assert_int_eq(store_open(test_path, test_secret, &s), STORE_E_CORRUPT);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    char command[512];

    ck_assert_int_gt(snprintf(command, sizeof(command), "cp '%s' '%s'", from, to), 0);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(a_restored_copy_is_what_is_read)
{
    struct store *s = test_open();
    char old[128];

    name_of(old, sizeof(old), ".old");
    ck_assert_int_eq(store_cursor_put(s, "a", "old"), 0);
    store_free(s);
    copy_file(test_path, old);
    s = test_open();
    fill(s);
    ck_assert_int_eq(store_cursor_put(s, "a", "new"), 0);
    store_free(s);
    copy_file(old, test_path);
    s = test_open();
    expect_cursor(s, "a", "old");
    expect_no_cursor(s, "key 1");
    store_free(s);
}
END_TEST

START_TEST(a_transaction_is_all_or_nothing)
{
    struct store *s = test_open_memory();

    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_begin(s), -EALREADY);
    ck_assert_int_eq(store_cursor_put(s, "a", "1"), 0);
    expect_cursor(s, "a", "1");
    store_rollback(s);
    expect_no_cursor(s, "a");
    ck_assert_int_eq(store_commit(s), -EINVAL);
    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_cursor_put(s, "a", "1"), 0);
    ck_assert_int_eq(store_commit(s), 0);
    expect_cursor(s, "a", "1");
    store_free(s);
}
END_TEST

START_TEST(one_failure_undoes_the_whole_transaction)
{
    struct store *s = test_open_memory();
    struct message m = {.id = 17, .state = MESSAGE_SENT};

    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_cursor_put(s, "a", "before"), 0);
    ck_assert_int_eq(store_message_put(s, &m), STORE_E_MISSING);
    ck_assert_int_eq(store_cursor_put(s, "b", "after"), STORE_E_MISSING);
    ck_assert_int_eq(store_commit(s), STORE_E_MISSING);
    expect_no_cursor(s, "a");
    expect_no_cursor(s, "b");
    ck_assert_int_eq(store_cursor_put(s, "b", "anew"), 0);
    expect_cursor(s, "b", "anew");
    store_free(s);
}
END_TEST

START_TEST(what_is_open_at_the_end_is_undone)
{
    struct store *s = test_open();

    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_cursor_put(s, "a", "1"), 0);
    store_free(s);
    s = test_open();
    expect_no_cursor(s, "a");
    store_free(s);
}
END_TEST

struct seen {
    unsigned n;
    char text[256];
    int stop;
};

static int see_source(void *userdata, const struct net *source, const void *state,
                      size_t n)
{
    struct seen *seen = userdata;
    char net[NET_TEXT_MAX];
    size_t at = strlen(seen->text);

    seen->n++;
    ck_assert_int_gt(snprintf(seen->text + at, sizeof(seen->text) - at, "%s=%.*s;",
                              net_format(source, net), (int)n, (const char *)state),
                     0);
    return seen->stop;
}

START_TEST(sources_keep_their_state)
{
    struct store *s = test_open_memory();
    struct net a = test_net("203.0.113.5"), b = test_net("2001:db8:1:2::/64");
    struct seen seen = {0};

    ck_assert_int_eq(store_source_put(s, &a, "one", 3), 0);
    ck_assert_int_eq(store_source_put(s, &b, "\0x", 0), 0);
    ck_assert_int_eq(store_source_put(s, &a, "three", 5), 0);
    ck_assert_int_eq(store_source_each(s, see_source, &seen), 0);
    ck_assert_str_eq(seen.text, "2001:db8:1:2::/64=;203.0.113.5=three;");
    seen = (struct seen){.stop = -EINTR};
    ck_assert_int_eq(store_source_each(s, see_source, &seen), -EINTR);
    ck_assert_uint_eq(seen.n, 1);
    ck_assert_int_eq(store_source_delete(s, &a), 0);
    ck_assert_int_eq(store_source_delete(s, &a), 0);
    seen = (struct seen){0};
    ck_assert_int_eq(store_source_each(s, see_source, &seen), 0);
    ck_assert_str_eq(seen.text, "2001:db8:1:2::/64=;");
    store_free(s);
}
END_TEST

START_TEST(free_space_is_known)
{
    struct store *s = test_open();
    uint64_t bytes = 0;

    ck_assert_int_eq(store_free_space(s, &bytes), 0);
    ck_assert_uint_gt(bytes, 0);
    store_free(s);
    s = test_open_memory();
    ck_assert_int_eq(store_free_space(s, &bytes), 0);
    ck_assert_uint_eq(bytes, UINT64_MAX);
    store_free(s);
}
END_TEST

START_TEST(each_outcome_has_words)
{
    for (int i = STORE_E_BUSY; i <= STORE_E_MISSING; i++)
        ck_assert_str_ne(store_error_text(i), "unknown error");
    ck_assert_str_eq(store_error_text(99), "unknown error");
    ck_assert_ptr_nonnull(strstr(store_error_text(-ENOMEM), "memory"));
}
END_TEST

/* A file system of 6 MiB, filled to the last byte. */
static bool mount_small(void)
{
    if (mount("none", test_dir, "tmpfs", 0, "size=6m") == 0)
        return true;
    fprintf(stderr, "SKIP: no small file system can be mounted here (%s)\n",
            strerror(errno));
    return false;
}

static void stuff(void)
{
    static const char zeros[4096];
    char name[128];
    ssize_t n;
    int fd;

    ck_assert_int_gt(snprintf(name, sizeof(name), "%s/stuff", test_dir), 0);
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    do
        n = write(fd, zeros, sizeof(zeros));
    while (n > 0);
    ck_assert_int_eq(errno, ENOSPC);
    close(fd);
}

static void unstuff(void)
{
    char name[128];

    ck_assert_int_gt(snprintf(name, sizeof(name), "%s/stuff", test_dir), 0);
    ck_assert_int_eq(unlink(name), 0);
}

/* An update that changes no size, n times. */
static int update_messages(struct store *s, struct message *m, int n)
{
    int done = 0;

    for (int i = 0; i < n; i++) {
        m->state = i % 2 ? MESSAGE_QUEUED : MESSAGE_SENDING;
        m->attempts++;
        if (store_message_put(s, m) == 0)
            done++;
    }
    return done;
}

static void full_disk(void)
{
    struct store *s = test_open();
    struct incident *inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    struct message *m = test_message(inc->id, 1);
    char *large = malloc(3 * 1024 * 1024 + 1);
    int r;

    memset(large, 'y', 3 * 1024 * 1024);
    large[3 * 1024 * 1024] = '\0';
    ck_assert_int_eq(store_message_add(s, m), 0);
    stuff();
    r = store_cursor_put(s, "large", large);
    ck_assert_int_eq(r, STORE_E_FULL);
    ck_assert_str_ne(store_last_error(s), "");
    expect_no_cursor(s, "large");
    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_cursor_put(s, "small", "x"), 0);
    /* Whether the statement or the commit is told of it: nothing of it stays. */
    (void)store_cursor_put(s, "large", large);
    ck_assert_int_eq(store_commit(s), STORE_E_FULL);
    expect_no_cursor(s, "small");
    ck_assert_int_eq(update_messages(s, m, 2000), 2000);
    s = store_free(s);
    stuff();
    s = test_open(); /* a restart on a full disk */
    ck_assert_int_eq(update_messages(s, m, 2000), 2000);
    unstuff();
    large[1024 * 1024] = '\0';
    ck_assert_int_eq(store_cursor_put(s, "large", large), 0);
    expect_cursor(s, "large", large);
    store_free(s);
    free(large);
    message_free(m);
    incident_free(inc);
}

START_TEST(a_full_disk_takes_small_commits_and_loses_nothing)
{
    if (!mount_small())
        return;
    full_disk();
    ck_assert_int_eq(umount(test_dir), 0);
}
END_TEST

/* A state whose write-ahead log is gone, on a disk without room for a new one. */
START_TEST(without_a_reserve_nothing_is_sent)
{
    struct store *s;
    struct incident *inc;
    struct message *m;
    char name[128];

    if (!mount_small())
        return;
    s = test_open();
    inc = test_incident(s, "203.0.113.5", INCIDENT_QUEUED, MOMENT_NONE);
    m = test_message(inc->id, 1);
    ck_assert_int_eq(store_message_add(s, m), 0);
    store_free(s);
    name_of(name, sizeof(name), "-wal");
    ck_assert_int_eq(unlink(name), 0);
    stuff();
    s = test_open();
    m->state = MESSAGE_SENDING;
    ck_assert_int_eq(store_message_put(s, m), STORE_E_FULL);
    unstuff();
    ck_assert_int_eq(store_begin(s), 0);
    ck_assert_int_eq(store_message_put(s, m), 0);
    ck_assert_int_eq(store_commit(s), 0);
    store_free(s);
    ck_assert_int_eq(umount(test_dir), 0);
    incident_free(inc);
    message_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, test_dir_make, test_dir_remove);
    tcase_add_test(tc, what_was_written_is_there_after_a_restart);
    tcase_add_test(tc, what_was_committed_survives_a_kill);
    tcase_add_test(tc, the_secret_is_the_one_of_the_first_start);
    tcase_add_test(tc, a_second_process_is_told_who_holds_the_state);
    tcase_add_test(tc, a_foreign_tool_on_the_file_means_busy);
    tcase_add_test(tc, only_the_owner_may_read_the_files);
    tcase_add_test(tc, a_missing_directory_is_a_matter_of_access);
    tcase_add_test(tc, garbage_is_no_state_and_is_left_alone);
    tcase_add_test(tc, a_cut_file_is_found_at_the_start);
    tcase_add_test(tc, overwritten_pages_are_found_at_the_start);
    tcase_add_test(tc, the_last_login_of_each_source_is_kept_for_its_time);
    tcase_add_test(tc, a_newer_version_is_refused_and_left_alone);
    tcase_add_test(tc, another_programs_database_is_refused);
    tcase_add_test(tc, a_restored_copy_is_what_is_read);
    tcase_add_test(tc, a_transaction_is_all_or_nothing);
    tcase_add_test(tc, one_failure_undoes_the_whole_transaction);
    tcase_add_test(tc, what_is_open_at_the_end_is_undone);
    tcase_add_test(tc, sources_keep_their_state);
    tcase_add_test(tc, free_space_is_known);
    tcase_add_test(tc, each_outcome_has_words);
    tcase_add_test(tc, a_full_disk_takes_small_commits_and_loses_nothing);
    tcase_add_test(tc, without_a_reserve_nothing_is_sent);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
