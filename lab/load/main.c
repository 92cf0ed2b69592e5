/* HTTP load at a fixed rate, and a server that can bear it in an emulated machine.
 * load serve NAME ADDRESS PORT QUIET_MS   answers NAME; after SIGTERM with `Connection: close`, and ends when no connection is
 *                                         left and none came for QUIET_MS, after a minute in any case
 * load ask ADDRESS PORT RATE SECONDS      RATE requests a second, every other one on a connection of its own, the others on
 *                                         connections that last; SIGTERM ends it early; one line of JSON at the end */
#include "load.h"
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void fail(const char *what)
{
    perror(what);
    exit(1);
}

int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

socklen_t parse_address(const char *host, const char *port, struct sockaddr_storage *into)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        fprintf(stderr, "%s port %s: %s\n", host, port, gai_strerror(error));
        exit(2);
    }
    socklen_t length = found->ai_addrlen;
    memcpy(into, found->ai_addr, length);
    freeaddrinfo(found);
    return length;
}

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
