/* The control socket: one text request, one answer, then the connection is closed.
 * Whoever may connect (the socket's mode and group) may ask; who asked is known to the
 * handler. */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct control;
struct loop;

struct control_request {
    int argc;
    char **argv; /* words of the request line, NULL-terminated */
    uid_t uid;   /* who asks (SO_PEERCRED) */
    pid_t pid;
};

/* Writes the answer to out and returns the exit status (sysexits.h) that the tool ends
 * with; with a status other than 0 the answer is an error message. */
typedef int (*control_fn)(void *userdata, const struct control_request *request,
                          FILE *out);

#define CONTROL_PATH        "/run/abuse-reporterd/control.sock"
#define CONTROL_REQUEST_MAX 4096
#define CONTROL_WORDS_MAX   32
#define CONTROL_CLIENTS_MAX 16

/* Listens at path (mode 0660, the process's group). A socket that a dead process left is
 * replaced; -EADDRINUSE when somebody still answers there. 0 or a negative errno. */
int control_new(struct loop *loop, const char *path, control_fn fn, void *userdata,
                struct control **ret);
/* Removes the socket too. NULL in and out. */
struct control *control_free(struct control *c);

#endif
