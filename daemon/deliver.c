/* SMTP by libcurl, in a thread of its own for each message. curl_multi_perform() blocks
 * until the reply after the dot is there (curl issue 8555), so the loop cannot wait for
 * it.
 *
 * What libcurl returns is judged together with the stage of the dialogue. The stage is
 * kept by watching which commands go out: after a lost connection the last reply says
 * nothing (it is the one before), and only the stage tells whether the message may have
 * been taken. The last two bytes of the body are handed to libcurl apart, after all
 * others are written, and the stage becomes STAGE_FINAL before they are: libcurl writes
 * the dot after them, so a connection that is lost before cannot have left a message
 * behind.
 *
 * After QUIT nothing is waited for: the receiving side of the socket is shut down, so
 * that a server that stays silent there holds up neither the result nor the end.
 *
 * The thread shares struct dialogue with the loop's thread, under its mutex; to break
 * off, the loop's thread sets a flag that libcurl's progress function reads, and shuts
 * the socket down, which ends any wait on it at once. The thread is always joined. */
#include "deliver.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "loop.h"
#include "mailaddr.h"
#include "text.h"

#define USEC            INT64_C(1000000)
#define CONNECT_TIMEOUT (10 * USEC)
#define REPLY_TIMEOUT   (600 * USEC)
#define GREETING_MAX    (60 * USEC) /* libcurl's connect time includes greeting and EHLO */
#define DIALOGUE_STEPS  6           /* replies in a dialogue */
#define TEXT_MAX        300
#define QUEUE_ID_MAX    64

struct dialogue {
    /* Fixed before the thread starts. */
    int64_t id;
    int done_fd;
    char *url, *sender, *recipient, *bytes;
    size_t n;
    int64_t connect_timeout, reply_timeout;
    pthread_t thread;

    /* The thread's own until it is joined. */
    size_t at;    /* bytes of the body handed out */
    bool refused; /* last_reply is a 4xx or 5xx to the last command */
    char last_reply[TEXT_MAX];
    struct delivery_facts facts;
    enum delivery_action action;
    char *text;
    char queue_id[QUEUE_ID_MAX];

    pthread_mutex_t mutex; /* of what follows */
    enum delivery_stage stage;
    int sock;
    bool stop;
};

struct deliverer {
    char *url;
    int64_t connect_timeout, reply_timeout;
    int done_fd; /* eventfd: the thread has its result */
    struct watch *watch;
    struct dialogue *dialogue; /* NULL while idle */
    deliver_fn fn;
    void *userdata;
};

static struct dialogue *dialogue_free(struct dialogue *g)
{
    if (!g)
        return NULL;
    pthread_mutex_destroy(&g->mutex);
    free(g->url);
    free(g->sender);
    free(g->recipient);
    free(g->bytes);
    free(g->text);
    free(g);
    return NULL;
}

DEFINE_CLEANUP(struct dialogue *, dialogue_free)
DEFINE_CLEANUP(struct deliverer *, deliverer_free)

/* ---- in the thread ---- */

static void set_stage(struct dialogue *g, enum delivery_stage stage)
{
    pthread_mutex_lock(&g->mutex);
    g->stage = stage;
    pthread_mutex_unlock(&g->mutex);
}

static bool stopped(struct dialogue *g)
{
    bool stop;

    pthread_mutex_lock(&g->mutex);
    stop = g->stop;
    pthread_mutex_unlock(&g->mutex);
    return stop;
}

static void stop_reading(struct dialogue *g)
{
    pthread_mutex_lock(&g->mutex);
    if (g->sock >= 0)
        shutdown(g->sock, SHUT_RD);
    pthread_mutex_unlock(&g->mutex);
}

static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct dialogue *g = userdata;
    int fd;

    pthread_mutex_lock(&g->mutex);
    fd = g->stop ? -1
                 : socket(address->family, address->socktype | SOCK_CLOEXEC,
                          address->protocol);
    g->sock = fd;
    pthread_mutex_unlock(&g->mutex);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close_socket(void *userdata, curl_socket_t fd)
{
    struct dialogue *g = userdata;

    pthread_mutex_lock(&g->mutex);
    if (g->sock == fd)
        g->sock = -1;
    close(fd);
    pthread_mutex_unlock(&g->mutex);
    return 0;
}

static bool begins(const char *p, size_t n, const char *word)
{
    size_t word_n = strlen(word);

    return n >= word_n && memcmp(p, word, word_n) == 0;
}

/* A command has been written. */
static void on_command(struct dialogue *g, const char *p, size_t n)
{
    static const struct {
        const char *word;
        enum delivery_stage stage;
    } commands[] = {
        {"EHLO", STAGE_HELLO},    {"HELO", STAGE_HELLO}, {"MAIL FROM:", STAGE_MAIL},
        {"RCPT TO:", STAGE_RCPT}, {"DATA", STAGE_DATA},
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (begins(p, n, commands[i].word)) {
            g->refused = false; /* EHLO was, HELO need not be */
            set_stage(g, commands[i].stage);
            return;
        }
    if (begins(p, n, "QUIT"))
        stop_reading(g);
}

static int on_debug(CURL *easy, curl_infotype type, char *p, size_t n, void *userdata)
{
    if (type == CURLINFO_HEADER_OUT)
        on_command(userdata, p, n);
    return 0;
}

/* A line of a reply. The last line of a refusal is kept, else the last line at all. */
static size_t on_reply(char *p, size_t size, size_t n, void *userdata)
{
    struct dialogue *g = userdata;
    size_t len = size * n;
    bool error = len > 0 && (p[0] == '4' || p[0] == '5');

    if (g->refused && !error)
        return len;
    while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r'))
        len--;
    if (len >= sizeof(g->last_reply))
        len = sizeof(g->last_reply) - 1;
    memcpy(g->last_reply, p, len);
    g->last_reply[len] = '\0';
    g->refused = error;
    return size * n;
}

static size_t on_body(char *buf, size_t size, size_t n, void *userdata)
{
    struct dialogue *g = userdata;
    size_t left = g->n - g->at, max = size * n, take;

    if (left > 2) {
        take = left - 2;
    } else {
        take = left;
        set_stage(g, STAGE_FINAL);
    }
    if (take > max)
        take = max;
    memcpy(buf, g->bytes + g->at, take);
    g->at += take;
    return take;
}

static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d)
{
    return stopped(userdata) ? 1 : 0;
}

static long milliseconds(int64_t usec)
{
    return (long)((usec + 999) / 1000);
}

static void set_limits(CURL *easy, const struct dialogue *g)
{
    int64_t greeting = g->reply_timeout < GREETING_MAX ? g->reply_timeout : GREETING_MAX;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_SMTP);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for a name server */
#endif
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     milliseconds(g->connect_timeout + greeting));
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                     (long)((g->reply_timeout + USEC - 1) / USEC));
    curl_easy_setopt(
        easy, CURLOPT_TIMEOUT_MS,
        milliseconds(g->connect_timeout + DIALOGUE_STEPS * g->reply_timeout));
}

static void set_callbacks(CURL *easy, struct dialogue *g)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, g);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, g);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* or there is no debug function */
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, g);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, g);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, g);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, g);
}

static CURLcode perform(struct dialogue *g, long *ret_reply)
{
    struct curl_slist *recipients = curl_slist_append(NULL, g->recipient);
    CURL *easy = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (easy && recipients) {
        set_limits(easy, g);
        set_callbacks(easy, g);
        curl_easy_setopt(easy, CURLOPT_URL, g->url);
        curl_easy_setopt(easy, CURLOPT_MAIL_FROM, g->sender);
        curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)g->n);
        code = curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, ret_reply);
    }
    stop_reading(g); /* the QUIT of the clean-up is not seen by on_debug() */
    curl_easy_cleanup(easy);
    curl_slist_free_all(recipients);
    return code;
}

/* With other codes the reply that libcurl tells is the previous one. CURLE_SEND_ERROR is
 * a refusal of MAIL, RCPT or DATA as well as a failed write; then the reply is no
 * refusal, and delivery_judge() takes it for none. */
static enum delivery_end end_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_SEND_ERROR: return DELIVERY_REPLIED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return DELIVERY_NO_CONNECT;
    default: return DELIVERY_LOST;
    }
}

static const char *stage_words(enum delivery_stage stage)
{
    switch (stage) {
    case STAGE_GREETING: return "before the greeting";
    case STAGE_HELLO: return "after EHLO";
    case STAGE_MAIL: return "after MAIL FROM";
    case STAGE_RCPT: return "after RCPT TO";
    case STAGE_DATA: return "after DATA, before the end of the message";
    case STAGE_FINAL: return "after the message, before the reply to it";
    }
    return "";
}

static char *words(const struct dialogue *g, CURLcode code, bool hurried)
{
    char buf[TEXT_MAX];
    int n;

    if (hurried)
        n = snprintf(buf, sizeof(buf), "broken off %s: the daemon is ending",
                     stage_words(g->facts.stage));
    else if (g->facts.reply != 0)
        n = snprintf(buf, sizeof(buf), "%s", g->last_reply);
    else
        n = snprintf(buf, sizeof(buf), "%s, %s", curl_easy_strerror(code),
                     stage_words(g->facts.stage));
    return n < 0 ? NULL : text_escape(buf, strlen(buf), sizeof(buf));
}

static void *run(void *userdata)
{
    struct dialogue *g = userdata;
    long reply = 0;
    CURLcode code = perform(g, &reply);
    bool hurried;

    pthread_mutex_lock(&g->mutex);
    g->facts.stage = g->stage;
    hurried = g->stop && !g->refused && g->stage != STAGE_FINAL;
    pthread_mutex_unlock(&g->mutex);
    g->facts.end = end_of(code);
    g->facts.reply = g->facts.end == DELIVERY_REPLIED ? reply : 0;
    g->action = hurried ? DELIVERY_RETRY : delivery_judge(&g->facts);
    if (g->action == DELIVERY_ACCEPTED)
        delivery_queue_id(g->last_reply, g->queue_id, sizeof(g->queue_id));
    else if (!g->refused)
        g->facts.reply = 0; /* that of an earlier command */
    g->text = words(g, code, hurried);
    (void)eventfd_write(g->done_fd, 1); /* cannot fail: the counter is at most one */
    return NULL;
}

/* ---- in the loop's thread ---- */

static void on_done(void *userdata, unsigned what)
{
    struct deliverer *d = userdata;
    _cleanup_(dialogue_freep) struct dialogue *g = NULL;
    struct deliver_result result;
    eventfd_t value;

    if (eventfd_read(d->done_fd, &value) < 0 || !d->dialogue)
        return;
    g = TAKE_PTR(d->dialogue);
    pthread_join(g->thread, NULL);
    result = (struct deliver_result){
        .id = g->id,
        .action = g->action,
        .reply = g->facts.reply,
        .text = g->text ? g->text : "",
        .queue_id = g->queue_id[0] ? g->queue_id : NULL,
    };
    d->fn(d->userdata, &result); /* may free d */
}

/* host[:port] of an smtp URL, without anything that would mean more to libcurl. */
static bool is_mta(const char *mta)
{
    static const char scheme[] = "smtp://";

    if (strncmp(mta, scheme, sizeof(scheme) - 1) != 0)
        return false;
    mta += sizeof(scheme) - 1;
    return *mta && strspn(mta, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789.-:[]") == strlen(mta);
}

static bool is_helo(const char *helo)
{
    return *helo && strspn(helo, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789.-") == strlen(helo);
}

static int make_url(const struct deliver_params *params, char **ret)
{
    char *url;

    if (!is_mta(params->mta) || (params->helo && !is_helo(params->helo)))
        return -EINVAL;
    if (asprintf(&url, "%s/%s", params->mta, params->helo ? params->helo : "") < 0)
        return -ENOMEM;
    *ret = url;
    return 0;
}

int deliverer_new(struct loop *loop, const struct deliver_params *params, deliver_fn fn,
                  void *userdata, struct deliverer **ret)
{
    _cleanup_(deliverer_freep) struct deliverer *d = NULL;
    int r;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    d = calloc(1, sizeof(*d));
    if (!d) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    d->fn = fn;
    d->userdata = userdata;
    d->connect_timeout =
        params->connect_timeout > 0 ? params->connect_timeout : CONNECT_TIMEOUT;
    d->reply_timeout = params->reply_timeout > 0 ? params->reply_timeout : REPLY_TIMEOUT;
    d->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->done_fd < 0)
        return -errno;
    r = make_url(params, &d->url);
    if (r == 0)
        r = loop_fd(loop, d->done_fd, LOOP_READ, on_done, d, &d->watch);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(d);
    return 0;
}

static bool is_local_name(const char *s)
{
    return *s && s[0] != '-' && strlen(s) <= 64 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(s);
}

static bool is_address(const char *s)
{
    char parsed[MAILADDR_MAX + 1];

    return mailaddr_parse(s, strlen(s), parsed) && strcasecmp(s, parsed) == 0;
}

/* libcurl sends a bare LF as it is, and does not double a dot behind one; and it does not
 * announce 8-bit bytes. */
static bool is_body(const char *p, size_t n)
{
    if (n < 2 || memcmp(p + n - 2, "\r\n", 2) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];

        if (c == 0 || c > 0x7f)
            return false;
        if (c == '\r' && (i + 1 == n || p[i + 1] != '\n'))
            return false;
        if (c == '\n' && (i == 0 || p[i - 1] != '\r'))
            return false;
    }
    return true;
}

static int dialogue_new(const struct deliverer *d, const struct deliver_job *job,
                        struct dialogue **ret)
{
    _cleanup_(dialogue_freep) struct dialogue *g = calloc(1, sizeof(*g));

    if (!g)
        return -ENOMEM;
    pthread_mutex_init(&g->mutex, NULL);
    g->sock = -1;
    g->stage = STAGE_GREETING;
    g->id = job->id;
    g->done_fd = d->done_fd;
    g->connect_timeout = d->connect_timeout;
    g->reply_timeout = d->reply_timeout;
    g->url = strdup(d->url);
    g->sender = strdup(job->sender);
    g->recipient = strdup(job->recipient);
    g->bytes = malloc(job->n);
    if (!g->url || !g->sender || !g->recipient || !g->bytes)
        return -ENOMEM;
    memcpy(g->bytes, job->bytes, job->n);
    g->n = job->n;
    *ret = TAKE_PTR(g);
    return 0;
}

int deliverer_send(struct deliverer *d, const struct deliver_job *job)
{
    _cleanup_(dialogue_freep) struct dialogue *g = NULL;
    sigset_t all, old;
    int r;

    if (d->dialogue)
        return -EBUSY;
    if (!is_address(job->sender) ||
        (!is_address(job->recipient) && !is_local_name(job->recipient)) ||
        !is_body(job->bytes, job->n))
        return -EINVAL;
    r = dialogue_new(d, job, &g);
    if (r < 0)
        return r;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(&g->thread, NULL, run, g);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0)
        return -r;
    d->dialogue = TAKE_PTR(g);
    return 0;
}

bool deliverer_busy(const struct deliverer *d)
{
    return d->dialogue;
}

static void stop(struct dialogue *g, enum delivery_stage before)
{
    pthread_mutex_lock(&g->mutex);
    if (g->stage < before) {
        g->stop = true;
        if (g->sock >= 0)
            shutdown(g->sock, SHUT_RDWR);
    }
    pthread_mutex_unlock(&g->mutex);
}

void deliverer_hurry(struct deliverer *d)
{
    if (d->dialogue)
        stop(d->dialogue, STAGE_DATA);
}

struct deliverer *deliverer_free(struct deliverer *d)
{
    if (!d)
        return NULL;
    if (d->dialogue) {
        stop(d->dialogue, STAGE_FINAL + 1);
        pthread_join(d->dialogue->thread, NULL);
        dialogue_free(d->dialogue);
    }
    watch_free(d->watch);
    if (d->done_fd >= 0)
        close(d->done_fd);
    free(d->url);
    free(d);
    curl_global_cleanup();
    return NULL;
}
