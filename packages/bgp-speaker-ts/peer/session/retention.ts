// Retained routes of an ended session: kept for the peer's restart time (RFC 4724), then as long-lived stale routes (RFC 9494).
import type { Family } from '../../config.ts'
import { CEASE, ERROR } from '../../packet/codes.ts'
import { familyOf } from '../../packet/families.ts'
import { isPermanent } from '../../packet/notification.ts'
import type { IngestPeer } from '../../rib/ingest-peer.ts'
import type { Rib } from '../../rib/rib.ts'
import type { EndReason } from '../fsm/fsm-state.ts'
import type { Negotiated } from './negotiation.ts'

/** A family whose routes outlive their session. Times are in milliseconds. */
export interface RetainedFamily {
  readonly family: Family
  /** Restart time: the routes are used as before. */
  readonly restart: number
  /** Long-lived stale time that follows: the routes lose to all others. 0: they are dropped instead. */
  readonly longLived: number
  /** The clock's time at which the long-lived phase ends at the latest. Set when the routes were long-lived stale already and the peer has not sent them again since. */
  readonly longLivedUntil?: number
}

/**
 * The families whose routes are retained after a session ended for this reason: those of the peer's capabilities, when the connection was lost
 * (RFC 4724 section 4.2, RFC 9494 section 4.2), and with the N bit also after a NOTIFICATION other than a hard reset (RFC 8538 section 4).
 * @param most the longest long-lived stale time, in seconds
 */
export function retainedFamilies(
  reason: EndReason,
  { gracefulRestart, longLived, families }: Negotiated,
  most = Number.POSITIVE_INFINITY,
): readonly RetainedFamily[] {
  if (gracefulRestart === undefined) return []
  if (reason.kind !== 'closed' && (!gracefulRestart.notification || isHard(reason))) return []
  return families.flatMap((family) => {
    const restarts = gracefulRestart.families.some((entry) => familyOf(entry) === family)
    const stale = longLived?.find((entry) => familyOf(entry) === family)?.time ?? 0
    const times = {
      restart: restarts ? gracefulRestart.time * 1000 : 0,
      longLived: Math.min(stale, most) * 1000,
    }
    return times.restart + times.longLived > 0 ? [{ family, ...times }] : []
  })
}

function isHard(reason: Exclude<EndReason, { kind: 'closed' }>): boolean {
  const { code, subcode } = reason.notification
  if (reason.kind === 'sent' && isPermanent(reason.notification)) return true
  return code === ERROR.CEASE && subcode === CEASE.HARD_RESET
}

/** A family whose retained routes a new session takes over. */
export interface ResumedFamily {
  readonly family: Family
  /** Set for long-lived stale routes: the clock's time at which that ends. A new session does not extend it before it is synchronized (RFC 9494 section 4.2). */
  readonly longLivedUntil?: number
}

interface Phase {
  readonly kept: RetainedFamily
  readonly kind: 'restart' | 'long-lived'
  readonly until: number
}

/** The routes of an ended session until the peer returns or their time is over. The owner calls `expire` at once and at each deadline. */
export class RetainedRoutes {
  readonly ingest: IngestPeer
  readonly #families = new Map<Family, Phase>()
  readonly #rib: Rib

  constructor(rib: Rib, ingest: IngestPeer, families: readonly RetainedFamily[], now: number) {
    this.#rib = rib
    this.ingest = ingest
    for (const kept of families) {
      rib.markStale(ingest, kept.family)
      this.#families.set(kept.family, { kept, kind: 'restart', until: now + kept.restart })
    }
  }

  get families(): readonly Family[] {
    return [...this.#families.keys()]
  }

  /** Families in the long-lived stale phase. */
  get longLived(): readonly Family[] {
    return this.families.filter((family) => this.#families.get(family)?.kind === 'long-lived')
  }

  /** The clock's time of the next work for `expire`. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    for (const { until } of this.#families.values()) deadline = Math.min(deadline, until)
    return deadline
  }

  /** Moves families that are due to their next phase. Returns false when no family is retained any more. */
  expire(now: number): boolean {
    for (const [family, { kind, until, kept }] of this.#families) {
      if (now < until) continue
      const { longLived, longLivedUntil = until + longLived } = kept
      if (kind === 'restart' && longLived > 0 && now < longLivedUntil) {
        this.#families.set(family, { kept, kind: 'long-lived', until: longLivedUntil })
        this.#rib.keepLongLived(this.ingest, family)
      } else this.#drop(family)
    }
    return this.#families.size > 0
  }

  /** The peer is back: drops the families whose forwarding state it did not preserve and returns the others (RFC 4724 section 4.2, RFC 9494 section 4.2). */
  resume({ gracefulRestart, longLived, families }: Negotiated): readonly ResumedFamily[] {
    for (const [family, { kind }] of this.#families) {
      const capability = kind === 'restart' ? gracefulRestart?.families : longLived
      const preserved = capability?.find((entry) => familyOf(entry) === family)?.forwarding === true
      if (!preserved || !families.includes(family)) this.#drop(family)
    }
    return [...this.#families].map(([family, { kind, until, kept }]) => {
      const longLivedUntil = kind === 'long-lived' ? until : kept.longLivedUntil
      return { family, ...(longLivedUntil === undefined ? {} : { longLivedUntil }) }
    })
  }

  /** Drops all families and their source. */
  release(): void {
    for (const family of this.families) this.#drop(family)
    this.#rib.retire(this.ingest.source)
  }

  #drop(family: Family): void {
    this.#families.delete(family)
    this.#rib.drop(this.ingest.source, family)
  }
}
