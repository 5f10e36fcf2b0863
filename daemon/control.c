/* The answer's first line is the exit status; the rest is for the tool's output. A client
 * that neither asks nor reads within some seconds is dropped. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "loop.h"

#define CLIENT_TIME (10 * 1000000) /* µs */
#define PAUSE       1000000

struct client {
    struct control *control; /* NULL: the slot is free */
    int fd;
    struct ucred peer;
    struct watch *watch, *deadline;
    char request[CONTROL_REQUEST_MAX];
    size_t n;
    char *answer;
    size_t answer_n, sent;
};

struct control {
    struct loop *loop;
    control_fn fn;
    void *userdata;
    char *path;
    int fd;
    struct watch *watch, *pause;
    struct client clients[CONTROL_CLIENTS_MAX];
};

static void client_close(struct client *c)
{
    watch_free(c->watch);
    watch_free(c->deadline);
    close(c->fd);
    free(c->answer);
    memset(c, 0, sizeof(*c));
}

static void on_deadline(void *userdata, unsigned what)
{
    client_close(userdata);
}

static void on_writable(void *userdata, unsigned what)
{
    struct client *c = userdata;
    ssize_t n = send(c->fd, c->answer + c->sent, c->answer_n - c->sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->answer_n)
        client_close(c);
}

static int split_words(char *line, char *words[static CONTROL_WORDS_MAX + 1])
{
    int n = 0;
    char *rest = line, *word;

    while ((word = strsep(&rest, " ")) && n < CONTROL_WORDS_MAX)
        if (word[0])
            words[n++] = word;
    words[n] = NULL;
    return n;
}

/* Runs the handler into a memory stream; the status line is put before what it wrote. */
static int make_answer(struct client *c)
{
    _cleanup_(cleanup_free) char *text = NULL;
    char *words[CONTROL_WORDS_MAX + 1];
    struct control_request request = {
        .argv = words, .uid = c->peer.uid, .pid = c->peer.pid};
    size_t n = 0;
    int status;
    FILE *out = open_memstream(&text, &n);

    if (!out)
        return -ENOMEM;
    request.argc = split_words(c->request, words);
    status = c->control->fn(c->control->userdata, &request, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    c->answer = malloc(n + 16);
    if (!c->answer)
        return -ENOMEM;
    c->answer_n = (size_t)snprintf(c->answer, 16, "%d\n", status);
    memcpy(c->answer + c->answer_n, text, n);
    c->answer_n += n;
    return 0;
}

static void answer(struct client *c)
{
    c->watch = watch_free(c->watch);
    if (make_answer(c) < 0 ||
        loop_fd(c->control->loop, c->fd, LOOP_WRITE, on_writable, c, &c->watch) < 0)
        client_close(c);
}

static void on_readable(void *userdata, unsigned what)
{
    struct client *c = userdata;
    ssize_t n =
        recv(c->fd, c->request + c->n, sizeof(c->request) - 1 - c->n, MSG_DONTWAIT);
    char *end;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_close(c);
        return;
    }
    end = memchr(c->request + c->n, '\n', (size_t)n);
    c->n += (size_t)n;
    if (end) {
        *end = '\0';
        answer(c);
    } else if (c->n == sizeof(c->request) - 1) {
        client_close(c);
    }
}

static struct client *free_slot(struct control *control)
{
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (!control->clients[i].control)
            return &control->clients[i];
    return NULL;
}

static void on_connection(void *userdata, unsigned what);

static void on_rested(void *userdata, unsigned what)
{
    struct control *control = userdata;

    if (loop_fd(control->loop, control->fd, LOOP_READ, on_connection, control,
                &control->watch) < 0)
        watch_arm(control->pause, PAUSE);
}

static void rest(struct control *control)
{
    control->watch = watch_free(control->watch);
    watch_arm(control->pause, PAUSE);
}

static void on_connection(void *userdata, unsigned what)
{
    struct control *control = userdata;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *c = free_slot(control);
    socklen_t n = sizeof(c->peer);

    if (fd < 0) {
        /* Without a descriptor left the connection stays waiting: not to be asked for
         * again at once. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            rest(control);
        return;
    }
    if (!c) {
        log_warning("too many clients at the control socket: one is turned away");
        close(fd);
        return;
    }
    c->control = control;
    c->fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &n) < 0 ||
        loop_fd(control->loop, fd, LOOP_READ, on_readable, c, &c->watch) < 0 ||
        loop_timer(control->loop, on_deadline, c, &c->deadline) < 0 ||
        watch_arm(c->deadline, CLIENT_TIME) < 0)
        client_close(c);
}

/* Whether a process answers at this socket. */
static bool is_alive(const struct sockaddr_un *sa)
{
    _cleanup_(cleanup_close) int fd =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
                       errno == EAGAIN);
}

/* The mode is set by the umask while binding, so that nobody gets in before a chmod. */
static int listen_at(const char *path, int *ret)
{
    _cleanup_(cleanup_close) int fd = -1;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    mode_t mask;
    int r;

    if (strlen(path) >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    memcpy(sa.sun_path, path, strlen(path) + 1);
    if (is_alive(&sa))
        return -EADDRINUSE;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mask = umask(0117);
    r = bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
    umask(mask);
    if (r == 0 && listen(fd, CONTROL_CLIENTS_MAX) < 0)
        r = -errno;
    if (r < 0)
        return r;
    *ret = fd;
    fd = -1;
    return 0;
}

int control_new(struct loop *loop, const char *path, control_fn fn, void *userdata,
                struct control **ret)
{
    struct control *c = calloc(1, sizeof(*c));
    int r;

    if (!c)
        return -ENOMEM;
    c->loop = loop;
    c->fn = fn;
    c->userdata = userdata;
    c->fd = -1;
    r = loop_timer(loop, on_rested, c, &c->pause);
    if (r == 0)
        r = listen_at(path, &c->fd);
    if (r == 0) {
        c->path = strdup(path);
        r = c->path ? loop_fd(loop, c->fd, LOOP_READ, on_connection, c, &c->watch)
                    : -ENOMEM;
    }
    if (r < 0) {
        control_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

struct control *control_free(struct control *c)
{
    if (!c)
        return NULL;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (c->clients[i].control)
            client_close(&c->clients[i]);
    watch_free(c->watch);
    watch_free(c->pause);
    if (c->fd >= 0)
        close(c->fd);
    if (c->path)
        unlink(c->path);
    free(c->path);
    free(c);
    return NULL;
}
