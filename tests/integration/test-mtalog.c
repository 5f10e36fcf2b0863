/* daemon/mtalog.c over log files: "N passed, N failed". With a log as its argument it
 * asks that one about the same message, for run-mtalog. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "moment.h"
#include "mtalog.h"

#define ID    "<AR-17-9f86d081.1@example.org>"
#define SINCE INT64_C(1795383373500000) /* 2026-11-22 21:36:13.5 UTC */
#define LATER (SINCE + 10 * USEC_PER_SEC)

#define BEFORE "2026-11-22T21:00:00.000000+00:00 mx postfix/qmgr[7]: 4AAAAAA: removed\n"
#define CONNECT \
    "2026-11-22T21:36:13.600000+00:00 mx postfix/smtpd[9]: connect from localhost\n"
#define NAMED \
    "2026-11-22T21:36:13.700000+00:00 mx postfix/cleanup[9]: 4ZbQ1x2: message-id=" ID "\n"
#define OTHER                                                           \
    "2026-11-22T21:36:13.700000+00:00 mx postfix/cleanup[9]: 4ZbQ1x3: " \
    "message-id=<x@example.org>\n"
#define TAKEN                                                        \
    "2026-11-22T21:36:13.800000+00:00 mx postfix/qmgr[7]: 4ZbQ1x2: " \
    "from=<a@example.org>, size=9, nrcpt=1 (queue active)\n"
#define TAKEN_OTHER                                                  \
    "2026-11-22T21:36:13.800000+00:00 mx postfix/qmgr[7]: 4ZbQ1x3: " \
    "from=<a@example.org>, size=9, nrcpt=1 (queue active)\n"
#define REJECT                                                          \
    "2026-11-22T21:36:13.800000+00:00 mx postfix/cleanup[9]: 4ZbQ1x2: " \
    "milter-reject: END-OF-MESSAGE from localhost\n"
#define REJECT_OTHER                                                    \
    "2026-11-22T21:36:13.800000+00:00 mx postfix/cleanup[9]: 4ZbQ1x3: " \
    "milter-reject: END-OF-MESSAGE from localhost\n"
#define SMTPD_LOST(time, what) \
    "2026-11-22T" time "+00:00 mx postfix/smtpd[9]: " what " from localhost\n"
#define NAMED_EARLY                                                     \
    "2026-11-22T21:36:12.700000+00:00 mx postfix/cleanup[9]: 4ZbQ1x1: " \
    "message-id=" ID "\n"
#define NAMED_AGAIN                                                     \
    "2026-11-22T21:36:14.700000+00:00 mx postfix/cleanup[9]: 4ZbQ1x4: " \
    "message-id=" ID "\n"
#define SENDMAIL                                                                 \
    "Nov 22 21:36:13 mx sm-mta[9]: 5AMLaDxQ0123: from=<a@example.org>, size=9, " \
    "msgid=" ID ", proto=ESMTP\n"
#define SENDMAIL_BEFORE \
    "Nov 22 21:00:00 mx sm-mta[9]: 5AMLaDxQ0122: to=<root>, stat=Sent\n"
#define SENDMAIL_SAME "Nov 22 21:36:13 mx sm-mta[9]: 5AMLaDxQ0124: lost input channel\n"
#define OPENSMTPD \
    "2026-11-22T21:36:13.700000+00:00 mx smtpd[9]: 0a1b smtp message msgid=8f3b2c1d\n"
#define SSHD "2026-11-22T21:36:20.000000+00:00 mx sshd[9]: Connection closed\n"

static const struct {
    const char *what;
    const char *rotated, *log; /* NULL: there is no such file */
    int64_t now;
    enum mtalog_answer want;
    const char *queue_id;
} tests[] = {
    {"no file", NULL, NULL, LATER, MTALOG_UNKNOWN, ""},
    {"an empty file", NULL, "", LATER, MTALOG_UNKNOWN, ""},
    {"named and queued", NULL, BEFORE CONNECT NAMED TAKEN, LATER, MTALOG_FOUND,
     "4ZbQ1x2"},
    {"named and queued in a log that begins later", NULL, NAMED TAKEN, LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"named and queued in the rotated file", BEFORE NAMED TAKEN, SSHD, LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"rotated between the two", BEFORE NAMED, TAKEN, LATER, MTALOG_FOUND, "4ZbQ1x2"},
    {"rotated, and the file not yet there again", BEFORE NAMED TAKEN, NULL, LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"named, and no trouble after it", NULL, BEFORE CONNECT NAMED, LATER, MTALOG_FOUND,
     "4ZbQ1x2"},
    {"named alone in a log that begins later", NULL, NAMED, LATER, MTALOG_FOUND,
     "4ZbQ1x2"},
    {"named just now", NULL, BEFORE CONNECT NAMED, SINCE + 5 * USEC_PER_SEC, MTALOG_EARLY,
     ""},
    {"named by an earlier attempt", NULL, BEFORE NAMED_EARLY CONNECT, LATER, MTALOG_EARLY,
     ""},
    {"named, then the client was lost", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:20.000000", "lost connection after DATA (9 bytes)"),
     LATER, MTALOG_UNKNOWN, ""},
    {"named, then lost before the answer", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:20.000000", "lost connection after END-OF-MESSAGE"),
     LATER, MTALOG_UNKNOWN, ""},
    {"named, then timed out", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:20.000000", "timeout after DATA"), LATER,
     MTALOG_UNKNOWN, ""},
    {"named, then timed out before the answer", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:20.000000", "timeout after END-OF-MESSAGE"), LATER,
     MTALOG_UNKNOWN, ""},
    {"a client lost in the same second, written first", NULL,
     BEFORE SMTPD_LOST("21:36:13.600000", "lost connection after DATA") NAMED, LATER,
     MTALOG_UNKNOWN, ""},
    {"a client lost before", NULL,
     BEFORE SMTPD_LOST("21:36:12.900000", "lost connection after DATA") NAMED, LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"a client lost at another stage", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:20.000000", "lost connection after RCPT"), LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"lost before the answer, but queued", NULL,
     BEFORE NAMED SMTPD_LOST("21:36:13.900000", "lost connection after END-OF-MESSAGE")
         TAKEN,
     LATER, MTALOG_FOUND, "4ZbQ1x2"},
    {"named, and another one refused", NULL, BEFORE CONNECT NAMED REJECT_OTHER, LATER,
     MTALOG_FOUND, "4ZbQ1x2"},
    {"refused, then named again", NULL, BEFORE NAMED REJECT NAMED_AGAIN, LATER,
     MTALOG_FOUND, "4ZbQ1x4"},
    {"named but refused", NULL, BEFORE CONNECT NAMED REJECT, LATER, MTALOG_UNKNOWN, ""},
    {"named just now, and another one queued", NULL, BEFORE NAMED OTHER TAKEN_OTHER,
     SINCE + 5 * USEC_PER_SEC, MTALOG_EARLY, ""},
    {"named by sendmail", NULL, SENDMAIL_BEFORE SENDMAIL, LATER, MTALOG_FOUND,
     "5AMLaDxQ0123"},
    {"Postfix was there and did not name it", NULL, BEFORE CONNECT OTHER, LATER,
     MTALOG_ABSENT, ""},
    {"the same, asked too early", NULL, BEFORE CONNECT OTHER, SINCE + 4 * USEC_PER_SEC,
     MTALOG_EARLY, ""},
    {"a log that begins after the attempt", NULL, CONNECT OTHER, LATER, MTALOG_UNKNOWN,
     ""},
    {"a log in which no MTA wrote since", NULL, BEFORE SSHD, LATER, MTALOG_EARLY, ""},
    {"a log in which no MTA wrote for long", NULL, BEFORE SSHD, SINCE + MTALOG_PATIENCE,
     MTALOG_UNKNOWN, ""},
    {"a log that ended before", NULL, BEFORE, LATER, MTALOG_EARLY, ""},
    {"rotated during the attempt", BEFORE CONNECT, OTHER, LATER, MTALOG_ABSENT, ""},
    {"a rotated file that ended before the attempt", BEFORE, CONNECT OTHER, LATER,
     MTALOG_UNKNOWN, ""},
    {"a rotated file without a present one", BEFORE CONNECT, NULL, LATER, MTALOG_UNKNOWN,
     ""},
    {"sendmail after ten seconds", NULL, SENDMAIL_BEFORE SENDMAIL_SAME, LATER,
     MTALOG_EARLY, ""},
    {"sendmail after a minute", NULL, SENDMAIL_BEFORE SENDMAIL_SAME,
     SINCE + 60 * USEC_PER_SEC, MTALOG_ABSENT, ""},
    {"OpenSMTPD, which names none", NULL, BEFORE OPENSMTPD, SINCE + 3600 * USEC_PER_SEC,
     MTALOG_UNKNOWN, ""},
    {"garbage", NULL, "\x01\x02\xff\n\n" BEFORE "half a line", LATER, MTALOG_EARLY, ""},
};

static void put(const char *path, const char *text)
{
    FILE *f;

    unlink(path);
    if (!text)
        return;
    f = fopen(path, "w");
    if (!f || fwrite(text, 1, strlen(text), f) != strlen(text) || fclose(f) != 0)
        abort();
}

static int ask(const char *log, int64_t now)
{
    static const char *const answers[] = {"found", "absent", "early", "unknown"};
    char id[64];
    enum mtalog_answer answer = mtalog_find(log, ID, SINCE, now, id);

    printf("%s %s\n", answers[answer], id[0] ? id : "-");
    return 0;
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/test-mtalog.XXXXXX", log[64], rotated[64], id[64];
    unsigned passed = 0, failed = 0;

    setenv("TZ", "UTC", 1);
    if (argc == 2)
        return ask(argv[1], LATER);
    if (!mkdtemp(dir))
        return 2;
    snprintf(log, sizeof(log), "%s/mail.log", dir);
    snprintf(rotated, sizeof(rotated), "%s/mail.log.1", dir);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        enum mtalog_answer got;

        put(log, tests[i].log);
        put(rotated, tests[i].rotated);
        got = mtalog_find(log, ID, SINCE, tests[i].now, id);
        if (got == tests[i].want && strcmp(id, tests[i].queue_id) == 0) {
            passed++;
            continue;
        }
        failed++;
        printf("FAIL %s: %d \"%s\"\n", tests[i].what, got, id);
    }
    put(log, NULL);
    put(rotated, NULL);
    if (mtalog_find(dir, ID, SINCE, LATER, id) == MTALOG_UNKNOWN &&
        mtalog_find(log, ID, MOMENT_NONE, LATER, id) == MTALOG_UNKNOWN)
        passed++;
    else
        failed++;
    rmdir(dir);
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
