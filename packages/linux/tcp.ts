/** TCP connections and listeners as node's own sockets, with TCP-MD5 keys and GTSM set before the first segment. */
import { createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net'
import { familyOf, parseAddress, splitZone } from '@podroute/address/address.ts'
import { hasCode } from './errors.ts'
import { interfaceIndex, scopedAddress } from './interface.ts'
import { withNetns } from './netns.ts'
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  getpeername,
  getsockname,
  listen,
  SO_BINDTOIFINDEX,
  SO_REUSEADDR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  setsockoptInt,
  socket,
} from './sys.ts'
import { arrivedWithTtl, saveSyns, setMd5Key, setTtl, setTtlSecurity, sockaddr } from './tcp-options.ts'

const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
/** The kernel cuts this to net.core.somaxconn. After a restart all peers connect at the same time. */
const BACKLOG = 4096

export interface TcpConnectOptions {
  /** A link-local one has its interface: `fe80::1%eth0`. */
  readonly address: string
  readonly port: number
  readonly localAddress?: string | undefined
  /** TCP-MD5 key, at most 80 bytes. */
  readonly password?: string | undefined
  /** GTSM: how many hops away the peer may be. */
  readonly ttlSecurityHops?: number | undefined
  /** TTL (hop limit) of what is sent; 255 when absent, as peers with GTSM demand. */
  readonly ttl?: number | undefined
  /** Milliseconds. With a key a closed port never answers, so there is always a limit; default 10,000. */
  readonly connectTimeout?: number | undefined
  readonly netns?: string | undefined
}

/**
 * Starts to connect; `connect` or `error` and `close` follow as for any net.Socket (ETIMEDOUT after `connectTimeout`).
 * @throws KernelError when the socket cannot be made or bound, AddressError
 */
export function connectTcp(options: TcpConnectOptions): Socket {
  const family = familyOf(options.address)
  const plain = splitZone(options.address).address
  const fd = openStream(family, options.netns, (made) => {
    bindToZone(made, options.address)
    if (options.password !== undefined) setMd5Key(made, family, plain, options.password)
    if (options.ttlSecurityHops === undefined) setTtl(made, family, options.ttl ?? 255)
    else setTtlSecurity(made, family, options.ttlSecurityHops)
    if (options.localAddress !== undefined) {
      bind(made, sockaddr(family, parseAddress(splitZone(options.localAddress).address), 0))
    }
  })
  // Nothing is read before the socket is connected; node's types lack the option for it.
  const settings: SocketConstructorOpts & { manualStart: true } = { fd, manualStart: true }
  const stream = new Socket(settings)
  const limit = options.connectTimeout ?? 10_000
  const timer = setTimeout(() => stream.destroy(timedOut(options)), limit)
  // Nothing of it stays with a connection that may live for months, one of thousands: a kilobyte each.
  const settled = () => {
    clearTimeout(timer)
    stream.off('connect', settled).off('close', settled)
  }
  stream.on('connect', settled).on('close', settled)
  if (options.netns !== undefined && plain !== options.address) connectInside(stream, options.netns)
  return stream.connect({ host: options.address, port: options.port })
}

/** Makes libuv look up the zone of the address in the socket's namespace, not in that of the process. */
function connectInside(stream: Socket, netns: string): void {
  const handle = (stream as unknown as { _handle: ConnectHandle })._handle
  const connect6 = handle.connect6.bind(handle)
  handle.connect6 = (...args) => withNetns(netns, () => connect6(...args))
}

interface ConnectHandle {
  connect6: (...args: readonly unknown[]) => number
}

/** Binds to the zone's interface: a link-local address is valid on one link only. */
function bindToZone(fd: number, address: string): void {
  const { zone } = splitZone(address)
  if (zone !== undefined) setsockoptInt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, interfaceIndex(fd, zone))
}

function timedOut(options: TcpConnectOptions): Error {
  const error = new Error(`connect ETIMEDOUT ${options.address}:${options.port}`)
  return Object.assign(error, { code: 'ETIMEDOUT', syscall: 'connect' })
}

export interface TcpListenOptions {
  /** Absent: all addresses, of both families where the kernel has IPv6. */
  readonly address?: string | undefined
  /** 0: the kernel chooses. */
  readonly port: number
  readonly netns?: string | undefined
}

export interface TcpListener {
  readonly server: Server
  readonly address: string
  readonly port: number
  /**
   * Sets the key that connections from `remote` (an address or CIDR) must be signed with; undefined removes it. The kernel drops
   * segments without a valid signature silently.
   * @throws KernelError, RangeError
   */
  setPassword(remote: string, key: string | undefined): void
  /** Stops listening; connections live on. */
  close(): Promise<void>
}

/** Listens for connections, and answers with TTL 255, which peers with GTSM demand. @throws KernelError EADDRINUSE, EADDRNOTAVAIL, EACCES */
export async function listenTcp(
  options: TcpListenOptions,
  accept: (connection: Socket) => void,
): Promise<TcpListener> {
  const { fd, family } = openListener(options)
  const server = createServer({ noDelay: true }, accept)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      server.off('error', reject)
      // Node takes no backlog with a descriptor: it listens with 511.
      listen(fd, BACKLOG)
      // After a failed accept (EMFILE, ECONNABORTED) the client tries again.
      server.on('error', () => {})
      resolve()
    })
  })
  const bound = server.address()
  const { address, port } = typeof bound === 'object' && bound ? bound : { address: '', port: 0 }
  let listening = true
  return {
    server,
    address,
    port,
    setPassword: (remote, key) => {
      if (listening) setPassword(fd, family, remote, key)
    },
    close: () => {
      listening = false
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/**
 * Switches GTSM on for an accepted connection. Returns false when it has come from further away itself, or the other end does not send
 * with TTL 255: nothing more of it would arrive. @throws KernelError
 */
export function securedByTtl(connection: Socket, hops: number): boolean {
  const fd = descriptor(connection)
  if ((arrivedWithTtl(fd) ?? 255) < 256 - hops) return false
  setTtlSecurity(fd, getsockname(fd)[0] === AF_INET6 ? 6 : 4, hops)
  return true
}

/** Sends with this TTL (hop limit) from now on. @throws KernelError */
export function sendWithTtl(connection: Socket, ttl: number): void {
  const fd = descriptor(connection)
  if (fd >= 0) setTtl(fd, getsockname(fd)[0] === AF_INET6 ? 6 : 4, ttl)
}

/**
 * Changes, sets or removes the key of a connection, established or not. What was not signed as the other end wants it is sent again
 * until both have the same key. Returns false where the kernel cannot: before Linux 5.8 not on an established one.
 */
export function changeKey(connection: Socket, remote: string, key: string | undefined): boolean {
  const fd = descriptor(connection)
  if (fd < 0) return true
  try {
    setPassword(fd, getsockname(fd)[0] === AF_INET6 ? 6 : 4, remote, key)
    return true
  } catch (error) {
    if (!hasCode(error, 'EINVAL')) throw error
    return false
  }
}

/** The file descriptor, or -1 when the connection is closed. */
export function descriptor(connection: Socket): number {
  return (connection as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1
}

/**
 * The addresses of both ends, link-local ones with their interfaces; undefined when it is not connected. Node itself looks
 * interfaces up in the namespace of the process, which need not be the socket's.
 */
export function tcpAddresses(
  connection: Socket,
): { readonly local: string; readonly remote: string } | undefined {
  const fd = descriptor(connection)
  if (fd < 0) return undefined
  try {
    return { local: scopedAddress(fd, getsockname(fd)), remote: scopedAddress(fd, getpeername(fd)) }
  } catch (error) {
    if (!hasCode(error, 'ENOTCONN', 'EINVAL', 'ENODEV')) throw error
    return undefined
  }
}

function setPassword(fd: number, family: 4 | 6, remote: string, key: string | undefined): void {
  // Nobody with an IPv6 address connects to an IPv4 socket, which has no room for a key of his.
  if (family === 4 && remote.includes(':')) return
  try {
    setMd5Key(fd, family, splitZone(remote).address, key)
  } catch (error) {
    // There was no key to remove.
    if (key !== undefined || !hasCode(error, 'ENOENT')) throw error
  }
}

function openListener(options: TcpListenOptions): { fd: number; family: 4 | 6 } {
  const prepare = (family: 4 | 6, address: string) => (fd: number) => {
    setsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (family === 6) setsockoptInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.address === undefined ? 0 : 1)
    setTtl(fd, family, 255)
    saveSyns(fd)
    bindToZone(fd, address)
    bind(fd, sockaddr(family, parseAddress(splitZone(address).address), options.port))
  }
  if (options.address !== undefined) {
    const family = familyOf(options.address)
    return { fd: openStream(family, options.netns, prepare(family, options.address)), family }
  }
  try {
    return { fd: openStream(6, options.netns, prepare(6, '::')), family: 6 }
  } catch (error) {
    if (!hasCode(error, 'EAFNOSUPPORT', 'EADDRNOTAVAIL')) throw error
    return { fd: openStream(4, options.netns, prepare(4, '0.0.0.0')), family: 4 }
  }
}

function openStream(family: 4 | 6, netns: string | undefined, prepare: (fd: number) => void): number {
  const domain = family === 6 ? AF_INET6 : AF_INET
  const fd = withNetns(netns, () => socket(domain, SOCK_STREAM | SOCK_NONBLOCK, 0))
  try {
    prepare(fd)
  } catch (error) {
    close(fd)
    throw error
  }
  return fd
}
