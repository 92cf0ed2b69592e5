/** Socket options of BGP sessions that node does not know: TCP-MD5 signatures (RFC 2385) and GTSM (RFC 5082). */
import { maskBytes, parseAddress, parsePrefix } from '@podroute/address/address.ts'
import { getsockopt, setsockopt, setsockoptInt } from './sys.ts'

const IPPROTO_IP = 0
const IPPROTO_TCP = 6
const IPPROTO_IPV6 = 41
const IP_TTL = 2
const IP_MINTTL = 21
const IPV6_UNICAST_HOPS = 16
const IPV6_MINHOPCOUNT = 73
const TCP_MD5SIG = 14
const TCP_SAVE_SYN = 27
const TCP_SAVED_SYN = 28
const TCP_MD5SIG_EXT = 32
const TCP_MD5SIG_FLAG_PREFIX = 1
/** TCP_MD5SIG_MAXKEYLEN */
const MAX_KEY_BYTES = 80

/**
 * Sets the key that segments to and from `remote` must be signed with; undefined removes it.
 * @param fd a TCP socket, connected or not, or one that listens (connections accepted later inherit the keys)
 * @param family of the socket: an IPv6 socket takes an IPv4 remote as a mapped address
 * @param remote an address, or a CIDR for all peers inside it
 * @throws KernelError ENOENT when there was no key to remove, EPERM without CAP_NET_ADMIN; RangeError for a key over 80 bytes
 */
export function setMd5Key(fd: number, family: 4 | 6, remote: string, key: string | undefined): void {
  const prefixed = remote.includes('/')
  const option = prefixed ? TCP_MD5SIG_EXT : TCP_MD5SIG
  setsockopt(fd, IPPROTO_TCP, option, md5Signature(family, remote, key ?? ''))
}

/**
 * struct tcp_md5sig.
 *
 * ```
 *  0          128     129       130     132       136
 * +----------+-------+---------+-------+---------+----------+
 * | sockaddr | flags | prefix  | key   | ifindex | key      |
 * | storage  |       | length  | length|         | 80 bytes |
 * +----------+-------+---------+-------+---------+----------+
 * ```
 */
export function md5Signature(family: 4 | 6, remote: string, key: string): Uint8Array {
  const bytes = new Uint8Array(216)
  const prefix = remote.includes('/') ? parsePrefix(remote) : undefined
  const address = prefix ? maskBytes(prefix.bytes, prefix.length) : parseAddress(remote)
  bytes.set(sockaddr(family, address, 0))
  if (prefix) {
    bytes[128] = TCP_MD5SIG_FLAG_PREFIX
    bytes[129] = prefix.length
  }
  const secret = new TextEncoder().encode(key)
  if (secret.length > MAX_KEY_BYTES)
    throw new RangeError(`a TCP-MD5 key of ${secret.length} bytes: at most 80`)
  new DataView(bytes.buffer).setUint16(130, secret.length, true)
  bytes.set(secret, 136)
  return bytes
}

/** struct sockaddr_in or sockaddr_in6; an IPv4 address in an IPv6 one is mapped (`::ffff:a.b.c.d`). */
export function sockaddr(family: 4 | 6, address: Uint8Array, port: number): Uint8Array {
  const bytes = new Uint8Array(family === 6 ? 28 : 16)
  bytes[0] = family === 6 ? 10 : 2
  bytes[2] = port >> 8
  bytes[3] = port & 255
  if (family === 4) {
    bytes.set(address, 4)
  } else if (address.length === 16) {
    bytes.set(address, 8)
  } else {
    bytes.fill(255, 18, 20)
    bytes.set(address, 20)
  }
  return bytes
}

/** Sends with this TTL (hop limit). */
export function setTtl(fd: number, family: 4 | 6, ttl: number): void {
  if (family === 6) setsockoptInt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl)
  // An IPv6 socket that is connected to a mapped address sends IPv4.
  setsockoptInt(fd, IPPROTO_IP, IP_TTL, ttl)
}

/**
 * GTSM: sends with TTL 255 and drops segments that have come further than `hops` (1: from the link itself).
 * @param hops 1 to 255
 */
export function setTtlSecurity(fd: number, family: 4 | 6, hops: number): void {
  setTtl(fd, family, 255)
  if (family === 6) setsockoptInt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 256 - hops)
  setsockoptInt(fd, IPPROTO_IP, IP_MINTTL, 256 - hops)
}

/** Makes a listener keep the SYN of each connection, until it is asked for. */
export function saveSyns(fd: number): void {
  setsockoptInt(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1)
}

/** With which TTL (hop limit) the SYN of an accepted connection has arrived; undefined: it was not kept, as with SYN cookies. It can be asked once. */
export function arrivedWithTtl(fd: number): number | undefined {
  const headers = new Uint8Array(256)
  return ttlOf(headers.subarray(0, getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, headers)))
}

/** TTL of an IPv4 header (RFC 791), hop limit of an IPv6 one (RFC 8200). */
export function ttlOf(header: Uint8Array): number | undefined {
  const [first] = header
  if (first === undefined) return undefined
  return first >> 4 === 6 ? header[7] : header[8]
}
