/* Start order, and its mirror image in manager_stop():
 *   loop, store, ledger, desk, intake, control, signals, timers, READY.
 *
 * When the state cannot be written (a full disk), the intake is thrown away and made anew
 * from the store every few seconds until that works: the logs are read again from the
 * stored places, so no attempt is lost. When the disk fails in another way the process
 * ends, and the service manager starts it afresh. */
#include "manager.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cleanup.h"
#include "config.h"
#include "control.h"
#include "desk.h"
#include "host.h"
#include "intake.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "manager-internal.h"
#include "moment.h"
#include "notify.h"
#include "settings.h"
#include "store.h"

#define REBUILD_AFTER (10 * USEC_PER_SEC)
#define STOP_WITHIN   (15 * USEC_PER_SEC)
#define STATUS_EVERY  (10 * USEC_PER_SEC)
#define ONCE_PATIENCE (10 * USEC_PER_SEC)

static void finish_with(struct manager *m, int status)
{
    m->status = status;
    loop_stop(m->loop);
}

/* ---- the state ---- */

static int save(void *userdata)
{
    struct manager *m = userdata;

    return m->intake ? intake_save(m->intake) : 0;
}

static void saved(void *userdata)
{
    struct manager *m = userdata;

    if (m->intake)
        intake_saved(m->intake);
    if (m->paused && m->intake) {
        m->paused = false;
        log_notice("the state can be written again: reading goes on");
    }
    if (m->desk)
        desk_wake(m->desk);
}

static void state_failed(void *userdata, int error)
{
    struct manager *m = userdata;

    if (m->intake)
        intake_fail(m->intake);
    if (m->desk)
        desk_forget(m->desk);
    if (error == STORE_E_FULL && !m->once && !m->stopping) {
        if (!m->paused)
            log_line(LOG_CRIT,
                     "no room for the state %s: reading pauses and goes on "
                     "when there is room; free some space",
                     m->state);
        m->paused = true;
        m->full = true;
        /* The intake may be on the call stack: it goes in the next turn. */
        watch_arm(m->rebuild, 0);
        return;
    }
    log_line(LOG_CRIT, "the state %s has failed: stopping, what is stored is safe",
             m->state);
    finish_with(m, EX_IOERR);
}

static int open_store(struct manager *m, int *ret_status)
{
    const char *path = m->dry_run ? NULL : m->state;
    uint8_t secret[16];
    int r = host_random(secret, sizeof(secret));

    if (r == 0)
        r = store_open(path, secret, &m->store);
    if (r == 0)
        return 0;
    if (r == STORE_E_BUSY) {
        log_error("the state %s is held by process %" PRId64
                  ": another abuse-reporterd runs on it; stop that one first",
                  path, store_holder(path));
        *ret_status = EX_TEMPFAIL;
    } else {
        log_error("the state %s cannot be opened: %s", path ? path : "in memory",
                  r > 0 ? store_error_text(r) : strerror(-r));
        *ret_status = r == STORE_E_ACCESS ? EX_CANTCREAT : EX_IOERR;
    }
    return r;
}

/* ---- the intake ---- */

static void once_finish(struct manager *m)
{
    int r = 0;

    if (m->once_read || m->stopping)
        return;
    m->once_read = true;
    if (intake_trouble(m->intake) != 0)
        m->status = EX_NOINPUT; /* the log said which source */
    r = intake_finish(m->intake);
    if (r == 0)
        r = ledger_commit(m->ledger);
    if (r == 0)
        r = desk_run_once(m->desk);
    if (r != 0)
        finish_with(m, EX_IOERR);
}

/* READY is said when a kill would lose nothing any more. */
static void say_ready(struct manager *m)
{
    if (m->ready || !m->intake || !intake_placed(m->intake))
        return;
    m->ready = true;
    if (!m->once)
        log_notice("ready, mode %s%s", policy_mode_name(m->config->policy.mode),
                   m->dry_run ? ", dry run: nothing is kept" : "");
    notify_ready();
}

static void on_caught_up(void *userdata)
{
    struct manager *m = userdata;

    say_ready(m);
    if (m->once)
        once_finish(m);
}

static int on_login(void *userdata, struct incident *inc, bool again)
{
    return desk_alert(((struct manager *)userdata)->desk, inc, again);
}

static int start_intake(struct manager *m)
{
    static const struct intake_ops ops = {.caught_up = on_caught_up, .login = on_login};
    struct intake_params p = {
        .config = m->config, .once = m->once, .hash_key = m->hash_key};
    int r = intake_new(m->loop, m->store, m->ledger, &p, &ops, m, &m->intake);

    if (r != 0)
        log_error("reading the logs cannot begin: %s",
                  r > 0 ? store_error_text(r) : strerror(-r));
    return r;
}

/* First the old intake goes, then a new one is tried now and then: its first write shows
 * whether there is room. */
static void on_rebuild(void *userdata, unsigned what)
{
    struct manager *m = userdata;

    if (m->stopping)
        return;
    m->intake = intake_free(m->intake);
    if (m->full) {
        m->full = false;
        watch_arm(m->rebuild, REBUILD_AFTER);
        return;
    }
    if (start_intake(m) != 0)
        watch_arm(m->rebuild, REBUILD_AFTER);
    desk_wake(m->desk);
}

static void say_lab(void)
{
    log_warning("LAB: `reportable` names special-purpose networks; only reserved domains "
                "can be written to");
}

/* ---- signals ---- */

static void end(struct manager *m)
{
    if (ledger_commit(m->ledger) != 0 && m->status == EX_OK)
        m->status = EX_IOERR;
    if (m->once && m->status == EX_OK)
        m->status = EX_TEMPFAIL; /* stopped in the middle of the work */
    finish_with(m, m->status);
}

static void on_stop_timer(void *userdata, unsigned what)
{
    struct manager *m = userdata;

    if (desk_stop(m->desk) && host_uptime() < m->stop_by) {
        watch_arm(m->stop_timer, USEC_PER_SEC / 10);
        return;
    }
    end(m);
}

/* The intake is saved first; a delivery under way gets some seconds to come to its end.
 */
static void on_terminate(void *userdata, unsigned what)
{
    struct manager *m = userdata;

    if (m->stopping)
        return;
    m->stopping = true;
    notify_stopping();
    log_info("stopping");
    ledger_commit(m->ledger);
    m->intake = intake_free(m->intake);
    m->stop_by = host_uptime() + STOP_WITHIN;
    watch_arm(m->stop_timer, 0);
}

/* The new configuration counts from here on, or, when something fails, the old one. */
static int switch_config(struct manager *m, struct config *fresh)
{
    struct config *old = m->config;
    int r = desk_reload(m->desk, fresh);

    if (r < 0) {
        log_error("the new configuration cannot be used: %s; the old one stays",
                  strerror(-r));
        return r;
    }
    ledger_commit(m->ledger);
    m->intake = intake_free(m->intake);
    m->config = fresh;
    config_free(old);
    if (fresh->reportable.n > 0)
        say_lab();
    if (m->paused || start_intake(m) != 0)
        watch_arm(m->rebuild, REBUILD_AFTER);
    desk_wake(m->desk);
    return 0;
}

int manager_reload(struct manager *m, settings_say_fn say, void *userdata)
{
    struct config *fresh = NULL;
    int r;

    if (m->stopping)
        return -ECANCELED;
    notify_reloading();
    r = settings_load(m->config_path, say, userdata, &fresh);
    if (r == 0 && m->dry_run)
        fresh->policy.mode = MODE_OBSERVE;
    if (r == 0 && !m->dry_run &&
        (strcmp(fresh->state, m->state) != 0 ||
         strcmp(fresh->control, m->control_path) != 0))
        say(userdata, "`state` and `control` have changed: that counts from the next "
                      "restart");
    if (r == 0)
        r = switch_config(m, fresh);
    if (r != 0)
        log_error("%s is not used: the old configuration stays in force", m->config_path);
    else
        log_notice("%s is in force now", m->config_path);
    if (r < 0)
        config_free(fresh);
    notify_ready();
    return r;
}

static void on_reload(void *userdata, unsigned what)
{
    manager_reload(userdata, settings_say_log, NULL);
}

/* ---- timers ---- */

static void on_watchdog(void *userdata, unsigned what)
{
    struct manager *m = userdata;

    notify_watchdog();
    watch_arm(m->watchdog, notify_watchdog_interval());
}

/* A source that cannot be read never comes to its end. */
static void once_give_up(struct manager *m)
{
    if (m->once && m->intake && intake_trouble(m->intake) != 0 &&
        host_now() - m->started > ONCE_PATIENCE)
        once_finish(m);
}

static void on_status(void *userdata, unsigned what)
{
    struct manager *m = userdata;
    uint64_t n[INCIDENT_STATES] = {0};
    struct intake_counters c = {0};

    once_give_up(m);
    if (m->intake)
        intake_counters(m->intake, &c);
    if (store_incident_counts(m->store, n) == 0)
        notify_status("%s%s: %" PRIu64 " failed logins, %" PRIu64 " bursts open, %" PRIu64
                      " held, %" PRIu64 " sent%s",
                      m->config->reportable.n > 0 ? "LAB, " : "",
                      policy_mode_name(m->config->policy.mode), c.attempts,
                      n[INCIDENT_OPEN], n[INCIDENT_HELD], n[INCIDENT_SENT],
                      m->paused ? "; NO ROOM FOR THE STATE" : "");
    watch_arm(m->status_timer, STATUS_EVERY);
}

/* ---- start and stop ---- */

static void on_idle(void *userdata)
{
    struct manager *m = userdata;
    bool left = false;

    if (ledger_commit(m->ledger) != 0 || desk_work_left(m->desk, &left) != 0) {
        finish_with(m, EX_IOERR);
        return;
    }
    finish_with(m, m->status != EX_OK ? m->status : left ? EX_TEMPFAIL : EX_OK);
}

/* Once, the log ends where it was read to. */
static int64_t read_until(void *userdata)
{
    struct manager *m = userdata;

    if (m->once)
        return INT64_MAX;
    return m->intake ? intake_read_until(m->intake) : MOMENT_NONE;
}

static int start_desk(struct manager *m)
{
    static const struct desk_ops ops = {.idle = on_idle};
    struct desk_params p = {
        .config = m->config, .once = m->once, .read_until = read_until};
    int r = desk_new(m->loop, m->store, m->ledger, &p, &ops, m, &m->desk);

    return r == 0 ? desk_settle_unknown(m->desk) : r;
}

static int start_control(struct manager *m)
{
    int r;

    if (m->once || m->dry_run)
        return 0;
    r = control_new(m->loop, m->control_path, manager_answer, m, &m->control);
    if (r < 0)
        log_error("the control socket %s cannot be made: %s; its directory must exist "
                  "and be writable for this user",
                  m->control_path, strerror(-r));
    return r;
}

static int start_signals(struct manager *m)
{
    int r = loop_signal(m->loop, SIGTERM, on_terminate, m, &m->sigterm);

    signal(SIGPIPE, SIG_IGN);
    if (r == 0)
        r = loop_signal(m->loop, SIGINT, on_terminate, m, &m->sigint);
    if (r == 0)
        r = loop_signal(m->loop, SIGHUP, on_reload, m, &m->sighup);
    return r;
}

static int start_timers(struct manager *m)
{
    int64_t watchdog = notify_watchdog_interval();
    int r = loop_timer(m->loop, on_rebuild, m, &m->rebuild);

    if (r == 0)
        r = loop_timer(m->loop, on_stop_timer, m, &m->stop_timer);
    if (r == 0)
        r = loop_timer(m->loop, on_status, m, &m->status_timer);
    if (r == 0)
        r = loop_timer(m->loop, on_watchdog, m, &m->watchdog);
    if (r == 0)
        r = watch_arm(m->status_timer, 0);
    if (r == 0 && watchdog > 0)
        r = watch_arm(m->watchdog, watchdog);
    return r;
}

static int start_all(struct manager *m, int *ret_status)
{
    static const struct ledger_ops ops = {
        .save = save, .saved = saved, .failed = state_failed};
    int r = loop_new(&m->loop);

    *ret_status = EX_OSERR;
    if (r == 0)
        r = start_timers(m);
    if (r == 0)
        r = open_store(m, ret_status);
    if (r != 0)
        return r;
    *ret_status = EX_UNAVAILABLE;
    r = ledger_new(m->loop, m->store, &ops, m, &m->ledger);
    if (r == 0)
        r = start_desk(m);
    if (r == 0)
        r = start_intake(m);
    if (r == 0)
        r = start_control(m);
    if (r == 0)
        r = start_signals(m);
    return r;
}

int manager_new(const struct manager_params *params, struct manager **ret,
                int *ret_status)
{
    struct manager *m = calloc(1, sizeof(*m));
    int r;

    if (!m) {
        *ret_status = EX_OSERR;
        return -ENOMEM;
    }
    *ret_status = EX_OSERR;
    m->config_path = params->config_path;
    m->config = params->config;
    m->once = params->once;
    m->dry_run = params->dry_run;
    m->started = host_now();
    if (m->dry_run)
        m->config->policy.mode = MODE_OBSERVE;
    m->state = strdup(m->config->state);
    m->control_path = strdup(m->config->control);
    r = m->state && m->control_path ? 0 : -ENOMEM;
    if (r == 0)
        r = host_random(m->hash_key, sizeof(m->hash_key));
    if (r == 0)
        r = start_all(m, ret_status);
    if (r != 0) {
        m->config = NULL; /* still the caller's */
        manager_free(m);
        return r < 0 ? r : -EIO;
    }
    if (m->config->reportable.n > 0)
        say_lab();
    say_ready(m);
    if (!m->once)
        desk_wake(m->desk);
    *ret = m;
    return 0;
}

int manager_run(struct manager *m)
{
    int r = loop_run(m->loop);

    if (r < 0) {
        log_error("the event loop has failed: %s", strerror(-r));
        return EX_OSERR;
    }
    return m->status;
}

struct manager *manager_free(struct manager *m)
{
    if (!m)
        return NULL;
    watch_free(m->sighup);
    watch_free(m->sigint);
    watch_free(m->sigterm);
    control_free(m->control);
    intake_free(m->intake);
    desk_free(m->desk);
    ledger_free(m->ledger);
    store_free(m->store);
    watch_free(m->watchdog);
    watch_free(m->status_timer);
    watch_free(m->stop_timer);
    watch_free(m->rebuild);
    loop_free(m->loop);
    config_free(m->config);
    free(m->state);
    free(m->control_path);
    free(m);
    return NULL;
}
