#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "moment.h"
#include "zone.h"

static int64_t clock_usec(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) < 0)
        return 0;
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t host_now(void)
{
    return clock_usec(CLOCK_REALTIME);
}

int64_t host_uptime(void)
{
    return clock_usec(CLOCK_BOOTTIME);
}

enum clock_state host_clock(int64_t *ret_error)
{
    static int64_t asked = -2 * USEC_PER_SEC;
    static enum clock_state state;
    static int64_t error;
    int64_t now = host_uptime();

    if (now - asked >= USEC_PER_SEC) {
        struct timex tx = {.modes = 0};
        int r = adjtimex(&tx);

        asked = now;
        error = 0;
        if (r < 0) {
            state = CLOCK_UNKNOWN;
        } else if (r == TIME_ERROR || (tx.status & STA_UNSYNC)) {
            state = CLOCK_UNSYNCED;
        } else {
            state = CLOCK_SYNCED;
            error = tx.maxerror;
        }
    }
    *ret_error = error;
    return state;
}

int host_addresses(struct netlist *ret)
{
    struct netlist list = {0};
    struct ifaddrs *all;

    if (getifaddrs(&all) < 0)
        return -errno;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct net net = {0};
        int r;

        if (!i->ifa_addr || !addr_from_sockaddr(i->ifa_addr, &net.addr))
            continue;
        net.len = (uint8_t)addr_bits(&net.addr);
        r = netlist_add(&list, &net);
        if (r < 0) {
            netlist_done(&list);
            freeifaddrs(all);
            return r;
        }
    }
    freeifaddrs(all);
    netlist_done(ret);
    *ret = list;
    return 0;
}

int host_zone(const char *name, struct zone **ret)
{
    _cleanup_(cleanup_free) char *bytes = NULL;
    char path[128];
    size_t n;
    int r;

    if (!zone_name_ok(name, strlen(name)))
        return -EINVAL;
    snprintf(path, sizeof(path), ZONE_DIRECTORY "/%s", name);
    r = host_read_file(path, 1 << 20, &bytes, &n);
    if (r == 0)
        r = zone_parse(bytes, n, ret);
    return r > 0 ? -EINVAL : r;
}

int host_random(void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t r = getrandom((char *)bytes + done, n - done, 0);

        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0)
            done += (size_t)r;
    }
    return 0;
}

int host_read_file(const char *path, size_t max, char **ret, size_t *ret_n)
{
    _cleanup_(cleanup_close) int opened = -1;
    _cleanup_(cleanup_free) char *text = NULL;
    size_t n = 0, room = 0;
    int fd = STDIN_FILENO;

    if (strcmp(path, "-") != 0) {
        fd = opened = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
    }
    for (;;) {
        ssize_t r;

        if (room - n < 2) {
            size_t want = room ? room * 2 : 65536;
            char *more = realloc(text, want);

            if (!more)
                return -ENOMEM;
            text = more;
            room = want;
        }
        r = read(fd, text + n, room - n - 1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        n += (size_t)r;
        if (n > max)
            return -EFBIG;
    }
    text[n] = '\0';
    *ret = TAKE_PTR(text);
    *ret_n = n;
    return 0;
}
