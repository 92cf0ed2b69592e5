/* Files, directories, links and locks. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native.h"

JSValue native_throw(JSContext *ctx, const char *call, const char *path)
{
    int number = errno;
    const char *code = strerrorname_np(number);
    char message[512];
    snprintf(message, sizeof(message), "%s%s%.300s: %s", call, path ? " " : "", path ? path : "",
             strerror(number));
    JSValue error = JS_NewError(ctx);
    JS_SetPropertyStr(ctx, error, "message", JS_NewString(ctx, message));
    JS_SetPropertyStr(ctx, error, "code", JS_NewString(ctx, code ? code : "EUNKNOWN"));
    JS_SetPropertyStr(ctx, error, "errno", JS_NewInt32(ctx, number));
    return JS_Throw(ctx, error);
}

const uint8_t *native_bytes(JSContext *ctx, JSValueConst value, size_t *length)
{
    size_t offset, size, element, whole;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &size, &element);
    if (JS_IsException(buffer))
        return NULL;
    const uint8_t *data = JS_GetArrayBuffer(ctx, &whole, buffer);
    JS_FreeValue(ctx, buffer); /* the typed array keeps it alive */
    *length = size;
    return data ? data + offset : NULL;
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

static int close_keeping_errno(int fd)
{
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static NATIVE(read_file)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    JSValue result = fd < 0 ? native_throw(ctx, "open", path) : native_read_all(ctx, fd, path);
    if (fd >= 0)
        close(fd);
    JS_FreeCString(ctx, path);
    return result;
}

/* Writes over what is there, then cuts: ext4 writes a file to disk at its close that was emptied first, 0.3 ms each. */
static int overwrite(int fd, const char *text, size_t length)
{
    struct stat status;
    if (native_write_all(fd, text, length) < 0 || fstat(fd, &status) < 0)
        return -1;
    return S_ISREG(status.st_mode) && (size_t)status.st_size > length ? ftruncate(fd, length) : 0;
}

/* writeFile(path, text, mode): creates when mode >= 0, else the file must be there (sysctl). */
static NATIVE(write_file)
{
    size_t length;
    int mode = -1;
    const char *path = JS_ToCString(ctx, argv[0]);
    const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
    JS_ToInt32(ctx, &mode, argv[2]);
    if (!path || !text)
        return JS_EXCEPTION;
    int flags = O_WRONLY | O_CLOEXEC | (mode >= 0 ? O_CREAT : O_TRUNC);
    int fd = open(path, flags, mode >= 0 ? mode : 0);
    int failed = fd < 0;
    if (!failed && (mode >= 0 ? overwrite(fd, text, length) : native_write_all(fd, text, length)) < 0)
        failed = close_keeping_errno(fd);
    else if (!failed)
        failed = close(fd) < 0;
    JSValue result = failed ? native_throw(ctx, "write", path) : JS_UNDEFINED;
    JS_FreeCString(ctx, text);
    JS_FreeCString(ctx, path);
    return result;
}

/* temporary(directory, text, mode): a nameless file with its text in it, to be linked into place. */
static NATIVE(temporary)
{
    size_t length;
    int mode = 0600;
    const char *directory = JS_ToCString(ctx, argv[0]);
    const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
    JS_ToInt32(ctx, &mode, argv[2]);
    if (!directory || !text)
        return JS_EXCEPTION;
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (fd >= 0 && native_write_all(fd, text, length) < 0)
        fd = close_keeping_errno(fd);
    JSValue result = fd < 0 ? native_throw(ctx, "write", directory) : JS_NewInt32(ctx, fd);
    JS_FreeCString(ctx, text);
    JS_FreeCString(ctx, directory);
    return result;
}

/* linkDescriptor(fd, path): false when the path is taken. */
static NATIVE(link_descriptor)
{
    char source[64];
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    const char *path = JS_ToCString(ctx, argv[1]);
    if (!path)
        return JS_EXCEPTION;
    snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    JSValue result = JS_TRUE;
    if (linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
        result = errno == EEXIST ? JS_FALSE : native_throw(ctx, "link", path);
    JS_FreeCString(ctx, path);
    return result;
}

/* lock(path, mode): opens or creates the file and waits for its exclusive lock. */
static NATIVE(lock_file)
{
    int mode = 0600;
    const char *path = JS_ToCString(ctx, argv[0]);
    JS_ToInt32(ctx, &mode, argv[1]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, mode);
    while (fd >= 0 && flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            fd = close_keeping_errno(fd);
    JSValue result = fd < 0 ? native_throw(ctx, "lock", path) : JS_NewInt32(ctx, fd);
    JS_FreeCString(ctx, path);
    return result;
}

static NATIVE(open_file)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    JSValue result = fd < 0 ? native_throw(ctx, "open", path) : JS_NewInt32(ctx, fd);
    JS_FreeCString(ctx, path);
    return result;
}

static NATIVE(close_file)
{
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    close(fd);
    return JS_UNDEFINED;
}

static NATIVE(make_directory)
{
    int mode = 0755;
    const char *path = JS_ToCString(ctx, argv[0]);
    JS_ToInt32(ctx, &mode, argv[1]);
    if (!path)
        return JS_EXCEPTION;
    JSValue result = mkdir(path, mode) < 0 ? native_throw(ctx, "mkdir", path) : JS_UNDEFINED;
    JS_FreeCString(ctx, path);
    return result;
}

static NATIVE(list_directory)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    JSValue result = JS_UNDEFINED;
    DIR *directory = opendir(path);
    if (!directory) {
        result = native_throw(ctx, "opendir", path);
    } else {
        struct dirent *entry;
        uint32_t count = 0;
        result = JS_NewArray(ctx);
        while ((entry = readdir(directory)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                JS_SetPropertyUint32(ctx, result, count++, JS_NewString(ctx, entry->d_name));
        closedir(directory);
    }
    JS_FreeCString(ctx, path);
    return result;
}

static NATIVE(remove_file)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    JSValue result = unlink(path) < 0 ? native_throw(ctx, "unlink", path) : JS_UNDEFINED;
    JS_FreeCString(ctx, path);
    return result;
}

static JSValue two_paths(JSContext *ctx, JSValueConst *argv, const char *call,
                         int (*apply)(const char *, const char *))
{
    const char *from = JS_ToCString(ctx, argv[0]);
    const char *to = JS_ToCString(ctx, argv[1]);
    if (!from || !to)
        return JS_EXCEPTION;
    JSValue result = apply(from, to) < 0 ? native_throw(ctx, call, to) : JS_UNDEFINED;
    JS_FreeCString(ctx, to);
    JS_FreeCString(ctx, from);
    return result;
}

static NATIVE(rename_file) { return two_paths(ctx, argv, "rename", rename); }
static NATIVE(link_file) { return two_paths(ctx, argv, "link", link); }
static NATIVE(symbolic_link) { return two_paths(ctx, argv, "symlink", symlink); }

static NATIVE(read_link)
{
    char target[4096];
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    ssize_t n = readlink(path, target, sizeof(target));
    JSValue result = n < 0 ? native_throw(ctx, "readlink", path) : JS_NewStringLen(ctx, target, n);
    JS_FreeCString(ctx, path);
    return result;
}

/* status(path): [mode, device, inode, modified seconds, modified nanoseconds, size, links]. */
static NATIVE(status)
{
    struct stat s;
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    JSValue result;
    if (stat(path, &s) < 0) {
        result = native_throw(ctx, "stat", path);
    } else {
        double values[] = {s.st_mode,        s.st_dev,          s.st_ino,  s.st_mtim.tv_sec,
                           s.st_mtim.tv_nsec, (double)s.st_size, s.st_nlink};
        result = JS_NewArray(ctx);
        for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
            JS_SetPropertyUint32(ctx, result, i, JS_NewFloat64(ctx, values[i]));
    }
    JS_FreeCString(ctx, path);
    return result;
}

/* setModified(path, seconds, nanoseconds) */
static NATIVE(set_modified)
{
    int64_t seconds = 0, nanoseconds = 0;
    const char *path = JS_ToCString(ctx, argv[0]);
    JS_ToInt64(ctx, &seconds, argv[1]);
    JS_ToInt64(ctx, &nanoseconds, argv[2]);
    if (!path)
        return JS_EXCEPTION;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    JSValue result = utimensat(AT_FDCWD, path, times, 0) < 0 ? native_throw(ctx, "utimensat", path)
                                                             : JS_UNDEFINED;
    JS_FreeCString(ctx, path);
    return result;
}

static int copy_bytes(int from, int to)
{
    char block[65536];
    ssize_t n;
    while ((n = read(from, block, sizeof(block))) > 0)
        if (native_write_all(to, block, n) < 0)
            return -1;
    return n < 0 ? -1 : fsync(to);
}

/* copyFile(from, to, mode): to must not exist; its data is on disk on return. */
static NATIVE(copy_file)
{
    int mode = 0755;
    const char *from = JS_ToCString(ctx, argv[0]);
    const char *to = JS_ToCString(ctx, argv[1]);
    JS_ToInt32(ctx, &mode, argv[2]);
    if (!from || !to)
        return JS_EXCEPTION;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = source < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int failed = target < 0 || copy_bytes(source, target) < 0 || fchmod(target, mode) < 0;
    JSValue result = failed ? native_throw(ctx, "copy", to) : JS_UNDEFINED;
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    JS_FreeCString(ctx, to);
    JS_FreeCString(ctx, from);
    return result;
}

/* synchronize(path): fsync of a file or directory. */
static NATIVE(synchronize)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    JSValue result = fd < 0 || fsync(fd) < 0 ? native_throw(ctx, "fsync", path) : JS_UNDEFINED;
    if (fd >= 0)
        close(fd);
    JS_FreeCString(ctx, path);
    return result;
}

const JSCFunctionListEntry native_files[] = {
    JS_CFUNC_DEF("readFile", 1, read_file),
    JS_CFUNC_DEF("writeFile", 3, write_file),
    JS_CFUNC_DEF("temporary", 3, temporary),
    JS_CFUNC_DEF("linkDescriptor", 2, link_descriptor),
    JS_CFUNC_DEF("lock", 2, lock_file),
    JS_CFUNC_DEF("open", 1, open_file),
    JS_CFUNC_DEF("close", 1, close_file),
    JS_CFUNC_DEF("makeDirectory", 2, make_directory),
    JS_CFUNC_DEF("list", 1, list_directory),
    JS_CFUNC_DEF("remove", 1, remove_file),
    JS_CFUNC_DEF("rename", 2, rename_file),
    JS_CFUNC_DEF("link", 2, link_file),
    JS_CFUNC_DEF("symbolicLink", 2, symbolic_link),
    JS_CFUNC_DEF("readLink", 1, read_link),
    JS_CFUNC_DEF("status", 1, status),
    JS_CFUNC_DEF("setModified", 3, set_modified),
    JS_CFUNC_DEF("copyFile", 3, copy_file),
    JS_CFUNC_DEF("synchronize", 1, synchronize),
};
const int native_files_count = sizeof(native_files) / sizeof(native_files[0]);
