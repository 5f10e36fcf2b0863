/* `scan` runs the very rules and burst arithmetic of the daemon over finished logs. All
 * files are one stream, as if one log had been rotated.
 *
 * A glob such as auth.log* names the newest file first, but bursts want time to go
 * forward: an attempt that is older than its source's burst comes too late for it. So
 * the tracker gets the files in the order of their first lines. Where that is not the
 * order in which they were named, the attempts are printed in a pass of their own before,
 * since these come in line order. */
#include "ctl-scan.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "attempts.h"
#include "cleanup.h"
#include "config.h"
#include "ctl-scan-order.h"
#include "ctl-scan-print.h"
#include "host.h"
#include "logfile.h"
#include "logline.h"
#include "settings.h"
#include "text.h"
#include "tracker.h"
#include "years.h"
#include "zone.h"

DEFINE_CLEANUP(struct attempts *, attempts_free)
DEFINE_CLEANUP(struct config *, config_free)
DEFINE_CLEANUP(struct lines *, lines_free)
DEFINE_CLEANUP(struct scan_order *, scan_order_free)
DEFINE_CLEANUP(struct tracker *, tracker_free)

#define BUFFER    (256 << 10)
#define LINE_BITS 40 /* of an attempt's mark; the rest is the file's place */

struct options {
    bool json, summary, counters, explain;
    int64_t now; /* or MOMENT_NONE */
    const char *config, *timezone;
};

struct input {
    const char *name;
    unsigned place; /* as named */
    int64_t first;  /* time of its first line */
};

struct scan {
    const struct options *options;
    struct zone *zone; /* or NULL: the system's */
    struct config *config;
    struct attempts *attempts;
    struct scan_order *order;
    struct tracker *tracker; /* NULL in a pass that only prints */
    bool print;
    int status; /* EX_OK, or EX_NOINPUT once a file failed */

    /* The file that is read now. */
    const struct input *inputs;
    uint64_t file; /* its place among them */
    int64_t reference;
    struct years years;
    struct lines *lines;
    uint64_t given, overlong_before;

    struct scan_sums sums;
    struct scan_burst *bursts;
    size_t n_bursts, room;
};

static void complain(const char *what, const char *why)
{
    _cleanup_(cleanup_free) char *text = text_escape(what, strlen(what), 4096);

    fprintf(stderr, "abuse-reporterctl: %s: %s\n", text ? text : "?", why);
}

/* ---- judging ---- */

static bool is_reportable(const struct config *config, const struct addr *addr)
{
    return !netlist_contains(&config->ignore, addr) &&
           (!addr_special(addr, NULL) || netlist_contains(&config->reportable, addr));
}

/* One ignored address of an IPv6 prefix is enough, as in the daemon. */
static bool is_reportable_burst(const struct config *config, const struct incident *inc)
{
    for (unsigned i = 0; i < inc->n_addrs; i++)
        if (netlist_contains(&config->ignore, &inc->addrs[i].addr))
            return false;
    return is_reportable(config, &inc->source.addr);
}

static int keep_burst(struct scan *s, const struct incident *inc)
{
    if (s->n_bursts == s->room) {
        size_t room = s->room ? s->room * 2 : 256;
        struct scan_burst *bursts = reallocarray(s->bursts, room, sizeof(*bursts));

        if (!bursts)
            return -ENOMEM;
        s->bursts = bursts;
        s->room = room;
    }
    s->bursts[s->n_bursts++] = (struct scan_burst){
        .source = inc->source,
        .first = inc->first,
        .last = inc->last,
        .count = inc->count,
        .reportable = is_reportable_burst(s->config, inc),
    };
    return 0;
}

static int on_burst(void *userdata, const struct tracker_event *event)
{
    struct scan *s = userdata;
    int r = 0;

    if (event->type != TRACKER_CLOSED)
        return 0;
    s->sums.incidents++;
    if (!s->options->summary)
        r = keep_burst(s, event->incident);
    incident_free(event->incident);
    return r;
}

static void add(uint64_t *sum, uint64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum))
        *sum = UINT64_MAX;
}

static void print_attempt(void *userdata, const struct attempt *attempt)
{
    const struct scan *s = userdata;

    scan_print_attempt(s->options->json, attempt,
                       is_reportable(s->config, &attempt->source),
                       s->inputs[attempt->mark >> LINE_BITS].name,
                       attempt->mark & ((UINT64_C(1) << LINE_BITS) - 1));
}

/* Also what became an attempt only by later lines: its mark says which line it was. */
static int take_attempt(void *userdata, const struct attempt *attempt)
{
    struct scan *s = userdata;

    int r = 0;

    if (s->print && attempt->kind != ATTEMPT_BLOCKED) {
        if (!s->options->explain)
            r = scan_order_put(s->order, s->attempts, attempt);
        else if (s->options->json)
            print_attempt(s, attempt);
    }
    if (r < 0)
        return r;
    if (!s->tracker)
        return 0;
    if (attempt->kind == ATTEMPT_BLOCKED)
        add(&s->sums.blocked, attempt->count);
    else if (attempt->outcome == ATTEMPT_FAILURE)
        add(&s->sums.attempts, attempt->count);
    return tracker_attempt(s->tracker, attempt, CLOCK_UNKNOWN, 0);
}

/* Before the line has any effect, in a pass that prints. */
static void explain(const struct scan *s, const char *line, size_t n, uint64_t number)
{
    struct attempts_explanation why;

    if (!s->print || !s->options->explain)
        return;
    attempts_explain(s->attempts, line, n, s->reference, &why);
    scan_print_explanation(s->options->json, &why, line, n, s->inputs[s->file].name,
                           number);
}

static int on_line(void *userdata, const char *line, size_t n, uint64_t end)
{
    struct scan *s = userdata;
    /* Lines that were too long are not given, but they are lines. */
    uint64_t skipped = lines_counters(s->lines)->overlong - s->overlong_before;
    struct attempt attempt;
    int r, q;

    s->given++;
    years_line(&s->years, line, n, attempts_clock(s->attempts));
    explain(s, line, n, s->given + skipped);
    attempts_mark(s->attempts, s->file << LINE_BITS | (s->given + skipped));
    r = attempts_line(s->attempts, line, n, s->reference, false, &attempt);
    if (r < 0)
        return r;
    q = attempts_expire(s->attempts, MOMENT_NONE, take_attempt, s);
    return q != 0 || r == 0 ? q : take_attempt(s, &attempt);
}

/* ---- reading ---- */

static int open_input(const struct scan *s, const char *name, int64_t *ret_reference)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (s->options->now != MOMENT_NONE)
        *ret_reference = s->options->now;
    else if (standard || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        *ret_reference = host_now();
    else
        *ret_reference = st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    return fd;
}

/* Returns 0, a negative errno of the file in *ret_error, or of the scan itself. */
static int read_lines(struct scan *s, int fd, char *buffer, int *ret_error)
{
    for (;;) {
        ssize_t n = read(fd, buffer, BUFFER);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            *ret_error = -errno;
        r = n > 0 ? lines_feed(s->lines, buffer, (size_t)n) : lines_flush(s->lines);
        if (r != 0 || n <= 0)
            return r;
    }
}

static int scan_file(struct scan *s, size_t place, char *buffer)
{
    const char *name = s->inputs[place].name;
    _cleanup_(cleanup_close) int fd = open_input(s, name, &s->reference);
    int error = fd < 0 ? fd : 0, r = 0;

    s->file = place;
    s->given = 0;
    s->overlong_before = lines_counters(s->lines)->overlong;
    lines_start(s->lines, 0);
    years_end(&s->years, attempts_clock(s->attempts));
    if (fd >= 0)
        error = years_count(fd, s->zone, s->reference, &s->years);
    if (fd >= 0 && error == 0) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        r = read_lines(s, fd, buffer, &error);
    }
    if (error < 0 && s->tracker) { /* said once */
        complain(name, strerror(-error));
        s->status = EX_NOINPUT;
    }
    s->sums.lines += s->given + lines_counters(s->lines)->overlong - s->overlong_before;
    return r;
}

static int new_attempts(const struct config *config, struct attempts **ret)
{
    struct attempts_params params = {.publickey = config->detect.publickey};
    int r = host_random(params.hash_key, sizeof(params.hash_key));

    return r < 0 ? r : attempts_new(&params, ret);
}

static int scan_files(struct scan *s, const struct input *inputs, size_t n)
{
    _cleanup_(attempts_freep) struct attempts *attempts = NULL;
    _cleanup_(scan_order_freep) struct scan_order *order = NULL;
    _cleanup_(lines_freep) struct lines *lines = NULL;
    _cleanup_(cleanup_free) char *buffer = malloc(BUFFER);
    const struct attempts_counters *c;
    int r = 0;

    if (!buffer || new_attempts(s->config, &attempts) < 0 ||
        lines_new(on_line, s, &lines) < 0 ||
        scan_order_new(print_attempt, s, &order) < 0 ||
        attempts_add_rules(attempts, s->config->rules, s->config->n_rules) < 0)
        return -ENOMEM;
    s->sums = (struct scan_sums){0};
    attempts_clock(attempts)->zone = s->zone;
    s->years = (struct years){0};
    s->attempts = attempts;
    s->order = order;
    s->lines = lines;
    s->inputs = inputs;
    for (size_t i = 0; i < n && r == 0; i++)
        r = scan_file(s, i, buffer);
    if (r == 0)
        r = attempts_finish(attempts, take_attempt, s);
    scan_order_finish(order);
    c = attempts_counters(attempts);
    s->sums.garbage = c->garbage;
    s->sums.truncated = c->truncated;
    s->sums.ambiguous = c->ambiguous;
    s->sums.ignored = c->ignored;
    s->sums.overlong = lines_counters(lines)->overlong;
    return r;
}

/* ---- the order of files ---- */

static int64_t first_time(const char *bytes, size_t n, struct moment_cache *clock,
                          struct years *years, int64_t reference)
{
    for (const char *p = bytes, *end = bytes + n, *lf; p < end; p = lf + 1) {
        struct logline line;
        struct slice time;
        struct stamp stamp;

        lf = memchr(p, '\n', (size_t)(end - p));
        if (!lf)
            break;
        years_line(years, p, (size_t)(lf - p), clock);
        if (logline_split(p, (size_t)(lf - p), &line, &time) == 0 &&
            logline_time(time, clock, reference, false, &stamp))
            return stamp.usec;
    }
    return MOMENT_NONE;
}

/* When a regular file begins; one that does not tell comes last, where it harms nobody.
 */
static int64_t begin_of(const struct scan *s, const char *name)
{
    char head[16 << 10];
    int64_t reference, first = MOMENT_NONE;
    _cleanup_(cleanup_close) int fd = open_input(s, name, &reference);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
    struct moment_cache clock = {.zone = s->zone};
    struct years years = {0};

    if (n > 0 && years_count(fd, s->zone, reference, &years) == 0)
        first = first_time(head, (size_t)n, &clock, &years, reference);
    return first == MOMENT_NONE ? INT64_MAX : first;
}

static int earlier(const void *a, const void *b)
{
    const struct input *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

/* Standard input and pipes can be read only once, and in no other order. */
static bool can_be_reordered(const struct input *inputs, size_t n)
{
    struct stat st;

    for (size_t i = 0; i < n; i++)
        if (strcmp(inputs[i].name, "-") == 0 ||
            (stat(inputs[i].name, &st) == 0 && !S_ISREG(st.st_mode)))
            return false;
    return n > 1;
}

/* Whether that made a difference. */
static bool order_by_time(const struct scan *s, struct input *inputs, size_t n)
{
    bool moved = false;

    if (!can_be_reordered(inputs, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        inputs[i].first = begin_of(s, inputs[i].name);
        moved |= i > 0 && inputs[i].first < inputs[i - 1].first;
    }
    qsort(inputs, n, sizeof(*inputs), earlier);
    return moved;
}

/* ---- the whole ---- */

static int by_first(const void *a, const void *b)
{
    const struct scan_burst *x = a, *y = b;
    int order;

    if (x->first.usec != y->first.usec)
        return x->first.usec < y->first.usec ? -1 : 1;
    order = addr_compare(&x->source.addr, &y->source.addr);
    if (order != 0)
        return order;
    return (x->last.usec > y->last.usec) - (x->last.usec < y->last.usec);
}

static int new_tracker(struct scan *s, struct tracker **ret)
{
    struct tracker_params params;
    uint8_t key[sizeof(params.hash_key)];
    int r = host_random(key, sizeof(key));

    if (r < 0)
        return r;
    config_tracker_params(s->config, key, &params);
    return tracker_new(&params, on_burst, s, ret);
}

static int track_files(struct scan *s, const struct input *inputs, size_t n)
{
    _cleanup_(tracker_freep) struct tracker *tracker = NULL;
    int r = new_tracker(s, &tracker);

    if (r < 0)
        return r;
    s->tracker = tracker;
    r = scan_files(s, inputs, n);
    if (r == 0)
        r = tracker_finish(tracker);
    s->sums.late = tracker_counters(tracker)->late;
    s->sums.evicted = tracker_counters(tracker)->evicted;
    s->tracker = NULL;
    return r;
}

static int scan_all(struct scan *s, char **names, size_t n)
{
    _cleanup_(cleanup_free) struct input *named = calloc(n, sizeof(*named));
    _cleanup_(cleanup_free) struct input *inputs = calloc(n, sizeof(*inputs));
    int r = 0;

    if (!inputs || !named)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        inputs[i] = named[i] = (struct input){.name = names[i], .place = (unsigned)i};
    s->print = !s->options->summary;
    if (order_by_time(s, inputs, n) && s->print) {
        r = scan_files(s, named, n);
        s->print = false;
    }
    if (r == 0)
        r = track_files(s, inputs, n);
    if (r != 0)
        return r;
    if (s->n_bursts > 0)
        qsort(s->bursts, s->n_bursts, sizeof(*s->bursts), by_first);
    if (!s->options->summary)
        scan_print_bursts(s->options->json, s->bursts, s->n_bursts);
    scan_print_summary(s->options->json || s->options->summary, s->options->counters,
                       &s->sums);
    return 0;
}

static int run(const struct options *options, char **names, size_t n)
{
    _cleanup_(config_freep) struct config *config = NULL;
    struct scan s = {.options = options, .status = EX_OK};
    int r = options->timezone ? host_zone(options->timezone, &s.zone) : 0;

    if (r < 0) {
        complain(options->timezone,
                 "is no time zone of this system, see " ZONE_DIRECTORY);
        return EX_USAGE;
    }
    if (options->config)
        r = settings_load(options->config, settings_say_stderr, NULL, &config);
    else
        config = config_new_default();
    if (r > 0)
        return r == SETTINGS_E_UNREADABLE ? EX_NOINPUT : EX_CONFIG;
    if (config) {
        setvbuf(stdout, NULL, _IOFBF, BUFFER);
        s.config = config;
        r = scan_all(&s, names, n);
        free(s.bursts);
        zone_free(s.zone);
    }
    if (r < 0 || !config) {
        complain("scan", strerror(config ? -r : ENOMEM));
        return EX_OSERR;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("standard output", strerror(errno));
        return EX_IOERR;
    }
    return s.status;
}

static const char usage[] =
    "usage: abuse-reporterctl scan [--json] [--explain] [--summary] [--counters]\n"
    "                              [--now TIME] [--timezone ZONE] [-c FILE] FILE...|-\n"
    "\n"
    "Shows what the rules see in finished logs: login attempts, bursts, and sums.\n"
    "\n"
    "  --json      one JSON object a line\n"
    "  --explain   for each line, which rule took which bytes, or why none did\n"
    "  --summary   only the last of these objects, the sums\n"
    "  --counters  the sums with the numbers of lines that were not used\n"
    "  --now TIME  when the log was written, for times without a year (RFC 3339,\n"
    "              2026-11-22T21:36:13Z); else a file's time of change, or the\n"
    "              present\n"
    "  --timezone ZONE  of times without a zone, such as Europe/Berlin; else this\n"
    "              system's\n"
    "  -c FILE     rules, detect, ignore and reportable of this configuration; else\n"
    "              the defaults\n"
    "  FILE        a log; - is standard input\n";

static int misused(const char *what, const char *why)
{
    complain(what, why);
    fputs(usage, stderr);
    return EX_USAGE;
}

int ctl_scan(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},
        {"summary", no_argument, NULL, 's'},
        {"counters", no_argument, NULL, 'o'},
        {"explain", no_argument, NULL, 'e'},
        {"now", required_argument, NULL, 'n'},
        {"config", required_argument, NULL, 'c'},
        {"timezone", required_argument, NULL, 'z'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options options = {.now = MOMENT_NONE};
    struct stamp now;

    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":c:h", longs, NULL)) != -1;)
        switch (c) {
        case 'j': options.json = true; break;
        case 'o': options.counters = true; break;
        case 'e': options.explain = true; break;
        case 's': options.summary = true; break;
        case 'c': options.config = optarg; break;
        case 'z': options.timezone = optarg; break;
        case 'h': fputs(usage, stdout); return EX_OK;
        case 'n':
            if (!moment_parse_rfc3339(optarg, strlen(optarg), &now))
                return misused(optarg, "is no time like 2026-11-22T21:36:13Z");
            options.now = now.usec;
            break;
        case ':': return misused(argv[optind - 1], "needs a value");
        default: return misused(argv[optind - 1], "is no option of scan");
        }
    if (optind == argc)
        return misused("scan", "which log? Name a file, or - for standard input");
    return run(&options, argv + optind, (size_t)(argc - optind));
}
