/**
 * Origin validation: a prefix lies in some Node's podCIDRs and the next hop is that Node's address, whoever tells it. A route costs a
 * look-up for each length that podCIDRs have, and a Node that changes costs what it has itself, however many Nodes there are.
 */
import { type Cidr, cidrOf, parseCidr } from '@podroute/address/cidr.ts'
import { type ClusterNode, sameNetwork } from '@podroute/cluster/objects/node.ts'
import { Claims } from '@podroute/reconcile/claims.ts'
import type { RouteValidator } from 'bgp-speaker-ts/config.ts'

export class PodOrigins implements RouteValidator {
  /** Who has which podCIDR, by its text: several Nodes may claim one. */
  readonly #claims: Claims<string, string, ClusterNode>
  /** How many podCIDRs there are of each family and length. */
  readonly #lengths = new Map<string, number>()
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
    const parsed = parseCidr(prefix)
    const nodes = parsed === undefined ? [] : this.#holders(parsed)
    if (nodes.length === 0) return 'outside-pod-cidrs'
    const known = nodes.some(({ addresses }) => addresses.some(({ text }) => text === nextHop))
    return known ? undefined : 'foreign-next-hop'
  }

  #holders(prefix: Cidr): ClusterNode[] {
    const holders: ClusterNode[] = []
    for (let length = 0; length <= prefix.length; length++) {
      if (!this.#lengths.has(`${prefix.family}/${length}`)) continue
      for (const { value } of this.#claims.claims(cidrOf(prefix, length).text)) holders.push(value)
    }
    return holders
  }

  #count(text: string, step: 1 | -1): void {
    const { family, length } = parseCidr(text)!
    const key = `${family}/${length}`
    const count = (this.#lengths.get(key) ?? 0) + step
    if (count === 0) this.#lengths.delete(key)
    else this.#lengths.set(key, count)
  }
}
