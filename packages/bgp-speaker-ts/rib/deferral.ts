// Selection put off until the peers have told all, after our own restart (RFC 4724 section 4.1).
import type { Family } from '../config.ts'
import { FAMILIES } from '../packet/families.ts'
import type { FamilyRib } from './family-rib.ts'
import { LOCAL } from './source.ts'

export class Deferral {
  /** While selection is put off: the prefixes that wait for its end. */
  #deferred: Readonly<Record<Family, number[]>> | undefined
  #settled: (() => void) | undefined

  begin(): void {
    this.#deferred = { 'ipv4-unicast': [], 'ipv6-unicast': [] }
  }

  /** Lets all that waited be selected; `done` is called when that is on its way to the peers. */
  end(ribs: Readonly<Record<Family, FamilyRib>>, done: () => void): void {
    for (const family of FAMILIES)
      for (const prefix of this.#deferred?.[family] ?? []) ribs[family].dirty.push(prefix)
    this.#deferred = undefined
    this.#settled = done
  }

  /** What need not wait for peers: prefixes that are, or were, announced by ourselves. The others become deferred. */
  ready(rib: FamilyRib, batch: Int32Array): Int32Array {
    const deferred = this.#deferred?.[rib.family]
    if (deferred === undefined) return batch
    return batch.filter((prefix) => {
      const own = rib.lookup(prefix, LOCAL, 0) >= 0 || rib.prefixes.bestSource[prefix] === LOCAL
      if (!own) deferred.push(prefix)
      return own
    })
  }

  /** All that was selected is on its way. */
  settle(): void {
    const settled = this.#settled
    this.#settled = undefined
    settled?.()
  }

  /** Somebody waits for `settle`. */
  get ended(): boolean {
    return this.#settled !== undefined
  }
}
