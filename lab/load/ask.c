/* The client: requests leave when they are due, whether or not earlier ones were answered, so that what is slow shows as such;
 * but only so many are under way at once: a machine that cannot keep up gets less of them, and is not buried. */
#define _GNU_SOURCE
#include "load.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST_SOCKETS = 8192, LONGEST_ANSWER = 512, PATIENCE_US = 20 * 1000000, MOST_AT_ONCE = 32 };

/* FREE: no socket. IDLE: a lasting connection between two requests. ENDING: answered, waits for the server's end. */
enum state { FREE, CONNECTING, WAITING, IDLE, ENDING };

static struct connection {
    enum state state;
    int lasting;
    int64_t due, asked;
    int length;
    char text[LONGEST_ANSWER];
} connections[MOST_SOCKETS];

static struct {
    long sent, answered, opened, refused, resets, timeouts, closed, other;
    char first[128];
} counts;
static int *idle, idle_first, idle_count, under_way;
static float *latencies;
static int64_t started, last_answer, longest_gap;
static int poll;
static volatile sig_atomic_t enough;

static void note(long *counter, const char *what)
{
    ++*counter;
    if (counts.first[0] == 0)
        snprintf(counts.first, sizeof(counts.first), "%s after %.2f s", what, (now_us() - started) / 1e6);
}

static int is_under_way(int fd)
{
    return connections[fd].state == CONNECTING || connections[fd].state == WAITING;
}

static void drop(int fd)
{
    under_way -= is_under_way(fd);
    connections[fd].state = FREE;
    close(fd);
}

static void failed(int fd, int error)
{
    if (error == ECONNRESET || error == EPIPE)
        note(&counts.resets, "ECONNRESET");
    else if (error == ECONNREFUSED)
        note(&counts.refused, "ECONNREFUSED");
    else if (error == ETIMEDOUT)
        note(&counts.timeouts, "ETIMEDOUT");
    else if (error == 0)
        note(&counts.closed, "closed without an answer");
    else
        note(&counts.other, strerror(error));
    drop(fd);
}

static void put_idle(int fd)
{
    connections[fd].state = IDLE;
    idle[(idle_first + idle_count++) % MOST_SOCKETS] = fd;
}

/* The one that has been idle for longest, so that each of them has its turn; -1: none. */
static int take_idle(void)
{
    while (idle_count > 0) {
        int fd = idle[idle_first];
        idle_first = (idle_first + 1) % MOST_SOCKETS;
        idle_count--;
        if (connections[fd].state == IDLE)
            return fd;
    }
    return -1;
}

static void request(int fd)
{
    static const char lasting[] = "GET / HTTP/1.1\r\nHost: load\r\n\r\n";
    static const char single[] = "GET / HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n";
    struct connection *c = &connections[fd];
    const char *text = c->lasting ? lasting : single;
    c->state = WAITING;
    c->length = 0;
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        failed(fd, errno);
}

static void open_connection(const struct sockaddr_storage *to, socklen_t length, int lasting, int64_t due)
{
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || fd >= MOST_SOCKETS)
        fail("socket");
    counts.opened++;
    connections[fd] = (struct connection){.state = CONNECTING, .lasting = lasting, .due = due, .asked = now_us()};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    if (connect(fd, (const struct sockaddr *)to, length) < 0 && errno != EINPROGRESS)
        failed(fd, errno);
}

static void answered(int fd, int last)
{
    int64_t now = now_us();
    under_way--;
    latencies[counts.answered++] = (now - connections[fd].due) / 1000.0f;
    if (now - last_answer > longest_gap)
        longest_gap = now - last_answer;
    last_answer = now;
    if (last)
        connections[fd].state = ENDING;
    else
        put_idle(fd);
}

static void judge(int fd)
{
    struct connection *c = &connections[fd];
    c->text[c->length] = 0;
    char *body = strstr(c->text, "\r\n\r\n"), *size = strcasestr(c->text, "\r\nContent-Length: ");
    if (body && size && c->text + c->length - (body + 4) >= atoi(size + 18)) {
        if (memcmp(c->text, "HTTP/1.1 200 ", 13) != 0)
            failed(fd, EPROTO);
        else
            answered(fd, !c->lasting || strcasestr(c->text, "\r\nConnection: close\r\n") != NULL);
    }
}

static void receive(int fd)
{
    struct connection *c = &connections[fd];
    while (c->state != FREE && c->state != CONNECTING) {
        ssize_t got = read(fd, c->text + c->length, LONGEST_ANSWER - 1 - c->length);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0 && c->state != WAITING)
            return note(&counts.resets, "reset after the answer"), drop(fd);
        if (got <= 0)
            return c->state == WAITING ? failed(fd, got < 0 ? errno : 0) : drop(fd);
        c->length += got;
        if (c->state == WAITING)
            judge(fd);
    }
}

static void ready(int fd)
{
    if (connections[fd].state == CONNECTING) {
        int error = 0;
        socklen_t length = sizeof(error);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error)
            return failed(fd, error);
        request(fd);
    }
    receive(fd);
}

static void give_up(int64_t before)
{
    for (int fd = 0; fd < MOST_SOCKETS; fd++) {
        struct connection *c = &connections[fd];
        if (is_under_way(fd) && c->asked < before)
            failed(fd, ETIMEDOUT);
    }
}

static int by_size(const void *a, const void *b)
{
    return *(const float *)a < *(const float *)b ? -1 : 1;
}

static double share(double part)
{
    return counts.answered ? latencies[(long)((counts.answered - 1) * part)] : 0;
}

static void report(double seconds)
{
    long lost = counts.refused + counts.timeouts + counts.closed + counts.other + counts.resets;
    qsort(latencies, counts.answered, sizeof(*latencies), by_size);
    printf("{\"sent\":%ld,\"answered\":%ld,\"failed\":%ld,\"connections\":%ld,\"seconds\":%.2f,\"rate\":%.1f,", counts.sent,
           counts.answered, lost, counts.opened, seconds, counts.answered / seconds);
    printf("\"refused\":%ld,\"resets\":%ld,\"timeouts\":%ld,\"closed\":%ld,\"other\":%ld,\"first\":\"%s\",", counts.refused,
           counts.resets, counts.timeouts, counts.closed, counts.other, counts.first);
    printf("\"latency\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f},\"longestGap\":%.1f}\n", share(0.5), share(0.9),
           share(0.99), share(1), longest_gap / 1000.0);
}

static void stop(int signal)
{
    (void)signal;
    enough = 1;
}

int ask(const char *host, const char *port, int rate, double seconds)
{
    struct sockaddr_storage to;
    socklen_t length = parse_address(host, port, &to);
    struct epoll_event events[64];
    long all = rate * seconds;
    idle = calloc(MOST_SOCKETS, sizeof(*idle));
    latencies = calloc(all + 1, sizeof(*latencies));
    poll = epoll_create1(0);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    started = last_answer = now_us();
    int64_t checked = started, over = 0;
    while (counts.sent < all || under_way > 0) {
        int64_t now = now_us();
        if (enough)
            all = counts.sent;
        for (; counts.sent < all; counts.sent++) {
            int64_t due = started + counts.sent * 1000000LL / rate;
            int lasting = counts.sent % 2, fd = -1;
            if (due > now || under_way >= MOST_AT_ONCE)
                break;
            under_way++;
            if (lasting && (fd = take_idle()) >= 0) {
                connections[fd].due = due, connections[fd].asked = now;
                request(fd);
            } else {
                open_connection(&to, length, lasting, due);
            }
        }
        if (now - checked > 500000) {
            give_up(now - PATIENCE_US);
            checked = now;
        }
        int count = epoll_wait(poll, events, 64, 2);
        for (int i = 0; i < count; i++)
            ready(events[i].data.fd);
    }
    over = now_us();
    report((over - started) / 1e6);
    return 0;
}
