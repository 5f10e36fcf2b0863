/* Which files are to be read, and in what order, when the log's name leads to another
 * file than the one that was read: at the start, after a rotation, after a truncation.
 *
 * The generations of the log are opened newest first. From the live file's name back to
 * the file that was read last, all that lies between has not been read and is read
 * completely, oldest first. Where that file cannot be found any more, only a generation
 * that was born after it was last seen is certainly unread; others are left alone, since
 * to count lines twice is worse than to have a gap that is said. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "tail-internal.h"

#define GENERATIONS_MAX 16

struct generations {
    struct tail_file *files[GENERATIONS_MAX]; /* newest first; NULL once it is taken */
    size_t n;
    bool has_live; /* the first is what the path leads to */
};

static void generations_done(struct generations *g)
{
    for (size_t i = 0; i < g->n; i++)
        tail_file_free(g->files[i]);
}

struct names {
    char *names[GENERATIONS_MAX]; /* newest first */
    size_t n;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
}

/* Keeps the newest; 0 or -ENOMEM. */
static int names_insert(struct names *names, const char *name)
{
    size_t at = names->n;
    char *copy;

    while (at > 0 && strcmp(name, names->names[at - 1]) > 0)
        at--;
    if (at == GENERATIONS_MAX)
        return 0;
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    if (names->n == GENERATIONS_MAX)
        free(names->names[--names->n]);
    memmove(&names->names[at + 1], &names->names[at],
            (names->n - at) * sizeof(names->names[0]));
    names->names[at] = copy;
    names->n++;
    return 0;
}

static int names_list_dated(struct names *names, const char *directory, const char *base)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    int r = 0;

    if (!dir) /* to search a directory is enough for the others */
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
    while (r == 0 && (entry = readdir(dir)))
        if (logfile_is_dated(base, entry->d_name))
            r = names_insert(names, entry->d_name);
    closedir(dir);
    return r;
}

/* Opens path unless the same file is there already: a rotation under way shows a file
 * under two names, one after the other. */
static int generations_open(struct generations *g, struct tail *t, const char *path)
{
    struct tail_file *f;
    int r;

    if (g->n == GENERATIONS_MAX)
        return 0;
    r = tail_file_open(path, tail_on_line, t, &f);
    if (r < 0)
        return r;
    for (size_t i = 0; i < g->n; i++)
        if (logfile_id_equal(&g->files[i]->id, &f->id)) {
            tail_file_free(f);
            return 0;
        }
    g->files[g->n++] = f;
    return 0;
}

static int generations_open_name(struct generations *g, struct tail *t,
                                 const char *directory, const char *name)
{
    char path[PATH_MAX];
    int r;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
        return -ENAMETOOLONG;
    r = generations_open(g, t, path);
    if (r == -EACCES && !t->said_rotated) {
        t->said_rotated = true;
        log_warning("%s cannot be read: %s", path, strerror(-r));
    }
    return r == -EACCES || r == -ENOENT || r == -ENOTDIR || r == -EINVAL ? 0 : r;
}

/* Opens the rotated files beside the log, or beside what its symbolic link leads to. The
 * numbers are tried one by one, upwards as a file goes when it is rotated meanwhile: a
 * listing of the directory might miss it at its old name and at its new one. */
static int generations_open_rotated(struct generations *g, struct tail *t)
{
    char *real _cleanup_(cleanup_free) = realpath(t->path, NULL);
    const char *path = real ? real : t->path, *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    char *directory _cleanup_(cleanup_free) =
        slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct names names _cleanup_(names_done) = {.n = 0};
    int r;

    if (!directory)
        return -ENOMEM;
    for (int i = 0; i < GENERATIONS_MAX; i++) {
        char name[NAME_MAX + 16];

        snprintf(name, sizeof(name), "%s.%d", base, i);
        r = generations_open_name(g, t, directory, name);
        if (r < 0)
            return r;
    }
    r = names_list_dated(&names, directory, base);
    for (size_t i = 0; r == 0 && i < names.n; i++)
        r = generations_open_name(g, t, directory, names.names[i]);
    return r;
}

static int generations_find(struct generations *g, struct tail *t)
{
    int r = generations_open(g, t, t->path);

    if (r < 0 && r != -ENOENT && r != -ENOTDIR)
        return r;
    g->has_live = r == 0;
    return generations_open_rotated(g, t);
}

/* The generation that is the place's file, else one that is a copy of it; -1 if none is.
 * A live file that is a copy (a restored or edited log) must have the whole head: two
 * short logs may begin alike. */
static int locate(const struct generations *g, const struct logfile_place *place)
{
    int copy = -1;

    for (size_t i = 0; i < g->n; i++) {
        enum logfile_match match = LOGFILE_OTHER;

        if (g->files[i])
            match = tail_file_match(g->files[i], place);
        if (match == LOGFILE_SAME)
            return (int)i;
        if (match == LOGFILE_COPY && copy < 0 &&
            (i > 0 || !g->has_live || place->head_n == LOGFILE_HEAD))
            copy = (int)i;
    }
    return copy;
}

/* Takes generation i to be read from offset, if there is room; it is unread otherwise,
 * and will be found between the file that is live then and the one at the path. */
static bool take(struct tail *t, struct generations *g, size_t i, uint64_t offset)
{
    struct tail_file *f = g->files[i];

    if (!f || t->n == TAIL_FILES)
        return false;
    if (tail_file_begin(f, offset) != 0)
        (void)tail_file_begin(f, 0);
    if (t->starting)
        f->backlog = f->size;
    g->files[i] = NULL;
    tail_add(t, f, t->n);
    return true;
}

static bool is_live(const struct generations *g, size_t i)
{
    return i == 0 && g->has_live;
}

/* File systems stamp a birth with the tick of the clock, as look() does for what it has
 * seen: of what was born in one tick the order is not known. */
static bool surely_older(const struct tail_file *f, int64_t moment)
{
    return f->id.born != 0 && moment != 0 && f->id.born < moment;
}

static bool born_since(const struct tail_file *f, int64_t moment)
{
    return f->id.born != 0 && moment != 0 && f->id.born >= moment;
}

/* After the file that was found at index found, which was born then: the newer ones. */
static size_t take_newer(struct tail *t, struct generations *g, size_t found,
                         int64_t born)
{
    size_t taken = 0;

    for (size_t i = found; i-- > 0;) {
        if (!g->files[i])
            continue;
        if (!is_live(g, i) && surely_older(g->files[i], born))
            continue; /* whatever its name says */
        if (!take(t, g, i, 0))
            break;
        taken++;
    }
    return taken;
}

/* Where the file that was read is nowhere: what certainly is newer. */
static size_t take_unread(struct tail *t, struct generations *g,
                          const struct logfile_place *lost)
{
    size_t taken = 0;

    for (size_t i = g->n; i-- > 0;)
        if (g->files[i] && (is_live(g, i) || (born_since(g->files[i], lost->id.born) &&
                                              born_since(g->files[i], lost->seen)))) {
            if (!take(t, g, i, 0))
                break;
            taken++;
        }
    return taken;
}

static void say_lost(struct tail *t, const struct logfile_place *place, const char *why)
{
    t->counters.gaps++;
    log_warning(
        "gap: %s was read up to byte %llu of inode %llu, %s; lines after that may "
        "be missing",
        t->path, (unsigned long long)place->offset, (unsigned long long)place->id.ino,
        why);
}

/* The last remembered place and all that is newer. */
static void resume_live(struct tail *t, struct generations *g,
                        const struct logfile_place *place)
{
    int found = locate(g, place);
    struct logfile_place only_path = {.id = place->id};

    if (found >= 0) {
        bool same = logfile_id_equal(&g->files[found]->id, &place->id);

        take(t, g, (size_t)found, place->offset);
        t->counters.rotations +=
            take_newer(t, g, (size_t)found, same ? place->id.born : 0);
        return;
    }
    if (g->has_live && logfile_id_equal(&g->files[0]->id, &place->id)) {
        /* Rotated copies of a file that keeps its inode may have been read long ago. */
        t->counters.truncations++;
        say_lost(t, place, "which has been cut or rewritten since");
        take_unread(t, g, &only_path);
        return;
    }
    say_lost(t, place, "which is neither there nor among its rotated files");
    take_unread(t, g, place);
}

int tail_search_places(struct tail *t)
{
    struct generations g _cleanup_(generations_done) = {.n = 0};
    const struct logfile_place *live = &t->places[t->places_n - 1];
    int r = generations_find(&g, t);

    if (r < 0)
        return r;
    if (!g.has_live && locate(&g, live) < 0)
        return -ENOENT;
    for (const struct logfile_place *old = t->places; old < live; old++) {
        int found = locate(&g, old);

        if (found >= 0)
            take(t, &g, (size_t)found, old->offset);
        else
            say_lost(t, old, "which is gone");
    }
    resume_live(t, &g, live);
    t->places_n = 0;
    return 0;
}

/* A file that is still open has been given its name back. */
static bool take_back(struct tail *t, const struct generations *g)
{
    if (!g->has_live)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        struct tail_file *f = t->files[i];

        if (!logfile_id_equal(&f->id, &g->files[0]->id))
            continue;
        t->files[t->n - 1]->superseded = tail_clock_monotonic();
        memmove(&t->files[i], &t->files[i + 1], (t->n - i - 1) * sizeof(t->files[0]));
        t->files[t->n - 1] = f;
        return true;
    }
    return false;
}

/* Drops from g what is open already, except the live file; its index or -1. */
static int drop_open(const struct tail *t, struct generations *g)
{
    int live = -1;

    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < t->n && g->files[i]; k++) {
            if (!logfile_id_equal(&t->files[k]->id, &g->files[i]->id))
                continue;
            if (k == t->n - 1)
                live = (int)i;
            g->files[i] = tail_file_free(g->files[i]);
        }
    return live;
}

int tail_search_successor(struct tail *t)
{
    struct generations g _cleanup_(generations_done) = {.n = 0};
    struct logfile_place place;
    int found, r;

    if (!tail_make_room(t))
        return 0;
    r = generations_find(&g, t);
    if (r < 0)
        return r;
    if (take_back(t, &g))
        return 0;
    tail_file_place(t->files[t->n - 1], &place);
    found = drop_open(t, &g);
    if (found >= 0)
        t->counters.rotations += take_newer(t, &g, (size_t)found, place.id.born);
    else
        t->counters.rotations += take_unread(t, &g, &place);
    return 0;
}

void tail_search_copy(struct tail *t, size_t i)
{
    struct generations g _cleanup_(generations_done) = {.n = 0};
    struct logfile_place place;
    int found;

    tail_file_place(t->files[i], &place);
    if (place.tail_n == 0 || generations_open_rotated(&g, t) < 0)
        return;
    found = locate(&g, &place);
    if (found < 0 || g.files[found]->size <= place.offset)
        return;
    if (t->n == TAIL_FILES) {
        say_lost(t, &place, "but too many rotated files are open to read the rest");
        return;
    }
    if (tail_file_begin(g.files[found], place.offset) != 0)
        return;
    tail_add(t, g.files[found], i);
    g.files[found] = NULL;
}
