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
 * back from it, or a seek by time, does not. */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "cleanup.h"
#include "log.h"
#include "logfile.h"
#include "logline.h"
#include "loop.h"
#include "moment.h"

#define TURN_MAX       500 /* entries in one turn of the loop */
#define SAFETY_PERIOD  (10 * USEC_PER_SEC)
#define RETRY_PERIOD   (1 * USEC_PER_SEC)
#define FAILURES_MAX   3 /* at one place, then it is passed over */
#define DATA_THRESHOLD 16384
#define VALUE_MAX      256 /* of the fields other than the message */
#define HEADER_MAX     (MOMENT_TEXT_MAX + 2 * VALUE_MAX + 32)
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

    bool paused, changed, behind;
    int said;
    unsigned failures;
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
    return 0;
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

/* Matches of one field are alternatives; the fields must all fit. */
static int add_matches(const struct journal *j)
{
    int r = sd_journal_add_match(j->sd, "_UID=0", 0);

    for (size_t i = 0; r >= 0 && j->identifiers[i]; i++) {
        char match[sizeof("SYSLOG_IDENTIFIER=") + VALUE_MAX];
        int n = snprintf(match, sizeof(match), "SYSLOG_IDENTIFIER=%s", j->identifiers[i]);

        if (n < 0 || n >= (int)sizeof(match))
            return -ENAMETOOLONG;
        r = sd_journal_add_match(j->sd, match, 0);
    }
    return r;
}

static void on_wake(void *userdata, unsigned what);

/* Files that may not be read are passed over in silence by libsystemd. */
static void say_if_empty(struct journal *j)
{
    if (!j->directory && sd_journal_has_persistent_files(j->sd) == 0 &&
        sd_journal_has_runtime_files(j->sd) == 0)
        log_warning("%s has no files that this user may read", name_of(j));
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
        r = add_matches(j);
    if (r >= 0)
        r = sd_journal_get_fd(j->sd);
    if (r >= 0)
        r = loop_fd(j->loop, r, LOOP_READ, on_wake, j, &j->watch);
    if (r < 0)
        close_journal(j);
    else
        say_if_empty(j);
    return r;
}

/* Entries */

/* The value of a field as text of less than size bytes; false when it is absent, longer,
 * or holds what no header may hold. */
static bool get_word(sd_journal *sd, const char *field, char *buf, size_t size)
{
    const void *data;
    size_t n, skip = strlen(field) + 1;

    if (sd_journal_get_data(sd, field, &data, &n) < 0 || n < skip || n - skip >= size ||
        n == skip)
        return false;
    memcpy(buf, (const char *)data + skip, n - skip);
    buf[n - skip] = '\0';
    return text_is_printable(buf, n - skip) && !memchr(buf, ' ', n - skip);
}

static bool get_number(sd_journal *sd, const char *field, int64_t max, int64_t *ret)
{
    char text[21], *end;
    long long value;

    if (!get_word(sd, field, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max)
        return false;
    *ret = value;
    return true;
}

/* When the sender's system call was made, else when journald wrote the entry. */
static bool get_time(sd_journal *sd, struct stamp *ret)
{
    const int64_t max = INT64_C(253402300799) * USEC_PER_SEC; /* the year 9999 */
    uint64_t usec;
    int64_t source;

    ret->digits = 6;
    if (get_number(sd, "_SOURCE_REALTIME_TIMESTAMP", max, &source)) {
        ret->usec = source;
        return true;
    }
    if (sd_journal_get_realtime_usec(sd, &usec) < 0 || usec > (uint64_t)max)
        return false;
    ret->usec = (int64_t)usec;
    return true;
}

/* Writes the header "TIME HOST TAG[PID]: "; its length, or 0 when the entry has none. */
static size_t write_header(sd_journal *sd, char buf[static HEADER_MAX])
{
    char time[MOMENT_TEXT_MAX], host[VALUE_MAX], program[VALUE_MAX], tag[32] = "";
    struct stamp stamp;
    int64_t pid;
    int n;

    if (!get_time(sd, &stamp) || !get_word(sd, "_HOSTNAME", host, sizeof(host)) ||
        !get_word(sd, "SYSLOG_IDENTIFIER", program, sizeof(program)))
        return 0;
    if (get_number(sd, "SYSLOG_PID", INT32_MAX, &pid) ||
        get_number(sd, "_PID", INT32_MAX, &pid))
        snprintf(tag, sizeof(tag), "[%" PRId64 "]", pid);
    moment_format_rfc3339(stamp, time);
    time[strcspn(time, "Z")] = '\0';
    n = snprintf(buf, HEADER_MAX, "%s+00:00 %s %s%s: ", time, host, program, tag);
    return n > 0 && n < HEADER_MAX ? (size_t)n : 0;
}

/* Writes the entry as a line of a log, which has one definition of what is garbage. */
static bool write_line(sd_journal *sd, char *buf, size_t size, struct logline *ret)
{
    static const char field[] = "MESSAGE";
    char header[HEADER_MAX];
    size_t header_n = write_header(sd, header), n;
    const void *data;

    if (header_n == 0 || sd_journal_get_data(sd, field, &data, &n) < 0 ||
        n < sizeof(field) || n - sizeof(field) > size - header_n)
        return false;
    n -= sizeof(field);
    memcpy(buf, header, header_n);
    memcpy(buf + header_n, (const char *)data + sizeof(field), n);
    return logline_parse(buf, header_n + n, 0, 0, ret) == 0;
}

/* Gives the entry on which the journal stands. 0, 1 when it was refused, or a negative
 * errno. */
static int give_entry(struct journal *j)
{
    char text[HEADER_MAX + LOGFILE_LINE_MAX];
    struct logline line;
    char *cursor;
    int r = sd_journal_get_cursor(j->sd, &cursor);

    if (r < 0)
        return r;
    if (!write_line(j->sd, text, sizeof(text), &line)) {
        j->counters.garbage++;
    } else if (j->ops.entry(j->userdata, &line, j->behind) != 0) {
        j->paused = true;
        free(cursor);
        return 1;
    } else {
        j->counters.entries++;
    }
    set_cursor(j, cursor);
    return 0;
}

/* Reading */

/* All that is there. 0, 1 when the turn is used up or the journal paused, or a negative
 * errno. */
static int read_entries(struct journal *j)
{
    for (unsigned n = 0; n < TURN_MAX && !j->paused; n++) {
        int r = j->standing ? 1 : sd_journal_next(j->sd);

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

/* A damaged journal: opened anew at the same place, which it then may read; if it cannot
 * for some time, reading goes on from now. */
static void recover(struct journal *j, int error)
{
    bool was_open = j->sd != NULL;

    close_journal(j);
    say(j, error);
    j->behind = true;
    if (!was_open || ++j->failures <= FAILURES_MAX)
        return;
    gap(j, "it cannot be read on from its place, going on from now", error);
    (void)set_cursor_since(j, clock_usec(CLOCK_REALTIME));
    j->failures = 0;
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
        recover(j, -r);
        watch_arm(j->timer, RETRY_PERIOD);
    } else {
        watch_arm(j->timer, r == 1 && !j->paused ? 0 : next_look(j));
    }
    j->caught_up = r == 0 ? began : MOMENT_NONE;
    if (r != 0)
        return;
    say(j, 0);
    j->failures = 0;
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
