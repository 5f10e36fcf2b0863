/* What the MTA's log proves.
 *
 * FOUND: a line of the kind that is written when a message has been taken names the
 * Message-ID (sendmail, Exim); or Postfix' cleanup(8) names it. That line is written on
 * seeing the header, also for a message that is broken off or refused after it. So it
 * counts at once when a later line says that the queue manager has that queue id, and
 * else when Postfix has had time to say what went wrong and has not: no smtpd(8) lost a
 * client while it took a message or was about to answer (any client: its line does not
 * say which message it was), and nothing refused or discarded that queue id. If something
 * did, that is UNKNOWN.
 *
 * ABSENT: no line names it, and
 *  - the log reaches from before the attempt to now: its first line, or that of the
 * rotated file (.1) which ends after the attempt began, is not younger than the attempt;
 *  - an MTA that is known to log Message-IDs has written to it since the attempt began. A
 *    quiet log may be one that this MTA no longer writes to, or another program's; and
 *    OpenSMTPD logs no Message-ID at all;
 *  - time enough has passed for the MTA to have come to that line. Postfix writes it as
 * soon as it has the message, the others when they have taken it.
 *
 * While time enough has not passed, or no MTA has written yet, that is EARLY. Everything
 * else is UNKNOWN, which goes to the operator. */
#include "mtalog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "cleanup.h"
#include "delivery.h"
#include "logfile.h"
#include "logline.h"
#include "moment.h"

#define READ_MAX     (INT64_C(256) * 1024 * 1024)
#define QUEUE_ID_MAX 64
#define QUEUE_IDS    8 /* of one Message-ID: more would be somebody's play */
#define CHUNK        (256 * 1024)

/* MTAs that log Message-IDs, by the beginning of their program names, and how long after
 * the attempt began their silence counts. */
static const struct {
    const char *program;
    int64_t delay;
} mtas[] = {
    {"postfix", 5 * USEC_PER_SEC},
    {"sm-mta", 60 * USEC_PER_SEC},
    {"sendmail", 60 * USEC_PER_SEC},
    {"exim", 60 * USEC_PER_SEC},
};

struct search {
    const char *message_id;
    int64_t since, now;
    int64_t first, last; /* times of the first and last line of the present file */
    int64_t delay;       /* of the MTA that wrote since, -1: none did */
    char named[QUEUE_IDS][QUEUE_ID_MAX]; /* by cleanup(8), to be confirmed */
    unsigned n_named;
    int64_t named_at;  /* the time of the latest of these lines */
    int64_t broken_at; /* when a client was lost last */
    bool unconfirmed, refused, found;
    char queue_id[QUEUE_ID_MAX];
};

static void take_named(struct search *s, const char *line, size_t n, int64_t time)
{
    char id[QUEUE_ID_MAX] = "";
    bool has_id = delivery_log_queue_id(line, n, id, sizeof(id));

    if (delivery_log_proves(line, n, s->message_id)) {
        s->found = true;
        memcpy(s->queue_id, id, sizeof(id));
        return;
    }
    s->unconfirmed = true;
    s->named_at = time;
    /* Without its queue id nothing can be said of what became of it. */
    s->refused = !has_id || s->n_named == QUEUE_IDS;
    if (!s->refused)
        memcpy(s->named[s->n_named++], id, sizeof(id));
}

/* time: of the line, MOMENT_NONE when it does not tell. */
static void search_message(struct search *s, const char *line, size_t n, int64_t time)
{
    if (delivery_log_names(line, n, s->message_id)) {
        take_named(s, line, n, time);
        return;
    }
    if (delivery_log_breaks(line, n) && time > s->broken_at)
        s->broken_at = time;
    for (unsigned i = 0; i < s->n_named; i++) {
        if (delivery_log_confirms(line, n, s->named[i])) {
            s->found = true;
            memcpy(s->queue_id, s->named[i], QUEUE_ID_MAX);
            return;
        }
        if (i + 1 == s->n_named && delivery_log_refuses(line, n, s->named[i]))
            s->refused = true;
    }
}

static int64_t whole_second(int64_t time)
{
    return time - time % USEC_PER_SEC;
}

/* Whether the latest line of cleanup(8) stands: time enough has passed without a word of
 * trouble. Processes write side by side and stamps may have whole seconds only, so a
 * client that was lost in the same second counts. */
static bool broken_after_name(const struct search *s)
{
    return s->broken_at != MOMENT_NONE && s->broken_at >= whole_second(s->named_at);
}

static bool named_stands(const struct search *s)
{
    return s->n_named > 0 && !s->refused && s->delay >= 0 && s->named_at != MOMENT_NONE &&
           s->named_at >= whole_second(s->since) && s->now - s->named_at >= s->delay &&
           !broken_after_name(s);
}

/* Traditional stamps have whole seconds only: the second of the attempt counts. */
static void note_program(struct search *s, struct slice program, int64_t time)
{
    if (time < whole_second(s->since))
        return;
    for (size_t i = 0; i < sizeof(mtas) / sizeof(mtas[0]); i++)
        if (slice_starts(program, mtas[i].program) && mtas[i].delay > s->delay)
            s->delay = mtas[i].delay;
}

/* Whether a line that is still to come could answer the question. */
static bool may_settle(const struct search *s, bool covered)
{
    if (s->now - s->since >= MTALOG_PATIENCE)
        return false;
    return s->unconfirmed ? !s->refused && !broken_after_name(s) : covered;
}

static enum mtalog_answer conclude(const struct search *s, bool covered,
                                   char queue_id[static QUEUE_ID_MAX])
{
    if (s->found) {
        memcpy(queue_id, s->queue_id, QUEUE_ID_MAX);
        return MTALOG_FOUND;
    }
    if (named_stands(s)) {
        memcpy(queue_id, s->named[s->n_named - 1], QUEUE_ID_MAX);
        return MTALOG_FOUND;
    }
    if (!s->unconfirmed && covered && s->delay >= 0 && s->now - s->since >= s->delay)
        return MTALOG_ABSENT;
    return may_settle(s, covered) ? MTALOG_EARLY : MTALOG_UNKNOWN;
}

/* ---- a file ---- */

static int on_line(void *userdata, const char *line, size_t n, uint64_t end)
{
    struct search *s = userdata;
    struct logline parsed;
    bool whole = logline_parse(line, n, s->now, false, &parsed) == 0;

    search_message(s, line, n, whole ? parsed.time.usec : MOMENT_NONE);
    if (s->found)
        return 1;
    if (!whole)
        return 0;
    if (s->first == MOMENT_NONE)
        s->first = parsed.time.usec;
    s->last = parsed.time.usec;
    note_program(s, parsed.program, parsed.time.usec);
    return 0;
}

/* Opens a regular file and says where the last max bytes of it begin. */
static int open_log(const char *path, int64_t max, int *ret_fd, int64_t *ret_begin,
                    int64_t *ret_size)
{
    _cleanup_(cleanup_close) int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *ret_begin = st.st_size > max ? st.st_size - max : 0;
    *ret_size = st.st_size;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

static int feed(int fd, int64_t begin, int64_t end, struct lines *lines)
{
    _cleanup_(cleanup_free) char *buf = malloc(CHUNK);
    int r = 0;

    if (!buf)
        return -ENOMEM;
    while (r == 0 && begin < end) {
        size_t want = end - begin < CHUNK ? (size_t)(end - begin) : CHUNK;
        ssize_t n = pread(fd, buf, want, begin);

        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        begin += n;
        r = lines_feed(lines, buf, (size_t)n);
    }
    return r;
}

/* Reads the last max bytes of a file through the search; *ret_whole when these are all.
 * The part of a line at which the reading begins is no line that parses. */
static int search_file(struct search *s, const char *path, int64_t max, bool *ret_whole)
{
    _cleanup_(cleanup_close) int fd = -1;
    struct lines *lines = NULL;
    int64_t begin = 0, size = 0;
    int r = open_log(path, max, &fd, &begin, &size);

    if (r < 0)
        return r;
    s->first = s->last = MOMENT_NONE;
    r = lines_new(on_line, s, &lines);
    if (r < 0)
        return r;
    lines_start(lines, (uint64_t)begin);
    r = feed(fd, begin, size, lines);
    lines_free(lines);
    if (r < 0)
        return r;
    *ret_whole = begin == 0;
    return 0;
}

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* The rotated file first, so that the lines come in order. It counts for the coverage
 * only when it spans the beginning of the attempt: an older one may not be the last. */
static enum mtalog_answer find_in_files(struct search *s, const char *path,
                                        char queue_id[static QUEUE_ID_MAX])
{
    _cleanup_(cleanup_free) char *rotated = NULL;
    int64_t left = READ_MAX - size_of(path);
    bool covered = false, whole = false;

    if (asprintf(&rotated, "%s.1", path) < 0) {
        rotated = NULL;
        return MTALOG_UNKNOWN;
    }
    if (left > 0 && search_file(s, rotated, left, &whole) == 0)
        covered = s->first != MOMENT_NONE && s->first <= s->since && s->last >= s->since;
    if (!s->found && search_file(s, path, READ_MAX, &whole) < 0)
        return MTALOG_UNKNOWN;
    covered = (covered && whole) || (s->first != MOMENT_NONE && s->first <= s->since);
    return conclude(s, covered, queue_id);
}

/* ---- the journal ---- */

static int get_field(sd_journal *j, const char *name, struct slice *ret)
{
    size_t name_n = strlen(name) + 1; /* "NAME=" */
    const void *data;
    size_t n;
    int r = sd_journal_get_data(j, name, &data, &n);

    if (r < 0)
        return r;
    if (n < name_n)
        return -EBADMSG;
    *ret = (struct slice){.p = (const char *)data + name_n, .n = n - name_n};
    return 0;
}

/* As syslog would have written it: "postfix/cleanup[99]: …". */
static int search_entry(struct search *s, sd_journal *j)
{
    _cleanup_(cleanup_free) char *program = NULL, *line = NULL;
    struct slice identifier, message;
    uint64_t time;
    int n;

    if (sd_journal_get_realtime_usec(j, &time) < 0 || time > INT64_MAX ||
        get_field(j, "SYSLOG_IDENTIFIER", &identifier) < 0)
        return 0;
    note_program(s, identifier, (int64_t)time);
    program = slice_dup(identifier); /* the next get_field() may move it */
    if (!program)
        return -ENOMEM;
    if (get_field(j, "MESSAGE", &message) < 0 || message.n > LOGFILE_LINE_MAX)
        return 0;
    n = asprintf(&line, "%s[0]: %.*s", program, (int)message.n, message.p);
    if (n < 0) {
        line = NULL;
        return -ENOMEM;
    }
    search_message(s, line, strlen(line), (int64_t)time);
    return n;
}

static bool journal_covers(sd_journal *j, int64_t since)
{
    uint64_t time;

    return sd_journal_seek_head(j) >= 0 && sd_journal_next(j) > 0 &&
           sd_journal_get_realtime_usec(j, &time) >= 0 && since > 0 &&
           time <= (uint64_t)since;
}

static int search_journal(struct search *s, sd_journal *j)
{
    int64_t read = 0, from = s->since - USEC_PER_SEC;
    int r = sd_journal_add_match(j, "SYSLOG_FACILITY=2", 0); /* LOG_MAIL */

    if (r >= 0)
        r = sd_journal_seek_realtime_usec(j, from > 0 ? (uint64_t)from : 0);
    while (r >= 0 && !s->found) {
        r = sd_journal_next(j);
        if (r <= 0)
            return r;
        r = search_entry(s, j);
        read += r > 0 ? r : 0;
        if (read > READ_MAX)
            return -E2BIG;
    }
    return r;
}

static enum mtalog_answer find_in_journal(struct search *s,
                                          char queue_id[static QUEUE_ID_MAX])
{
    enum mtalog_answer answer = MTALOG_UNKNOWN;
    sd_journal *j;
    bool covered;

    if (sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
        return MTALOG_UNKNOWN;
    (void)sd_journal_set_data_threshold(j, 2 * LOGFILE_LINE_MAX);
    covered = journal_covers(j, s->since);
    if (search_journal(s, j) >= 0)
        answer = conclude(s, covered, queue_id);
    sd_journal_close(j);
    return answer;
}

enum mtalog_answer mtalog_find(const char *log, const char *message_id, int64_t since,
                               int64_t now, char queue_id[static QUEUE_ID_MAX])
{
    struct search s = {.message_id = message_id,
                       .since = since,
                       .now = now,
                       .delay = -1,
                       .named_at = MOMENT_NONE,
                       .broken_at = MOMENT_NONE};

    queue_id[0] = '\0';
    if (since == MOMENT_NONE)
        return MTALOG_UNKNOWN;
    return strcmp(log, "journal") == 0 ? find_in_journal(&s, queue_id)
                                       : find_in_files(&s, log, queue_id);
}
