// Routes that are kept although nobody stands for them at the moment: after a session that ended for a restart (RFC 4724), and while they are sent again.
import type { Family } from './config.ts'
import type { EndReason } from './fsm-state.ts'
import { familyOf, type Negotiated } from './negotiation.ts'
import { CEASE, ERROR } from './packet/codes.ts'
import { isPermanent } from './packet/notification.ts'
import type { IngestPeer } from './rib/ingest.ts'
import type { Rib } from './rib/rib.ts'

/** Milliseconds that a peer has to send everything again, after its return and after the begin of a refresh (RFC 4724 section 4.2, RFC 7313 section 4). */
const RESYNC = 360_000

/**
 * The families whose routes outlive a session that ended so: those of the peer's capability, when it just went away (RFC 4724 section 4.2),
 * and after any NOTIFICATION but a hard reset when both sides agreed on that (RFC 8538 section 4).
 */
export function keptFamilies(
  reason: EndReason,
  { gracefulRestart, families }: Negotiated,
): readonly Family[] {
  if (gracefulRestart === undefined) return []
  if (reason.kind !== 'closed' && (!gracefulRestart.notification || isHard(reason))) return []
  return families.filter((family) => gracefulRestart.families.some((entry) => familyOf(entry) === family))
}

function isHard(reason: Exclude<EndReason, { kind: 'closed' }>): boolean {
  const { code, subcode } = reason.notification
  if (reason.kind === 'sent' && isPermanent(reason.notification)) return true
  return code === ERROR.CEASE && subcode === CEASE.HARD_RESET
}

/** Routes of an ended session, until the peer is back or its restart time is over. */
export class Retained {
  readonly ingest: IngestPeer
  /** When they go at the latest. */
  readonly deadline: number
  readonly #families: Set<Family>
  readonly #rib: Rib

  constructor(rib: Rib, ingest: IngestPeer, families: readonly Family[], deadline: number) {
    this.#rib = rib
    this.ingest = ingest
    this.#families = new Set(families)
    this.deadline = deadline
    for (const family of families) rib.markStale(ingest, family)
  }

  get families(): readonly Family[] {
    return [...this.#families]
  }

  /** The peer is back: drops the families whose forwarding state it did not keep, and returns the others (RFC 4724 section 4.2). */
  resume({ gracefulRestart, families }: Negotiated): readonly Family[] {
    const preserved = (gracefulRestart?.families ?? []).filter(({ forwarding }) => forwarding).map(familyOf)
    for (const family of this.#families) {
      if (preserved.includes(family) && families.includes(family)) continue
      this.#families.delete(family)
      this.#rib.drop(this.ingest.source, family)
    }
    return this.families
  }

  /** Gives up all of them. */
  release(): void {
    for (const family of this.#families) this.#rib.drop(this.ingest.source, family)
    this.#rib.retire(this.ingest.source)
  }
}

/** Why routes of a running session are stale: what ends it is End-of-RIB, or the end of a refresh. */
export type StaleBy = 'restart' | 'refresh'

/** Routes of a running session that the peer is about to send again: what it does not send is swept in the end. */
export class StaleRoutes {
  readonly #rib: Rib
  readonly #ingest: IngestPeer
  readonly #families = new Map<Family, { readonly by: StaleBy; readonly until: number }>()

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
  resume(families: readonly Family[], now: number): void {
    for (const family of families) this.#families.set(family, { by: 'restart', until: now + RESYNC })
  }

  /** All that the peer has sent so far is about to be sent again. */
  beginRefresh(family: Family, now: number): void {
    this.#rib.markStale(this.#ingest, family)
    this.#families.set(family, { by: 'refresh', until: now + RESYNC })
  }

  /** Sweeps what was not sent again; nothing when it is not this that makes them stale. */
  end(family: Family, by: StaleBy): void {
    if (this.#families.get(family)?.by !== by) return
    this.#families.delete(family)
    this.#rib.sweepStale(this.#ingest, family)
  }

  expire(now: number): void {
    for (const [family, { by, until }] of this.#families) if (now >= until) this.end(family, by)
  }

  /** The session ends: what is stale by now is not kept once more (RFC 4724 section 4.2). */
  clear(): void {
    for (const [family, { by }] of this.#families) this.end(family, by)
  }
}
