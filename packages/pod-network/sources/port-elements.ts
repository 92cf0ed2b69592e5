/** What a port may send from, as the CNI plugin has written it into the port's alias, and as elements of the sets. Pure. */
import { formatAddress, parseAddress, readAddress } from '@podroute/address/address.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { Link } from '@podroute/linux/route/links.ts'

export interface PortSources {
  readonly mac: string
  /** Canonical text. */
  readonly addresses: readonly string[]
}

/** `podroute/NETWORK/CONTAINER/INTERFACE MAC,ADDRESS,…`. Without addresses the pod is from before, or wants to send from others. */
const ALIAS = /^podroute\/\S+ ((?:[0-9a-f]{2}:){5}[0-9a-f]{2}),(\S+)$/

export function sourcesOf({ kind, alias = '' }: Pick<Link, 'kind' | 'alias'>): PortSources | undefined {
  const [, mac, list] = (kind === 'veth' && ALIAS.exec(alias)) || []
  if (mac === undefined || list === undefined) return undefined
  const addresses = list.split(',')
  return addresses.every((address) => readAddress(address) !== undefined) ? { mac, addresses } : undefined
}

/** @param port its index: no other port gets it */
export function elementsOf(port: number, { mac, addresses }: PortSources): readonly SetElement[] {
  const element = (set: string, ...fields: readonly string[]): SetElement => ({
    set,
    element: [`${port}`, ...fields].join(' . '),
  })
  const v6 = [linkLocal(mac), ...addresses.filter((address) => address.includes(':'))]
  return [
    ...addresses.filter((a) => !a.includes(':')).map((address) => element('link-sources-4', mac, address)),
    ...v6.map((address) => element('link-sources-6', mac, address)),
    ...v6.map((address) =>
      element('link-targets-6', `0x${Buffer.from(parseAddress(address)).toString('hex')}`),
    ),
    // From then on the port is checked.
    element('link-macs', mac),
    element('checked-links'),
  ]
}

/** The link-local address that a host makes of its hardware address (RFC 4291, appendix A). */
function linkLocal(mac: string): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  return formatAddress(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]))
}
