// Interns values that are equal for most sessions, because there may be thousands of sessions.

import type { Family } from '../config.ts'
import type { UpdateContext } from '../packet/attribute-scan.ts'
import type { Negotiated } from './session/negotiation.ts'

/** Most values that a table remembers: the peers decide how many different ones there are. */
const MAX_VALUES = 64

/** Interns plain data. */
export class InternTable<T extends object> {
  readonly #known = new Map<string, T>()

  /** Returns an equal value that is known already, else this one. @param key the same for equal values and for no others */
  intern(value: T, key = JSON.stringify(value)): T {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size === MAX_VALUES) this.#known.clear()
    this.#known.set(key, value)
    return value
  }
}

export class InternedValues {
  readonly negotiated = new InternTable<Negotiated>()
  readonly contexts = new InternTable<UpdateContext>()
  readonly limits = new InternTable<Readonly<Record<Family, number>>>()
  readonly addresses = new InternTable<readonly Uint8Array[]>()
}
