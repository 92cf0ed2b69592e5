/*
 * Opens so many TCP connections to a port where nobody listens, one after the other: each is new to those between. Prints how many a second,
 * by the faster ones of small parts: what else the machine does meanwhile falls into few of them.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PART = 100, MOST_PARTS = 1000 };

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *to;
  struct timespec begin, end;
  double seconds[MOST_PARTS];
  if (argc != 4 || getaddrinfo(argv[1], argv[2], &hints, &to)) return 2;
  int parts = atoi(argv[3]) / PART;
  if (parts < 1 || parts > MOST_PARTS) return 2;
  for (int part = 0; part < parts; part++) {
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < PART; i++) {
      int fd = socket(to->ai_family, SOCK_STREAM, 0);
      if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno != ECONNREFUSED) {
        perror("connect");
        return 1;
      }
      close(fd);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds[part] = end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9;
  }
  qsort(seconds, parts, sizeof *seconds, ascending);
  printf("%.0f\n", PART / seconds[parts / 4]);
}
