/* HTTP load at a fixed rate, and a server that can bear it in an emulated machine.
 * load serve NAME ADDRESS PORT QUIET_MS   answers NAME; after SIGTERM with `Connection: close`, and ends when no connection is
 *                                         left and none came for QUIET_MS, after a minute in any case
 * load ask ADDRESS PORT RATE SECONDS      RATE requests a second, every other one on a connection of its own, the others on
 *                                         connections that last; SIGTERM ends it early; one line of JSON at the end */
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 6 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3], argv[4], atoi(argv[5]));
    if (argc == 6 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3], atoi(argv[4]), atof(argv[5]));
    fprintf(stderr, "usage: see the head of main.c\n");
    return 2;
}
