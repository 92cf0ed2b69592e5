// Caches the residue of a policy by attribute id: one entry for each set and family, for the source that asked last.
import type { Family } from '../config.ts'
import { grown } from '../rib/columns.ts'

class Columns {
  /** Number of the residue, from 1 on; 0: not cached. */
  residue = new Uint16Array(0)
  /** The source of the entry; used when the policy looks at the source. */
  source = new Uint16Array(0)

  constructor() {
    this.grow(64)
  }

  grow(capacity: number): void {
    this.residue = grown(this.residue, capacity)
    this.source = grown(this.source, capacity)
  }
}

/** Most residues that are cached: all combinations of 16 rules. */
const MAX_RESIDUES = 65_535

export class ResidueCache<T> {
  readonly #columns: Readonly<Record<Family, Columns>> = {
    'ipv4-unicast': new Columns(),
    'ipv6-unicast': new Columns(),
  }
  #residues: T[] = []
  #numbers = new Map<T, number>()

  get(attribute: number, family: Family, source: number): T | undefined {
    const { residue, source: sources } = this.#columns[family]
    const number = attribute < residue.length ? residue[attribute]! : 0
    return number === 0 || sources[attribute] !== source ? undefined : this.#residues[number - 1]
  }

  set(attribute: number, family: Family, source: number, value: T): void {
    const columns = this.#columns[family]
    if (attribute >= columns.residue.length) columns.grow(Math.max(attribute + 1, columns.residue.length * 2))
    columns.residue[attribute] = this.#number(value)
    columns.source[attribute] = source
  }

  clear(): void {
    for (const { residue, source } of Object.values(this.#columns)) {
      residue.fill(0)
      source.fill(0)
    }
    this.#residues = []
    this.#numbers.clear()
  }

  #number(value: T): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    if (this.#residues.length === MAX_RESIDUES) this.clear()
    const number = this.#residues.push(value)
    this.#numbers.set(value, number)
    return number
  }
}
