/** The addresses that the cluster itself uses: what a router outside may neither hold nor cover. */
import { type Cidr, hostCidr } from '@podroute/address/cidr.ts'
import { outermost } from '@podroute/address/outermost.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'

export type RangeKind = 'pod-cidr' | 'cluster-cidr' | 'service-cidr' | 'node-address' | 'api-server'

/** The prefix lies in such a range, or it covers one. */
export type ClusterConflict = RangeKind | `covers-${RangeKind}`

export interface ClusterRange {
  readonly prefix: Cidr
  readonly kind: RangeKind
}

export interface RangeSources {
  /** Ranges that the podCIDRs of Nodes are taken from. */
  readonly clusterCidrs: readonly Cidr[]
  readonly serviceCidrs: readonly Cidr[]
  readonly apiServers: readonly string[]
}

export function* clusterRanges(nodes: Iterable<ClusterNode>, sources: RangeSources): Iterable<ClusterRange> {
  for (const address of sources.apiServers) yield* hostRange(address, 'api-server')
  for (const node of nodes) {
    for (const prefix of node.podCidrs) yield { prefix, kind: 'pod-cidr' }
    for (const { text } of node.addresses) yield* hostRange(text, 'node-address')
  }
  for (const prefix of sources.serviceCidrs) yield { prefix, kind: 'service-cidr' }
  for (const prefix of sources.clusterCidrs) yield { prefix, kind: 'cluster-cidr' }
}

/** Sorted when it is asked first: without routers outside nobody asks. */
export class ClusterRanges {
  readonly #ranges: Iterable<ClusterRange>
  readonly #named: ReadonlySet<string>
  #sorted: readonly Interval[] | undefined

  /** `named`: prefixes that the operator names himself; they may cover ranges, but not lie in them. */
  constructor(ranges: Iterable<ClusterRange>, named: Iterable<Cidr>) {
    this.#ranges = ranges
    this.#named = new Set([...named].map(({ text }) => text))
  }

  conflict(prefix: Cidr): ClusterConflict | undefined {
    this.#sorted ??= intervals(this.#ranges)
    const { first, last } = bounds(prefix)
    // Outermost ranges never overlap: only the last one that begins at or before the prefix's end can touch it.
    const near = this.#sorted[countUpTo(this.#sorted, last) - 1]
    if (near === undefined || near.last < first) return undefined
    if (near.length <= prefix.length) return near.kind
    return this.#named.has(prefix.text) ? undefined : `covers-${near.kind}`
  }
}

interface Interval {
  /** First and last address as text that sorts by family, then by number. */
  readonly first: string
  readonly last: string
  readonly length: number
  readonly kind: RangeKind
}

function intervals(ranges: Iterable<ClusterRange>): Interval[] {
  return outermost(ranges, ({ prefix }) => prefix.text)
    .map(({ prefix, kind }) => ({ ...bounds(prefix), length: prefix.length, kind }))
    .sort((a, b) => (a.first < b.first ? -1 : 1))
}

/** How many begin at or before `last`. */
function countUpTo(sorted: readonly Interval[], last: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.first <= last) low = middle + 1
    else high = middle
  }
  return low
}

function bounds({ family, bytes, length }: Cidr): { readonly first: string; readonly last: string } {
  const ones = bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, length - 8 * i))))
  return { first: sortable(family, bytes), last: sortable(family, ones) }
}

function sortable(family: number, bytes: Uint8Array): string {
  return family + Buffer.from(bytes).toString('hex')
}

function* hostRange(address: string, kind: RangeKind): Iterable<ClusterRange> {
  const prefix = hostCidr(address)
  if (prefix) yield { prefix, kind }
}
