// Routes of a running session that the peer is about to send again, after its restart or in a refresh: what it does not send is swept in the end.
import type { Family } from '../../config.ts'
import type { IngestPeer } from '../../rib/ingest-peer.ts'
import type { Rib } from '../../rib/rib.ts'
import type { ResumedFamily } from './retention.ts'

/** Milliseconds that a peer has to send everything again, after its return and after the begin of a refresh (RFC 4724 section 4.2, RFC 7313 section 4). */
const RESYNC = 360_000

/** Why routes of a running session are stale: what ends it is End-of-RIB, or the end of a refresh. */
export type StaleBy = 'restart' | 'refresh'

interface Staleness {
  readonly by: StaleBy
  readonly until: number
  /** See ResumedFamily. */
  readonly longLivedUntil?: number | undefined
}

const NONE: ReadonlyMap<Family, Staleness> = new Map()

export class StaleRoutes {
  readonly #rib: Rib
  readonly #ingest: IngestPeer
  /** Shared while it is empty, which it nearly always is. */
  #families: ReadonlyMap<Family, Staleness> = NONE

  constructor(rib: Rib, ingest: IngestPeer) {
    this.#rib = rib
    this.#ingest = ingest
  }

  get families(): readonly Family[] {
    return [...this.#families.keys()]
  }

  /** When `expire` has something to do. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    for (const { until } of this.#families.values()) deadline = Math.min(deadline, until)
    return deadline
  }

  /** After a restart; they are marked already. */
  resume(families: readonly ResumedFamily[], now: number): void {
    for (const { family, longLivedUntil } of families) {
      const until = Math.min(now + RESYNC, longLivedUntil ?? Number.POSITIVE_INFINITY)
      this.#set(family, { by: 'restart', until, longLivedUntil })
    }
  }

  /** All that the peer has sent so far is about to be sent again. */
  beginRefresh(family: Family, now: number): void {
    this.#rib.markStale(this.#ingest, family)
    this.#set(family, { by: 'refresh', until: now + RESYNC })
  }

  /** Sweeps what was not sent again; nothing when it is not this that makes them stale. */
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

  /** The session ends: what is stale by now is not kept once more (RFC 4724 section 4.2), but for what is a last resort: until when, by family (RFC 9494 section 4.2). */
  clear(): ReadonlyMap<Family, number> {
    const longLived = new Map<Family, number>()
    for (const [family, { by, longLivedUntil }] of this.#families) {
      if (longLivedUntil === undefined) this.end(family, by)
      else longLived.set(family, longLivedUntil)
    }
    return longLived
  }
}
