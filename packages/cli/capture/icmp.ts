/** What messages of ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861) say, in words. Pure. */
import { formatAddress } from '@podroute/address/address.ts'

const UNREACHABLE_4: Readonly<Record<number, string>> = {
  0: 'no route to the network',
  1: 'no route to the host',
  2: 'protocol unreachable',
  3: 'port unreachable',
  9: 'forbidden to the network',
  10: 'forbidden to the host',
  13: 'forbidden',
}
const UNREACHABLE_6: Readonly<Record<number, string>> = {
  0: 'no route',
  1: 'forbidden',
  2: 'beyond the scope of the source',
  3: 'address unreachable',
  4: 'port unreachable',
  5: 'source address refused',
  6: 'route rejects it',
}
/** Types that carry the packet that they complain of. */
const ERRORS_4 = [3, 5, 11, 12]
const ERRORS_6 = [1, 2, 3, 4]
const NEIGHBOURS: Readonly<Record<number, string>> = {
  135: 'neighbour solicitation for',
  136: 'neighbour advertisement of',
}
const OTHERS_6: Readonly<Record<number, string>> = {
  133: 'router solicitation',
  134: 'router advertisement',
  137: 'redirect',
  143: 'multicast listener report',
}

export function isError(isIpv6: boolean, bytes: Uint8Array): boolean {
  return (isIpv6 ? ERRORS_6 : ERRORS_4).includes(bytes[0] ?? -1)
}

/** @param bytes of the message */
export function icmp4Text(bytes: Uint8Array): string {
  if (bytes.length < 8) return ''
  const view = viewOf(bytes)
  const [type, code] = [bytes[0]!, bytes[1]!]
  if (type === 8 || type === 0) return echo(type === 8, view)
  if (type === 3 && code === 4) return `too large, at most ${view.getUint16(6)} bytes`
  if (type === 3) return UNREACHABLE_4[code] ?? `unreachable, code ${code}`
  if (type === 5) return `redirect to ${formatAddress(bytes.subarray(4, 8))}`
  return type === 11 ? 'went too far' : `type ${type}, code ${code}`
}

/** @param bytes of the message */
export function icmp6Text(bytes: Uint8Array): string {
  if (bytes.length < 8) return ''
  const view = viewOf(bytes)
  const [type, code] = [bytes[0]!, bytes[1]!]
  if (type === 128 || type === 129) return echo(type === 128, view)
  if (type === 1) return UNREACHABLE_6[code] ?? `unreachable, code ${code}`
  if (type === 2) return `too large, at most ${view.getUint32(4)} bytes`
  if (type === 3) return 'went too far'
  const neighbour = NEIGHBOURS[type]
  if (neighbour && bytes.length >= 24) return `${neighbour} ${formatAddress(bytes.subarray(8, 24))}`
  return OTHERS_6[type] ?? `type ${type}, code ${code}`
}

function echo(request: boolean, view: DataView): string {
  return `echo ${request ? 'request' : 'reply'} ${view.getUint16(4)}.${view.getUint16(6)}`
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
