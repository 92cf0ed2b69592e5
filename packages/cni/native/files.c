/* What is in files, and locks on them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native.h"

static int close_keeping_errno(int fd)
{
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

/* musl's open sets O_CLOEXEC once more, by a call of its own. */
static int open_once(const char *path, int flags, int mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE | O_CLOEXEC, mode);
}

/* readSetting(path): the first line of a file under /proc/sys or /sys, undefined without the file. One read of few bytes: the
 * kernel takes memory for as many as are asked for, and makes the text anew at each. */
static NATIVE(read_setting)
{
    char text[64];
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    JSValue result = JS_UNDEFINED;
    ssize_t length = -1;
    int fd = open_once(path, O_RDONLY, 0);
    if (fd < 0 && errno != ENOENT)
        result = native_throw(ctx, "open", path);
    if (fd >= 0) {
        length = read(fd, text, sizeof(text));
        if (length < 0)
            result = native_throw(ctx, "read", path);
        close(fd);
    }
    if (length >= 0) {
        char *end = memchr(text, '\n', length);
        result = JS_NewStringLen(ctx, text, end ? (size_t)(end - text) : (size_t)length);
    }
    JS_FreeCString(ctx, path);
    return result;
}

static NATIVE(read_file)
{
    const char *path = JS_ToCString(ctx, argv[0]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open_once(path, O_RDONLY, 0);
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
    int flags = O_WRONLY | (mode >= 0 ? O_CREAT : O_TRUNC);
    int fd = open_once(path, flags, mode >= 0 ? mode : 0);
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
    int fd = open_once(directory, O_TMPFILE | O_RDWR, mode);
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
    JS_CFUNC_DEF("readSetting", 1, read_setting),
    JS_CFUNC_DEF("readFile", 1, read_file),
    JS_CFUNC_DEF("writeFile", 3, write_file),
    JS_CFUNC_DEF("temporary", 3, temporary),
    JS_CFUNC_DEF("linkDescriptor", 2, link_descriptor),
    JS_CFUNC_DEF("lock", 2, lock_file),
    JS_CFUNC_DEF("open", 1, open_file),
    JS_CFUNC_DEF("close", 1, close_file),
    JS_CFUNC_DEF("copyFile", 3, copy_file),
    JS_CFUNC_DEF("synchronize", 1, synchronize),
};
const int native_files_count = sizeof(native_files) / sizeof(native_files[0]);
