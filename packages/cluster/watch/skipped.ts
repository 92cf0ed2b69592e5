/** API objects that cannot be used: each is said once, for as long as the reason is the same. */
import type { Logger } from '@podroute/reconcile/log.ts'

export class SkippedObjects {
  readonly #kind: string
  readonly #log: Logger
  /** What was said of each object that is skipped now. */
  readonly #reasons = new Map<string, string>()
  #count = 0

  /** @param kind name of the kind of object, for the log */
  constructor(kind: string, log: Logger) {
    this.#kind = kind
    this.#log = log
  }

  /** How often an object was skipped. */
  get count(): number {
    return this.#count
  }

  skip(key: string, reason: unknown): void {
    this.#count++
    const text = String(reason)
    if (this.#reasons.get(key) === text) return
    this.#reasons.set(key, text)
    this.#log.warn('an object of the API was skipped', { kind: this.#kind, object: key, reason })
  }

  /** The object is good now, or gone. */
  forget(key: string): void {
    this.#reasons.delete(key)
  }

  /** Forgets every object but these. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#reasons.keys()) if (!keys.has(key)) this.#reasons.delete(key)
  }
}
