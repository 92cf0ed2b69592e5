/** Which node this one hands connections on to that it does not know, as tables of nftables: none while no other node is left. */
import { FAMILIES, type Family, familyOf } from '@podroute/address/address.ts'
import { containsAddress } from '@podroute/address/cidr.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Store } from '@podroute/feature/feature.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { InterfaceState } from '../bridge/host-interfaces.ts'
import type { PlanKey } from '../keys.ts'
import type { PodNetworkSettings } from '../settings.ts'
import type { NamedTimers } from '../timers.ts'
import { type KeptLeftNodes, LeftNodes } from './left-nodes.ts'
import { handoverTable } from './table.ts'

export interface HandoverOptions {
  readonly nodeName: string
  readonly keptLeftNodes: Store<KeptLeftNodes>
  readonly clock: Pick<Clock, 'now'>
  readonly timers: NamedTimers
  settings(): Pick<PodNetworkSettings, 'drain' | 'bridge'>
  interfaces(): Pick<InterfaceState, 'connected' | 'addresses'>
  /** The key is to be planned again. */
  mark(key: PlanKey): void
}

interface HandoverTable {
  set(key: typeof TABLE, table: NftTable): void
  delete(key: typeof TABLE): void
}

interface Planned {
  readonly node: string
  readonly table: NftTable
}

export class Handover {
  readonly #options: HandoverOptions
  readonly #tables: Readonly<Record<Family, HandoverTable>>
  readonly #left: LeftNodes
  #to: readonly string[] = []

  constructor(options: HandoverOptions, tables: Readonly<Record<Family, HandoverTable>>) {
    this.#options = options
    this.#tables = tables
    this.#left = new LeftNodes(options.keptLeftNodes)
  }

  /** Names of the nodes that connections are handed on to: one of each family at most. */
  get to(): readonly string[] {
    return this.#to
  }

  /** @param node undefined: it is gone @param refused addresses that are not taken for its own */
  nodeChanged(
    name: string,
    node: ClusterNode | undefined,
    refused: readonly { readonly address: string }[],
  ): void {
    const isRefused = (text: string) => refused.some(({ address }) => address === text)
    const reached =
      node && refused.length > 0
        ? { ...node, addresses: node.addresses.filter(({ text }) => !isRefused(text)) }
        : node
    this.#left.set(name, reached, this.#options.settings().drain, this.#options.clock.now())
  }

  /** After keys were planned. Costs nothing while no node is left. @param served addresses of Services that are this node's to announce */
  plan(served: () => readonly string[]): void {
    this.#expire()
    const candidates = this.#left.size === 0 ? [] : this.#left.after(this.#options.nodeName)
    const addresses = candidates.length === 0 ? [] : served()
    const planned = new Set<string>()
    for (const family of FAMILIES) {
      const found = this.#planFamily(family, candidates, addresses)
      if (found) this.#tables[family].set(TABLE, found.table)
      else this.#tables[family].delete(TABLE)
      if (found) planned.add(found.node)
    }
    this.#to = [...planned]
  }

  /** To a node on a network of this one: a router would lead back what is sent by it. */
  #planFamily(
    family: Family,
    candidates: readonly ClusterNode[],
    served: readonly string[],
  ): Planned | undefined {
    const addresses = served.filter((address) => familyOf(address) === family).sort()
    if (addresses.length === 0) return undefined
    const { connected, addresses: own } = this.#options.interfaces()
    for (const node of candidates) {
      const to = primaryAddress(node, family)
      if (to === undefined || own.includes(to)) continue
      if (!connected.some((network) => containsAddress(network, to))) continue
      const { bridge } = this.#options.settings()
      return { node: node.name, table: handoverTable(family, { addresses, to, bridge }) }
    }
    return undefined
  }

  #expire(): void {
    const { clock, timers, mark } = this.#options
    const now = clock.now()
    const next = this.#left.expire(now)
    if (next !== undefined) timers.after('handover', next - now, () => mark('local'))
  }
}
