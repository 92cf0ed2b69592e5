/** Which Nodes have which pod prefixes by their spec, and whether one overlaps with that of another Node. */
import { type Cidr, cidrOf } from '@podroute/address/cidr.ts'
import { PrefixIndex } from '@podroute/address/prefix-index.ts'

export class OwnedPrefixes {
  readonly #index = new PrefixIndex()
  readonly #owners = new Map<string, Set<string>>()
  /** How many prefixes there are of each family and length. */
  readonly #lengths = new Map<string, number>()

  add(owner: string, prefix: Cidr): void {
    const owners = this.#owners.get(prefix.text) ?? new Set()
    if (owners.size === 0) {
      this.#index.add(prefix)
      this.#owners.set(prefix.text, owners)
      this.#count(prefix, 1)
    }
    owners.add(owner)
  }

  delete(owner: string, prefix: Cidr): void {
    const owners = this.#owners.get(prefix.text)
    if (!owners?.delete(owner) || owners.size > 0) return
    this.#owners.delete(prefix.text)
    this.#index.delete(prefix)
    this.#count(prefix, -1)
  }

  /** Who else has a prefix that holds this one or lies in it; undefined: nobody. */
  otherAt(prefix: Cidr, owner: string): string | undefined {
    for (let length = 0; length <= prefix.length; length++) {
      if (!this.#lengths.has(`${prefix.family}/${length}`)) continue
      const other = this.#otherOf(cidrOf(prefix, length).text, owner)
      if (other !== undefined) return other
    }
    for (const { text } of this.#index.inside(prefix)) {
      const other = this.#otherOf(text, owner)
      if (other !== undefined) return other
    }
    return undefined
  }

  #otherOf(text: string, owner: string): string | undefined {
    for (const name of this.#owners.get(text) ?? []) if (name !== owner) return name
    return undefined
  }

  #count({ family, length }: Cidr, step: 1 | -1): void {
    const key = `${family}/${length}`
    const count = (this.#lengths.get(key) ?? 0) + step
    if (count > 0) this.#lengths.set(key, count)
    else this.#lengths.delete(key)
  }
}
