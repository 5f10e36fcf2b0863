/* Drives daemon/deliver.c through the loop for run-deliver: one message, whose outcome is
 * printed as one line; or the refusals that need no server.
 *
 *   test-deliver send MTA SENDER RECIPIENT FILE [reply-timeout=S] [helo=NAME]
 *                     [hurry=MS] [free=MS]
 *   test-deliver refuse MTA */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver.h"
#include "loop.h"

#define USEC 1000000

struct test {
    struct loop *loop;
    struct deliverer *deliverer;
    struct watch *timer;
    bool hurry;
    unsigned results;
    int64_t id;
    enum delivery_action action;
};

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void on_result(void *userdata, const struct deliver_result *result)
{
    struct test *t = userdata;

    t->results++;
    t->id = result->id;
    t->action = result->action;
    printf("%s reply=%ld queue=%s busy=%d text=%s\n",
           delivery_action_name(result->action), result->reply,
           result->queue_id ? result->queue_id : "-", deliverer_busy(t->deliverer),
           result->text);
    loop_stop(t->loop);
}

static void on_timer(void *userdata, unsigned what)
{
    struct test *t = userdata;
    double start;

    if (t->hurry) {
        deliverer_hurry(t->deliverer);
        return;
    }
    start = now();
    t->deliverer = deliverer_free(t->deliverer);
    printf("freed in %.3f s\n", now() - start);
    loop_stop(t->loop);
}

static char *read_all(const char *path, size_t *ret_n)
{
    static char buf[4 * 1024 * 1024];
    FILE *f = fopen(path, "r");

    if (!f)
        return NULL;
    *ret_n = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    return buf;
}

static int send_one(int argc, char **argv)
{
    struct test t = {0};
    struct deliver_params params = {.mta = argv[2]};
    struct deliver_job job = {.id = 17, .sender = argv[3], .recipient = argv[4]};
    long delay = -1;
    int r;

    job.bytes = read_all(argv[5], &job.n);
    if (!job.bytes)
        return 2;
    for (int i = 6; i < argc; i++)
        if (strncmp(argv[i], "reply-timeout=", 14) == 0)
            params.reply_timeout = strtol(argv[i] + 14, NULL, 10) * USEC;
        else if (strncmp(argv[i], "helo=", 5) == 0)
            params.helo = argv[i] + 5;
        else if (strncmp(argv[i], "hurry=", 6) == 0) {
            t.hurry = true;
            delay = strtol(argv[i] + 6, NULL, 10);
        } else if (strncmp(argv[i], "free=", 5) == 0)
            delay = strtol(argv[i] + 5, NULL, 10);
        else
            return 2;
    if (loop_new(&t.loop) < 0 || loop_timer(t.loop, on_timer, &t, &t.timer) < 0 ||
        deliverer_new(t.loop, &params, on_result, &t, &t.deliverer) < 0)
        return 2;
    r = deliverer_send(t.deliverer, &job);
    if (r < 0) {
        printf("send: %s\n", strerror(-r));
        loop_stop(t.loop);
    } else {
        if (deliverer_send(t.deliverer, &job) != -EBUSY || !deliverer_busy(t.deliverer))
            return 2;
        if (delay >= 0)
            watch_arm(t.timer, delay * 1000);
        loop_run(t.loop);
        if (t.results > 0 && t.id != 17)
            return 2;
    }
    deliverer_free(t.deliverer);
    watch_free(t.timer);
    loop_free(t.loop);
    return 0;
}

static unsigned wrong;

static void expect(struct deliverer *d, const char *sender, const char *recipient,
                   const char *bytes, size_t n)
{
    struct deliver_job job = {
        .id = 1, .sender = sender, .recipient = recipient, .bytes = bytes, .n = n};

    if (deliverer_send(d, &job) == -EINVAL && !deliverer_busy(d))
        return;
    wrong++;
    printf("not refused: %s %s\n", sender, recipient);
}

#define GOOD "a@example.org"
#define BODY "Subject: x\r\n\r\nbody\r\n"

static void refuse_jobs(struct deliverer *d)
{
    static const char *const addresses[] = {
        "",
        "a@example.com>\r\nRCPT TO:<evil@example.org",
        "Abuse Desk <a@example.org>",
        "<a@example.org>",
        "mailto:a@example.org",
        "a@example.org ",
        "a@example.org,b@example.org",
        "a@b@example.org",
        "-a@example.org",
        "r\xc3\xb6@example.org",
        "a@example",
        "Root",
        "-root",
        "ro ot",
    };
    static const char *const bodies[] = {
        "no line end", "bare\nLF\r\n", "bare\rCR\r\n",
        "\n",          "\r\n.\n.\r\n", "8\xc3\xbc\r\n",
    };

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        expect(d, GOOD, addresses[i], BODY, sizeof(BODY) - 1);
        expect(d, addresses[i], GOOD, BODY, sizeof(BODY) - 1);
    }
    expect(d, "root", GOOD, BODY, sizeof(BODY) - 1); /* a sender is always complete */
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        expect(d, GOOD, GOOD, bodies[i], strlen(bodies[i]));
    expect(d, GOOD, GOOD, "a\0b\r\n", 5);
    expect(d, GOOD, GOOD, "", 0);
}

static int refuse(const char *mta)
{
    static const char *const mtas[] = {
        "",
        "127.0.0.1:25",
        "smtp://",
        "smtps://127.0.0.1",
        "smtp://a@127.0.0.1",
        "smtp://127.0.0.1/x",
        "smtp://127.0.0.1?x",
        "smtp://127.0.0.1 x",
        "file:///etc",
    };
    struct deliver_params params = {.mta = mta};
    struct deliverer *d = NULL;
    struct loop *loop;

    if (loop_new(&loop) < 0)
        return 2;
    for (size_t i = 0; i < sizeof(mtas) / sizeof(mtas[0]); i++) {
        params.mta = mtas[i];
        if (deliverer_new(loop, &params, on_result, NULL, &d) != -EINVAL || d) {
            wrong++;
            printf("not refused: mta %s\n", mtas[i]);
        }
    }
    params = (struct deliver_params){.mta = mta, .helo = "a b\r\n"};
    if (deliverer_new(loop, &params, on_result, NULL, &d) != -EINVAL)
        wrong++;
    params.helo = "host.example";
    if (deliverer_new(loop, &params, on_result, NULL, &d) < 0)
        return 2;
    refuse_jobs(d);
    deliverer_hurry(d); /* nothing under way: nothing happens */
    deliverer_free(d);
    deliverer_free(NULL);
    loop_free(loop);
    printf("%u wrong\n", wrong);
    return wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "send") == 0)
        return send_one(argc, argv);
    if (argc == 3 && strcmp(argv[1], "refuse") == 0)
        return refuse(argv[2]);
    return 2;
}
