/* Journal files that cannot be opened, which libsystemd passes over in silence. */
#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include <stdint.h>

typedef void (*journal_file_fn)(void *userdata, const char *path, int error);

/* Tries each file that may hold entries of a journal (directory, or NULL for the
 * system's) and was written to at since (µs) or later. */
void journal_files_unreadable(const char *directory, int64_t since, journal_file_fn fn,
                              void *userdata);

#endif
