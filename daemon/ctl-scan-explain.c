/* `scan --explain`: a block of text for each line, no wider than a terminal, or one JSON
 * object. Places in a line are counted in bytes from 0, the last one not included, as a
 * program would cut them out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attempts.h"
#include "cleanup.h"
#include "ctl-scan-print.h"
#include "text.h"

#define COLUMNS 80
#define LABEL   11 /* columns before the text of a row */

static const char *fate_name(enum attempts_fate fate)
{
    switch (fate) {
    case ATTEMPTS_GARBAGE: return "garbage";
    case ATTEMPTS_PROGRAM: return "program";
    case ATTEMPTS_NONE: return "none";
    case ATTEMPTS_REPEAT: return "repeat";
    case ATTEMPTS_TRUNCATED: return "truncated";
    case ATTEMPTS_AMBIGUOUS: return "ambiguous";
    case ATTEMPTS_RULE: return "rule";
    }
    return "";
}

/* In words; for a rule, what its message means. */
static const char *fate_words(const struct attempts_explanation *why)
{
    switch (why->fate) {
    case ATTEMPTS_GARBAGE: return why->why;
    case ATTEMPTS_PROGRAM: return "no rule is about what this program writes";
    case ATTEMPTS_NONE: return "no template of the program's fits the whole message";
    case ATTEMPTS_REPEAT:
        return "\"message repeated\" that is cut off, or counts what cannot be";
    case ATTEMPTS_TRUNCATED:
        return "so long that the program may have cut it off, and the address with it";
    case ATTEMPTS_AMBIGUOUS: return "the text allows more than one reading";
    case ATTEMPTS_RULE: return why->meaning;
    }
    return "";
}

/* ---- JSON ---- */

static void json_text(const char *key, const char *value)
{
    printf(",\"%s\":", key);
    if (value)
        scan_print_json_string(value, strlen(value));
    else
        fputs("null", stdout);
}

static void json_place(const char *key, struct slice s, const char *line)
{
    printf(",\"%s\":", key);
    if (!s.p) {
        fputs("null", stdout);
        return;
    }
    fputs("{\"text\":", stdout);
    scan_print_json_string(s.p, s.n);
    printf(",\"from\":%zu,\"to\":%zu}", (size_t)(s.p - line), (size_t)(s.p - line) + s.n);
}

static void print_json(const struct attempts_explanation *why, const char *text,
                       const char *file, uint64_t line)
{
    printf("{\"event\":\"line\",\"fate\":\"%s\"", fate_name(why->fate));
    json_text("why", fate_words(why));
    if (why->fate == ATTEMPTS_GARBAGE)
        printf(",\"at\":%zu", why->at);
    json_place("program", why->program, text);
    json_place("message", why->message, text);
    json_text("service", why->service);
    json_text("rule", why->template);
    json_place("source", why->source, text);
    json_place("port", why->port, text);
    json_place("user", why->user, text);
    printf(",\"repeats\":%" PRIu64, why->repeats);
    json_text("file", file);
    printf(",\"line\":%" PRIu64 "}\n", line);
}

/* ---- text ---- */

/* A row of harmless text, cut where the terminal ends. */
static void row(const char *label, const char *text, const char *place)
{
    int room = COLUMNS - LABEL - (int)strlen(place);
    int n = (int)strlen(text);

    if (n == 0 && !*place)
        puts(label);
    else if (n <= room)
        printf("%-*s%s%s\n", LABEL, label, text, place);
    else
        printf("%-*s%.*s...%s\n", LABEL, label, room - 3, text, place);
}

/* The same in as many rows as it takes, cut between words. */
static void rows(const char *label, const char *text)
{
    const int room = COLUMNS - LABEL;

    for (int n; *text; text += n, text += strspn(text, " "), label = "") {
        n = (int)strlen(text);
        if (n > room)
            for (n = room; n > 0 && text[n] != ' ';)
                n--;
        if (n == 0)
            n = room;
        printf("%-*s%.*s\n", LABEL, label, n, text);
    }
}

static void place_row(const char *label, struct slice s, const char *line)
{
    _cleanup_(cleanup_free) char *shown = s.p ? text_escape(s.p, s.n, s.n) : NULL;
    char place[64];

    if (!shown)
        return;
    snprintf(place, sizeof(place), "  (%zu-%zu)", (size_t)(s.p - line),
             (size_t)(s.p - line) + s.n);
    row(label, shown, place);
}

static void print_text(const struct attempts_explanation *why, const char *text, size_t n,
                       const char *file, uint64_t line)
{
    _cleanup_(cleanup_free) char *shown = text_escape(text, n, COLUMNS);
    _cleanup_(cleanup_free) char *name = text_escape(file, strlen(file), 40);
    char head[80], at[32] = "";

    if (!shown || !name)
        return;
    snprintf(head, sizeof(head), "%s:%" PRIu64, name, line);
    puts(head);
    row("  line", shown, "");
    if (why->fate != ATTEMPTS_RULE) {
        if (why->fate == ATTEMPTS_GARBAGE) {
            snprintf(at, sizeof(at), "%zu", why->at);
            row("  at", at, "");
        }
        place_row("  program", why->program, text);
        rows("  nothing", fate_words(why));
        return;
    }
    rows("  rule", why->template);
    place_row("  source", why->source, text);
    place_row("  port", why->port, text);
    place_row("  user", why->user, text);
    if (why->repeats > 1) {
        snprintf(at, sizeof(at), "%" PRIu64 " times", why->repeats);
        row("  repeated", at, "");
    }
    rows("  service", why->service);
    rows("  means", why->meaning);
}

void scan_print_explanation(bool json, const struct attempts_explanation *why,
                            const char *text, size_t n, const char *file, uint64_t line)
{
    if (json)
        print_json(why, text, file, line);
    else
        print_text(why, text, n, file, line);
}
