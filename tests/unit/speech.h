/* Random numbers with a printed seed, and a buffer to write lines into. */
#ifndef SPEECH_H
#define SPEECH_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state; /* never 0 */

/* From SEED in the environment, or the clock; printed, so that a run can be repeated. */
static void seed_speech(void)
{
    const char *seed = getenv("SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    state = seed ? strtoull(seed, NULL, 10)
                 : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("SEED=%" PRIu64 "\n", state);
    fflush(stdout);
    if (state == 0)
        state = 1;
}

static uint64_t rnd(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

struct buffer {
    char s[4096];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void put(struct buffer *b,
                                                      const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(b->s + b->n, sizeof(b->s) - b->n, format, ap);
    va_end(ap);
    b->n = b->n + (size_t)n < sizeof(b->s) ? b->n + (size_t)n : sizeof(b->s) - 1;
}

#endif
