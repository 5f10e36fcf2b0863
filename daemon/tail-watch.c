/* The directory is watched anew before each look, which costs one system call and leaves
 * no window: inotify gives the same descriptor for the same directory, another one when
 * the directory has been replaced. Open files are watched through /proc/self/fd, so that
 * the watch is on the file that is read, whatever its name leads to by now. */
#include "tail-watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "loop.h"

#define DIRECTORY_EVENTS                                                                \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | \
     IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF)

struct tail_watch {
    struct loop *loop;
    tail_watch_fn fn;
    void *userdata;
    char *path;
    char *name; /* what is waited for in the watched directory */
    int fd, directory;
    struct watch *watch;
    bool polling, file_failed, remote;
    int said; /* errno */
};

DEFINE_CLEANUP(struct tail_watch *, tail_watch_free)

int tail_watch_new(struct loop *loop, const char *path, tail_watch_fn fn, void *userdata,
                   struct tail_watch **ret)
{
    struct tail_watch *w _cleanup_(tail_watch_freep) = calloc(1, sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->fd = w->directory = -1;
    w->loop = loop;
    w->fn = fn;
    w->userdata = userdata;
    w->path = strdup(path);
    if (!w->path)
        return -ENOMEM;
    *ret = TAKE_PTR(w);
    return 0;
}

struct tail_watch *tail_watch_free(struct tail_watch *w)
{
    if (!w)
        return NULL;
    watch_free(w->watch);
    if (w->fd >= 0)
        close(w->fd);
    free(w->path);
    free(w->name);
    free(w);
    return NULL;
}

/* File systems whose files change without an event here: another host writes them. */
static bool is_remote(const char *directory)
{
    static const unsigned long remote[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x65735546, /* FUSE */
        0x01021997, /* 9p */
    };
    struct statfs fs;

    if (statfs(directory, &fs) < 0)
        return false;
    for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == remote[i])
            return true;
    return false;
}

static void fall_back(struct tail_watch *w, int error)
{
    w->polling = true;
    if (w->said == error)
        return;
    w->said = error;
    log_warning("%s cannot be watched (%s), looking each second", w->path,
                strerror(error));
}

static bool wakes(const struct tail_watch *w, const struct inotify_event *e)
{
    if (e->mask & IN_Q_OVERFLOW)
        return true;
    if (e->mask & IN_IGNORED)
        return false;
    if (e->wd != w->directory || e->len == 0)
        return true;
    return w->name && strcmp(e->name, w->name) == 0;
}

static void on_events(void *userdata, unsigned what)
{
    struct tail_watch *w = userdata;
    char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(w->fd, buf, sizeof(buf));
    bool wake = false;

    for (const char *p = buf; n > 0 && p < buf + n;) {
        const struct inotify_event *e = (const void *)p;

        wake = wake || wakes(w, e);
        p += sizeof(*e) + e->len;
    }
    if (wake)
        w->fn(w->userdata);
}

static int open_inotify(struct tail_watch *w)
{
    int r;

    if (w->fd >= 0)
        return 0;
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0)
        return -errno;
    r = loop_fd(w->loop, w->fd, LOOP_READ, on_events, w, &w->watch);
    if (r < 0) {
        close(w->fd);
        w->fd = -1;
    }
    return r;
}

/* Watches the directory that holds path, or goes up to one that exists. *ret_directory
 * and *ret_name, what is waited for in it, are the caller's to free. */
static int add_directory(const struct tail_watch *w, char **ret_directory,
                         char **ret_name)
{
    char *rest _cleanup_(cleanup_free) = strdup(w->path);

    while (rest) {
        char *slash = strrchr(rest, '/');
        char *name _cleanup_(cleanup_free) = strdup(slash ? slash + 1 : rest);
        char *directory _cleanup_(cleanup_free) =
            !slash          ? strdup(".")
            : slash == rest ? strdup("/")
                            : strndup(rest, (size_t)(slash - rest));
        int wd;

        if (!name || !directory)
            break;
        wd = inotify_add_watch(w->fd, directory, DIRECTORY_EVENTS);
        if (wd >= 0) {
            *ret_directory = TAKE_PTR(directory);
            *ret_name = TAKE_PTR(name);
            return wd;
        }
        if ((errno != ENOENT && errno != ENOTDIR) || !slash || slash == rest)
            return -errno;
        *slash = '\0';
    }
    return -ENOMEM;
}

void tail_watch_refresh(struct tail_watch *w)
{
    char *directory _cleanup_(cleanup_free) = NULL;
    char *name _cleanup_(cleanup_free) = NULL;
    int wd = open_inotify(w);

    if (wd == 0)
        wd = add_directory(w, &directory, &name);
    if (wd < 0) {
        fall_back(w, -wd);
        return;
    }
    free(w->name);
    w->name = TAKE_PTR(name);
    if (w->directory != wd) {
        tail_watch_drop(w, w->directory);
        w->remote = is_remote(directory);
    }
    w->directory = wd;
    w->polling = w->file_failed || w->remote;
    if (!w->polling)
        w->said = 0;
}

int tail_watch_file(struct tail_watch *w, int fd)
{
    char name[40];
    int wd = -1;

    if (w->fd >= 0) {
        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        wd = inotify_add_watch(w->fd, name, FILE_EVENTS);
        w->file_failed = wd < 0;
        if (wd < 0)
            fall_back(w, errno);
    }
    return wd;
}

void tail_watch_drop(struct tail_watch *w, int wd)
{
    if (w->fd >= 0 && wd >= 0)
        inotify_rm_watch(w->fd, wd);
}

bool tail_watch_polling(const struct tail_watch *w)
{
    return w->polling;
}
