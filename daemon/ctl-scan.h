/* The verb `scan` of abuse-reporterctl: what the rules see in a finished log. Offline: no
 * daemon, no state, and no configuration unless one is named. */
#ifndef CTL_SCAN_H
#define CTL_SCAN_H

/* argv[0] is "scan". Returns an exit code of sysexits.h: EX_USAGE, EX_NOINPUT when a file
 * could not be read (the others are), EX_CONFIG, EX_IOERR when the output fails. */
int ctl_scan(int argc, char **argv);

#endif
