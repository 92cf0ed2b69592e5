/** What the pod network knows about its own progress: the conditions, and what is said while it waits. */
import type { Logger } from '@podroute/reconcile/log.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { PodNetworkTables } from '../tables.ts'
import {
  allConditions,
  type Condition,
  conditionsBeforeConflist,
  type Facts,
  type TableState,
} from './conditions.ts'
import { awaited, type Sessions, untold } from './expected-peers.ts'

export interface ReadinessSources {
  readonly nodeName: string
  readonly nodes: ClusterNodes
  /** Routers outside of the cluster, by the speaker's name of each. */
  routers(): ReadonlySet<string>
  readonly tables: Pick<
    PodNetworkTables,
    'bridge' | 'addresses' | 'masquerade' | 'masqueradeChain' | 'conflist' | 'peers'
  >
  readonly sessions: Sessions & { readonly problem: string | undefined }
  readonly log: Logger
  /** What other features lack before pods may start; undefined: nothing. */
  podGate(): string | undefined
}

export class Readiness {
  readonly #sources: ReadinessSources
  /** Every Node has been told at least once. */
  nodesSynced = false
  /** Nobody is waited for any more: the deadline has passed, or all have been heard. */
  patienceOver = false
  #said = ''

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

  /** Whether every peer that should answer has told all it has, or has had the time to. */
  get allHeard(): boolean {
    return this.#waitFor(untold).length === 0
  }

  /** Says what is missing of this node's own Node, once per reason. */
  sayWaiting(): void {
    const problem = conditionsBeforeConflist(this.#facts()).find((condition) => !condition.ok)
    const detail = problem?.name === 'node' && this.nodesSynced ? problem.detail : ''
    if (detail !== '' && detail !== this.#said) this.#sources.log.warn('waiting', { for: detail })
    this.#said = detail
  }

  #waitFor(which: typeof awaited): string[] {
    const { tables, nodes, routers, sessions } = this.#sources
    return this.patienceOver
      ? []
      : which({ planned: tables.peers.desired(), routers: routers() }, nodes, sessions)
  }

  #facts(): Facts {
    const { nodeName, nodes, tables, sessions, podGate } = this.#sources
    return {
      nodeName,
      nodesSynced: this.nodesSynced,
      local: nodes.reported(nodeName),
      speakerProblem: sessions.problem,
      bridge: stateOf(tables.bridge),
      addresses: stateOf(tables.addresses),
      masquerade: stateOf(tables.masquerade),
      masqueradeChain: stateOf(tables.masqueradeChain),
      awaitedPeers: this.#waitFor(awaited),
      podGate: podGate(),
      conflist: stateOf(tables.conflist),
    }
  }
}

function stateOf(table: Pick<Table<string, unknown>, 'stats' | 'failures'>): TableState {
  const [first] = table.failures()
  return { ...table.stats, error: first?.[1].message }
}
