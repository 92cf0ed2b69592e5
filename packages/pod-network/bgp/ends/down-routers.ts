/** Routers of the configuration that have had no session for a minute: an Event on the Node says so, once until they are back. */
import { regardingNode } from '@podroute/cluster/events/event.ts'
import type { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import { downText } from './down-text.ts'

export interface DownRoutersOptions {
  readonly nodeName: string
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Pick<Clock, 'now'>
  /** Names of those that this node peers with. */
  routers(): Iterable<string>
  isEstablished(router: string): boolean
  peers(): readonly PeerSnapshot[]
}

/** Milliseconds. */
const PATIENCE = 60_000

export class DownRouters {
  readonly #options: DownRoutersOptions
  /** Since when there is no session, and whether that was said. */
  readonly #down = new Map<string, { readonly since: number; said: boolean }>()

  constructor(options: DownRoutersOptions) {
    this.#options = options
  }

  /** Says what is due. Returns in how many milliseconds to come again; undefined: nothing waits. */
  look(): number | undefined {
    const { routers, isEstablished, clock } = this.#options
    const now = clock.now()
    const wanted = new Set(routers())
    for (const router of this.#down.keys())
      if (!wanted.has(router) || isEstablished(router)) this.#down.delete(router)
    let next = Number.POSITIVE_INFINITY
    for (const router of wanted) {
      if (isEstablished(router)) continue
      const state = this.#down.get(router) ?? { since: now, said: false }
      this.#down.set(router, state)
      if (state.said) continue
      const due = state.since + PATIENCE - now
      if (due > 0) next = Math.min(next, due)
      else {
        state.said = true
        this.#say(router)
      }
    }
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  #say(router: string): void {
    const { nodeName, events, peers } = this.#options
    const last = peers().find(({ address }) => address === router)?.lastDown
    events.record({
      ...{ regarding: regardingNode(nodeName), type: 'Warning', reason: 'RouterDown' },
      action: 'ConnectRouter',
      note: `no BGP session with the router ${router} for a minute: ${last ? downText(last) : 'it does not answer'}`,
    })
  }
}
