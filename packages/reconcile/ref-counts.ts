/**
 * Keys of a table that several owners want with one and the same value: there from the first to the last of them. Where values may
 * differ, `Claims` say whose counts. Only second and further owners are counted: of 10,000 Services that is a tenth of the heap less than
 * claims for each set element and VIP.
 */
import type { Table } from './table.ts'

export class RefCounts<K extends string, V> {
  readonly #table: Pick<Table<K, V>, 'get' | 'set' | 'delete'>
  /** Owners beside the first; nearly all keys have none. */
  readonly #others = new Map<K, number>()

  /** @param table nobody else sets the keys that are counted */
  constructor(table: Pick<Table<K, V>, 'get' | 'set' | 'delete'>) {
    this.#table = table
  }

  /** One more owner. The value of the last one counts. */
  take(key: K, value: V): void {
    if (this.#table.get(key) !== undefined) this.#others.set(key, (this.#others.get(key) ?? 0) + 1)
    this.#table.set(key, value)
  }

  /** One owner less. */
  release(key: K): void {
    const others = this.#others.get(key) ?? 0
    if (others > 1) this.#others.set(key, others - 1)
    else if (!this.#others.delete(key)) this.#table.delete(key)
  }
}
