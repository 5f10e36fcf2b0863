/* A tail in a loop and a log to tail, for test-tail*.c: the harness counts what is given,
 * keeps what is logged, and plays logrotate. */
#ifndef TAILING_H
#define TAILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tail.h"

struct tailing {
    struct loop *loop;
    struct tail *tail;
    char dir[64], path[96];
    char *got; /* each line followed by "|" */
    size_t got_n, lines, backlog, caught_up;
    size_t refuse_at; /* the number of the line to refuse, from 1; 0 none */
    bool from_beginning;
    int64_t period, keep;
    char *cursor;
};

extern struct tailing tl;
extern char logged[65536];

/* A temporary directory, from_beginning set, and no tail yet. */
void tailing_setup(void);
void tailing_teardown(void);
void tail_begin(void);
void tail_end(void);    /* as a crash: nothing is saved */
void save_cursor(void); /* for the next tail_begin() */

/* Runs the loop until the tail has read what is there and a little longer. */
void settle(void);
/* Runs it for that long whatever happens. */
void run_for(int64_t usec);
/* Runs it until so many lines were given; fails after some seconds. */
void await_lines(size_t n);

/* The tail's counters. */
struct tail_counters counters(void);
size_t times_logged(const char *text);
void expect(const char *lines);

/* Files are named relative to the directory. */
const char *in_dir(const char *name);
void append(const char *name, const char *text);
void append_bytes(const char *name, const char *bytes, size_t n);
void move(const char *from, const char *to);
void delete_file(const char *name);
void copy(const char *from, const char *to);
void cut(const char *name, int64_t size);

#endif
