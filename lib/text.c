#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

bool slice_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_equal_str(struct slice a, const char *s)
{
    return slice_equal(a, (struct slice){.p = s, .n = strlen(s)});
}

bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

char *slice_dup(struct slice s)
{
    char *copy = malloc(s.n + 1);

    if (!copy)
        return NULL;
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

char *text_escape(const char *bytes, size_t n, size_t max)
{
    static const char hex[] = "0123456789abcdef";
    size_t take = n > max ? max : n;
    char *out, *p;

    if (take > (SIZE_MAX - 4) / 4)
        return NULL;
    out = p = malloc(take * 4 + 4);
    if (!out)
        return NULL;
    for (size_t i = 0; i < take; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '\\') {
            *p++ = '\\';
            *p++ = '\\';
        } else if (c >= 0x20 && c < 0x7f) {
            *p++ = (char)c;
        } else {
            *p++ = '\\';
            *p++ = 'x';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }
    if (take < n) {
        memcpy(p, "...", 3);
        p += 3;
    }
    *p = '\0';
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int text_unescape(const char *text, size_t max, char **ret)
{
    _cleanup_(cleanup_free) char *out = malloc(strlen(text) + 1);
    char *p = out;

    if (!out)
        return -ENOMEM;
    for (const char *s = text; *s; s++) {
        if (*s < 0x20 || *s > 0x7e)
            return -EBADMSG;
        if (*s != '\\') {
            *p++ = *s;
        } else if (*++s == '\\') {
            *p++ = '\\';
        } else {
            int high = *s == 'x' ? hex_digit(s[1]) : -1;
            int low = high >= 0 ? hex_digit(s[2]) : -1;

            if (low < 0 || (high == 0 && low == 0))
                return -EBADMSG;
            *p++ = (char)(high << 4 | low);
            s += 2;
        }
    }
    *p = '\0';
    if ((size_t)(p - out) > max)
        return -EBADMSG;
    *ret = TAKE_PTR(out);
    return 0;
}

bool text_is_printable(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return false;
    return true;
}

/* How many continuation bytes follow a lead byte, and the smallest code point that needs
 * so many; -1 for a byte that leads nothing (RFC 3629 section 4). */
static int utf8_follow(unsigned char c, uint32_t *ret_bits, uint32_t *ret_min)
{
    if (c < 0x80) {
        *ret_bits = c;
        *ret_min = 0;
        return 0;
    }
    if ((c & 0xe0) == 0xc0) {
        *ret_bits = c & 0x1f;
        *ret_min = 0x80;
        return 1;
    }
    if ((c & 0xf0) == 0xe0) {
        *ret_bits = c & 0x0f;
        *ret_min = 0x800;
        return 2;
    }
    if ((c & 0xf8) == 0xf0) {
        *ret_bits = c & 0x07;
        *ret_min = 0x10000;
        return 3;
    }
    return -1;
}

bool text_is_utf8(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t code, min;
        int follow = utf8_follow((unsigned char)bytes[i++], &code, &min);

        if (follow < 0 || (size_t)follow > n - i)
            return false;
        for (; follow > 0; follow--) {
            unsigned char c = (unsigned char)bytes[i++];

            if ((c & 0xc0) != 0x80)
                return false;
            code = code << 6 | (c & 0x3f);
        }
        if (code == 0 || code < min || code > 0x10ffff ||
            (code >= 0xd800 && code <= 0xdfff))
            return false;
    }
    return true;
}
