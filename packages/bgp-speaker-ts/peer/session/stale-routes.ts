// Stale routes of a running session: the peer sends its routes again after a restart or in a refresh, and those that it does not send are swept at the end.
import type { Family } from '../../config.ts'
import type { IngestPeer } from '../../rib/ingest-peer.ts'
import type { Rib } from '../../rib/rib.ts'
import type { ResumedFamily } from './retention.ts'

/** Milliseconds that a peer has to send all routes again, after its return or the begin of a refresh (RFC 4724 section 4.2, RFC 7313 section 4). */
const RESYNC = 360_000

/** Why routes are stale: `restart` ends with End-of-RIB, `refresh` with EoRR. */
export type StaleBy = 'restart' | 'refresh'

interface Staleness {
  readonly by: StaleBy
  readonly until: number
  /** As in ResumedFamily. */
  readonly longLivedUntil?: number | undefined
}

const NONE: ReadonlyMap<Family, Staleness> = new Map()

export class StaleRoutes {
  readonly #rib: Rib
  readonly #ingest: IngestPeer
  /** Nearly always empty: then all sessions share one map. */
  #families: ReadonlyMap<Family, Staleness> = NONE

  constructor(rib: Rib, ingest: IngestPeer) {
    this.#rib = rib
    this.#ingest = ingest
  }

  get families(): readonly Family[] {
    return [...this.#families.keys()]
  }

  /** The clock's time of the next work for `expire`. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    // Asked for each peer in each tick.
    if (this.#families === NONE) return deadline
    for (const { until } of this.#families.values()) deadline = Math.min(deadline, until)
    return deadline
  }

  /** Takes over retained routes after a restart; they are marked as stale already. */
  resume(families: readonly ResumedFamily[], now: number): void {
    for (const { family, longLivedUntil } of families) {
      const until = Math.min(now + RESYNC, longLivedUntil ?? Number.POSITIVE_INFINITY)
      this.#set(family, { by: 'restart', until, longLivedUntil })
    }
  }

  /** Marks all routes of a family as stale: the peer is about to send them again. */
  beginRefresh(family: Family, now: number): void {
    this.#rib.markStale(this.#ingest, family)
    this.#set(family, { by: 'refresh', until: now + RESYNC })
  }

  /** Sweeps the routes that were not sent again. Does nothing when they are stale for another reason. */
  end(family: Family, by: StaleBy): void {
    if (this.#families.get(family)?.by !== by) return
    const left = new Map(this.#families)
    left.delete(family)
    this.#families = left.size === 0 ? NONE : left
    this.#rib.sweepStale(this.#ingest, family)
  }

  #set(family: Family, staleness: Staleness): void {
    this.#families = new Map(this.#families).set(family, staleness)
  }

  expire(now: number): void {
    for (const [family, { by, until }] of this.#families) if (now >= until) this.end(family, by)
  }

  /** The session ends: sweeps stale routes, which may not be retained a second time (RFC 4724 section 4.2). Long-lived stale ones stay; returns the end of their time by family (RFC 9494 section 4.2). */
  clear(): ReadonlyMap<Family, number> {
    const longLived = new Map<Family, number>()
    for (const [family, { by, longLivedUntil }] of this.#families) {
      if (longLivedUntil === undefined) this.end(family, by)
      else longLived.set(family, longLivedUntil)
    }
    return longLived
  }
}
