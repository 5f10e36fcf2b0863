/* Opening, transactions, and room on the disk.
 *
 * Small commits must succeed on a full disk: after the MTA has said 250 there is nothing
 * worse than not being able to write that down. So the write-ahead log is grown once to
 * WAL_RESERVE and keeps its blocks for ever (no journal_size_limit, and
 * SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, which keeps the file); a checkpoint every WAL_PAGES
 * lets it begin again at its start, inside the blocks it has. The row that grows it is
 * deleted again, which leaves as many free pages in the database itself. Where the
 * reserve cannot be had or has been used up, no message may become SENDING
 * (store-message.c).
 *
 * A write-ahead log that survives a clean end would be applied to any database that is
 * put in its place, such as a restored copy. So its header is wiped once everything in it
 * has been checkpointed: SQLite takes it for empty then (file format 4.1 and 4.3). */
#include "store-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define WAL_RESERVE  (1024 * 1024)
#define WAL_PAGES    200 /* of 4 KiB: checkpoint before the reserve is used up */
#define WAL_HEADER   32
#define CHUNK        (512 * 1024)
#define CHECK_MAX    (INT64_C(256) * 1024 * 1024) /* quick_check reads it in 1 to 2 s */
#define BUSY_TIMEOUT 200                          /* ms */

const char *store_error_text(int error)
{
    switch (error) {
    case 0: return "no error";
    case STORE_E_BUSY: return "another process holds the state; stop it first";
    case STORE_E_FULL:
        return "no room on the state's file system; nothing was written, make room";
    case STORE_E_CORRUPT:
        return "the state is damaged or not ours; move it, its -wal and its .lock aside "
               "together and restore a copy";
    case STORE_E_SCHEMA:
        return "the state was written by a newer version; install that version or "
               "restore "
               "an older copy";
    case STORE_E_IO: return "reading or writing the state failed; check the disk";
    case STORE_E_ACCESS:
        return "the state cannot be opened or created; check that the directory exists "
               "and "
               "who owns it";
    case STORE_E_MISSING: return "no such entry";
    default: return error < 0 ? strerror(-error) : "unknown error";
    }
}

static int wal_name(const struct store *s, char **ret)
{
    char *name;

    if (asprintf(&name, "%s-wal", s->path) < 0)
        return -ENOMEM;
    *ret = name;
    return 0;
}

static int64_t wal_size(const struct store *s)
{
    _cleanup_(cleanup_free) char *name = NULL;
    struct stat st;

    if (wal_name(s, &name) < 0 || stat(name, &st) < 0)
        return 0;
    return st.st_size;
}

static int checkpoint(struct store *s, int mode)
{
    int log, done;
    int rc = sqlite3_wal_checkpoint_v2(s->db, "main", mode, &log, &done);
    int r = store_check(s, rc);

    if (r != 0)
        s->reserved = false;
    return r == 0 && done < log ? STORE_E_BUSY : r;
}

/* After each commit. What has been committed stays so, whatever comes of this. */
static int on_commit(void *userdata, sqlite3 *db, const char *name, int pages)
{
    struct store *s = userdata;

    if (pages >= WAL_PAGES)
        (void)checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
    return SQLITE_OK;
}

/* Grows the write-ahead log where it is smaller, and sets it back to its beginning. */
static int reserve(struct store *s)
{
    int r = 0;

    if (!s->path) {
        s->reserved = true;
        return 0;
    }
    if (wal_size(s) < WAL_RESERVE) {
        _cleanup_(query_end) struct query q = query_on(
            s, "INSERT OR REPLACE INTO meta(key, value) VALUES ('reserve', zeroblob(?))");

        query_int(&q, WAL_RESERVE);
        r = query_write(&q);
        if (r == 0)
            r = store_exec(s, "DELETE FROM meta WHERE key = 'reserve'");
    }
    if (r == 0)
        r = checkpoint(s, SQLITE_CHECKPOINT_RESTART);
    s->reserved = r == 0;
    return r;
}

/* SQLite would create the file readable for others; the -wal gets the database's mode.
 * Must be done before SQLite opens it: closing any descriptor of a file drops the
 * process's POSIX locks on it. */
static int create_file(const char *path)
{
    _cleanup_(cleanup_close) int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return store_errno(errno);
    if (!S_ISREG(st.st_mode))
        return STORE_E_ACCESS;
    if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
        return store_errno(errno);
    return 0;
}

static int open_database(struct store *s)
{
    int chunk = CHUNK;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(s->path ? s->path : ":memory:", &s->db, flags, NULL);

    if (!s->db)
        return -ENOMEM;
    if (rc != SQLITE_OK)
        return store_check(s, rc);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT);
    sqlite3_wal_hook(s->db, on_commit, s);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* store_free() does it: a state that was refused is left as it was found, and one
     * that could not be written is not tried again. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (s->path)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    return store_exec(s, "PRAGMA locking_mode = EXCLUSIVE;" /* and so no -shm file */
                         "PRAGMA trusted_schema = OFF;"
                         "PRAGMA cell_size_check = ON;"
                         "PRAGMA foreign_keys = ON;"
                         "PRAGMA temp_store = MEMORY;"
                         "PRAGMA mmap_size = 0;" /* no SIGBUS when it is cut */
                         "PRAGMA synchronous = FULL;");
}

/* The structure of the file. Skipped for a size that would hold up the start; such damage
 * is then found when it is read. */
static int quick_check(struct store *s)
{
    _cleanup_(query_end) struct query q = {0};
    char text[160] = "";
    struct stat st;
    int r;

    if (!s->path || (stat(s->path, &st) == 0 && st.st_size > CHECK_MAX))
        return 0;
    q = query_on(s, "PRAGMA quick_check(1)");
    r = query_row(&q);
    if (r != 0)
        return r == STORE_E_MISSING ? STORE_E_CORRUPT : r;
    column_string(&q, text, sizeof(text));
    if (strcmp(text, "ok") == 0)
        return 0;
    return s->broken = STORE_E_CORRUPT;
}

static int set_wal(struct store *s)
{
    _cleanup_(query_end) struct query q = query_on(s, "PRAGMA journal_mode = WAL");
    char mode[16] = "";
    int r = query_row(&q);

    if (r != 0)
        return r;
    column_string(&q, mode, sizeof(mode));
    return s->path && strcmp(mode, "wal") != 0 ? STORE_E_IO : 0;
}

static int set_up(struct store *s, const uint8_t secret[static 16])
{
    bool empty;
    int r = open_database(s);

    if (r == 0)
        r = store_identify(s, &empty);
    if (r == 0)
        r = quick_check(s);
    if (r == 0 && empty) /* counts before the first page is written only */
        r = store_exec(s, "PRAGMA auto_vacuum = INCREMENTAL");
    if (r == 0)
        r = set_wal(s);
    if (r == 0)
        r = store_migrate(s, secret);
    if (r != 0)
        return r;
    r = reserve(s);
    if (r != 0 && r != STORE_E_FULL) /* without room the old state can still be read */
        return r;
    s->ready = true;
    return 0;
}

int store_open(const char *path, const uint8_t secret[static 16], struct store **ret)
{
    _cleanup_(store_freep) struct store *s = calloc(1, sizeof(*s));
    int r = 0;

    if (!s)
        return -ENOMEM;
    s->lock_fd = -1;
    if (path) {
        s->path = strdup(path);
        if (!s->path)
            return -ENOMEM;
        r = store_lock(path, &s->lock_fd);
        if (r == 0)
            r = create_file(path);
    }
    if (r == 0)
        r = set_up(s, secret);
    if (r != 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

static void wipe_wal_header(const struct store *s)
{
    static const char zeros[WAL_HEADER];
    _cleanup_(cleanup_free) char *name = NULL;
    _cleanup_(cleanup_close) int fd = -1;

    if (wal_name(s, &name) < 0)
        return;
    fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && pwrite(fd, zeros, sizeof(zeros), 0) == (ssize_t)sizeof(zeros))
        (void)fdatasync(fd);
}

struct store *store_free(struct store *s)
{
    bool wipe = false;

    if (!s)
        return NULL;
    store_rollback(s);
    if (s->ready && s->broken == 0 && s->path)
        wipe = checkpoint(s, SQLITE_CHECKPOINT_RESTART) == 0;
    for (unsigned i = 0; i < s->n_cached; i++)
        sqlite3_finalize(s->cache[i].stmt);
    if (sqlite3_close(s->db) == SQLITE_OK && wipe)
        wipe_wal_header(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->path);
    free(s);
    return NULL;
}

const uint8_t *store_secret(const struct store *s)
{
    return s->secret;
}

const char *store_last_error(const struct store *s)
{
    return s->error;
}

int store_begin(struct store *s)
{
    int r;

    if (s->broken != 0)
        return s->broken;
    if (s->in_txn)
        return -EALREADY;
    if (s->ready && !s->reserved)
        (void)reserve(s);
    r = store_exec(s, "BEGIN IMMEDIATE");
    if (r != 0)
        return r;
    s->in_txn = true;
    s->failed = 0;
    return 0;
}

void store_rollback(struct store *s)
{
    if (!s->in_txn)
        return;
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_txn = false;
    s->failed = 0;
}

int store_commit(struct store *s)
{
    int r;

    if (!s->in_txn)
        return -EINVAL;
    r = s->failed != 0 ? s->failed : s->broken;
    if (r == 0)
        r = store_exec(s, "COMMIT");
    if (r != 0) {
        store_rollback(s);
        return r;
    }
    s->in_txn = false;
    return 0;
}

int store_enter(struct store *s, bool *ret_own)
{
    int r;

    if (s->in_txn) {
        *ret_own = false;
        return s->failed;
    }
    r = store_begin(s);
    if (r == 0)
        *ret_own = true;
    return r;
}

int store_leave(struct store *s, bool own, int r)
{
    if (!own) {
        if (r != 0 && s->failed == 0)
            s->failed = r;
        return r;
    }
    if (r == 0)
        return store_commit(s);
    store_rollback(s);
    return r;
}

int store_free_space(const struct store *s, uint64_t *ret)
{
    _cleanup_(cleanup_free) char *copy = NULL;
    struct statvfs fs;
    uint64_t bytes;

    if (!s->path) {
        *ret = UINT64_MAX;
        return 0;
    }
    copy = strdup(s->path);
    if (!copy)
        return -ENOMEM;
    if (statvfs(dirname(copy), &fs) < 0)
        return -errno;
    if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &bytes))
        bytes = UINT64_MAX;
    *ret = bytes;
    return 0;
}
