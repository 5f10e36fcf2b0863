/* Foreign bytes made harmless, and slices of buffers. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes inside a buffer that somebody else owns; not NUL-terminated. */
struct slice {
    const char *p;
    size_t n;
};

#define SLICE(literal) ((struct slice){.p = (literal), .n = sizeof(literal) - 1})

bool slice_equal(struct slice a, struct slice b);
bool slice_equal_str(struct slice a, const char *s);
bool slice_starts(struct slice s, const char *prefix);
/* A NUL-terminated copy, or NULL when out of memory. The caller frees it. */
char *slice_dup(struct slice s);

/* A copy of n bytes in printable ASCII: every byte outside 0x20-0x7e becomes \xNN and a
 * backslash becomes two, so that it can stand in a terminal, a journal entry or a mail
 * body and be read back without doubt. Cut to at most max bytes of input, which is then
 * marked by "...". The caller frees it; NULL when out of memory. */
char *text_escape(const char *bytes, size_t n, size_t max);

/* The inverse, into at most max bytes and a NUL. Returns 0; -ENOMEM; or -EBADMSG when the
 * text is not what text_escape() wrote of so many bytes without NUL, uncut. */
int text_unescape(const char *text, size_t max, char **ret);

/* Whether every byte is printable ASCII. */
bool text_is_printable(const char *bytes, size_t n);
/* Whether the bytes are valid UTF-8 without NUL. */
bool text_is_utf8(const char *bytes, size_t n);

#endif
