#include "ctl-online.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "cleanup.h"
#include "control.h"

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
    size_t n = strlen(path);

    if (fd < 0)
        return EX_OSERR;
    if (n >= sizeof(sa.sun_path))
        return explain_connect(path, ENAMETOOLONG);
    memcpy(sa.sun_path, path, n + 1);
    if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
        return explain_connect(path, errno);
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
    return send(fd, line, n, MSG_NOSIGNAL) == (ssize_t)n ? EX_OK : EX_IOERR;
}

/* The first line is the exit status; errors go to stderr. */
static int copy_answer(int fd)
{
    _cleanup_(cleanup_fclose) FILE *in = fdopen(fd, "r");
    char buffer[65536], *end;
    FILE *out = stdout;
    long status;
    size_t n;

    if (!in || !fgets(buffer, sizeof(buffer), in)) {
        fprintf(stderr, "abuse-reporterctl: the daemon closed the connection without an "
                        "answer\n");
        return EX_PROTOCOL;
    }
    status = strtol(buffer, &end, 10);
    if (end == buffer || status < 0 || status > 125)
        return EX_PROTOCOL;
    if (status != EX_OK) {
        out = stderr;
        fputs("abuse-reporterctl: ", out);
    }
    while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
        if (fwrite(buffer, 1, n, out) != n)
            return EX_IOERR;
    return fflush(out) == 0 ? (int)status : EX_IOERR;
}

int ctl_online(const char *socket_path, int argc, char **argv)
{
    int fd, r;

    r = connect_to(socket_path ? socket_path : CONTROL_PATH, &fd);
    if (r != EX_OK)
        return r;
    r = send_request(fd, argc, argv);
    if (r != EX_OK) {
        close(fd);
        return r;
    }
    return copy_answer(fd);
}
