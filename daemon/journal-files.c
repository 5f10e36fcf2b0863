/* A file that may not be opened by this user is no damage: the files of other users lie
 * in the same directory. Neither is one that goes while it is looked at, nor an empty
 * one, which is in the making. */
#include "journal-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "moment.h"

#define FILES_MAX 4096

struct search {
    const char *prefix; /* of the files' names */
    int64_t since;
    unsigned left;
    journal_file_fn fn;
    void *userdata;
};

static bool has_ending(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);

    return n > k && strcmp(name + n - k, ending) == 0;
}

static void try_file(struct search *s, const char *path, const struct stat *st)
{
    const char *paths[] = {path, NULL};
    sd_journal *sd;
    int r;

    if (st->st_size == 0 || s->left == 0 ||
        st->st_mtim.tv_sec * USEC_PER_SEC + st->st_mtim.tv_nsec / 1000 < s->since)
        return;
    s->left--;
    r = sd_journal_open_files(&sd, paths, 0);
    if (r >= 0)
        sd_journal_close(sd);
    else if (r != -ENOENT && r != -EACCES && r != -EPERM && r != -ENOMEM &&
             r != -EMFILE && r != -ENFILE)
        s->fn(s->userdata, path, -r);
}

/* The files in a directory, and with depth in those below it, which have the names of
 * machines. */
static void try_directory(struct search *s, const char *directory, unsigned depth)
{
    DIR *d = opendir(directory);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        _cleanup_(cleanup_free) char *path = NULL;
        struct stat st;

        if (e->d_name[0] == '.' ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (asprintf(&path, "%s/%s", directory, e->d_name) < 0) {
            path = NULL;
            break;
        }
        if (S_ISDIR(st.st_mode) && depth > 0)
            try_directory(s, path, depth - 1);
        else if (S_ISREG(st.st_mode) &&
                 strncmp(e->d_name, s->prefix, strlen(s->prefix)) == 0 &&
                 (has_ending(e->d_name, ".journal") ||
                  has_ending(e->d_name, ".journal~")))
            try_file(s, path, &st);
    }
    if (d)
        closedir(d);
}

void journal_files_unreadable(const char *directory, int64_t since, journal_file_fn fn,
                              void *userdata)
{
    static const char *const roots[] = {"/var/log/journal", "/run/log/journal"};
    struct search s = {.prefix = directory ? "" : "system",
                       .since = since,
                       .left = FILES_MAX,
                       .fn = fn,
                       .userdata = userdata};
    char machine[SD_ID128_STRING_MAX], path[64];
    sd_id128_t id;

    if (directory) {
        try_directory(&s, directory, 1);
        return;
    }
    if (sd_id128_get_machine(&id) < 0)
        return;
    sd_id128_to_string(id, machine);
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", roots[i], machine);
        try_directory(&s, path, 0);
    }
}
