/* The server: one process, one thread, epoll. A request ends with an empty line; its body is never looked at. */
#define _GNU_SOURCE
#include "load.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST_SOCKETS = 4096, LONGEST_REQUEST = 1024, LONGEST_END_US = 60 * 1000000 };

static struct {
    char text[LONGEST_REQUEST];
    int length;
} requests[MOST_SOCKETS];
static volatile sig_atomic_t leaving;
static int open_sockets;
static int64_t last_arrival;

static void leave(int signal)
{
    (void)signal;
    leaving = 1;
}

static int listen_at(const char *host, const char *port)
{
    struct sockaddr_storage address;
    socklen_t length = parse_address(host, port, &address);
    int yes = 1, fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 1024) < 0)
        fail("listen");
    return fd;
}

/* Returns whether the connection goes on. */
static int answer(int fd, const char *name)
{
    char text[256];
    requests[fd].text[requests[fd].length] = 0;
    int last = leaving || strstr(requests[fd].text, "\r\nConnection: close\r\n") != NULL;
    int length = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n%s", strlen(name),
                          last ? "Connection: close\r\n" : "", name);
    requests[fd].length = 0;
    return write(fd, text, length) == length && !last;
}

/* Returns whether the connection goes on. */
static int receive(int fd, const char *name)
{
    char *text = requests[fd].text;
    int room = LONGEST_REQUEST - 1 - requests[fd].length;
    ssize_t got = read(fd, text + requests[fd].length, room);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    requests[fd].length += got;
    if (requests[fd].length >= 4 && memcmp(text + requests[fd].length - 4, "\r\n\r\n", 4) == 0)
        return answer(fd, name);
    return got < room;
}

static void take(int listener, int poll)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MOST_SOCKETS || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) {
            close(fd);
            continue;
        }
        requests[fd].length = 0;
        open_sockets++;
        last_arrival = now_us();
    }
}

/* Nobody came for so long, and nobody is here. */
static int may_go(int64_t since, int64_t left)
{
    return open_sockets == 0 && left < since && last_arrival < since;
}

int serve(const char *name, const char *host, const char *port, int quiet_ms)
{
    int listener = listen_at(host, port), poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    struct sigaction action = {.sa_handler = leave};
    sigaction(SIGTERM, &action, NULL);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    printf("listening\n");
    fflush(stdout);
    for (int64_t left = 0;;) {
        int64_t now = now_us();
        if (leaving && left == 0)
            left = now;
        int count = epoll_wait(poll, events, 64, left ? 10 : -1);
        /* Asked when nothing waits: a process that was not scheduled for long may have missed somebody. */
        if (left && count == 0 && may_go(now_us() - quiet_ms * 1000LL, left))
            return 0;
        if (left && now - left > LONGEST_END_US)
            return 1;
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                take(listener, poll);
            else if (!receive(fd, name))
                close(fd), open_sockets--;
        }
    }
}
