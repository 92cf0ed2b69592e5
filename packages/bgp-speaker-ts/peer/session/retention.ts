// Routes of a session that ended, which are kept for the peer's return: for its restart time (RFC 4724), then as a last resort (RFC 9494).
import type { Family } from '../../config.ts'
import { CEASE, ERROR } from '../../packet/codes.ts'
import { familyOf } from '../../packet/families.ts'
import { isPermanent } from '../../packet/notification.ts'
import type { IngestPeer } from '../../rib/ingest-peer.ts'
import type { Rib } from '../../rib/rib.ts'
import type { EndReason } from '../fsm/fsm-state.ts'
import type { Negotiated } from './negotiation.ts'

/** A family whose routes outlive their session. Milliseconds. */
export interface RetainedFamily {
  readonly family: Family
  /** For so long they stay what they are. */
  readonly restart: number
  /** For so long after that they are a last resort; 0: not at all. */
  readonly longLived: number
  /** When that ends at the latest: they were a last resort before, and have not been sent again since. */
  readonly longLivedUntil?: number
}

/**
 * What outlives a session that ended so: the families of the peer's capabilities, when it just went away (RFC 4724 section 4.2, RFC 9494 section 4.2),
 * and after any NOTIFICATION but a hard reset when both sides agreed on that (RFC 8538 section 4).
 * @param most seconds that anything is kept as a last resort
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

/** A family's routes that were taken over by a new session. */
export interface ResumedFamily {
  readonly family: Family
  /** They have been a last resort, which ends then (RFC 9494 section 4.2: the new session does not move that until it is synchronized). */
  readonly longLivedUntil?: number
}

interface Phase {
  readonly kept: RetainedFamily
  readonly kind: 'restart' | 'long-lived'
  readonly until: number
}

/** Routes of an ended session, until the peer is back or its time is over: `expire` is called at once, and at each deadline. */
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

  /** Families whose routes are a last resort by now. */
  get longLived(): readonly Family[] {
    return this.families.filter((family) => this.#families.get(family)?.kind === 'long-lived')
  }

  /** When `expire` has something to do. */
  get deadline(): number {
    let deadline = Number.POSITIVE_INFINITY
    for (const { until } of this.#families.values()) deadline = Math.min(deadline, until)
    return deadline
  }

  /** Moves what is due to its next phase; false: nothing is kept any more. */
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

  /** The peer is back: drops the families whose forwarding state it did not keep, and returns the others (RFC 4724 section 4.2, RFC 9494 section 4.2). */
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

  /** Gives up all of them. */
  release(): void {
    for (const family of this.families) this.#drop(family)
    this.#rib.retire(this.ingest.source)
  }

  #drop(family: Family): void {
    this.#families.delete(family)
    this.#rib.drop(this.ingest.source, family)
  }
}
