/** What the pod network knows about its own progress: the conditions, and what is said while it waits. */
import type { Condition } from '@podroute/feature/condition.ts'
import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { BgpTables } from '../bgp/tables.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { Routing } from '../settings.ts'
import type { PodNetworkTables } from '../tables.ts'
import { allConditions, conditionsBeforeConflist, type Facts, type TableState } from './conditions.ts'
import { blockingReadiness, missingEndOfRib, type Sessions } from './expected-peers.ts'

export interface ReadinessSources {
  readonly nodeName: string
  readonly nodes: ClusterNodes
  nodeAddressTypes(): readonly string[]
  routing(): Routing
  /** The pods hang on a bridge of ours. */
  readonly cni: boolean
  /** Routers outside of the cluster, by the speaker's name of each. */
  routers(): ReadonlySet<string>
  readonly tables: Pick<
    PodNetworkTables & BgpTables,
    | 'bridge'
    | 'addresses'
    | 'masquerade'
    | 'rules'
    | 'sourceRules'
    | 'sources'
    | 'routes'
    | 'conflist'
    | 'peers'
    | 'instance'
  >
  readonly sessions: Sessions
  readonly log: Logger
  /** What other features lack before pods may start; undefined: nothing. */
  podGate(): string | undefined
}

export class Readiness {
  readonly #sources: ReadinessSources
  /** Every Node has been told at least once. */
  nodesSynced = false
  /** Nobody is waited for any more: the time for that is over, or all have sent End-of-RIB. */
  deadlinePassed = false
  #logged = ''

  constructor(sources: ReadinessSources) {
    this.#sources = sources
  }

  conditions(): readonly Condition[] {
    return allConditions(this.#facts())
  }

  /** Whether all holds but for the CNI configuration, which tells the world. */
  get mayTakePods(): boolean {
    return conditionsBeforeConflist(this.#facts()).every((condition) => condition.ok)
  }

  /** Whether every peer that should answer has sent End-of-RIB, or has had the time to. */
  get endOfRibComplete(): boolean {
    return this.#waitFor(missingEndOfRib).length === 0
  }

  /** Logs what is missing of this node's own Node, once per reason. */
  logWaiting(): void {
    const problem = conditionsBeforeConflist(this.#facts()).find((condition) => !condition.ok)
    const detail = problem?.name === 'node' && this.nodesSynced ? problem.detail : ''
    if (detail !== '' && detail !== this.#logged) this.#sources.log.warn('waiting', { for: detail })
    this.#logged = detail
  }

  #waitFor(which: typeof missingEndOfRib): string[] {
    const { tables, nodes, routers, sessions } = this.#sources
    return this.deadlinePassed
      ? []
      : which({ planned: tables.peers.desired(), routers: routers() }, nodes, sessions)
  }

  #facts(): Facts {
    const { nodeName, nodes, tables, nodeAddressTypes, routing, cni, podGate } = this.#sources
    return {
      nodeName,
      routing: routing(),
      cni,
      nodeAddressTypes: nodeAddressTypes(),
      nodesSynced: this.nodesSynced,
      local: nodes.reported(nodeName),
      instance: stateOf(tables.instance),
      bridge: stateOf(tables.bridge),
      addresses: stateOf(tables.addresses),
      masquerade: stateOf(tables.masquerade),
      rules: stateOf(tables.rules),
      sourceRules: stateOf(tables.sourceRules),
      sources: stateOf(tables.sources),
      blockingPeers: this.#waitFor(blockingReadiness),
      podGate: podGate(),
      failingRoutes: [...tables.routes.failures()].map(([destination, error]) => ({
        destination,
        gateways: gatewaysOf(tables.routes.get(destination) ?? {}),
        error,
      })),
      conflist: stateOf(tables.conflist),
    }
  }
}

function stateOf(table: Pick<Table<string, unknown>, 'stats' | 'failures'>): TableState {
  const [first] = table.failures()
  return { ...table.stats, error: first?.[1].message }
}
