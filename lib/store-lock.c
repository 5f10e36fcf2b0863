/* The lock beside the state, PATH.lock, taken before the database is touched. SQLite's
 * own lock would do for safety, but it cannot tell who holds it. An open file description
 * lock ends with the process in every case, so a number left in the file by a dead
 * process means nothing: the number counts only while the lock is held. The file is never
 * removed, since a third process could be waiting for the lock of the removed one. */
#include "store-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PID_TEXT 20

int store_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT: return STORE_E_FULL;
    case EACCES:
    case EPERM:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EROFS:
    case ELOOP:
    case ENXIO:
    case ENAMETOOLONG: return STORE_E_ACCESS;
    case EIO: return STORE_E_IO;
    default: return -error;
    }
}

static int lock_open(const char *path, int flags, int *ret_fd)
{
    _cleanup_(cleanup_free) char *name = NULL;
    int fd;

    if (asprintf(&name, "%s.lock", path) < 0) {
        name = NULL;
        return -ENOMEM;
    }
    fd = open(name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_errno(errno);
    *ret_fd = fd;
    return 0;
}

/* In place and of fixed width, which needs no room on a full disk once the file has been
 * written. The number is for people, so a failure only leaves it out. */
static void lock_write_pid(int fd)
{
    char text[PID_TEXT + 2];
    int n = snprintf(text, sizeof(text), "%-*" PRId64 "\n", PID_TEXT, (int64_t)getpid());

    if (n != PID_TEXT + 1 || pwrite(fd, text, n, 0) != n || ftruncate(fd, n) < 0)
        (void)!ftruncate(fd, 0);
}

int store_lock(const char *path, int *ret_fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    _cleanup_(cleanup_close) int fd = -1;
    int r = lock_open(path, O_RDWR | O_CREAT, &fd);

    if (r != 0)
        return r;
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return STORE_E_BUSY;
        return store_errno(errno);
    }
    lock_write_pid(fd);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int64_t store_holder(const char *path)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    _cleanup_(cleanup_close) int fd = -1;
    char text[PID_TEXT + 2], *end;
    ssize_t n;
    int64_t pid;

    if (lock_open(path, O_RDONLY | O_NONBLOCK, &fd) != 0)
        return 0;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;
    n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    errno = 0;
    pid = strtoll(text, &end, 10);
    if (errno != 0 || end == text || pid <= 0)
        return 0;
    return pid;
}
