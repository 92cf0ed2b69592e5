/* The memory of QuickJS, and what of it is kept in the executable. */
#ifndef PODROUTE_HEAP_H
#define PODROUTE_HEAP_H

#include <quickjs/quickjs.h>

extern const JSMallocFunctions heap_functions;

/* The context that the executable was built with, or NULL: then the caller makes one and prepares it. */
JSContext *heap_context(void);

/* Writes the heap as it is, with the context in it, for build.ts to put in its place. 0, or -1 with errno set. */
int heap_write(int fd, JSContext *ctx);

#endif
