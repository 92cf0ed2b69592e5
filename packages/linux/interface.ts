/** Interfaces by name and index, and addresses with both, in the network namespace that a socket was made in. */
import { formatAddress, withoutMapping } from '@podroute/address/address.ts'
import { ioctl } from './sys.ts'

/** include/uapi/linux/sockios.h */
const SIOCGIFNAME = 0x8910
const SIOCGIFINDEX = 0x8933
/** struct ifreq: a name of 16 bytes, then a union of 24. */
const IFREQ_LENGTH = 40
const NAME_LENGTH = 15
const AF_INET6 = 10

/** The index of an interface. @param fd any socket of the namespace @throws KernelError ENODEV */
export function interfaceIndex(fd: number, name: string): number {
  const request = new Uint8Array(IFREQ_LENGTH)
  request.set(new TextEncoder().encode(name).subarray(0, NAME_LENGTH))
  ioctl(fd, SIOCGIFINDEX, request)
  return new DataView(request.buffer).getInt32(16, true)
}

/** The name of an interface. @param fd any socket of the namespace @throws KernelError ENODEV */
export function interfaceName(fd: number, index: number): string {
  const request = new Uint8Array(IFREQ_LENGTH)
  new DataView(request.buffer).setInt32(16, index, true)
  ioctl(fd, SIOCGIFNAME, request)
  return new TextDecoder().decode(request.subarray(0, request.indexOf(0)))
}

/**
 * Text of a socket's address: a link-local one with its interface (`fe80::1%eth0`, RFC 4007 section 11), an IPv4-mapped one as IPv4.
 * @param address a struct sockaddr_in or sockaddr_in6 of the socket `fd`
 */
export function scopedAddress(fd: number, address: Uint8Array): string {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
  if (view.getUint16(0, true) !== AF_INET6) return formatAddress(address.subarray(4, 8))
  const text = withoutMapping(formatAddress(address.subarray(8, 24)))
  const scope = view.getUint32(24, true)
  return scope === 0 ? text : `${text}%${interfaceName(fd, scope)}`
}
