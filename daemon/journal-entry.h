/* What one entry of a journal says. */
#ifndef JOURNAL_ENTRY_H
#define JOURNAL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-journal.h>

#include "moment.h"

struct logline;

#define JOURNAL_VALUE_MAX  256 /* of the fields other than the message */
#define JOURNAL_HEADER_MAX (MOMENT_TEXT_MAX + 2 * JOURNAL_VALUE_MAX + 32)

/* Asks for what root's processes wrote under the identifiers (NULL at the end), and for
 * what journal_entry_suppressed() reads. 0 or a negative errno. */
int journal_entry_match(sd_journal *sd, const char *const *identifiers);
/* The value of a field as text of less than size bytes; false when it is absent, longer,
 * or holds what no header may hold. */
bool journal_entry_word(sd_journal *sd, const char *field, char *buf, size_t size);
/* Writes the entry as a line of a log, which has one definition of what is garbage, into
 * buf. False when it is none. */
bool journal_entry_line(sd_journal *sd, char *buf, size_t size, struct logline *ret);
/* Whether the entry is journald's own, which tells that it dropped *ret_n messages of a
 * unit because they came faster than its rate limit; 0 when that cannot be read. */
bool journal_entry_suppressed(sd_journal *sd, uint64_t *ret_n,
                              char unit[static JOURNAL_VALUE_MAX]);

/* The last units that wrote what was taken. */
#define JOURNAL_UNITS_MAX 32
struct journal_units {
    char *names[JOURNAL_UNITS_MAX]; /* the oldest is overwritten first */
    unsigned next;
};
/* Remembers the unit of the entry. */
void journal_units_note(struct journal_units *units, sd_journal *sd);
bool journal_units_has(const struct journal_units *units, const char *name);
void journal_units_done(struct journal_units *units);

#endif
