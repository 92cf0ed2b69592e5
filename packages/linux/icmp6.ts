/** ICMPv6 messages between neighbours on one link, by a raw socket (RFC 3542). */
import { formatAddress, parseAddress } from '@podroute/address/address.ts'
import { KernelError } from './errors.ts'
import { interfaceIndex } from './interface.ts'
import { withNetns } from './netns.ts'
import {
  AF_INET6,
  attachFilter,
  close,
  recvFromNow,
  SO_BINDTOIFINDEX,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  setsockoptInt,
  socket,
  watchReadable,
} from './sys.ts'
import { sockaddr } from './tcp-options.ts'

const IPPROTO_IPV6 = 41
const IPPROTO_ICMPV6 = 58
const IPV6_UNICAST_HOPS = 16
const IPV6_MULTICAST_IF = 17
const IPV6_MULTICAST_HOPS = 18
const IPV6_MULTICAST_LOOP = 19
const IPV6_JOIN_GROUP = 20
const ICMP6_FILTER = 1
const HOP_LIMIT = 255
/** More than any link carries in one packet of ours. */
const BUFFER = 9216

export interface Icmp6Options {
  /** Name of the interface. */
  readonly link: string
  /** ICMPv6 types to hear; all others are dropped by the kernel. */
  readonly types: readonly number[]
  /** Multicast groups to join, beside all nodes. */
  readonly groups: readonly string[]
  readonly netns?: string | undefined
}

export interface Icmp6Socket {
  /** Sends with hop limit 255; the kernel fills in the checksum. @throws KernelError: ENETDOWN, ENODEV, EADDRNOTAVAIL while the link has no address */
  send(bytes: Uint8Array, to: string): void
  close(): void
}

/** Hears what came with hop limit 255, and so from the link itself, but for its own multicasts; `source` is without zone. @throws KernelError ENODEV, EPERM */
export function openIcmp6(
  options: Icmp6Options,
  heard: (bytes: Uint8Array, source: string) => void,
): Icmp6Socket {
  const fd = withNetns(options.netns, () => socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMPV6))
  try {
    const index = interfaceIndex(fd, options.link)
    configure(fd, index, options)
    return listen(fd, index, heard)
  } catch (error) {
    close(fd)
    throw error
  }
}

function configure(fd: number, index: number, { types, groups }: Icmp6Options): void {
  attachFilter(fd, ONLY_FROM_THE_LINK)
  setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, typeFilter(types))
  setsockoptInt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index)
  setsockoptInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)
  setsockoptInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOP_LIMIT)
  setsockoptInt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT)
  setsockoptInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0)
  for (const group of groups) {
    // struct ipv6_mreq
    const request = new Uint8Array(20)
    request.set(parseAddress(group))
    new DataView(request.buffer).setUint32(16, index, true)
    setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request)
  }
}

function listen(fd: number, index: number, heard: (bytes: Uint8Array, source: string) => void): Icmp6Socket {
  let isOpen = true
  const buffer = new Uint8Array(BUFFER)
  const source = new Uint8Array(28)
  const receive = (take: typeof heard) => {
    while (isOpen) {
      const length = recvFromNow(fd, buffer, source)
      if (length < 0) return
      take(buffer.slice(0, length), formatAddress(source.subarray(8, 24)))
    }
  }
  // Drops what came before the filters were set.
  receive(() => {})
  const watch = watchReadable(fd, (status) => {
    try {
      receive(heard)
    } catch (error) {
      // The link is down or gone; the next send reports it.
      if (!(error instanceof KernelError)) throw error
    }
    if (status < 0 && isOpen) watch.restart()
  })
  watch.unref()
  return {
    send: (bytes, to) => void sendto(fd, bytes, 0, scoped(to, index)),
    close: () => {
      if (!isOpen) return
      isOpen = false
      watch.close()
      close(fd)
    },
  }
}

function scoped(address: string, index: number): Uint8Array {
  const bytes = sockaddr(6, parseAddress(address), 0)
  new DataView(bytes.buffer).setUint32(24, index, true)
  return bytes
}

/** struct icmp6_filter: a bit for each type, set where it is blocked. */
function typeFilter(types: readonly number[]): Uint8Array {
  const words = new Uint32Array(8).fill(0xffffffff)
  for (const type of types) words[type >> 5]! &= ~(1 << (type & 31))
  return new Uint8Array(words.buffer)
}

/** struct sock_filter[4] (linux/filter.h): passes hop limit 255. SKF_NET_OFF makes the offset count from the IPv6 header. */
const ONLY_FROM_THE_LINK = program([
  [0x30, 0, 0, 0xfff00000 + 7], // ldb [hop limit]
  [0x15, 0, 1, HOP_LIMIT], // jeq
  [0x06, 0, 0, 0xffffffff], // ret: all of it
  [0x06, 0, 0, 0], // ret: drop
])

function program(instructions: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [i, [code, whenTrue, whenFalse, k]] of instructions.entries()) {
    view.setUint16(i * 8, code, true)
    bytes[i * 8 + 2] = whenTrue
    bytes[i * 8 + 3] = whenFalse
    view.setUint32(i * 8 + 4, k, true)
  }
  return bytes
}
