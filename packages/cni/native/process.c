/* The process itself: environment, standard streams, clock, random bytes, and other plugins run as children. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

extern char **environ;

static NATIVE(environment)
{
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    const char *value = getenv(name);
    JSValue result = value ? JS_NewString(ctx, value) : JS_UNDEFINED;
    JS_FreeCString(ctx, name);
    return result;
}

static NATIVE(read_input) { return native_read_all(ctx, STDIN_FILENO, "standard input"); }

static JSValue write_stream(JSContext *ctx, int fd, JSValueConst text)
{
    size_t length;
    const char *data = JS_ToCStringLen(ctx, &length, text);
    if (!data)
        return JS_EXCEPTION;
    JSValue result = native_write_all(fd, data, length) < 0 ? native_throw(ctx, "write", NULL) : JS_UNDEFINED;
    JS_FreeCString(ctx, data);
    return result;
}

static NATIVE(write_output) { return write_stream(ctx, STDOUT_FILENO, argv[0]); }
static NATIVE(write_error) { return write_stream(ctx, STDERR_FILENO, argv[0]); }

static NATIVE(exit_process)
{
    int status = 1;
    JS_ToInt32(ctx, &status, argv[0]);
    _exit(status);
}

/* now(): milliseconds of the monotonic clock. */
static NATIVE(now)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return JS_NewFloat64(ctx, t.tv_sec * 1e3 + t.tv_nsec / 1e6);
}

/* seconds(): wall clock, seconds since 1970. */
static NATIVE(seconds) { return JS_NewInt64(ctx, time(NULL)); }

/* sleep(milliseconds) */
static NATIVE(sleep_milliseconds)
{
    double milliseconds = 0;
    JS_ToFloat64(ctx, &milliseconds, argv[0]);
    struct timespec t = {.tv_sec = milliseconds / 1000};
    t.tv_nsec = (milliseconds - t.tv_sec * 1000.0) * 1e6;
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
    return JS_UNDEFINED;
}

static NATIVE(random_bytes)
{
    uint8_t data[64];
    int length = 0;
    JS_ToInt32(ctx, &length, argv[0]);
    if (length < 0 || length > (int)sizeof(data) || getrandom(data, length, 0) != length)
        return native_throw(ctx, "getrandom", NULL);
    return JS_NewArrayBufferCopy(ctx, data, length);
}

struct child {
    const char *path;
    char **arguments;
    char **variables;
    int input, output[2], error[2];
    pid_t pid;
};

/* The text as a file: a child that does not read its input cannot block us. */
static int input_file(const char *text, size_t length)
{
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd >= 0 && (native_write_all(fd, text, length) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int start(struct child *c)
{
    posix_spawn_file_actions_t actions;
    if (pipe2(c->output, O_CLOEXEC) < 0 || pipe2(c->error, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, c->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, c->output[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, c->error[1], STDERR_FILENO);
    int number = posix_spawn(&c->pid, c->path, &actions, NULL, c->arguments, c->variables);
    posix_spawn_file_actions_destroy(&actions);
    close(c->output[1]);
    close(c->error[1]);
    errno = number;
    return number ? -1 : 0;
}

struct text {
    char *data;
    size_t used, capacity;
};

/* Returns 0 at the end of the stream. */
static int take(int fd, struct text *t)
{
    if (t->used == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 16384;
        char *larger = realloc(t->data, capacity);
        if (!larger)
            return 0;
        t->data = larger;
        t->capacity = capacity;
    }
    ssize_t n = read(fd, t->data + t->used, t->capacity - t->used);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    t->used += n;
    return n > 0;
}

static int collect(struct child *c, struct text *output, struct text *error)
{
    struct pollfd fds[2] = {{.fd = c->output[0], .events = POLLIN}, {.fd = c->error[0], .events = POLLIN}};
    struct text *texts[2] = {output, error};
    int status = 0;
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents && !take(fds[i].fd, texts[i]))
                fds[i].fd = -1;
    }
    close(c->output[0]);
    close(c->error[0]);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char **string_array(JSContext *ctx, JSValueConst list)
{
    uint32_t length = 0;
    JSValue size = JS_GetPropertyStr(ctx, list, "length");
    JS_ToUint32(ctx, &length, size);
    char **strings = calloc(length + 1, sizeof(char *));
    for (uint32_t i = 0; strings && i < length; i++) {
        JSValue item = JS_GetPropertyUint32(ctx, list, i);
        const char *text = JS_ToCString(ctx, item);
        strings[i] = strdup(text ? text : "");
        JS_FreeCString(ctx, text);
        JS_FreeValue(ctx, item);
    }
    return strings;
}

/* run(path, arguments, input): [status, output, error] of a child with our environment and CNI_COMMAND=command. */
static NATIVE(run)
{
    size_t length;
    struct child c = {.path = JS_ToCString(ctx, argv[0]), .arguments = string_array(ctx, argv[1])};
    const char *input = JS_ToCStringLen(ctx, &length, argv[2]);
    const char *command = JS_ToCString(ctx, argv[3]);
    if (!c.path || !c.arguments || !input || !command)
        return JS_EXCEPTION;
    if (command[0])
        setenv("CNI_COMMAND", command, 1);
    c.variables = environ;
    c.input = input_file(input, length);
    if (c.input < 0 || start(&c) < 0)
        return native_throw(ctx, "spawn", c.path);
    struct text output = {0}, error = {0};
    int status = collect(&c, &output, &error);
    close(c.input);
    JSValue result = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, result, 0, JS_NewInt32(ctx, status));
    JS_SetPropertyUint32(ctx, result, 1, JS_NewStringLen(ctx, output.data ? output.data : "", output.used));
    JS_SetPropertyUint32(ctx, result, 2, JS_NewStringLen(ctx, error.data ? error.data : "", error.used));
    return result;
}

const JSCFunctionListEntry native_process[] = {
    JS_CFUNC_DEF("environment", 1, environment),
    JS_CFUNC_DEF("readInput", 0, read_input),
    JS_CFUNC_DEF("writeOutput", 1, write_output),
    JS_CFUNC_DEF("writeError", 1, write_error),
    JS_CFUNC_DEF("exit", 1, exit_process),
    JS_CFUNC_DEF("now", 0, now),
    JS_CFUNC_DEF("seconds", 0, seconds),
    JS_CFUNC_DEF("sleep", 1, sleep_milliseconds),
    JS_CFUNC_DEF("randomBytes", 1, random_bytes),
    JS_CFUNC_DEF("run", 4, run),
    JS_CFUNC_DEF("sha512", 1, native_sha512),
};
const int native_process_count = sizeof(native_process) / sizeof(native_process[0]);
