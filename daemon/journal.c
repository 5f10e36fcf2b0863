/* What may be believed of an entry: _UID comes from the kernel by way of journald and no
 * local user can obtain 0; SYSLOG_IDENTIFIER is whatever the sender said, so it only
 * selects among root's own entries. _COMM would be forgeable by naming a program sshd,
 * and the unit is shared with the sessions of users where pam_systemd is missing. All of
 * sshd's lines before a login come from root's monitor process.
 *
 * libsystemd's manual asks for this order: the descriptor is fetched before the first
 * reading, since fetching it starts the notifications; after each wake-up, by descriptor
 * or by time, sd_journal_process() is called, and then all entries are read. A position
 * from sd_journal_seek_tail() alone gives an old entry of each journal file; one step
 * back from it, or a seek by time, does not.
 *
 * Damage: libsystemd drops a file at the first spot that it cannot follow, without a
 * word, and goes on with the others. What gives that away is the space that its files
 * take: between two calls of sd_journal_process() files may grow, but none may leave. The
 * journal is then opened anew at the same place, since the file may just have been in the
 * making; if it breaks there again, reading goes on a little later in time, and each time
 * twice as far until it works. That costs some entries beside the damaged ones, and is
 * said. A file that cannot even be opened is passed over in silence too, so each is tried
 * by itself when the journal is opened.
 *
 * journald drops messages of a unit that writes too many (RateLimitBurst=), and says so
 * in an entry of its own, which no other program can write: these are asked for as well.
 */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "cleanup.h"
#include "journal-entry.h"
#include "journal-files.h"
#include "log.h"
#include "logfile.h"
#include "logline.h"
#include "loop.h"
#include "moment.h"

#define TURN_MAX       500 /* entries in one turn of the loop */
#define SAFETY_PERIOD  (10 * USEC_PER_SEC)
#define RETRY_PERIOD   (1 * USEC_PER_SEC)
#define FAILURES_MAX   3    /* at one place, then it is passed over */
#define SKIP_FIRST     1000 /* µs */
#define DATA_THRESHOLD 16384
/* A place in time instead of an entry, while there has been none. */
#define CURSOR_SINCE '@'

struct journal {
    struct loop *loop;
    char *directory;
    bool from_beginning;
    const char *const *identifiers;
    struct journal_ops ops;
    void *userdata;

    sd_journal *sd; /* NULL while it cannot be opened */
    struct watch *watch, *timer;
    char *cursor;  /* of the last entry that was accepted */
    bool placed;   /* sd stands after that */
    bool standing; /* sd stands on an entry that is to be given */

    uint64_t usage;    /* of the files that are read, in bytes */
    int64_t placed_at; /* CLOCK_BOOTTIME when a place in time was set here, or 0 */

    struct journal_units units; /* that wrote what was taken */

    bool paused, changed, behind, inspected;
    int said;
    unsigned failures; /* at this place */
    int64_t skip;      /* how far behind the last entry reading went on, µs */
    int64_t caught_up;
    struct journal_counters counters;
};

DEFINE_CLEANUP(struct journal *, journal_free)

static int64_t clock_usec(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

static const char *name_of(const struct journal *j)
{
    return j->directory ? j->directory : "the system journal";
}

static void gap(struct journal *j, const char *why, int error)
{
    j->counters.gaps++;
    log_warning("gap: %s: %s%s%s; entries may be missing", name_of(j), why,
                error ? ": " : "", error ? strerror(error) : "");
}

static void say(struct journal *j, int error)
{
    if (error != 0 && j->said != error)
        log_warning("%s cannot be read: %s; trying again", name_of(j), strerror(error));
    else if (error == 0 && j->said != 0)
        log_info("%s is being read", name_of(j));
    j->said = error;
}

/* Takes over cursor. */
static void set_cursor(struct journal *j, char *cursor)
{
    free(j->cursor);
    j->cursor = cursor;
    j->changed = true;
}

static int set_cursor_here(struct journal *j)
{
    char *cursor;
    int r = sd_journal_get_cursor(j->sd, &cursor);

    if (r >= 0)
        set_cursor(j, cursor);
    return r;
}

static int set_cursor_since(struct journal *j, int64_t usec)
{
    char *cursor;

    if (asprintf(&cursor, "%c%" PRId64, CURSOR_SINCE, usec) < 0)
        return -ENOMEM;
    set_cursor(j, cursor);
    j->placed_at = clock_usec(CLOCK_BOOTTIME);
    return 0;
}

/* The time in "s=…;i=…;b=…;m=…;t=HEX;x=…", or of a place in time; 0 where there is none.
 */
static int64_t cursor_time(const struct journal *j)
{
    const char *p = j->cursor;
    unsigned long long usec = 0;

    if (p && *p == CURSOR_SINCE)
        usec = strtoull(p + 1, NULL, 10);
    else if (p && (p = strstr(p, ";t=")))
        usec = strtoull(p + 3, NULL, 16);
    return usec <= INT64_MAX ? (int64_t)usec : 0;
}

/* Places */

/* From now on. */
static int seek_end(struct journal *j)
{
    int64_t now = clock_usec(CLOCK_REALTIME);
    int r = sd_journal_seek_tail(j->sd);

    if (r >= 0)
        r = sd_journal_previous(j->sd);
    if (r > 0)
        return set_cursor_here(j);
    if (r == 0)
        r = sd_journal_seek_realtime_usec(j->sd, (uint64_t)now);
    return r < 0 ? r : set_cursor_since(j, now);
}

static int seek_start(struct journal *j)
{
    return j->from_beginning ? sd_journal_seek_head(j->sd) : seek_end(j);
}

static int seek_since(struct journal *j)
{
    char *end;
    unsigned long long usec;

    errno = 0;
    usec = strtoull(j->cursor + 1, &end, 10);
    if (errno != 0 || *end != '\0' || end == j->cursor + 1)
        return -EINVAL;
    return sd_journal_seek_realtime_usec(j->sd, usec);
}

/* A place in time that lies ahead would keep entries away until it comes: the clock has
 * been set back. How long ago it was the present is known here, not after a restart. */
static int pull_back(struct journal *j)
{
    int64_t now = clock_usec(CLOCK_REALTIME), since;

    if (!j->cursor || j->cursor[0] != CURSOR_SINCE || cursor_time(j) <= now)
        return 0;
    since = j->placed_at > 0 ? now - (clock_usec(CLOCK_BOOTTIME) - j->placed_at) : now;
    if (j->placed_at == 0)
        gap(j,
            "the clock has been set back behind the remembered time, going on from now",
            0);
    j->placed = false;
    return set_cursor_since(j, since);
}

/* The seek leads to the entry nearest to the one that is sought. */
static int seek_after_entry(struct journal *j)
{
    int r = sd_journal_seek_cursor(j->sd, j->cursor);

    if (r >= 0)
        r = sd_journal_next(j->sd);
    if (r < 0)
        return r;
    if (r > 0) {
        r = sd_journal_test_cursor(j->sd, j->cursor);
        if (r != 0)
            return r < 0 ? r : 0;
        j->standing = true;
    }
    gap(j, "the entry that was read last is gone", 0);
    return 0;
}

static int seek_place(struct journal *j)
{
    int r;

    j->standing = false;
    if (!j->cursor)
        return seek_start(j);
    r = j->cursor[0] == CURSOR_SINCE ? seek_since(j) : seek_after_entry(j);
    if (r != -EINVAL)
        return r;
    gap(j, "the remembered place cannot be read, starting as for the first time", 0);
    free(j->cursor);
    j->cursor = NULL;
    return seek_start(j);
}

/* Opening */

static void close_journal(struct journal *j)
{
    j->watch = watch_free(j->watch);
    if (j->sd)
        sd_journal_close(j->sd);
    j->sd = NULL;
    j->placed = j->standing = false;
}

static void on_wake(void *userdata, unsigned what);

/* Files that may not be read are passed over in silence by libsystemd. */
static void say_if_empty(struct journal *j)
{
    if (!j->directory && sd_journal_has_persistent_files(j->sd) == 0 &&
        sd_journal_has_runtime_files(j->sd) == 0)
        log_warning("%s has no files that this user may read", name_of(j));
}

static void on_unreadable(void *userdata, const char *path, int error)
{
    struct journal *j = userdata;
    _cleanup_(cleanup_free) char *shown = text_escape(path, strlen(path), 200);
    char why[300];

    snprintf(why, sizeof(why), "the file %s cannot be read", shown ? shown : "?");
    gap(j, why, error);
}

/* Once: what could have been read is gone for good, and was said. */
static void inspect_files(struct journal *j)
{
    int64_t since = cursor_time(j);

    if (j->inspected)
        return;
    j->inspected = true;
    if (j->cursor || j->from_beginning)
        journal_files_unreadable(j->directory, since, on_unreadable, j);
}

static int measure(struct journal *j)
{
    return sd_journal_get_usage(j->sd, &j->usage);
}

/* Whether libsystemd has dropped a file since the measure was taken. */
static bool lost_file(struct journal *j)
{
    uint64_t before = j->usage;

    return measure(j) >= 0 && j->usage < before;
}

/* Root's entries are in the system's files; those of users are not opened. */
static int open_journal(struct journal *j)
{
    int r = j->directory
                ? sd_journal_open_directory(&j->sd, j->directory, 0)
                : sd_journal_open(&j->sd, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);

    if (r < 0) {
        j->sd = NULL;
        return r;
    }
    r = sd_journal_set_data_threshold(j->sd, DATA_THRESHOLD);
    if (r >= 0)
        r = journal_entry_match(j->sd, j->identifiers);
    if (r >= 0)
        r = sd_journal_get_fd(j->sd);
    if (r >= 0)
        r = loop_fd(j->loop, r, LOOP_READ, on_wake, j, &j->watch);
    if (r < 0) {
        close_journal(j);
        return r;
    }
    say_if_empty(j);
    inspect_files(j);
    return 0;
}

/* Entries */

/* Whether a unit may write what is taken here: sshd's, by any name, one that is named as
 * a program is, and one that has done so. */
static bool is_our_unit(const struct journal *j, const char *unit)
{
    size_t n = strcspn(unit, ".@");

    if (strncmp(unit, "ssh", 3) == 0)
        return true;
    for (size_t i = 0; j->identifiers[i]; i++)
        if (strlen(j->identifiers[i]) == n && memcmp(unit, j->identifiers[i], n) == 0)
            return true;
    return journal_units_has(&j->units, unit);
}

static void take_suppressed(struct journal *j, uint64_t n, const char *unit)
{
    if (n == 0 || !is_our_unit(j, unit))
        return;
    j->counters.gaps++;
    if (__builtin_add_overflow(j->counters.suppressed, n, &j->counters.suppressed))
        j->counters.suppressed = UINT64_MAX;
    log_warning(
        "gap: journald dropped %" PRIu64 " messages of %s, which came faster than "
        "RateLimitBurst= of journald.conf(5) allows; failed logins may be missing",
        n, unit);
}

/* Gives the entry on which the journal stands. 0, 1 when it was refused, or a negative
 * errno. */
static int give_entry(struct journal *j)
{
    char text[JOURNAL_HEADER_MAX + LOGFILE_LINE_MAX];
    struct logline line;
    char *cursor, unit[JOURNAL_VALUE_MAX];
    uint64_t n;
    int r = sd_journal_get_cursor(j->sd, &cursor);

    if (r < 0)
        return r;
    if (journal_entry_suppressed(j->sd, &n, unit)) {
        take_suppressed(j, n, unit);
    } else if (!journal_entry_line(j->sd, text, sizeof(text), &line)) {
        j->counters.garbage++;
    } else if (j->ops.entry(j->userdata, &line, j->behind) != 0) {
        j->paused = true;
        free(cursor);
        return 1;
    } else {
        j->counters.entries++;
        journal_units_note(&j->units, j->sd);
    }
    set_cursor(j, cursor);
    j->failures = 0;
    j->skip = 0;
    return 0;
}

/* Reading */

/* All that is there. 0, 1 when the turn is used up or the journal paused, or a negative
 * errno. */
static int read_entries(struct journal *j)
{
    for (unsigned n = 0; n < TURN_MAX && !j->paused; n++) {
        int r = j->standing ? 1 : sd_journal_next(j->sd);

        if (r >= 0 && lost_file(j))
            return -EBADMSG;
        if (r <= 0)
            return r;
        r = give_entry(j);
        if (r != 0)
            return r;
        j->standing = false;
    }
    return 1;
}

static int look(struct journal *j)
{
    int r = j->sd ? 0 : open_journal(j);

    /* Also in a pause: this is what takes the notifications off the descriptor. */
    if (r >= 0)
        r = sd_journal_process(j->sd);
    if (r >= 0)
        r = measure(j);
    if (r >= 0)
        r = pull_back(j);
    if (r < 0 || j->paused)
        return r < 0 ? r : 1;
    if (!j->placed) {
        r = seek_place(j);
        if (r < 0)
            return r;
        j->placed = true;
    }
    return read_entries(j);
}

/* Errors that say nothing about what is in the journal. */
static bool is_passing(int error)
{
    return error == ENOMEM || error == EMFILE || error == ENFILE || error == EINTR ||
           error == EAGAIN || error == EACCES || error == EPERM || error == ENOENT;
}

/* Goes on a little behind the place that cannot be read; false when that is now. */
static bool skip_damage(struct journal *j, int error)
{
    int64_t now = clock_usec(CLOCK_REALTIME), from = cursor_time(j) - j->skip;
    bool room;

    if (j->skip == 0)
        gap(j, "it is damaged behind the entry that was read last, going on behind that",
            error);
    j->skip = j->skip > 0 ? 2 * j->skip : SKIP_FIRST;
    room = from < now - j->skip;
    if (!room)
        j->skip = now > from ? now - from : SKIP_FIRST;
    (void)set_cursor_since(j, room ? from + j->skip : now);
    return room;
}

/* Opened anew at the same place, it may be readable then; if it is not for some time, the
 * place is passed over. Returns when to try. */
static int64_t recover(struct journal *j, int error)
{
    bool was_open = j->sd != NULL;

    close_journal(j);
    j->behind = true;
    if (j->skip == 0)
        say(j, error);
    if (!was_open || is_passing(error) || (j->skip == 0 && ++j->failures <= FAILURES_MAX))
        return RETRY_PERIOD;
    return skip_damage(j, error) ? 0 : RETRY_PERIOD;
}

static int64_t next_look(struct journal *j)
{
    int64_t wait = SAFETY_PERIOD;
    uint64_t until;

    if (sd_journal_get_timeout(j->sd, &until) > 0 && until != UINT64_MAX) {
        int64_t now = clock_usec(CLOCK_MONOTONIC);

        if (until <= (uint64_t)now)
            return 0;
        if (until - (uint64_t)now < (uint64_t)wait)
            wait = (int64_t)(until - (uint64_t)now);
    }
    return wait;
}

static void on_wake(void *userdata, unsigned what)
{
    struct journal *j = userdata;
    int64_t began = clock_usec(CLOCK_REALTIME);
    int r = look(j);

    if (r < 0) {
        watch_arm(j->timer, recover(j, -r));
    } else {
        watch_arm(j->timer, r == 1 && !j->paused ? 0 : next_look(j));
    }
    j->caught_up = r == 0 ? began : MOMENT_NONE;
    if (r != 0)
        return;
    say(j, 0);
    j->failures = 0;
    j->skip = 0;
    j->behind = false;
    j->ops.caught_up(j->userdata);
}

/* The public face */

int journal_new(struct loop *loop, const struct journal_params *params,
                const struct journal_ops *ops, void *userdata, struct journal **ret)
{
    struct journal *j _cleanup_(journal_freep) = calloc(1, sizeof(*j));
    int r;

    if (!j)
        return -ENOMEM;
    j->loop = loop;
    j->from_beginning = params->from_beginning;
    j->identifiers = params->identifiers;
    j->ops = *ops;
    j->userdata = userdata;
    j->behind = true;
    j->caught_up = MOMENT_NONE;
    if (params->directory && !(j->directory = strdup(params->directory)))
        return -ENOMEM;
    if (params->cursor && !(j->cursor = strdup(params->cursor)))
        return -ENOMEM;
    r = loop_timer(loop, on_wake, j, &j->timer);
    if (r < 0)
        return r;
    r = watch_arm(j->timer, 0);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

struct journal *journal_free(struct journal *j)
{
    if (!j)
        return NULL;
    close_journal(j);
    watch_free(j->timer);
    free(j->cursor);
    free(j->directory);
    journal_units_done(&j->units);
    free(j);
    return NULL;
}

int journal_cursor(struct journal *j, char **ret)
{
    char *copy;

    if (!j->cursor)
        return -ENODATA;
    copy = strdup(j->cursor);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

bool journal_changed(const struct journal *j)
{
    return j->changed;
}

void journal_saved(struct journal *j)
{
    j->changed = false;
}

void journal_pause(struct journal *j)
{
    j->paused = true;
    j->caught_up = MOMENT_NONE;
}

void journal_resume(struct journal *j)
{
    if (j->paused) {
        j->paused = false;
        j->placed = false;
        j->behind = true;
    }
    watch_arm(j->timer, 0);
}

int64_t journal_caught_up(const struct journal *j)
{
    return j->caught_up;
}

void journal_counters(const struct journal *j, struct journal_counters *ret)
{
    *ret = j->counters;
}

int journal_trouble(const struct journal *j)
{
    return j->said;
}
