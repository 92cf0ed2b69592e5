/** Opens netlink sockets: one kind for requests and their replies, one for announcements to multicast groups. */
import { hasCode } from '../errors.ts'
import {
  AF_NETLINK,
  attachFilter,
  bind,
  close,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVTIMEO,
  SO_SNDBUFFORCE,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  setsockopt,
  setsockoptInt,
  socket,
} from '../sys.ts'

const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12

export const SEND_BUFFER = 1024 * 1024
/** A burst of 10,000 route events fits into 8 MiB; with the kernel's default all but 255 of them are lost. */
export const RECEIVE_BUFFER = 8 * 1024 * 1024
const REPLY_TIMEOUT_SECONDS = 10

/** A blocking socket whose waits for a reply end with EAGAIN after 10 s. @throws KernelError */
export function openRequestSocket(protocol: number): number {
  return prepare(socket(AF_NETLINK, SOCK_RAW, protocol), (fd) => {
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      setsockoptInt(fd, SOL_NETLINK, option, 1)
    }
    growSendBuffer(fd, SEND_BUFFER)
    growReceiveBuffer(fd, RECEIVE_BUFFER)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(REPLY_TIMEOUT_SECONDS))
    bindAnywhere(fd)
  })
}

/** @param groups numbers of multicast groups (RTNLGRP_…) @param filter an array of struct sock_filter @throws KernelError */
export function openGroupSocket(
  protocol: number,
  groups: readonly number[],
  receiveBuffer: number,
  filter: Uint8Array | undefined,
): number {
  return prepare(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol), (fd) => {
    growReceiveBuffer(fd, receiveBuffer)
    if (filter) attachFilter(fd, filter)
    bindAnywhere(fd)
    for (const group of groups) setsockoptInt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
  })
}

function prepare(fd: number, work: (fd: number) => void): number {
  try {
    work(fd)
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}

/** Lets the kernel choose the socket's number (struct sockaddr_nl, its pid 0). */
function bindAnywhere(fd: number): void {
  const address = new Uint8Array(12)
  address[0] = AF_NETLINK
  bind(fd, address)
}

/** Without CAP_NET_ADMIN the kernel's default stays, and long batches are sent in smaller parts. @throws KernelError */
export function growSendBuffer(fd: number, bytes: number): void {
  try {
    setsockoptInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes)
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error
  }
}

/** Without CAP_NET_ADMIN the buffer grows to net.core.rmem_max only. */
export function growReceiveBuffer(fd: number, bytes: number): void {
  try {
    setsockoptInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes)
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error
    setsockoptInt(fd, SOL_SOCKET, SO_RCVBUF, bytes)
  }
}

/** struct timeval */
function timeval(seconds: number): Uint8Array {
  return new Uint8Array(new BigInt64Array([BigInt(seconds), 0n]).buffer)
}
