/* The logs: what each is called, where it is taken up, whose clock its lines follow, and
 * what becomes of a line. */
#include "intake-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "host.h"
#include "journal.h"
#include "log.h"
#include "moment.h"
#include "rules.h"
#include "settings.h"
#include "store.h"
#include "tail.h"
#include "zone.h"

#define FUTURE_MAX (3600 * USEC_PER_SEC) /* how far ahead a line may be stamped */

bool intake_source_changed(const struct source *s)
{
    return (s->tail && tail_changed(s->tail)) ||
           (s->journal && journal_changed(s->journal));
}

int64_t intake_source_caught_up(const struct source *s)
{
    if (s->shadowed)
        return INT64_MAX;
    if (!s->tail && !s->journal)
        return MOMENT_NONE;
    return s->tail ? tail_caught_up(s->tail) : journal_caught_up(s->journal);
}

/* ---- lines ---- */

/* A file that appears while another source speaks for the same program is left alone: the
 * same attempt would count twice. A journal is always there. */
static bool is_shadowed(const struct source *s)
{
    const struct intake *i = s->intake;

    if (!s->tail)
        return false;
    for (size_t k = 0; k < i->n_sources; k++) {
        const struct source *other = &i->sources[k];

        if (other == s || other->shadowed ||
            !config_sources_overlap(s->params, other->params))
            continue;
        if (other->journal || (other->tail && tail_present(other->tail)))
            return true;
    }
    return false;
}

static bool left_alone(struct source *s)
{
    if (s->judged)
        return s->shadowed;
    s->judged = true;
    s->shadowed = is_shadowed(s);
    if (s->shadowed)
        log_warning("%s has appeared, but another source already carries the same "
                    "programs: not read; name only one of them under `sources`",
                    s->name);
    return s->shadowed;
}

/* r is what the reader of the line said; the sessions that the line ended come first. */
static int take_line(struct source *s, int r, const struct attempt *a)
{
    int q;

    if (r < 0) {
        intake_save_failed(s->intake, r);
        return -ECANCELED;
    }
    q = attempts_expire(s->attempts, MOMENT_NONE, intake_take_attempt, s);
    return q != 0 || r == 0 ? q : intake_take_attempt(s, a);
}

/* ---- the log's clock and ours ---- */

/* What this line showed of them. Said once: an operator who saw it looks at `status`. */
static void watch_clock(struct source *s, int64_t now, uint64_t future_before)
{
    int64_t time = attempts_time(s->attempts), limit = s->intake->config->detect.skew;
    char text[MOMENT_TEXT_MAX], by[MOMENT_TEXT_MAX];

    if (time == MOMENT_NONE)
        return;
    if (attempts_counters(s->attempts)->future > future_before && !s->future_said) {
        s->future_said = true;
        log_warning(
            "%s: a line is stamped %s, which has not come yet: lines that are more "
            "than %s ahead are not used",
            s->name, moment_format_report(time, text), duration_format(FUTURE_MAX, by));
    }
    if (s->backlog)
        return;
    s->skew = now - time;
    if ((s->skew > limit || s->skew < -limit) && !s->skew_said) {
        s->skew_said = true;
        log_warning(
            "%s: the times of its lines are %" PRId64 " s %s this system's clock; "
            "if the log is of another time zone, set `timezone` beside its source",
            s->name, (s->skew < 0 ? -s->skew : s->skew) / USEC_PER_SEC,
            s->skew < 0 ? "ahead of" : "behind");
    }
}

static int on_line(void *userdata, const char *line, size_t n, bool backlog)
{
    struct source *s = userdata;
    int64_t now = host_now();
    struct attempt a;
    uint64_t future;
    int r;

    if (s->intake->failed)
        return -ECANCELED;
    if (left_alone(s))
        return 0;
    s->backlog = backlog;
    if (backlog)
        years_line(&s->years, line, n, attempts_clock(s->attempts));
    else
        years_end(&s->years, attempts_clock(s->attempts));
    future = attempts_counters(s->attempts)->future;
    attempts_limit(s->attempts, now + FUTURE_MAX);
    r = attempts_line(s->attempts, line, n, now, !backlog, &a);
    watch_clock(s, now, future);
    return take_line(s, r, &a);
}

static int on_entry(void *userdata, const struct logline *line, bool backlog)
{
    struct source *s = userdata;
    int64_t now = host_now();
    struct attempt a;
    uint64_t future;
    int r;

    if (s->intake->failed)
        return -ECANCELED;
    s->backlog = backlog;
    future = attempts_counters(s->attempts)->future;
    attempts_limit(s->attempts, now + FUTURE_MAX);
    r = attempts_parsed(s->attempts, line, &a);
    watch_clock(s, now, future);
    return take_line(s, r, &a);
}

static const struct tail_ops tail_ops = {.line = on_line,
                                         .caught_up = intake_on_caught_up};
static const struct journal_ops journal_ops = {.entry = on_entry,
                                               .caught_up = intake_on_caught_up};

/* ---- starting ---- */

static int start_attempts(struct intake *i, struct source *s, const uint8_t *hash_key)
{
    _cleanup_(cleanup_free) char *text = NULL;
    struct attempts_params params = {.publickey = i->config->detect.publickey};
    int r;

    memcpy(params.hash_key, hash_key, sizeof(params.hash_key));
    r = attempts_new(&params, &s->attempts);
    if (r < 0)
        return r;
    r = store_cursor_get(i->store, s->sessions, &text);
    if (r != 0)
        return r == STORE_E_MISSING ? 0 : r;
    r = attempts_restore(s->attempts, text);
    if (r != -EBADMSG)
        return r;
    log_warning("the stored sessions of %s are damaged, ignoring", s->name);
    return 0;
}

/* A text log that is read from its beginning may be of several years. */
static int find_years(struct source *s)
{
    _cleanup_(cleanup_close) int fd =
        open(s->params->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return 0; /* it may come later, line by line */
    return years_count(fd, s->zone,
                       st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000,
                       &s->years);
}

static int start_clock(struct source *s)
{
    int r = 0;

    if (s->params->kind == SOURCE_JOURNAL || !s->params->timezone)
        return 0;
    r = host_zone(s->params->timezone, &s->zone);
    if (r < 0)
        log_error("the time zone %s cannot be read: %s", s->params->timezone,
                  strerror(-r));
    attempts_clock(s->attempts)->zone = s->zone;
    return r;
}

static int source_start(struct intake *i, struct source *s, bool once)
{
    _cleanup_(cleanup_free) char *cursor = NULL;
    bool beginning = s->params->from_beginning || once;
    int r = store_cursor_get(i->store, s->name, &cursor);

    if (r != 0 && r != STORE_E_MISSING)
        return r;
    s->placed = r == 0 || beginning;
    if (s->params->kind == SOURCE_JOURNAL) {
        struct journal_params p = {.directory = s->params->journal_dir,
                                   .from_beginning = beginning,
                                   .cursor = cursor,
                                   .identifiers = i->identifiers};

        r = journal_new(i->loop, &p, &journal_ops, s, &s->journal);
    } else {
        struct tail_params p = {
            .path = s->params->path, .from_beginning = beginning, .cursor = cursor};

        if (beginning && !cursor)
            r = find_years(s);
        r = r < 0 ? r : tail_new(i->loop, &p, &tail_ops, s, &s->tail);
    }
    if (r < 0)
        log_error("%s cannot be followed: %s", s->name, strerror(-r));
    return r;
}

/* The programs that the rules know. */
static int list_identifiers(struct intake *i)
{
    const struct config *c = i->config;
    size_t n = 0;

    for (size_t k = 0; k < rules_n_builtin; k++)
        for (const char *const *p = rules_builtin[k]->programs; *p; p++)
            n++;
    i->identifiers = calloc(n + c->n_rules + 1, sizeof(*i->identifiers));
    if (!i->identifiers)
        return -ENOMEM;
    n = 0;
    for (size_t k = 0; k < rules_n_builtin; k++)
        for (const char *const *p = rules_builtin[k]->programs; *p; p++)
            i->identifiers[n++] = *p;
    for (size_t k = 0; k < c->n_rules; k++)
        i->identifiers[n++] = c->rules[k].programs[0];
    return 0;
}

static int name_source(struct source *s)
{
    int r = s->params->kind == SOURCE_FILE
                ? asprintf(&s->name, "file:%s", s->params->path)
            : s->params->journal_dir
                ? asprintf(&s->name, "journal:%s", s->params->journal_dir)
                : asprintf(&s->name, "journal");

    if (r < 0)
        s->name = NULL;
    else if (asprintf(&s->sessions, "sessions:%s", s->name) < 0)
        s->sessions = NULL;
    return s->sessions ? 0 : -ENOMEM;
}

/* What `auto` stands for is asked anew at each start. */
static void choose_source(struct source *s, const struct source_params *configured)
{
    const char *path, *why;

    s->params = configured;
    if (configured->kind != SOURCE_AUTO)
        return;
    s->choice = *configured;
    s->choice.kind = config_choose_source(&settings_world, &path, &why);
    s->choice.path = (char *)path;
    s->params = &s->choice;
    log_notice("auto takes %s: %s", path ? path : "the journal", why);
}

int intake_start_sources(struct intake *i, const struct intake_params *params)
{
    int q = list_identifiers(i);

    if (q < 0)
        return q;
    i->sources = calloc(i->config->n_sources + 1, sizeof(*i->sources));
    if (!i->sources)
        return -ENOMEM;
    for (size_t k = 0; k < i->config->n_sources; k++) {
        struct source *s = &i->sources[k];
        int r;

        s->intake = i;
        i->n_sources = k + 1;
        choose_source(s, &i->config->sources[k]);
        s->skew = MOMENT_NONE;
        r = name_source(s);
        if (r == 0)
            r = start_attempts(i, s, params->hash_key);
        if (r == 0)
            r = attempts_add_rules(s->attempts, i->config->rules, i->config->n_rules);
        if (r == 0)
            r = start_clock(s);
        if (r == 0)
            r = source_start(i, s, params->once);
        if (r != 0)
            return r;
    }
    return 0;
}
