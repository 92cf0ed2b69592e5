/** The elements of the masquerade sets: what any Node or the configuration wants, without those that lie in others. */

import { outermost } from '@podroute/address/outermost.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { Claims } from '@podroute/reconcile/claims.ts'

/** What is used of the table. */
export interface ElementSink {
  set(key: string, element: SetElement): void
  delete(key: string): void
}

export class ElementClaims {
  readonly #table: ElementSink
  readonly #claims: Claims<string, string, SetElement>
  /** By the set, what is wanted of it. */
  readonly #wanted = new Map<string, Map<string, SetElement>>()
  /** By the set, the keys that the table has. */
  readonly #planned = new Map<string, ReadonlySet<string>>()
  readonly #changed = new Set<string>()

  constructor(table: ElementSink) {
    this.#table = table
    this.#claims = new Claims<string, string, SetElement>(
      {
        set: (key, element) => this.#of(element.set).set(key, element),
        delete: (key, element) => this.#of(element.set).delete(key),
      },
      // Whoever wants it: a key says all that there is to an element.
      { equal: () => true },
    )
  }

  /** @param owner a Node's name, or '' for the configuration */
  want(owner: string, elements: readonly SetElement[]): void {
    this.#claims.replace(
      owner,
      elements.map((element) => [elementKey(element), element]),
    )
  }

  /** Tells the table what changed. A Node whose prefix overlaps others must not keep these out of their set. */
  plan(): void {
    for (const set of this.#changed) {
      const elements = outermost(this.#wanted.get(set)?.values() ?? [], ({ element }) => element)
      const keys = new Set(elements.map(elementKey))
      const before = this.#planned.get(set) ?? new Set()
      for (const key of before) if (!keys.has(key)) this.#table.delete(key)
      for (const element of elements) {
        const key = elementKey(element)
        if (!before.has(key)) this.#table.set(key, element)
      }
      this.#planned.set(set, keys)
    }
    this.#changed.clear()
  }

  #of(set: string): Map<string, SetElement> {
    this.#changed.add(set)
    const wanted = this.#wanted.get(set) ?? new Map<string, SetElement>()
    this.#wanted.set(set, wanted)
    return wanted
  }
}
