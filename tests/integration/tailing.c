#include "tailing.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

struct tailing tl;
char logged[65536];

/* In the place of daemon/log.c: what was said is what some tests are about. */
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

size_t times_logged(const char *text)
{
    size_t n = 0;

    for (const char *p = logged; (p = strstr(p, text)); p++)
        n++;
    return n;
}

void tailing_setup(void)
{
    const char *tmp = getenv("TMPDIR");

    tl = (struct tailing){.from_beginning = true, .period = 200000, .keep = 300000};
    snprintf(tl.dir, sizeof(tl.dir), "%s/tail-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(tl.dir));
    ck_assert_int_eq(chmod(tl.dir, 0755), 0);
    snprintf(tl.path, sizeof(tl.path), "%s/log", tl.dir);
    ck_assert_int_eq(loop_new(&tl.loop), 0);
    tl.got = calloc(1, 1);
    logged[0] = '\0';
}

void tailing_teardown(void)
{
    pid_t child;

    tail_end();
    tl.loop = loop_free(tl.loop);
    free(tl.got);
    free(tl.cursor);
    child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", tl.dir, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

static int on_line(void *userdata, const char *line, size_t n, bool backlog)
{
    if (tl.refuse_at > 0 && tl.lines + 1 == tl.refuse_at)
        return -1;
    if (tl.got_n % 65536 + n + 2 > 65536 || tl.got_n == 0)
        tl.got = realloc(tl.got, (tl.got_n / 65536 + 2) * 65536 + n);
    memcpy(tl.got + tl.got_n, line, n);
    tl.got_n += n;
    tl.got[tl.got_n++] = '|';
    tl.got[tl.got_n] = '\0';
    tl.lines++;
    tl.backlog += backlog;
    return 0;
}

static void on_caught_up(void *userdata)
{
    tl.caught_up++;
}

void tail_begin(void)
{
    static const struct tail_ops ops = {.line = on_line, .caught_up = on_caught_up};
    struct tail_params params = {
        .path = tl.path,
        .from_beginning = tl.from_beginning,
        .cursor = tl.cursor,
        .period = tl.period,
        .keep = tl.keep,
    };

    ck_assert_int_eq(tail_new(tl.loop, &params, &ops, NULL, &tl.tail), 0);
}

void tail_end(void)
{
    tl.tail = tail_free(tl.tail);
}

void save_cursor(void)
{
    free(tl.cursor);
    tl.cursor = NULL;
    ck_assert_int_eq(tail_cursor(tl.tail, &tl.cursor), 0);
    tail_saved(tl.tail);
}

/* Running */

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

    if ((tl.lines >= w->lines && tl.caught_up >= w->caught_up) || now_usec() >= w->until)
        loop_stop(tl.loop);
    else
        watch_arm(w->tick, 2000);
}

static void run_until(size_t lines, size_t caught_up, int64_t usec)
{
    struct wait w = {lines, caught_up, now_usec() + usec, NULL};

    ck_assert_int_eq(loop_timer(tl.loop, on_tick, &w, &w.tick), 0);
    watch_arm(w.tick, 1000);
    ck_assert_int_eq(loop_run(tl.loop), 0);
    watch_free(w.tick);
}

void run_for(int64_t usec)
{
    run_until(SIZE_MAX, SIZE_MAX, usec);
}

void settle(void)
{
    if (tl.refuse_at == 0)
        run_until(0, tl.caught_up + 1, 10000000);
    run_for(20000);
}

void await_lines(size_t n)
{
    run_until(n, 0, 10000000);
    ck_assert_msg(tl.lines >= n, "%zu of %zu lines: %.300s", tl.lines, n, tl.got);
}

struct tail_counters counters(void)
{
    struct tail_counters c;

    tail_counters(tl.tail, &c);
    return c;
}

void expect(const char *lines)
{
    ck_assert_str_eq(tl.got, lines);
}

/* Files */

const char *in_dir(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", tl.dir, name);
    return path;
}

void append_bytes(const char *name, const char *bytes, size_t n)
{
    int fd = open(in_dir(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

void append(const char *name, const char *text)
{
    append_bytes(name, text, strlen(text));
}

void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(in_dir(from), in_dir(to)), 0);
}

void delete_file(const char *name)
{
    ck_assert_int_eq(unlink(in_dir(name)), 0);
}

void copy(const char *from, const char *to)
{
    char buf[4096];
    int in = open(in_dir(from), O_RDONLY | O_CLOEXEC);
    ssize_t n;

    ck_assert_int_ge(in, 0);
    while ((n = read(in, buf, sizeof(buf))) > 0)
        append_bytes(to, buf, (size_t)n);
    close(in);
}

void cut(const char *name, int64_t size)
{
    ck_assert_int_eq(truncate(in_dir(name), size), 0);
}
