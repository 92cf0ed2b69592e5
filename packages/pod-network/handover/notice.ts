/**
 * When routers hear that this node is to be left: the other nodes hear it of the API server at the same time, and have to be ready to hand
 * its connections on before a router leads the first one to them.
 */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import { peerKey } from '../bgp/peer-key.ts'
import type { PlanKey } from '../keys.ts'
import { nodeDrain } from '../nodes/node-drain.ts'
import type { PodNetworkSettings } from '../settings.ts'
import type { NamedTimers } from '../timers.ts'

/** Milliseconds for the other agents to hear of it and to write their rules; one whose node is busy may take longer than a second. */
export const NOTICE = 3000

export interface NoticeOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly timers: NamedTimers
  settings(): Pick<PodNetworkSettings, 'drain' | 'externalPeers'>
  /** The key is to be planned again. */
  mark(key: PlanKey): void
}

export class Notice {
  readonly #options: NoticeOptions
  /** Clock time from which on routers are told; undefined: the node stays. */
  #from: number | undefined
  #begun = false

  constructor(options: NoticeOptions) {
    this.#options = options
  }

  /** Why this node is to be left, once routers are told. An agent that starts so tells them at once: one before it may have. */
  told(local: ClusterNode): string | undefined {
    const { clock, timers, settings } = this.#options
    const now = clock.now()
    const reason = nodeDrain(local, settings().drain)
    const wait = this.#begun ? NOTICE : 0
    this.#begun = true
    this.#from = reason === undefined ? undefined : (this.#from ?? now + wait)
    if (this.#from === undefined || this.#from <= now) return reason
    timers.after('notice', this.#from - now, () => this.#due())
    return undefined
  }

  #due(): void {
    const { settings, mark } = this.#options
    mark('local')
    for (const router of settings().externalPeers) mark(`router/${peerKey(router)}`)
  }
}
