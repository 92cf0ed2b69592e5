/* Opens so many TCP connections to a port where nobody listens, one after the other: each is new to those between. Prints how many a second. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *to;
  struct timespec begin, end;
  if (argc != 4 || getaddrinfo(argv[1], argv[2], &hints, &to)) return 2;
  int count = atoi(argv[3]);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int i = 0; i < count; i++) {
    int fd = socket(to->ai_family, SOCK_STREAM, 0);
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno != ECONNREFUSED) {
      perror("connect");
      return 1;
    }
    close(fd);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%.0f\n", count / (end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9));
}
