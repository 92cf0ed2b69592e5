// Deferred path selection after our own restart, until the peers have sent End-of-RIB (RFC 4724 section 4.1).
import type { Family } from '../config.ts'
import { FAMILIES } from '../packet/families.ts'
import type { FamilyRib } from './family-rib.ts'
import { LOCAL } from './source.ts'

export class Deferral {
  /** The prefixes whose selection waits; undefined: selection is not deferred. */
  #deferred: Readonly<Record<Family, number[]>> | undefined
  #settled: (() => void) | undefined

  begin(): void {
    this.#deferred = { 'ipv4-unicast': [], 'ipv6-unicast': [] }
  }

  /** Ends the deferral: marks the waiting prefixes as dirty. Calls `done` when their changes were sent to the peers. */
  end(ribs: Readonly<Record<Family, FamilyRib>>, done: () => void): void {
    for (const family of FAMILIES)
      for (const prefix of this.#deferred?.[family] ?? []) ribs[family].dirty.push(prefix)
    this.#deferred = undefined
    this.#settled = done
  }

  /** Returns the prefixes that need not wait, because we announce them or did so; defers the others. */
  ready(rib: FamilyRib, batch: Int32Array): Int32Array {
    const deferred = this.#deferred?.[rib.family]
    if (deferred === undefined) return batch
    return batch.filter((prefix) => {
      const own = rib.lookup(prefix, LOCAL, 0) >= 0 || rib.prefixes.bestSource[prefix] === LOCAL
      if (!own) deferred.push(prefix)
      return own
    })
  }

  /** The changes were sent: calls `done`. */
  settle(): void {
    const settled = this.#settled
    this.#settled = undefined
    settled?.()
  }

  /** The deferral has ended and `settle` is due. */
  get ended(): boolean {
    return this.#settled !== undefined
  }
}
