/* Kernel modules: from a file, or by the kernel's own helper. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "native.h"

/* loadModule(path, flags): finit_module without parameters. */
static NATIVE(load_module)
{
    int flags = 0;
    const char *path = JS_ToCString(ctx, argv[0]);
    JS_ToInt32(ctx, &flags, argv[1]);
    if (!path)
        return JS_EXCEPTION;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || syscall(SYS_finit_module, fd, "", flags) < 0;
    JSValue result = failed ? native_throw(ctx, "finit_module", path) : JS_UNDEFINED;
    if (fd >= 0)
        close(fd);
    JS_FreeCString(ctx, path);
    return result;
}

/* requestModule(name): the kernel starts the host's modprobe when whoever may load modules asks for a device of that name. */
static NATIVE(request_module)
{
    struct ifreq request = {0};
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    JS_FreeCString(ctx, name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0;
    JSValue result = failed ? native_throw(ctx, "ioctl", "SIOCGIFFLAGS") : JS_UNDEFINED;
    if (fd >= 0)
        close(fd);
    return result;
}

const JSCFunctionListEntry native_modules[] = {
    JS_CFUNC_DEF("loadModule", 2, load_module),
    JS_CFUNC_DEF("requestModule", 1, request_module),
};
const int native_modules_count = sizeof(native_modules) / sizeof(native_modules[0]);
