/** Addresses in netlink's attributes. */
import { formatAddress } from '@podroute/address/address.ts'
import { WireError } from './wire.ts'

/** The text of an IPv4 or IPv6 address. @throws WireError for another length */
export function readIp(bytes: Uint8Array): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw new WireError(`an address of ${bytes.length} bytes`)
  return formatAddress(bytes)
}
