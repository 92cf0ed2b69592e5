/** The BGP identifier of a node without an IPv4 address (RFC 6286): any number that is unique in the AS. */
import { canonicalAddress } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'

/** Identifiers of RFC 4271 are addresses of hosts, and routers refuse others: not 0/8, 127/8, nor from 224/3 on. */
const FIRST = 1 << 24
const LAST = 223 * 2 ** 24 + 0xffffff
const LOOPBACK = 127

type Node = Pick<ClusterNode, 'name' | 'addresses'>

/**
 * By the address of the node, so that it is the same in every run. Of two nodes with one identifier that of the greater name moves on:
 * an internal peer would be refused, and a reflector's routes dropped, for an identifier that is the own one.
 * @param others all Nodes, this one may be among them
 */
export function routerIdOf(node: Node, others: Iterable<Node>): string {
  const taken = new Set<number>()
  for (const other of others) {
    const ipv4 = primaryAddress(other as ClusterNode, 4)
    if (ipv4 !== undefined) taken.add(numberOf(ipv4))
    else if (other.name < node.name) taken.add(hashed(seedOf(other)))
  }
  const seed = seedOf(node)
  for (let attempt = 0; ; attempt++) {
    const id = hashed(attempt === 0 ? seed : `${seed}#${attempt}`)
    if (!taken.has(id)) return formatted(id)
  }
}

function seedOf({ name, addresses }: Node): string {
  const address = addresses[0]?.text
  return address === undefined ? name : (canonicalAddress(address) ?? address)
}

/** FNV-1a, in the range that every router takes. */
function hashed(text: string): number {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  const id = FIRST + (hash % (LAST - FIRST + 1))
  return id >>> 24 === LOOPBACK ? id + 2 ** 24 : id
}

function numberOf(ipv4: string): number {
  return ipv4.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function formatted(id: number): string {
  return [24, 16, 8, 0].map((shift) => (id >>> shift) & 255).join('.')
}
