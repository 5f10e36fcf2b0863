/* Clean-up attributes: a local that frees itself when its scope ends. */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines fn##p, to be named in _cleanup_(): calls fn on a non-NULL pointer. */
#define DEFINE_CLEANUP(type, fn)                                                         \
    static inline void fn##p(type *p)                                                    \
    {                                                                                    \
        if (*p)                                                                          \
            fn(*p);                                                                      \
    }

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
    if (*f)
        fclose(*f);
}

/* Hands a pointer over to the caller's variable, as a constructor's last step. */
#define TAKE_PTR(p)                                                                      \
    ({                                                                                   \
        __typeof__(p) _taken = (p);                                                      \
        (p) = NULL;                                                                      \
        _taken;                                                                          \
    })

#endif
