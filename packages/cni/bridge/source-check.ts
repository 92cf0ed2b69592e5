// sourceCheck: a container may send with its own hardware and IP addresses only. The agent has the table and its rules, of the same cost
// for any number of containers; an ADD puts the container's port and addresses into their sets before the container runs.

import { CniError, ErrorCode, failure } from '../errors.ts'
import { Netlink } from '../netlink/netlink.ts'
import { addElements, removeElements, type SetKeys } from '../netlink/nft-elements.ts'
import { Family, Nftables } from '../netlink/nftables.ts'
import { type Bytes, bytes, bytesOf, type Request } from '../netlink/wire.ts'
import { type Address, formatAddress, formatMac, isV4 } from '../protocol/address.ts'
import { type System, unless } from '../system.ts'

/** As the agent makes it (pod-network/sources/table.ts). */
const TABLE = { family: Family.bridge, name: 'podroute-ports' }
const SETS = ['port-macs', 'sources-4', 'sources-6', 'targets-6']
/** Ports that are checked. */
const PORTS = 'checked-ports'

const IFNAMSIZ = 16
/** No such table, or a kernel without tables of bridges. */
const WITHOUT_TABLE = ['ENOENT', 'EAFNOSUPPORT', 'EOPNOTSUPP']

/** What a container may send from. */
export interface Sources {
  readonly mac: Uint8Array
  readonly addresses: readonly Address[]
}

/** The link-local address that the kernel makes of a hardware address (RFC 4291, appendix A). */
function linkLocal(mac: Uint8Array): Address {
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number]
  return Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/** As the agent reads it in a port's alias: the hardware address and the others, with commas. */
export const sourcesText = ({ mac, addresses }: Sources): string =>
  [formatMac(mac), ...addresses.map(formatAddress)].join()

const nameOf = (port: string): Bytes => port.padEnd(IFNAMSIZ, '\0')

/** Fields of a key begin at multiples of four bytes. */
function keysOf(port: string, { mac, addresses }: Sources): SetKeys[] {
  const name = nameOf(port)
  const from = name + bytesOf(mac) + bytes(0, 0)
  const v4 = addresses.filter(isV4).map(bytesOf)
  const v6 = [linkLocal(mac), ...addresses.filter((address) => !isV4(address))].map(bytesOf)
  return [
    ...(v4.length === 0 ? [] : [{ set: 'sources-4', keys: v4.map((address) => from + address) }]),
    { set: 'sources-6', keys: v6.map((address) => from + address) },
    { set: 'targets-6', keys: v6.map((address) => name + address) },
    { set: 'port-macs', keys: [from] },
    { set: PORTS, keys: [name] },
  ]
}

/** False where there is no table. That is asked first: a transaction that is refused takes the kernel 12 ms, the question 0.02 ms. */
function change(system: System, requests: () => Request[]): boolean {
  const run = () => {
    const nft = new Nftables(system)
    nft.findSet(TABLE, PORTS)
    nft.run(requests())
    return true
  }
  return unless(WITHOUT_TABLE, run) ?? false
}

/** @param strict whether the container must not start without: else the agent, which makes the table, finds the port by its alias */
export function setSources(system: System, port: string, sources: Sources, strict: boolean): void {
  if (change(system, () => keysOf(port, sources).map((keys) => addElements(TABLE, keys))) || !strict) return
  throw new CniError(
    ErrorCode.tryAgainLater,
    'sourceCheck is strict, and there is no table of the addresses of ports: the podroute agent makes it when it starts, where the kernel has CONFIG_NF_TABLES_BRIDGE',
  )
}

export function removeSources(system: System, port: string, sources: Sources): void {
  change(system, () => keysOf(port, sources).flatMap((keys) => removeElements(TABLE, keys)))
}

/**
 * So many ports may be gone before a DEL removes their elements: to free them takes the kernel 8 ms. Where the agent runs it has removed them
 * already; left behind they do no harm, as no port gets the name of another.
 */
export const MOST_GONE = 16

/** Removes the elements of ports that are gone, whoever removed these. @param most unless there are no more than these */
export function collectSources(system: System, most = 0): void {
  const nft = new Nftables(system)
  const host = new Netlink(system)
  const listed = unless(WITHOUT_TABLE, () => nft.elements(TABLE, PORTS)) ?? []
  const gone = new Set(listed.filter((name) => host.find(name.split('\0', 1)[0]!) === undefined))
  if (gone.size <= most) return
  const stale = SETS.map((set) => ({
    set,
    keys: nft.elements(TABLE, set).filter((key) => gone.has(key.slice(0, IFNAMSIZ))),
  }))
  const all = [...stale.filter(({ keys }) => keys.length > 0), { set: PORTS, keys: [...gone] }]
  unless(WITHOUT_TABLE, () => nft.run(all.flatMap((keys) => removeElements(TABLE, keys))))
}

/** Of an ADD, where the addresses are known. @throws CniError in strict mode when they are not */
export function checkKnown(addresses: readonly Address[], strict: boolean): boolean {
  if (addresses.length === 0 && strict)
    throw failure('sourceCheck is strict: without addresses of an IPAM plugin there is nothing to check')
  return addresses.length > 0
}
