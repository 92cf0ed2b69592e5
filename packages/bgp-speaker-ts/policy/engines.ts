// Shares one engine among all peers with equal policies, so that they share its caches.
import type { AttributeTable } from '../rib/attribute-table.ts'
import { PolicyEngine } from './engine.ts'
import type { Policy } from './policy.ts'

export class PolicyEngines {
  readonly #attributes: AttributeTable
  readonly #engines = new Map<string, PolicyEngine>()

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes
  }

  /** Returns the engine of a policy; undefined when it accepts everything unchanged. */
  get(policy: Policy | undefined): PolicyEngine | undefined {
    if (policy === undefined || (policy.rules.length === 0 && policy.otherwise === 'accept')) return undefined
    const key = JSON.stringify(policy)
    let engine = this.#engines.get(key)
    if (engine === undefined) {
      engine = new PolicyEngine(policy, this.#attributes)
      this.#engines.set(key, engine)
    }
    return engine
  }

  /** Attribute ids were freed: clears the caches by id. */
  forget(): void {
    for (const engine of this.#engines.values()) engine.forget()
  }
}
