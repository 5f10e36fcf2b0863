/* curl drives itself through two callbacks: it names the sockets and the one timeout that
 * it waits for, and is told what happened by curl_multi_socket_action(). Finished
 * transfers are collected after each such call, outside of curl, and only there does
 * foreign code (fetch_fn) run. So a fetch_fn may start, cancel and free as it likes;
 * a fetcher that is freed there is emptied at once and released when the collecting
 * function returns.
 *
 * What a server can make grow is counted in our own callbacks, byte by byte as it
 * arrives: CURLOPT_MAXFILESIZE only looks at what Content-Length claims. */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "loop.h"
#include "text.h"

#define CONNECT_TIMEOUT_MS 10000L
#define HEADERS_MAX        (64 * 1024) /* of one exchange; RDAP answers have about 1 KiB */
#define RETRY_AFTER_MAX    (INT64_C(24) * 3600) /* s */
#define IDLE_CONNECTIONS   8L
#define ERROR_TEXT_MAX     200

/* One socket that curl wants watched. */
struct fetch_socket {
    struct fetcher *f;
    curl_socket_t fd;
    struct watch *watch;
    LIST_ENTRY(fetch_socket) link;
};

struct fetch {
    struct fetcher *f;
    CURL *easy;
    struct curl_slist *headers;
    fetch_fn fn;
    void *userdata;
    char *body;
    size_t n, size;
    size_t header_bytes;
    char *location, *etag;
    bool too_big;
    bool peer_refused; /* some address was not allowed */
    bool peer_tried;   /* some address was */
    char error[CURL_ERROR_SIZE];
    LIST_ENTRY(fetch) link;
};

struct fetcher {
    struct loop *loop;
    CURLM *multi;
    struct watch *timer;
    char *ca_file, *proxy, *user_agent;
    struct fetch_params params; /* its strings are the copies above */
    LIST_HEAD(, fetch_socket) sockets;
    LIST_HEAD(, fetch) jobs;
    bool global;     /* curl_global_init() done */
    bool collecting; /* fetch_fn may run */
    bool dead;       /* freed meanwhile */
};

static void collect(struct fetcher *f);

/* Sockets and the timeout */

static void on_socket(void *userdata, unsigned what)
{
    struct fetch_socket *s = userdata;
    struct fetcher *f = s->f; /* s may be gone after the call */
    int running;

    curl_multi_socket_action(f->multi, s->fd,
                             ((what & LOOP_READ) ? CURL_CSELECT_IN : 0) |
                                 ((what & LOOP_WRITE) ? CURL_CSELECT_OUT : 0),
                             &running);
    collect(f);
}

static void on_timeout(void *userdata, unsigned what)
{
    struct fetcher *f = userdata;
    int running;

    curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(f);
}

static void socket_free(struct fetch_socket *s)
{
    watch_free(s->watch);
    LIST_REMOVE(s, link);
    free(s);
}

/* CURLMOPT_SOCKETFUNCTION; -1 makes curl give up all transfers (out of memory). */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata,
                         void *assigned)
{
    struct fetcher *f = userdata;
    struct fetch_socket *s = assigned;
    unsigned events = 0;

    if (what == CURL_POLL_REMOVE) {
        if (s)
            socket_free(s);
        curl_multi_assign(f->multi, fd, NULL);
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return -1;
        s->f = f;
        s->fd = fd;
        LIST_INSERT_HEAD(&f->sockets, s, link);
        curl_multi_assign(f->multi, fd, s);
    }
    if (what & CURL_POLL_IN)
        events |= LOOP_READ;
    if (what & CURL_POLL_OUT)
        events |= LOOP_WRITE;
    s->watch = watch_free(s->watch);
    return loop_fd(f->loop, fd, events, on_socket, s, &s->watch) < 0 ? -1 : 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int timeout_wanted(CURLM *multi, long ms, void *userdata)
{
    struct fetcher *f = userdata;

    if (ms < 0) {
        watch_disarm(f->timer);
        return 0;
    }
    return watch_arm(f->timer, (int64_t)ms * 1000) < 0 ? -1 : 0;
}

/* What arrives. None of these may call back into curl or into the caller. */

static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    struct fetch *job = userdata;
    const struct fetch_params *params = &job->f->params;
    struct addr peer;

    /* A proxy's address is the operator's choice, and the peer is out of our sight. */
    if (!params->proxy && params->peer_allowed &&
        (!addr_from_sockaddr(&address->addr, &peer) ||
         !params->peer_allowed(params->userdata, &peer))) {
        job->peer_refused = true;
        return CURL_SOCKET_BAD;
    }
    job->peer_tried = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static long status_of(const struct fetch *job)
{
    long status = 0;

    curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static int body_grow(struct fetch *job, size_t n)
{
    size_t size = job->size ? job->size : 4096;
    char *p;

    while (size < job->n + n + 1)
        size *= 2;
    if (size == job->size)
        return 0;
    p = realloc(job->body, size);
    if (!p)
        return -ENOMEM;
    job->body = p;
    job->size = size;
    return 0;
}

static size_t body_arrived(char *bytes, size_t one, size_t n, void *userdata)
{
    struct fetch *job = userdata;

    if (n > job->f->params.max_body - job->n) {
        job->too_big = true;
        return 0;
    }
    if (body_grow(job, n) < 0)
        return 0;
    memcpy(job->body + job->n, bytes, n);
    job->n += n;
    job->body[job->n] = '\0';
    return n;
}

/* Keeps the first value of a header. Out of memory, it is as if it were not there. */
static void keep_header(const char *line, size_t n, const char *name, char **value)
{
    size_t m = strlen(name);

    if (*value || n < m || strncasecmp(line, name, m) != 0)
        return;
    while (m < n && (line[m] == ' ' || line[m] == '\t'))
        m++;
    while (n > m && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' ' ||
                     line[n - 1] == '\t'))
        n--;
    if (n > m && !memchr(line + m, '\0', n - m))
        *value = strndup(line + m, n - m);
}

static size_t header_arrived(char *line, size_t one, size_t n, void *userdata)
{
    struct fetch *job = userdata;

    if (n > HEADERS_MAX - job->header_bytes) {
        job->too_big = true;
        return 0;
    }
    job->header_bytes += n;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* Another answer begins: what a 1xx before it said does not count. */
        free(TAKE_PTR(job->location));
        free(TAKE_PTR(job->etag));
    }
    keep_header(line, n, "location:", &job->location);
    keep_header(line, n, "etag:", &job->etag);
    return n;
}

/* Collecting what is finished */

static enum fetch_outcome outcome_of(const struct fetch *job, CURLcode code)
{
    if (code == CURLE_OK)
        return FETCH_OK;
    if (job->too_big)
        /* Only a 200's body matters; the status of anything else stands already. */
        return status_of(job) > 200 ? FETCH_OK : FETCH_TOO_BIG;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return FETCH_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED: return FETCH_TLS;
    case CURLE_COULDNT_CONNECT:
        return job->peer_refused && !job->peer_tried ? FETCH_REFUSED : FETCH_FAILED;
    default: return FETCH_FAILED;
    }
}

static int64_t retry_after_of(const struct fetch *job)
{
    curl_off_t seconds = 0;

    /* Seconds from now, also where the server sent a date; negative for a past one. */
    if (curl_easy_getinfo(job->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK ||
        seconds <= 0)
        return 0;
    if (seconds > RETRY_AFTER_MAX)
        seconds = RETRY_AFTER_MAX;
    return (int64_t)seconds * 1000000;
}

static char *error_text(const struct fetch *job, enum fetch_outcome outcome,
                        CURLcode code)
{
    const char *text = job->error[0] ? job->error : curl_easy_strerror(code);

    if (outcome == FETCH_REFUSED)
        text = "the server's name leads to an address that may not be asked";
    else if (outcome == FETCH_TOO_BIG)
        text = "the answer is too big";
    return text_escape(text, strlen(text), ERROR_TEXT_MAX);
}

static struct fetch *job_free(struct fetch *job)
{
    if (!job)
        return NULL;
    if (job->easy)
        curl_easy_cleanup(job->easy);
    curl_slist_free_all(job->headers);
    free(job->body);
    free(job->location);
    free(job->etag);
    free(job);
    return NULL;
}
DEFINE_CLEANUP(struct fetch *, job_free)

static void finish(struct fetch *job, CURLcode code)
{
    struct fetch_result result = {.outcome = outcome_of(job, code)};
    char *error = NULL, *content_type = NULL;

    LIST_REMOVE(job, link);
    curl_multi_remove_handle(job->f->multi, job->easy);
    if (result.outcome == FETCH_OK) {
        result.status = status_of(job);
        result.retry_after = retry_after_of(job);
        result.location = job->location;
        result.etag = job->etag;
        curl_easy_getinfo(job->easy, CURLINFO_CONTENT_TYPE, &content_type);
        result.content_type = content_type;
        result.body = job->body ? job->body : "";
        result.n = job->n;
    } else {
        error = error_text(job, result.outcome, code);
        result.error = error ? error : "out of memory";
    }
    job->fn(job->userdata, &result);
    job_free(job);
    free(error);
}

static void fetcher_release(struct fetcher *f)
{
    /* The multi handle first: on its way out it still asks for sockets to be removed. */
    if (f->multi)
        curl_multi_cleanup(f->multi);
    while (!LIST_EMPTY(&f->sockets))
        socket_free(LIST_FIRST(&f->sockets));
    watch_free(f->timer);
    free(f->ca_file);
    free(f->proxy);
    free(f->user_agent);
    if (f->global)
        curl_global_cleanup();
    free(f);
}

static void collect(struct fetcher *f)
{
    CURLMsg *msg;
    int left;

    f->collecting = true;
    while (!f->dead && (msg = curl_multi_info_read(f->multi, &left))) {
        char *job = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
        finish((struct fetch *)job, msg->data.result);
    }
    f->collecting = false;
    if (f->dead)
        fetcher_release(f);
}

/* Starting and ending */

static int copy_string(const char *s, char **ret)
{
    if (!s)
        return 0;
    *ret = strdup(s);
    return *ret ? 0 : -ENOMEM;
}

static int fetcher_fill(struct fetcher *f, const struct fetch_params *params)
{
    int r;

    f->params = *params;
    if ((r = copy_string(params->ca_file, &f->ca_file)) < 0 ||
        (r = copy_string(params->proxy, &f->proxy)) < 0 ||
        (r = copy_string(params->user_agent, &f->user_agent)) < 0)
        return r;
    f->params.ca_file = f->ca_file;
    f->params.proxy = f->proxy;
    f->params.user_agent = f->user_agent;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    f->global = true;
    r = loop_timer(f->loop, on_timeout, f, &f->timer);
    if (r < 0)
        return r;
    f->multi = curl_multi_init();
    if (!f->multi)
        return -ENOMEM;
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, timeout_wanted);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
    return 0;
}

int fetcher_new(struct loop *loop, const struct fetch_params *params,
                struct fetcher **ret)
{
    struct fetcher *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return -ENOMEM;
    f->loop = loop;
    LIST_INIT(&f->sockets);
    LIST_INIT(&f->jobs);
    r = fetcher_fill(f, params);
    if (r < 0) {
        fetcher_release(f);
        return r;
    }
    *ret = f;
    return 0;
}

struct fetcher *fetcher_free(struct fetcher *f)
{
    if (!f)
        return NULL;
    while (!LIST_EMPTY(&f->jobs))
        fetch_cancel(LIST_FIRST(&f->jobs));
    if (f->collecting)
        f->dead = true;
    else
        fetcher_release(f);
    return NULL;
}

struct fetch *fetch_cancel(struct fetch *job)
{
    if (!job)
        return NULL;
    LIST_REMOVE(job, link);
    curl_multi_remove_handle(job->f->multi, job->easy);
    return job_free(job);
}

/* Collects the first failure, so that no option can be missing unnoticed. */
#define SET(option, value)                                     \
    do {                                                       \
        if (code == CURLE_OK)                                  \
            code = curl_easy_setopt(job->easy, option, value); \
    } while (0)

static CURLcode set_protocols(struct fetch *job)
{
    CURLcode code = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else a cancelled or overdue transfer waits here for its getaddrinfo() thread, and
     * the loop with it, for as long as a dead name server takes. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    /* HTTP/2 would bring nothing for one small answer but more code for foreign bytes. */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L); /* a Location is followed as it is (RFC 7480 5.2) */
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    return code;
}

static CURLcode set_security(struct fetch *job)
{
    const struct fetch_params *params = &job->f->params;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (params->ca_file) {
        SET(CURLOPT_CAINFO, params->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* instead of the system's, not besides */
    }
    /* Empty strings, so that the environment's *_proxy are not looked at. */
    SET(CURLOPT_PROXY, params->proxy ? params->proxy : "");
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, job);
    return code;
}

static CURLcode set_exchange(struct fetch *job, const char *url)
{
    const struct fetch_params *params = &job->f->params;
    int64_t ms = params->timeout / 1000;
    CURLcode code = CURLE_OK;

    if (ms < 1)
        ms = 1;
    else if (ms > 3600 * 1000)
        ms = 3600 * 1000;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, params->user_agent);
    SET(CURLOPT_HTTPHEADER, job->headers);
    SET(CURLOPT_TIMEOUT_MS, (long)ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        ms < CONNECT_TIMEOUT_MS ? (long)ms : CONNECT_TIMEOUT_MS);
    SET(CURLOPT_WRITEFUNCTION, body_arrived);
    SET(CURLOPT_WRITEDATA, job);
    SET(CURLOPT_HEADERFUNCTION, header_arrived);
    SET(CURLOPT_HEADERDATA, job);
    SET(CURLOPT_ERRORBUFFER, job->error);
    SET(CURLOPT_PRIVATE, (char *)job);
    return code;
}

static int set_headers(struct fetch *job, const char *accept)
{
    _cleanup_(cleanup_free) char *line = NULL;

    if (asprintf(&line, "Accept: %s", accept) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    job->headers = curl_slist_append(NULL, line);
    return job->headers ? 0 : -ENOMEM;
}

/* What curl says of the URL itself comes later, as a FETCH_FAILED. */
int fetch_start(struct fetcher *f, const char *url, const char *accept, fetch_fn fn,
                void *userdata, struct fetch **ret)
{
    _cleanup_(job_freep) struct fetch *job = NULL;
    CURLcode code;
    int r;

    if (f->dead)
        return -ESHUTDOWN;
    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->f = f;
    job->fn = fn;
    job->userdata = userdata;
    job->easy = curl_easy_init();
    if (!job->easy)
        return -ENOMEM;
    r = set_headers(job, accept);
    if (r < 0)
        return r;
    code = set_protocols(job);
    if (code == CURLE_OK)
        code = set_security(job);
    if (code == CURLE_OK)
        code = set_exchange(job, url);
    if (code != CURLE_OK)
        return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    if (curl_multi_add_handle(f->multi, job->easy) != CURLM_OK)
        return -ENOMEM;
    LIST_INSERT_HEAD(&f->jobs, job, link);
    *ret = TAKE_PTR(job);
    return 0;
}
