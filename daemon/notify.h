/* Telling the service manager (sd_notify(3)); silent when there is none. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* One line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* µs between two notify_watchdog() calls that are due, 0 when no watchdog is set. */
int64_t notify_watchdog_interval(void);
void notify_watchdog(void);

#endif
