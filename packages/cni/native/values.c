/* What crosses between C and TypeScript: errors and whole streams. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "native.h"

#define NAME(code) [code] = #code

/* musl has no strerrorname_np. */
static const char *const error_names[] = {
    NAME(EPERM),  NAME(ENOENT),  NAME(ESRCH),  NAME(EINTR),        NAME(EIO),       NAME(ENXIO),     NAME(E2BIG),
    NAME(ENOEXEC), NAME(EBADF),  NAME(ECHILD), NAME(EAGAIN),       NAME(ENOMEM),    NAME(EACCES),    NAME(EFAULT),
    NAME(EBUSY),  NAME(EEXIST),  NAME(EXDEV),  NAME(ENODEV),       NAME(ENOTDIR),   NAME(EISDIR),    NAME(EINVAL),
    NAME(ENFILE), NAME(EMFILE),  NAME(ENOTTY), NAME(ETXTBSY),      NAME(EFBIG),     NAME(ENOSPC),    NAME(ESPIPE),
    NAME(EROFS),  NAME(EMLINK),  NAME(EPIPE),  NAME(ENAMETOOLONG), NAME(ENOSYS),    NAME(ENOTEMPTY), NAME(ELOOP),
    NAME(EOVERFLOW), NAME(EMSGSIZE), NAME(EPROTONOSUPPORT), NAME(EOPNOTSUPP), NAME(EAFNOSUPPORT), NAME(ENOBUFS),
    NAME(ETIMEDOUT), NAME(ESTALE), NAME(EDQUOT), NAME(ECONNREFUSED), NAME(ECONNRESET),
};

static const char *error_name(int number)
{
    const char *name = NULL;
    if (number > 0 && number < (int)(sizeof(error_names) / sizeof(error_names[0])))
        name = error_names[number];
    return name ? name : "EUNKNOWN";
}

JSValue native_throw(JSContext *ctx, const char *call, const char *path)
{
    int number = errno;
    char message[512];
    snprintf(message, sizeof(message), "%s%s%.300s: %s", call, path ? " " : "", path ? path : "",
             strerror(number));
    JSValue error = JS_NewError(ctx);
    JS_SetPropertyStr(ctx, error, "message", JS_NewString(ctx, message));
    JS_SetPropertyStr(ctx, error, "code", JS_NewString(ctx, error_name(number)));
    JS_SetPropertyStr(ctx, error, "errno", JS_NewInt32(ctx, number));
    return JS_Throw(ctx, error);
}

JSValue native_read_all(JSContext *ctx, int fd, const char *path)
{
    char fixed[16384];
    char *data = fixed;
    size_t used = 0, capacity = sizeof(fixed);
    JSValue result;
    for (;;) {
        if (used == capacity) {
            char *larger = malloc(capacity * 4);
            if (!larger) {
                errno = ENOMEM;
                break;
            }
            memcpy(larger, data, used);
            if (data != fixed)
                free(data);
            data = larger;
            capacity *= 4;
        }
        ssize_t n = read(fd, data + used, capacity - used);
        if (n == 0) {
            result = JS_NewStringLen(ctx, data, used);
            goto done;
        }
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            used += n;
    }
    result = native_throw(ctx, "read", path);
done:
    if (data != fixed)
        free(data);
    return result;
}

int native_write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        length -= n;
    }
    return 0;
}
