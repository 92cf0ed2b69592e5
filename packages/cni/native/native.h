/* What the native half of the plugins offers to TypeScript: one global object `native`, whose calls
 * either return a value or throw an Error with `code` ('ENOENT'), `call` and `path`. */
#ifndef PODROUTE_NATIVE_H
#define PODROUTE_NATIVE_H

#include <quickjs/quickjs.h>
#include <sys/types.h>

#define NATIVE(name) \
    JSValue name(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)

/* Throws for the current errno. */
JSValue native_throw(JSContext *ctx, const char *call, const char *path);

/* Reads a descriptor to its end into a JS string. */
JSValue native_read_all(JSContext *ctx, int fd, const char *path);

/* Writes everything; -1 with errno set. */
int native_write_all(int fd, const char *data, size_t length);

/* UTF-8 of characters below 256 back to bytes; returns how many. */
size_t native_to_bytes(uint8_t *to, const char *text, size_t length);

/* One datagram of the kernel; -1 with errno set, ETIMEDOUT where none comes for long. */
ssize_t native_receive(int fd, uint8_t *buffer, size_t size);

NATIVE(native_add_elements);
NATIVE(native_sha512);

extern const JSCFunctionListEntry native_files[];
extern const int native_files_count;
extern const JSCFunctionListEntry native_paths[];
extern const int native_paths_count;
extern const JSCFunctionListEntry native_network[];
extern const int native_network_count;
extern const JSCFunctionListEntry native_process[];
extern const int native_process_count;
extern const JSCFunctionListEntry native_modules[];
extern const int native_modules_count;

#endif
