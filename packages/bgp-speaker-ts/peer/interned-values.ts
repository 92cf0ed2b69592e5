// What is equal for most sessions and kept once for all of them: there may be thousands.

import type { UpdateContext } from '../packet/attribute-scan.ts'
import type { Negotiated } from './session/negotiation.ts'

/** How many different values are remembered: peers decide how many there are. */
const MOST = 64

/** Values that are data and nothing else. */
export class InternTable<T extends object> {
  readonly #known = new Map<string, T>()

  /** The value, or an equal one from before. */
  intern(value: T): T {
    const key = JSON.stringify(value)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size === MOST) this.#known.clear()
    this.#known.set(key, value)
    return value
  }
}

export class InternedValues {
  readonly negotiated = new InternTable<Negotiated>()
  readonly contexts = new InternTable<UpdateContext>()
  readonly addresses = new InternTable<readonly Uint8Array[]>()
}
