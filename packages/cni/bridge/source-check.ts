// sourceCheck: a container may send with its own hardware and IP addresses only. The agent has the table and its rules, of the same cost
// for any number of containers; an ADD puts the container's port and addresses into their sets before the container runs.

import { CniError, ErrorCode, failure } from '../errors.ts'
import { Netlink } from '../netlink/netlink.ts'
import { removeElements } from '../netlink/nft-elements.ts'
import { Family, Nftables } from '../netlink/nftables.ts'
import { type Bytes, bytes, bytesOf, u32 } from '../netlink/wire.ts'
import { type Address, formatAddress, isV4 } from '../protocol/address.ts'
import { type System, unless } from '../system.ts'

/** As the agent makes it (pod-network/sources/table.ts). */
const TABLE = { family: Family.bridge, name: 'podroute-ports' }
const SETS = ['link-macs', 'link-sources-4', 'link-sources-6', 'link-targets-6']
/** Ports that are checked. */
const PORTS = 'checked-links'

/** Bytes of the index of a link, with which each key begins. */
const INDEX = 4
/** No such table, or a kernel without tables of bridges. */
const WITHOUT_TABLE = ['ENOENT', 'EAFNOSUPPORT', 'EOPNOTSUPP']

/** What a container may send from. */
export interface Sources {
  readonly mac: Uint8Array
  /** The same as text. */
  readonly macText: string
  readonly addresses: readonly Address[]
}

/** The link-local address that the kernel makes of a hardware address (RFC 4291, appendix A). */
const linkLocal = (mac: Uint8Array): Bytes =>
  `\xfe\x80\0\0\0\0\0\0${bytes(mac[0]! ^ 2, mac[1]!, mac[2]!, 0xff, 0xfe, mac[3]!, mac[4]!, mac[5]!)}`

/** As the agent reads it in a port's alias: the hardware address and the others, with commas. */
export function sourcesText({ macText, addresses }: Sources): string {
  let text = macText
  for (let i = 0; i < addresses.length; i++) text += `,${formatAddress(addresses[i]!)}`
  return text
}

/** The name of each set, and the keys of the container. A link is its index, which no other one gets; fields of a key begin at multiples of four bytes. */
function elementsOf(port: number, { mac, addresses }: Sources): readonly string[][] {
  const index = u32(port)
  const from = `${index}${bytesOf(mac)}\0\0`
  const local = linkLocal(mac)
  const v4 = ['link-sources-4']
  const v6 = ['link-sources-6', from + local]
  const targets = ['link-targets-6', index + local]
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i]!
    const text = bytesOf(address)
    if (isV4(address)) v4.push(from + text)
    else {
      v6.push(from + text)
      targets.push(index + text)
    }
  }
  const macs = ['link-macs', from]
  // From the last one on the port is checked.
  const ports = [PORTS, index]
  return v4.length === 1 ? [v6, targets, macs, ports] : [v4, v6, targets, macs, ports]
}

/** False where there is no table. */
function put(system: System, elements: readonly string[][]): boolean {
  const done = () => {
    system.addElements(TABLE.family, TABLE.name, elements)
    return true
  }
  return unless(WITHOUT_TABLE, done) ?? false
}

/** @param strict whether the container must not start without: else the agent, which makes the table, finds the port by its alias */
export function setSources(system: System, port: number, sources: Sources, strict: boolean): void {
  if (put(system, elementsOf(port, sources)) || !strict) return
  throw new CniError(
    ErrorCode.tryAgainLater,
    'sourceCheck is strict, and there is no table of the addresses of ports that is of this version: the podroute agent makes it when it starts, a moment after an upgrade of the plugins, and the kubelet tries again by itself. The kernel has to have CONFIG_NF_TABLES_BRIDGE',
  )
}

export function removeSources(system: System, port: number, sources: Sources): void {
  const elements = elementsOf(port, sources)
  // A transaction that is refused takes the kernel 12 ms: first whether there is a table.
  if (!put(system, elements)) return
  const removed = elements.flatMap(([set, ...keys]) => removeElements(TABLE, { set: set!, keys }))
  unless(WITHOUT_TABLE, () => new Nftables(system).run(removed))
}

/**
 * So many ports may be gone before a DEL removes their elements: to free them takes the kernel 8 ms. Where the agent runs it has removed them
 * already; left behind they do no harm, as no port gets the index of another.
 */
export const MOST_GONE = 16

const numberOf = (index: Bytes) =>
  index.charCodeAt(0) | (index.charCodeAt(1) << 8) | (index.charCodeAt(2) << 16) | (index.charCodeAt(3) << 24)

/** Removes the elements of ports that are gone, whoever removed these. @param most unless there are no more than these */
export function collectSources(system: System, most = 0): void {
  const nft = new Nftables(system)
  const host = new Netlink(system)
  const listed = unless(WITHOUT_TABLE, () => nft.elements(TABLE, PORTS)) ?? []
  const gone = new Set(listed.filter((index) => host.nameOf(numberOf(index)) === undefined))
  if (gone.size <= most) return
  const stale = SETS.map((set) => ({
    set,
    keys: nft.elements(TABLE, set).filter((key) => gone.has(key.slice(0, INDEX))),
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
