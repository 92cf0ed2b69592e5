/* Network namespaces, netlink sockets and the agent's socket; messages are built and read in TypeScript. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

enum {
    REPLY_TIMEOUT_MS = 30000,
    HARDWARE_ADDRESS = 6,
    CONNECT_TIMEOUT_S = 5,
    LARGEST_ANSWER = 8192,
    LARGEST_DATAGRAM = 200 << 10, /* as much as a socket's buffer takes by default; in UTF-8 */
};

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static NATIVE(enter_namespace)
{
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    return setns(fd, CLONE_NEWNET) < 0 ? native_throw(ctx, "setns", NULL) : JS_UNDEFINED;
}

/* isNamespace(fd): whether the descriptor is of the namespace file system. */
static NATIVE(is_namespace)
{
    int fd = -1;
    struct statfs s;
    JS_ToInt32(ctx, &fd, argv[0]);
    if (fstatfs(fd, &s) < 0)
        return native_throw(ctx, "fstatfs", NULL);
    return JS_NewBool(ctx, s.f_type == NSFS_MAGIC || s.f_type == PROC_SUPER_MAGIC);
}

/* netlinkSocket(protocol): with strict dump filters, so that a dump of one link's addresses is one. */
static NATIVE(netlink_socket)
{
    int protocol = 0, one = 1;
    JS_ToInt32(ctx, &protocol, argv[0]);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return native_throw(ctx, "socket", NULL);
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    return JS_NewInt32(ctx, fd);
}

/* UTF-8 of characters below 256 back to bytes. */
size_t native_to_bytes(uint8_t *to, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = text[i];
        to[used++] = c < 0x80 || i + 1 == length ? c : (c & 3) << 6 | (text[++i] & 0x3f);
    }
    return used;
}

/* send(fd, datagram): a character a byte. */
static NATIVE(send_netlink)
{
    static uint8_t buffer[LARGEST_DATAGRAM];
    int fd = -1;
    size_t length;
    JS_ToInt32(ctx, &fd, argv[0]);
    const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
    if (!text)
        return JS_EXCEPTION;
    size_t used = length > sizeof(buffer) ? 0 : native_to_bytes(buffer, text, length);
    JS_FreeCString(ctx, text);
    if (used == 0) {
        errno = EMSGSIZE;
        return native_throw(ctx, "sendto", "netlink");
    }
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;
    do {
        n = sendto(fd, buffer, used, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    } while (n < 0 && errno == EINTR);
    return n < 0 ? native_throw(ctx, "sendto", "netlink") : JS_UNDEFINED;
}

ssize_t native_receive(int fd, uint8_t *buffer, size_t size)
{
    for (;;) {
        ssize_t n = recv(fd, buffer, size, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            if (poll(&wait, 1, REPLY_TIMEOUT_MS) == 0) {
                errno = ETIMEDOUT;
                return -1;
            }
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* receive(fd): one datagram. */
static NATIVE(receive_netlink)
{
    static uint8_t buffer[65536];
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    ssize_t n = native_receive(fd, buffer, sizeof(buffer));
    return n < 0 ? native_throw(ctx, "recv", "netlink") : JS_NewArrayBufferCopy(ctx, buffer, n);
}

/* Of the interface with the name argv[1] in the namespace of the socket argv[0]: a number, undefined or an exception. */
static JSValue index_of(JSContext *ctx, JSValueConst *argv, int *fd, struct ifreq *request)
{
    JS_ToInt32(ctx, fd, argv[0]);
    const char *name = JS_ToCString(ctx, argv[1]);
    if (!name)
        return JS_EXCEPTION;
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
    JS_FreeCString(ctx, name);
    if (ioctl(*fd, SIOCGIFINDEX, request) < 0)
        return errno == ENODEV ? JS_UNDEFINED : native_throw(ctx, "ioctl", "SIOCGIFINDEX");
    return JS_NewInt32(ctx, request->ifr_ifindex);
}

/* findInterface(fd, name): [index, hardware address] in the socket's namespace, or undefined. */
static NATIVE(find_interface)
{
    struct ifreq request = {0};
    int fd = -1;
    JSValue index = index_of(ctx, argv, &fd, &request);
    if (!JS_IsNumber(index))
        return index;
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        return errno == ENODEV ? JS_UNDEFINED : native_throw(ctx, "ioctl", "SIOCGIFHWADDR");
    const uint8_t *address = (const uint8_t *)request.ifr_hwaddr.sa_data;
    JSValue result = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, result, 0, index);
    JS_SetPropertyUint32(ctx, result, 1, JS_NewArrayBufferCopy(ctx, address, HARDWARE_ADDRESS));
    return result;
}

/* interfaceIndex(fd, name): in the socket's namespace, or undefined. */
static NATIVE(interface_index)
{
    struct ifreq request = {0};
    int fd = -1;
    return index_of(ctx, argv, &fd, &request);
}

/* interfaceName(fd, index): in the socket's namespace, or undefined. */
static NATIVE(interface_name)
{
    struct ifreq request = {0};
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    JS_ToInt32(ctx, &request.ifr_ifindex, argv[1]);
    if (ioctl(fd, SIOCGIFNAME, &request) < 0)
        return errno == ENODEV ? JS_UNDEFINED : native_throw(ctx, "ioctl", "SIOCGIFNAME");
    return JS_NewString(ctx, request.ifr_name);
}

/* ask(path, text): sends to whoever listens on a unix socket; the answer is read from the descriptor. */
static NATIVE(ask)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CONNECT_TIMEOUT_S};
    size_t length;
    const char *path = JS_ToCString(ctx, argv[0]);
    const char *text = path ? JS_ToCStringLen(ctx, &length, argv[1]) : NULL;
    if (!text)
        return JS_EXCEPTION;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    int failed = fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || native_write_all(fd, text, length) < 0;
    JSValue result = failed ? native_throw(ctx, "connect", path) : JS_NewInt32(ctx, fd);
    if (failed && fd >= 0)
        close(fd);
    JS_FreeCString(ctx, path);
    JS_FreeCString(ctx, text);
    return result;
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* answer(fd, timeout): all that comes until the other side closes; ETIMEDOUT. */
static NATIVE(answer)
{
    static char buffer[LARGEST_ANSWER];
    int fd = -1, timeout = 0;
    size_t used = 0;
    JS_ToInt32(ctx, &fd, argv[0]);
    JS_ToInt32(ctx, &timeout, argv[1]);
    int64_t end = milliseconds() + timeout;
    while (used < sizeof(buffer)) {
        int64_t left = end - milliseconds();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, left) : 0;
        if (ready == 0) {
            errno = ETIMEDOUT;
            return native_throw(ctx, "recv", NULL);
        }
        ssize_t n = ready < 0 ? -1 : recv(fd, buffer + used, sizeof(buffer) - used, 0);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return native_throw(ctx, "recv", NULL);
        if (n > 0)
            used += n;
    }
    return JS_NewStringLen(ctx, buffer, used);
}

const JSCFunctionListEntry native_network[] = {
    JS_CFUNC_DEF("enterNamespace", 1, enter_namespace),
    JS_CFUNC_DEF("isNamespace", 1, is_namespace),
    JS_CFUNC_DEF("netlinkSocket", 1, netlink_socket),
    JS_CFUNC_DEF("send", 2, send_netlink),
    JS_CFUNC_DEF("receive", 1, receive_netlink),
    JS_CFUNC_DEF("addElements", 3, native_add_elements),
    JS_CFUNC_DEF("findInterface", 2, find_interface),
    JS_CFUNC_DEF("interfaceIndex", 2, interface_index),
    JS_CFUNC_DEF("interfaceName", 2, interface_name),
    JS_CFUNC_DEF("ask", 2, ask),
    JS_CFUNC_DEF("answer", 2, answer),
};
const int native_network_count = sizeof(native_network) / sizeof(native_network[0]);
