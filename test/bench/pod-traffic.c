/* What two pods say to each other as fast as they can.
 *   hold PORT                    takes TCP and throws it away; has the UDP port, so that nothing is answered, and reads nothing of it
 *   udp ADDRESS PORT SECONDS     UDP of 64 bytes; prints nanoseconds a packet, and of the processor
 *   tcp ADDRESS PORT SECONDS     one connection; prints nanoseconds a KiB, and of the processor */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, BYTES = 64, BLOCK = 128 << 10 };

static char block[BLOCK];

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void fail(const char *call) {
  perror(call);
  exit(1);
}

static int bound(const char *port, int type) {
  struct addrinfo hints = {.ai_family = AF_INET6, .ai_socktype = type, .ai_flags = AI_PASSIVE}, *own;
  if (getaddrinfo(NULL, port, &hints, &own)) exit(2);
  int fd = socket(AF_INET6, type, 0);
  if (bind(fd, own->ai_addr, own->ai_addrlen)) fail("bind");
  return fd;
}

static void hold(const char *port) {
  bound(port, SOCK_DGRAM);
  int listener = bound(port, SOCK_STREAM);
  if (listen(listener, 1)) fail("listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    while (read(fd, block, sizeof(block)) > 0) {
    }
    close(fd);
  }
}

static int connected(const char *address, const char *port, int type) {
  struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST}, *to;
  if (getaddrinfo(address, port, &hints, &to)) exit(2);
  int fd = socket(to->ai_family, type, 0);
  if (connect(fd, to->ai_addr, to->ai_addrlen)) fail("connect");
  return fd;
}

/* Returns how many packets. */
static double send_packets(int fd) {
  struct iovec part = {block, BYTES};
  struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  int count = sendmmsg(fd, messages, BATCH, 0);
  return count > 0 ? count : 0;
}

/* Returns how many KiB. */
static double send_block(int fd) {
  ssize_t count = write(fd, block, sizeof(block));
  if (count < 0) fail("write");
  return count / 1024.0;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "hold")) hold(argv[2]);
  if (argc != 5) return 2;
  int udp = !strcmp(argv[1], "udp"), fd = connected(argv[2], argv[3], udp ? SOCK_DGRAM : SOCK_STREAM);
  double begin = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), end = begin + atof(argv[4]), sent = 0;
  while (seconds(CLOCK_MONOTONIC) < end)
    for (int i = 0; i < 16; i++) sent += udp ? send_packets(fd) : send_block(fd);
  double used = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("%.1f %.1f\n", (seconds(CLOCK_MONOTONIC) - begin) * 1e9 / sent, used * 1e9 / sent);
}
