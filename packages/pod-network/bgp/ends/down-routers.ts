/**
 * Routers of the configuration that have had no session for a minute, or none that lasted: an Event on the Node says so, once until they
 * are back.
 */
import { regardingNode } from '@podroute/cluster/events/event.ts'
import type { EventRecorder } from '@podroute/cluster/events/recorder.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { PeerSnapshot } from 'bgp-speaker-ts/snapshot.ts'
import { whyLost, whyNone } from './down-text.ts'

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
/** A session that lasts so long is one. */
const STEADY = 20_000

interface Down {
  /** When the first session was lost. */
  readonly since: number
  /** When the session that there is came up; undefined: there is none. */
  up: number | undefined
  /** Sessions that did not last. */
  lost: number
  said: boolean
}

export class DownRouters {
  readonly #options: DownRoutersOptions
  /** Those that have no session, or none that has lasted yet. */
  readonly #down = new Map<string, Down>()

  constructor(options: DownRoutersOptions) {
    this.#options = options
  }

  /** Says what is due. Returns in how many milliseconds to come again; undefined: nothing waits. */
  look(): number | undefined {
    const { routers, clock } = this.#options
    const now = clock.now()
    const wanted = new Set(routers())
    for (const router of this.#down.keys()) if (!wanted.has(router)) this.#down.delete(router)
    let next = Number.POSITIVE_INFINITY
    for (const router of wanted) {
      const state = this.#stateOf(router, now)
      if (state === undefined) continue
      if (state.up !== undefined) next = Math.min(next, state.up + STEADY - now)
      else if (!state.said) next = Math.min(next, this.#wait(router, state, now))
    }
    return next === Number.POSITIVE_INFINITY ? undefined : next
  }

  /** Undefined: there is a session that lasts. */
  #stateOf(router: string, now: number): Down | undefined {
    const known = this.#down.get(router)
    if (this.#options.isEstablished(router)) {
      if (known === undefined) return undefined
      known.up ??= now
      if (now - known.up < STEADY) return known
      this.#down.delete(router)
      return undefined
    }
    const state = known ?? { since: now, up: undefined, lost: 0, said: false }
    if (state.up !== undefined) state.lost++
    state.up = undefined
    this.#down.set(router, state)
    return state
  }

  /** Says it when it is due; else in how many milliseconds it is. */
  #wait(router: string, state: Down, now: number): number {
    const due = state.since + PATIENCE - now
    if (due > 0) return due
    state.said = true
    this.#say(router, state)
    return Number.POSITIVE_INFINITY
  }

  #say(router: string, { lost }: Down): void {
    const { nodeName, events, peers } = this.#options
    const last = peers().find(({ address }) => address === router)?.lastDown
    events.record({
      ...{ regarding: regardingNode(nodeName), type: 'Warning', reason: 'RouterDown' },
      action: 'ConnectRouter',
      note:
        lost > 0
          ? `no BGP session with the router ${router} lasts, ${lost} were lost within a minute: ${last ? whyLost(last) : 'unknown'}`
          : `no BGP session with the router ${router} for a minute: ${last ? whyNone(last) : 'it does not answer'}`,
    })
  }
}
