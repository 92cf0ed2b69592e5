/**
 * Origin validation: a prefix lies in some Node's podCIDRs and the next hop is that Node's address, whoever tells it. A route costs a
 * look-up for each length that podCIDRs have, and a Node that changes costs what it has itself, however many Nodes there are.
 */
import { type Family, familyOf } from '@podroute/address/address.ts'
import { cidrOf, parseCidr } from '@podroute/address/cidr.ts'
import { type ClusterNode, sameNetwork } from '@podroute/cluster/objects/node.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import type { RouteValidator } from 'bgp-speaker-ts/config.ts'

export class PodOrigins implements RouteValidator {
  /** Who has which podCIDR, by its text: several Nodes may claim one. */
  readonly #claims: Claims<string, string, ClusterNode>
  /** How many podCIDRs there are of each length. */
  readonly #lengths: Readonly<Record<Family, Map<number, number>>> = { 4: new Map(), 6: new Map() }
  readonly #nodes = new Map<string, ClusterNode>()

  constructor() {
    this.#claims = new Claims<string, string, ClusterNode>({
      set: (text, _node, previous) => {
        if (!previous) this.#count(text, 1)
      },
      delete: (text) => this.#count(text, -1),
    })
  }

  /** Returns the prefixes in which routes may be judged otherwise now. @param node undefined: it is gone */
  replace(name: string, node: ClusterNode | undefined): string[] {
    const before = this.#nodes.get(name)
    if (before && node && sameNetwork(before, node)) return []
    if (node) this.#nodes.set(name, node)
    else this.#nodes.delete(name)
    const prefixes = node?.podCidrs.map(({ text }) => text) ?? []
    this.#claims.replace(
      name,
      prefixes.map((text) => [text, node!] as const),
    )
    return [...new Set([...prefixes, ...(before?.podCidrs.map(({ text }) => text) ?? [])])]
  }

  refuse(prefix: string, nextHop: string): string | undefined {
    const own = lengthOf(prefix)
    let held = false
    for (const length of this.#lengths[familyOf(prefix)].keys()) {
      if (length > own) continue
      // Nearly every route is a podCIDR itself: it is looked up as it is. A reflector tells each client of all nodes.
      const range = length === own ? prefix : rangeOf(prefix, length)
      for (const { value } of this.#claims.claims(range)) {
        if (value.addresses.some(({ text }) => text === nextHop)) return undefined
        held = true
      }
    }
    return held ? 'foreign-next-hop' : 'outside-pod-cidrs'
  }

  #count(text: string, step: 1 | -1): void {
    const lengths = this.#lengths[familyOf(text)]
    const length = lengthOf(text)
    const count = (lengths.get(length) ?? 0) + step
    if (count === 0) lengths.delete(length)
    else lengths.set(length, count)
  }
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1))
}

/** The prefix of this length that holds another one; as long as that is no prefix: itself. */
function rangeOf(prefix: string, length: number): string {
  const parsed = parseCidr(prefix)
  return parsed ? cidrOf(parsed, length).text : prefix
}
