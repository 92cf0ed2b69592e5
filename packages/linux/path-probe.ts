/** Whether packets of a size get to an address whole: datagrams to a port that nobody has, which the other end refuses (ip(7), ipv6(7)). */
import { parseAddress } from '@podroute/address/address.ts'
import { KernelError } from './errors.ts'
import { withNetns } from './netns.ts'
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  getsockopt,
  recvNow,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  send,
  setsockoptInt,
  socket,
  watchReadable,
} from './sys.ts'
import { sockaddr } from './tcp-options.ts'

/** Level, IP_MTU_DISCOVER and IP_MTU; the same of IPv6. */
const OPTIONS = {
  4: { level: 0, discover: 10, mtu: 14 },
  6: { level: 41, discover: 23, mtu: 24 },
} as const
/** No fragments, by nobody. */
const PMTUDISC_DO = 2
const UDP_HEADER = 8
const IP_HEADER = { 4: 20, 6: 40 } as const
/** Traceroute's first one. */
const PORT = 33434

/**
 * arrived: it was refused, and so it was there. too-large: somebody on the way takes packets of `mtu` bytes at most. silent: no answer,
 * which a firewall may be the reason of. unreachable: there is no way.
 */
export type PathOutcome =
  | { readonly kind: 'arrived' }
  | { readonly kind: 'too-large'; readonly mtu: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'unreachable'; readonly problem: string }

export interface PathProbe {
  readonly address: string
  /** Bytes of the packet with its headers, 576 to 65535. */
  readonly size: number
  /** Milliseconds that an answer may take. */
  readonly patience: number
  readonly netns?: string | undefined
}

/** Sends one packet. The kernel keeps what it learns of the path, as for all who send there. @throws KernelError when there are no sockets */
export async function probePath({ address, size, patience, netns }: PathProbe): Promise<PathOutcome> {
  const bytes = parseAddress(address)
  const family = bytes.length === 4 ? 4 : 6
  const fd = withNetns(netns, () => socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0))
  try {
    setsockoptInt(fd, OPTIONS[family].level, OPTIONS[family].discover, PMTUDISC_DO)
    connect(fd, sockaddr(family, bytes, PORT))
    send(fd, new Uint8Array(size - IP_HEADER[family] - UDP_HEADER))
    await readable(fd, patience)
    return recvNow(fd, new Uint8Array(1)) < 0 ? { kind: 'silent' } : { kind: 'arrived' }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return outcomeOf(error, () => pathMtu(fd, family))
  } finally {
    close(fd)
  }
}

function outcomeOf({ code, message }: KernelError, mtu: () => number): PathOutcome {
  if (code === 'ECONNREFUSED') return { kind: 'arrived' }
  if (code === 'EMSGSIZE') return { kind: 'too-large', mtu: mtu() }
  return { kind: 'unreachable', problem: message }
}

/** What the kernel knows of the connected socket's path. */
function pathMtu(fd: number, family: 4 | 6): number {
  const value = new Uint8Array(4)
  getsockopt(fd, OPTIONS[family].level, OPTIONS[family].mtu, value)
  return new DataView(value.buffer).getInt32(0, true)
}

/** Resolves also when an error is waiting, or nothing came for so many milliseconds. */
function readable(fd: number, patience: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      watch.close()
      resolve()
    }
    const timer = setTimeout(end, patience)
    const watch = watchReadable(fd, end)
  })
}
