// One collector, and what there is to tell it of each peer. What it cannot take now is kept as the set of paths that changed, so that a slow
// collector is told the latest state of each path and misses none.
import type { Family } from '../config.ts'
import { encodeEndOfRib } from '../packet/end-of-rib.ts'
import { FAMILIES } from '../packet/families.ts'
import type { EndReason } from '../peer/fsm/fsm-state.ts'
import type { Source } from '../rib/source.ts'
import { CollectorLink, type LinkOwner, type LinkSnapshot } from './collector-link.ts'
import type { BmpOptions, BmpView, CollectorConfig } from './config.ts'
import type { ObservedSession, ObservedSpeaker } from './observer.ts'
import { PeerView, peerUp, statisticsOf } from './peer-view.ts'
import { RouteUpdates } from './route-updates.ts'

/** Most prefixes of one batch, which are some tens of kilobytes; then the connection is looked at. */
const BATCH = 512
/** Batches of one turn of the event loop, which are some milliseconds. */
const BATCHES = 8
const DEFAULT_VIEWS: readonly BmpView[] = ['pre-policy']

export interface CollectorSnapshot extends LinkSnapshot {
  /** Prefixes that it has yet to be told of, while it reads slower than they change. */
  readonly waiting: number
}

export class Collector implements LinkOwner {
  readonly #config: CollectorConfig
  readonly #views: readonly BmpView[]
  readonly #options: BmpOptions
  readonly #speaker: ObservedSpeaker
  readonly #link: CollectorLink
  readonly #updates: RouteUpdates
  readonly #stateChanged: () => void
  readonly #peers = new Map<Source, PeerView>()
  /** Those of them with something to tell. */
  readonly #active = new Set<PeerView>()
  #cancelStatistics: (() => void) | undefined
  #cancelTurn: (() => void) | undefined

  constructor(
    config: CollectorConfig,
    options: BmpOptions,
    speaker: ObservedSpeaker,
    stateChanged: () => void,
  ) {
    this.#config = config
    this.#views = config.views ?? DEFAULT_VIEWS
    this.#options = options
    this.#speaker = speaker
    this.#updates = new RouteUpdates(speaker.rib)
    this.#stateChanged = stateChanged
    this.#link = new CollectorLink(config, speaker, this)
    this.#link.connect()
  }

  get isConnected(): boolean {
    return this.#link.connected
  }

  snapshot(): CollectorSnapshot {
    let waiting = 0
    for (const { waiting: each } of this.#peers.values()) waiting += each
    return { ...this.#link.snapshot(), waiting }
  }

  async close(): Promise<void> {
    const closed = this.#link.close()
    this.lost()
    await closed
  }

  // As the observer of sessions and routes:

  sessionUp(session: ObservedSession): PeerView {
    const known = this.#peers.get(session.source)
    const view = known ?? new PeerView(session.source)
    if (known === undefined) this.#peers.set(session.source, view)
    view.session = session
    view.ends.clear()
    // Routes of the session before, which are kept while the peer restarts, are in Adj-RIB-In without being announced again.
    for (const family of FAMILIES) view.noteAll(this.#speaker.rib.families[family])
    this.#wake(view)
    return view
  }

  sessionDown(session: ObservedSession, reason: EndReason): void {
    const view = this.#peers.get(session.source)
    if (view === undefined) return
    view.ended(session, reason)
    this.#release(view)
    this.#wake(view)
  }

  endOfRib(session: ObservedSession, family: Family): void {
    const view = this.#peers.get(session.source)
    if (view === undefined) return
    view.ends.add(family)
    this.#wake(view)
  }

  changed(source: Source, family: Family, prefix: number, pathId: number): void {
    const view = this.#peers.get(source)
    if (view?.session === undefined) return
    view.changes[family].note(prefix, pathId)
    this.#wake(view)
  }

  holds(family: Family, prefix: number): boolean {
    for (const view of this.#active) if (view.changes[family].has(prefix)) return true
    return false
  }

  // As the owner of its link:

  connected(): void {
    const { sysName, sysDescr = 'bgp-speaker-ts' } = this.#options
    const information = [
      { type: 1, text: sysDescr },
      { type: 2, text: sysName },
    ]
    this.#link.send({ kind: 'initiation', information })
    for (const session of this.#speaker.sessions()) this.sessionUp(session).dump()
    this.#reportLater()
    this.#stateChanged()
  }

  lost(): void {
    this.#cancelStatistics?.()
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
    const views = [...this.#peers.values()]
    this.#peers.clear()
    this.#active.clear()
    for (const view of views) this.#release(view)
    this.#stateChanged()
  }

  ready(): void {
    if (this.#active.size > 0) this.#schedule()
  }

  /** Nobody needs the prefixes of its changes any more. */
  #release({ changes }: PeerView): void {
    for (const family of FAMILIES)
      if (changes[family].size > 0)
        this.#speaker.rib.release(family, prefixesOf(changes[family].take(Number.POSITIVE_INFINITY)))
  }

  #wake(view: PeerView): void {
    this.#active.add(view)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#link.full || !this.#link.connected) return
    this.#cancelTurn ??= this.#speaker.clock.soon(() => {
      this.#cancelTurn = undefined
      this.#work()
    })
  }

  #work(): void {
    let batches = BATCHES
    for (const view of [...this.#active]) {
      if (this.#link.full) return
      if (batches <= 0) break
      batches -= this.#tell(view, batches)
      this.#active.delete(view)
      // Whoever has much to tell does not keep the others waiting.
      if (view.pending) this.#active.add(view)
    }
    if (this.#active.size > 0) this.#schedule()
  }

  /** Tells of one peer what there is, in at most `most` batches; returns how many it took. */
  #tell(view: PeerView, most: number): number {
    this.#tellState(view)
    const { session } = view
    if (session === undefined) return 1
    let batches = 1
    for (const family of session.negotiated.families) {
      while (view.changes[family].size > 0) {
        if (batches >= most || this.#link.full) return batches + 1
        batches++
        this.#tellRoutes(view, session, family)
      }
      if (!view.ends.delete(family)) continue
      for (const each of this.#views) this.#tellUpdates(view, session, [encodeEndOfRib(family)], each)
    }
    view.dumping = false
    return batches
  }

  /** Peer Down of the session that the collector knows, Peer Up of the present one. */
  #tellState(view: PeerView): void {
    const { session, told, down } = view
    if (told !== undefined && down !== undefined) {
      this.#link.send({ kind: 'peer-down', peer: { ...told, time: this.#wallTime() }, ...down })
      view.told = undefined
    }
    view.down = undefined
    if (session === undefined) {
      this.#peers.delete(view.source)
      return
    }
    if (view.told !== undefined) return
    view.told = view.header(session, this.#wallTime() - (this.#speaker.clock.now() - session.since))
    this.#link.send(peerUp(session, view.told))
  }

  #tellRoutes(view: PeerView, session: ObservedSession, family: Family): void {
    const taken = view.changes[family].take(BATCH)
    const addPath = session.negotiated.addPathReceive.includes(family)
    for (const each of this.#views) {
      const updates = this.#updates.of(view.source, family, taken, each, addPath)
      this.#tellUpdates(view, session, updates, each)
    }
    this.#speaker.rib.release(family, prefixesOf(taken))
  }

  #tellUpdates(view: PeerView, session: ObservedSession, updates: readonly Uint8Array[], of: BmpView): void {
    const header = view.header(session, view.dumping ? 0 : this.#wallTime())
    const peer = { ...header, postPolicy: of === 'post-policy' }
    for (const update of updates) this.#link.send({ kind: 'route-monitoring', peer, update })
  }

  #reportLater(): void {
    const { statisticsInterval = 60 } = this.#config
    if (statisticsInterval === 0) return
    this.#cancelStatistics = this.#speaker.clock.after(statisticsInterval * 1000, () => {
      this.#report()
      this.#reportLater()
    })
  }

  /** A collector that cannot take them misses a report: the next one has newer figures. */
  #report(): void {
    for (const { session, told } of this.#peers.values()) {
      if (this.#link.full) return
      if (session === undefined || told === undefined) continue
      const peer = { ...told, time: this.#wallTime() }
      this.#link.send({ kind: 'statistics', peer, statistics: statisticsOf(session) })
    }
  }

  #wallTime(): number {
    return this.#options.wallTime?.() ?? Date.now()
  }
}

const prefixesOf = (taken: readonly (readonly [prefix: number, ids: unknown])[]) =>
  Int32Array.from(taken, ([prefix]) => prefix)
