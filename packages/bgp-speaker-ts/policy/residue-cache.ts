// Caches the residue of a policy by attribute id: one entry for each set and family, for the source that asked last.
import type { Family } from '../config.ts'
import { grown } from '../rib/columns.ts'

class Columns {
  /** Number of the residue, from 1 on; 0: not cached. */
  residue = new Uint16Array(0)
  /** The source of the entry; used when the policy looks at the source. */
  source = new Uint16Array(0)

  constructor(capacity: number) {
    this.grow(capacity)
  }

  grow(capacity: number): void {
    this.residue = grown(this.residue, capacity)
    this.source = grown(this.source, capacity)
  }
}

/** One entry while there are few. */
interface Entry<T> {
  readonly attribute: number
  readonly family: Family
  source: number
  value: T
}

/** Most residues that are cached: all combinations of 16 rules. */
const MAX_RESIDUES = 65_535
/** More entries than these are columns by attribute id. A peer of a mesh tells one or two sets, whose ids are as high as there are peers. */
const FEW = 8

export class ResidueCache<T> {
  /** undefined: there are columns. */
  #few: Entry<T>[] | undefined = []
  readonly #columns: Partial<Record<Family, Columns>> = {}
  #residues: T[] = []
  #numbers: Map<T, number> | undefined

  get(attribute: number, family: Family, source: number): T | undefined {
    if (this.#few !== undefined) {
      const entry = find(this.#few, attribute, family)
      return entry?.source === source ? entry.value : undefined
    }
    const columns = this.#columns[family]
    if (columns === undefined || attribute >= columns.residue.length) return undefined
    const number = columns.residue[attribute]!
    return number === 0 || columns.source[attribute] !== source ? undefined : this.#residues[number - 1]
  }

  set(attribute: number, family: Family, source: number, value: T): void {
    const few = this.#few
    if (few === undefined) {
      this.#setColumn(attribute, family, source, value)
      return
    }
    const entry = find(few, attribute, family)
    if (entry !== undefined) {
      entry.source = source
      entry.value = value
    } else if (few.length < FEW) few.push({ attribute, family, source, value })
    else {
      this.#few = undefined
      for (const each of few) this.#setColumn(each.attribute, each.family, each.source, each.value)
      this.#setColumn(attribute, family, source, value)
    }
  }

  clear(): void {
    if (this.#few !== undefined) this.#few = []
    for (const { residue, source } of Object.values(this.#columns)) {
      residue.fill(0)
      source.fill(0)
    }
    this.#residues = []
    this.#numbers = undefined
  }

  #setColumn(attribute: number, family: Family, source: number, value: T): void {
    this.#columns[family] ??= new Columns(Math.max(64, attribute + 1))
    const columns = this.#columns[family]
    if (attribute >= columns.residue.length) columns.grow(Math.max(attribute + 1, columns.residue.length * 2))
    columns.residue[attribute] = this.#number(value)
    columns.source[attribute] = source
  }

  #number(value: T): number {
    this.#numbers ??= new Map()
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    if (this.#residues.length === MAX_RESIDUES) {
      this.clear()
      this.#numbers = new Map()
    }
    const number = this.#residues.push(value)
    this.#numbers.set(value, number)
    return number
  }
}

function find<T>(few: readonly Entry<T>[], attribute: number, family: Family): Entry<T> | undefined {
  for (const entry of few) if (entry.attribute === attribute && entry.family === family) return entry
  return undefined
}
