// What the taking in of UPDATEs asks of the session that they come from, and tells it.
import type { Family } from '../config.ts'
import type { UpdateContext } from '../packet/attribute-scan.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import type { Source } from './source.ts'

/** What the session knows and counts. */
export interface IngestPeer {
  readonly source: Source
  readonly context: UpdateContext
  readonly families: readonly Family[]
  readonly policy: PolicyEngine | undefined
  /** Own cluster ID, for loops through reflectors (RFC 4456 section 8). */
  readonly clusterId: number
  readonly localId: number
  /** The first AS of an external peer's path must be its own (RFC 4271 6.3); 0: not checked. */
  readonly firstAsn: number
  /** Addresses of our own, which may not be a next hop. */
  isOwnAddress(bytes: Uint8Array, at: number, length: number): boolean
  /** The session runs over loopback addresses. */
  readonly loopback: boolean
  /** Most prefixes in one family; Infinity: no limit. */
  readonly maxPrefixes: number
  /** At so many prefixes in one family the limit is near. */
  readonly warnPrefixes: number
  readonly received: Record<Family, number>
  readonly accepted: Record<Family, number>
  rejected(reason: string, prefix: string): void
  nearLimit(family: Family): void
  treatedAsWithdraw(problem: string): void
  attributesDiscarded(problem: string): void
  endOfRib(family: Family): void
}
