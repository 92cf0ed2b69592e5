/* Network namespaces and netlink sockets; messages are built and read in TypeScript. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "native.h"

enum { REPLY_TIMEOUT_MS = 30000 };

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

static NATIVE(send_netlink)
{
    int fd = -1;
    size_t length;
    JS_ToInt32(ctx, &fd, argv[0]);
    const uint8_t *data = native_bytes(ctx, argv[1], &length);
    if (!data)
        return JS_EXCEPTION;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;
    do {
        n = sendto(fd, data, length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    } while (n < 0 && errno == EINTR);
    return n < 0 ? native_throw(ctx, "sendto", "netlink") : JS_UNDEFINED;
}

/* receive(fd): one datagram; never waits forever. */
static NATIVE(receive_netlink)
{
    static uint8_t buffer[65536];
    int fd = -1;
    JS_ToInt32(ctx, &fd, argv[0]);
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n >= 0)
            return JS_NewArrayBufferCopy(ctx, buffer, n);
        if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            if (poll(&wait, 1, REPLY_TIMEOUT_MS) == 0) {
                errno = ETIMEDOUT;
                return native_throw(ctx, "recv", "netlink");
            }
        } else if (errno != EINTR) {
            return native_throw(ctx, "recv", "netlink");
        }
    }
}

const JSCFunctionListEntry native_network[] = {
    JS_CFUNC_DEF("enterNamespace", 1, enter_namespace),
    JS_CFUNC_DEF("isNamespace", 1, is_namespace),
    JS_CFUNC_DEF("netlinkSocket", 1, netlink_socket),
    JS_CFUNC_DEF("send", 2, send_netlink),
    JS_CFUNC_DEF("receive", 1, receive_netlink),
};
const int native_network_count = sizeof(native_network) / sizeof(native_network[0]);
