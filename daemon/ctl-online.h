/* The verbs that ask the running daemon: one request, and its answer copied. */
#ifndef CTL_ONLINE_H
#define CTL_ONLINE_H

/* argv[0] is the verb; the words go to the daemon as they are. socket_path NULL: the
 * configuration's, else the default. Returns an exit status. */
int ctl_online(const char *socket_path, int argc, char **argv);

#endif
