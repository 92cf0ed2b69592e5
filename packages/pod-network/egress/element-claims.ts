/** The elements of the masquerade sets: what any Node or the configuration wants, without prefixes that lie in others. */

import { cidr } from '@podroute/address/cidr.ts'
import { OutermostPrefixes } from '@podroute/address/outermost.ts'
import { type ElementKey, elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { Claims } from '@podroute/reconcile/claims.ts'

/** What is used of the table. */
export interface ElementSink {
  set(key: string, element: SetElement): void
  delete(key: string): void
}

/** A change costs what it changes: 20 microseconds for one of 1,000 Nodes. */
export class ElementClaims {
  readonly #table: ElementSink
  readonly #claims: Claims<string, ElementKey, SetElement>
  /** By the set. A Node whose prefix overlaps others must not keep these out of their set. */
  readonly #prefixes = new Map<string, OutermostPrefixes>()

  constructor(table: ElementSink) {
    this.#table = table
    this.#claims = new Claims<string, ElementKey, SetElement>(
      {
        set: (key, element) => this.#add(key, element),
        delete: (key, element) => this.#delete(key, element),
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

  #add(key: ElementKey, element: SetElement): void {
    if (isPrefix(element)) this.#of(element.set).add(cidr(element.element))
    else this.#table.set(key, element)
  }

  #delete(key: ElementKey, element: SetElement): void {
    if (isPrefix(element)) this.#of(element.set).delete(cidr(element.element))
    else this.#table.delete(key)
  }

  #of(set: string): OutermostPrefixes {
    const known = this.#prefixes.get(set)
    if (known) return known
    const prefixes = new OutermostPrefixes({
      set: ({ text }) => this.#table.set(elementKey({ set, element: text }), { set, element: text }),
      delete: ({ text }) => this.#table.delete(elementKey({ set, element: text })),
    })
    this.#prefixes.set(set, prefixes)
    return prefixes
  }
}

/** Addresses overlap only where they are the same. */
function isPrefix({ element }: SetElement): boolean {
  return element.includes('/')
}
