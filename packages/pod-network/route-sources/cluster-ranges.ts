/**
 * The addresses that the cluster itself uses: what a router outside may neither hold nor cover. A Node that changes costs what its own
 * ranges cost, however many Nodes there are.
 */
import { type Cidr, cidrOf, hostCidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { Claims } from '@podroute/reconcile/claims.ts'

/** A prefix that is of several kinds is the first of these. */
const KINDS = ['cluster-cidr', 'service-cidr', 'node-address', 'pod-cidr', 'api-server'] as const
export type RangeKind = (typeof KINDS)[number]

/** The prefix lies in such a range, or it covers one. */
export type ClusterConflict = RangeKind | `covers-${RangeKind}`

export interface ClusterRange {
  readonly prefix: Cidr
  readonly kind: RangeKind
}

/** Who names ranges: a Node by its name, or a source by its kind. */
export type RangeOwner = `node/${string}` | RangeKind

export function nodeRanges(node: ClusterNode | undefined): ClusterRange[] {
  const pods = (node?.podCidrs ?? []).map((prefix): ClusterRange => ({ prefix, kind: 'pod-cidr' }))
  return [
    ...pods,
    ...hostRanges(
      (node?.addresses ?? []).map(({ text }) => text),
      'node-address',
    ),
  ]
}

export function hostRanges(addresses: readonly string[], kind: RangeKind): ClusterRange[] {
  return addresses.flatMap((address) => {
    const prefix = hostCidr(address)
    return prefix ? [{ prefix, kind }] : []
  })
}

export class ClusterRanges {
  /** By the text of the prefix. */
  readonly #claims: Claims<RangeOwner, string, ClusterRange>
  /** Every prefix once, by its first address; what covers others comes before them. */
  readonly #sorted: Entry[] = []
  /** How many prefixes there are of each family and length. */
  readonly #lengths = new Map<string, number>()

  constructor() {
    this.#claims = new Claims(
      {
        set: (_key, { prefix }, previous) => {
          if (!previous) this.#insert(prefix)
        },
        delete: (_key, { prefix }) => this.#remove(prefix),
      },
      {
        precedes: (a, b) =>
          KINDS.indexOf(a.value.kind) - KINDS.indexOf(b.value.kind) || (a.owner < b.owner ? -1 : 1),
      },
    )
  }

  /** Puts the ranges of an owner in place of those that it had. */
  replace(owner: RangeOwner, ranges: Iterable<ClusterRange>): void {
    this.#claims.replace(
      owner,
      Array.from(ranges, (range) => [range.prefix.text, range] as const),
    )
  }

  /** @param named texts of prefixes that the operator names himself; they may cover ranges, but not lie in them */
  conflict(prefix: Cidr, named: ReadonlySet<string>): ClusterConflict | undefined {
    const holder = this.#outermost(prefix)
    if (holder) return holder.kind
    // Nothing holds it: the last range that begins in it, if any does, lies in it whole.
    const { first, last } = bounds(prefix)
    const near = this.#sorted[this.#countUpTo(last, Number.POSITIVE_INFINITY) - 1]
    if (near === undefined || near.first < first || named.has(prefix.text)) return undefined
    return `covers-${(this.#outermost(near.prefix) ?? this.#claims.winner(near.prefix.text)!.value).kind}`
  }

  /** The shortest range that holds the prefix. */
  #outermost(prefix: Cidr): ClusterRange | undefined {
    for (let length = 0; length <= prefix.length; length++) {
      if (!this.#lengths.has(`${prefix.family}/${length}`)) continue
      const found = this.#claims.winner(cidrOf(prefix, length).text)
      if (found) return found.value
    }
    return undefined
  }

  #insert(prefix: Cidr): void {
    const { first } = bounds(prefix)
    this.#sorted.splice(this.#countUpTo(first, prefix.length), 0, { first, prefix })
    const key = `${prefix.family}/${prefix.length}`
    this.#lengths.set(key, (this.#lengths.get(key) ?? 0) + 1)
  }

  #remove(prefix: Cidr): void {
    const { first } = bounds(prefix)
    this.#sorted.splice(this.#countUpTo(first, prefix.length) - 1, 1)
    const key = `${prefix.family}/${prefix.length}`
    const left = this.#lengths.get(key)! - 1
    if (left === 0) this.#lengths.delete(key)
    else this.#lengths.set(key, left)
  }

  /** How many prefixes come before this first address and length, or have them. */
  #countUpTo(first: string, length: number): number {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const entry = this.#sorted[middle]!
      if (entry.first < first || (entry.first === first && entry.prefix.length <= length)) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Entry {
  /** First address as text that sorts by family, then by number. */
  readonly first: string
  readonly prefix: Cidr
}

function bounds({ family, bytes, length }: Cidr): { readonly first: string; readonly last: string } {
  const ones = bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, length - 8 * i))))
  return { first: sortable(family, bytes), last: sortable(family, ones) }
}

function sortable(family: number, bytes: Uint8Array): string {
  return family + Buffer.from(bytes).toString('hex')
}
