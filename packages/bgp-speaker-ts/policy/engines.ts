// Shares one engine among all peers with equal policies, so that they share its caches.
import type { AttributeTable } from '../rib/attribute-table.ts'
import { PolicyEngine } from './engine.ts'
import type { Policy } from './policy.ts'

export class PolicyEngines {
  readonly #attributes: AttributeTable
  /**
   * Sessions, retained routes and update groups hold the engines, and let go of them at different times: an engine is there as long as
   * one of these is, because `forget` has to reach it, and no longer, because policies may change for ever.
   */
  readonly #engines = new Map<string, WeakRef<PolicyEngine>>()
  readonly #collected = new FinalizationRegistry<string>((key) => {
    // The policy may have an engine again.
    if (this.#engines.get(key)?.deref() === undefined) this.#engines.delete(key)
  })

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes
  }

  /** How many are remembered: those in use, and those that garbage collection has not met yet. */
  get size(): number {
    return this.#engines.size
  }

  /** Returns the engine of a policy; undefined when it accepts everything unchanged. */
  get(policy: Policy | undefined): PolicyEngine | undefined {
    if (policy === undefined || (policy.rules.length === 0 && policy.otherwise === 'accept')) return undefined
    const key = JSON.stringify(policy)
    const known = this.#engines.get(key)?.deref()
    if (known !== undefined) return known
    const engine = new PolicyEngine(policy, this.#attributes)
    this.#engines.set(key, new WeakRef(engine))
    this.#collected.register(engine, key)
    return engine
  }

  /** Attribute ids were freed: clears the caches by id. */
  forget(): void {
    for (const engine of this.#engines.values()) engine.deref()?.forget()
  }
}
