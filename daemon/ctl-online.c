#include "ctl-online.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "cleanup.h"
#include "control.h"

#define PATIENCE 10 /* s */

static int explain_silence(void)
{
    fprintf(
        stderr,
        "abuse-reporterctl: the daemon does not answer within %d s; see journalctl -u "
        "abuse-reporterd\n",
        PATIENCE);
    return EX_TEMPFAIL;
}

static int explain_closed(void)
{
    fprintf(stderr, "abuse-reporterctl: the daemon closed the connection without an "
                    "answer\n");
    return EX_PROTOCOL;
}

static int explain_connect(const char *path, int error)
{
    if (error == EACCES || error == EPERM) {
        fprintf(stderr,
                "abuse-reporterctl: no permission for %s: be root, or a member of the "
                "group\nabuse-reporterd\n",
                path);
        return EX_NOPERM;
    }
    fprintf(
        stderr,
        "abuse-reporterctl: abuse-reporterd does not run (nobody answers at\n%s: %s);\n"
        "try `systemctl status abuse-reporterd`\n",
        path, strerror(error));
    return EX_UNAVAILABLE;
}

static int connect_to(const char *path, int *ret_fd)
{
    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE};
    size_t n = strlen(path);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0) {
        fprintf(stderr, "abuse-reporterctl: %s\n", strerror(errno));
        return EX_OSERR;
    }
    if (n >= sizeof(sa.sun_path))
        return explain_connect(path, ENAMETOOLONG);
    memcpy(sa.sun_path, path, n + 1);
    /* EAGAIN: the daemon accepts nobody, and the queue of those who wait is full. */
    if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
        return errno == EAGAIN ? explain_silence() : explain_connect(path, errno);
    *ret_fd = fd;
    fd = -1;
    return EX_OK;
}

static int send_request(int fd, int argc, char **argv)
{
    char line[CONTROL_REQUEST_MAX];
    size_t n = 0;

    for (int i = 0; i < argc; i++) {
        size_t word = strlen(argv[i]);

        if (word == 0 || strpbrk(argv[i], " \n") || n + word + 2 > sizeof(line)) {
            fprintf(stderr, "abuse-reporterctl: an argument is empty, too long or holds "
                            "blanks\n");
            return EX_USAGE;
        }
        memcpy(line + n, argv[i], word);
        n += word;
        line[n++] = i + 1 < argc ? ' ' : '\n';
    }
    if (send(fd, line, n, MSG_NOSIGNAL) == (ssize_t)n)
        return EX_OK;
    return errno == EAGAIN ? explain_silence() : explain_closed();
}

/* Whether the line is a number that a program can end with, and nothing else. */
static bool parse_status(const char *line, int *ret)
{
    char *end;
    long status;

    if (line[0] < '0' || line[0] > '9')
        return false;
    status = strtol(line, &end, 10);
    if (status > 125 || (*end != '\n' && *end != '\0'))
        return false;
    *ret = (int)status;
    return true;
}

/* The first line is the exit status; errors go to stderr. */
static int copy_answer(const char *path, int fd)
{
    _cleanup_(cleanup_fclose) FILE *in = fdopen(fd, "r");
    char buffer[65536];
    FILE *out = stdout;
    bool silent;
    int status;
    size_t n;

    errno = 0;
    if (!in || !fgets(buffer, sizeof(buffer), in))
        return errno == EAGAIN ? explain_silence() : explain_closed();
    if (!parse_status(buffer, &status)) {
        fprintf(stderr,
                "abuse-reporterctl: something else than abuse-reporterd answers "
                "at %s\n",
                path);
        return EX_PROTOCOL;
    }
    if (status != EX_OK) {
        out = stderr;
        fputs("abuse-reporterctl: ", out);
    }
    do {
        n = fread(buffer, 1, sizeof(buffer), in);
        silent = ferror(in) && errno == EAGAIN;
        if (fwrite(buffer, 1, n, out) != n)
            return EX_IOERR;
    } while (n > 0 && !silent);
    if (silent)
        return explain_silence();
    return fflush(out) == 0 ? status : EX_IOERR;
}

int ctl_online(const char *socket_path, int argc, char **argv)
{
    const char *path = socket_path ? socket_path : CONTROL_PATH;
    int fd, r;

    r = connect_to(path, &fd);
    if (r != EX_OK)
        return r;
    r = send_request(fd, argc, argv);
    if (r != EX_OK) {
        close(fd);
        return r;
    }
    return copy_answer(path, fd);
}
