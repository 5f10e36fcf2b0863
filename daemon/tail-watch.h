/* When to look at a log again: inotify on its directory and on its open files, for
 * tail.c. An event says only that something may have happened. */
#ifndef TAIL_WATCH_H
#define TAIL_WATCH_H

#include <stdbool.h>

struct loop;
struct tail_watch;

typedef void (*tail_watch_fn)(void *userdata);

int tail_watch_new(struct loop *loop, const char *path, tail_watch_fn fn, void *userdata,
                   struct tail_watch **ret);
struct tail_watch *tail_watch_free(struct tail_watch *w);

/* Before each look: watches the directory of path as it is now, or the nearest parent
 * that exists. */
void tail_watch_refresh(struct tail_watch *w);
/* Watches an open file. A descriptor of the watch (to be dropped), or -1. */
int tail_watch_file(struct tail_watch *w, int fd);
void tail_watch_drop(struct tail_watch *w, int wd);
/* Events cannot be relied on: look each second. */
bool tail_watch_polling(const struct tail_watch *w);

#endif
