// The session that UPDATEs come from, as ingest sees it.
import type { Family, RouteValidator } from '../config.ts'
import type { UpdateContext } from '../packet/attribute-scan.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import type { OtcIngress } from './only-to-customer.ts'
import type { Source } from './source.ts'

/** Settings and counters of the session, and the events that ingest reports to it. */
export interface IngestPeer {
  readonly source: Source
  readonly context: UpdateContext
  readonly families: readonly Family[]
  readonly policy: PolicyEngine | undefined
  readonly validator: RouteValidator | undefined
  /** Our cluster ID, which detects loops through reflectors (RFC 4456 section 8). */
  readonly clusterId: number
  readonly localId: number
  /** AS number that an external peer's AS_PATH must start with (RFC 4271 section 6.3); 0: not checked. */
  readonly firstAsn: number
  /** What ONLY_TO_CUSTOMER means on this session. */
  readonly otc: OtcIngress
  /** How often our own AS number may occur in a path. */
  readonly allowedLoops: number
  /** Whether the address at `at` is our own, which may not be a next hop. */
  isOwnAddress(bytes: Uint8Array, at: number, length: number): boolean
  /** The session runs over loopback addresses. */
  readonly loopback: boolean
  /** Prefix limits; Infinity: none. */
  readonly maxPrefixes: Readonly<Record<Family, number>>
  /** Number of prefixes from which `near-prefix-limit` is emitted. */
  readonly warnPrefixes: Readonly<Record<Family, number>>
  /** What happens to prefixes beyond the limit. */
  readonly beyondLimit: 'reset' | 'block' | 'warn'
  readonly received: Record<Family, number>
  readonly accepted: Record<Family, number>
  rejected(reason: string, prefix: string): void
  nearLimit(family: Family): void
  treatedAsWithdraw(problem: string): void
  attributesDiscarded(problem: string): void
  endOfRib(family: Family): void
}
