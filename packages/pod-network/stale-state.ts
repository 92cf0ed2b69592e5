/** What an earlier run left on the node: routes to pods stay until they are announced again, all else until everybody has spoken. */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { ClusterNodes } from './nodes/cluster-nodes.ts'
import type { BgpRoutes } from './route-sources/bgp.ts'
import type { PodNetworkTables } from './tables.ts'

export interface StaleStateOptions {
  readonly tables: Pick<PodNetworkTables, 'addresses' | 'masquerade' | 'routes' | 'discards' | 'formerRules'>
  readonly nodes: ClusterNodes
  readonly bgpRoutes: BgpRoutes
  readonly log: Logger
  /** The bridge is ours; else what it has is another one's. */
  readonly cni: boolean
}

export class StaleState {
  readonly #options: StaleStateOptions
  #swept = false

  constructor(options: StaleStateOptions) {
    this.#options = options
  }

  get swept(): boolean {
    return this.#swept
  }

  /** A Node's routes stay until it has had the time to announce them again. */
  retainRoutes(): void {
    const { tables, nodes, bgpRoutes } = this.#options
    for (const node of nodes.values()) {
      for (const prefix of node.podCidrs) {
        const route = tables.routes.acknowledged(prefix.text)
        if (route && gatewaysOf(route).every(leadsTo(node, nodes))) bgpRoutes.retainAdopted(route)
      }
    }
  }

  /** Removes what nobody wants. Without its fields nothing is wanted yet of what the pods of this node need. */
  sweep(local: ClusterNode): void {
    if (this.#swept || local.podCidrs.length === 0 || local.addresses.length === 0) return
    this.#swept = true
    const { addresses, masquerade, routes, discards, formerRules } = this.#options.tables
    const ofBridge = this.#options.cni ? [addresses] : []
    const swept = [...ofBridge, masquerade, routes, discards, formerRules].map((table) => table.sweep())
    const count = swept.reduce((sum, each) => sum + each)
    if (count > 0) this.#options.log.info('stale state of an earlier run is removed', { count })
  }
}

/** A Node is its own next hop, or a router is that leads to it; another Node is none. */
function leadsTo(node: ClusterNode, nodes: Pick<ClusterNodes, 'withAddress'>): (gateway: string) => boolean {
  return (gateway) =>
    nodes.withAddress(gateway) === undefined || node.addresses.some(({ text }) => text === gateway)
}
