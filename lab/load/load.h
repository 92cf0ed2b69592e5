/* What the two halves of the load program share. */
#ifndef LOAD_H
#define LOAD_H
#include <stdint.h>
#include <sys/socket.h>

/* A numeric address of either family; ends the program where it is none. */
socklen_t parse_address(const char *host, const char *port, struct sockaddr_storage *into);
int64_t now_us(void);
void fail(const char *what);

int serve(const char *name, const char *host, const char *port, int quiet_ms);
int ask(const char *host, const char *port, int rate, double seconds);

#endif
