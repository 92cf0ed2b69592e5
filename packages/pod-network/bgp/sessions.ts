/** The BGP sessions of this node: which are established, and what their peers have still to tell. */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { PeerEvent, PeerSnapshot, RejectEvent, RejectedPath } from 'bgp-speaker-ts/snapshot.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { SessionLog } from './session-log.ts'

export interface BgpSessionsOptions {
  readonly log: Logger
  readonly clock: Pick<Clock, 'after'>
  /** Undefined while there is none. */
  speaker(): Speaker | undefined
  /** Name of the Node at an address; undefined where no Node has it. */
  nodeAt(peer: string): string | undefined
  /** A session came up, went down, or its peer has told all it has. */
  changed(event: PeerEvent): void
}

/** Rejected announcements are logged once each, up to so many. */
const MAX_REJECTS_LOGGED = 1000

export class BgpSessions {
  readonly #options: BgpSessionsOptions
  /** Families whose End-of-RIB is still to come, for each established session. */
  readonly #established = new Map<string, Set<string>>()
  readonly #rejectsLogged = new Set<string>()
  readonly #log: SessionLog

  constructor(options: BgpSessionsOptions) {
    this.#options = options
    const { log, clock } = options
    this.#log = new SessionLog({ log, clock, established: () => this.#established.size })
  }

  isEstablished(peer: string): boolean {
    return this.#established.has(peer)
  }

  /** Whether the session is up and the peer has sent End-of-RIB (RFC 4724) for each of its families. */
  hasEndOfRib(peer: string): boolean {
    return this.#established.get(peer)?.size === 0
  }

  peers(): readonly PeerSnapshot[] {
    return this.#options.speaker()?.peers() ?? []
  }

  /** What the sessions' import policies keep out. */
  rejected(): Iterable<RejectedPath> {
    return this.#options.speaker()?.rejected() ?? []
  }

  follow(speaker: Speaker): void {
    speaker.on('peer', (event) => this.#changed(event))
    speaker.on('reject', (event) => this.#rejected(event))
  }

  /** All sessions are gone with their speaker. */
  clear(): void {
    this.#established.clear()
    this.#log[Symbol.dispose]()
  }

  #changed(event: PeerEvent): void {
    const { log } = this.#options
    switch (event.kind) {
      case 'established':
        this.#established.set(event.peer, new Set(event.families))
        this.#log.up({
          ...this.#named(event.peer),
          routerId: event.routerId,
          families: event.families,
        })
        break
      case 'down':
        this.#established.delete(event.peer)
        this.#log.down({ ...this.#named(event.peer), reason: event.reason })
        break
      case 'end-of-rib':
        this.#established.get(event.peer)?.delete(event.family)
        break
      case 'near-prefix-limit':
        log.warn('a peer announces nearly as many prefixes as it may: see maxPrefixes', {
          peer: event.peer,
          family: event.family,
          limit: event.limit,
        })
        break
      case 'state':
        break
    }
    this.#options.changed(event)
  }

  /** The address of a peer, and its Node where that is known. */
  #named(peer: string) {
    const node = this.#options.nodeAt(peer)
    return node === undefined ? { peer } : { peer, node }
  }

  #rejected(event: RejectEvent): void {
    const key = `${event.peer} ${event.direction} ${event.prefix} ${event.reason}`
    if (event.direction === 'export' || this.#rejectsLogged.has(key)) return
    if (this.#rejectsLogged.size >= MAX_REJECTS_LOGGED) return
    this.#rejectsLogged.add(key)
    const { peer, prefix, reason } = event
    // A router that serves several nodes tells each of them about the others, and about itself; and what nobody asked it for.
    const level = reason === 'as-loop' || reason === 'not-accepted' ? 'debug' : 'warn'
    this.#options.log[level]('announcement rejected', { peer, prefix, reason })
  }
}
