/* What the operator is shown: status, the list of incidents, one incident; as text that
 * fits 80 columns, or as JSON. Foreign text is escaped. */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "desk.h"
#include "intake.h"
#include "report.h"
#include "store.h"

struct view_status {
    const char *mode; /* "observe" */
    bool lab;
    const char *state_path;
    int64_t started, now;
    const struct intake *intake; /* NULL while the state cannot be written */
    struct desk_counters desk;
    uint64_t incidents[INCIDENT_STATES];
};

void view_status(FILE *out, const struct view_status *s, bool json);

/* One line of the list, and the line above it. */
void view_incident_header(FILE *out);
void view_incident_row(FILE *out, const struct incident *inc, bool json);

/* Everything about one incident. message: as it was or will be sent, or NULL; preview: as
 * it would be sent now, or NULL. */
void view_incident(FILE *out, const struct incident *inc, const struct message *message,
                   const struct report *preview, bool json);

#endif
