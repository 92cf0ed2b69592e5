/**
 * What several pods want alike: there from the first of them to the last. Equal names are equal things, so that nobody wins; of 200 pods that
 * want a thing each costs the same, where claims are put in order each time.
 */
export interface SharedSink<V> {
  first(name: string, value: V): void
  last(name: string, value: V): void
}

interface Wanted<V> {
  readonly value: V
  owners: number
}

export class Shared<V> {
  readonly #sink: SharedSink<V>
  readonly #wanted = new Map<string, Wanted<V>>()
  readonly #names = new Map<string, readonly string[]>()

  constructor(sink: SharedSink<V>) {
    this.#sink = sink
  }

  /** Puts what an owner wants in place of what it wanted. What is new comes before what nobody wants any more goes. */
  replace(owner: string, entries: Iterable<readonly [name: string, value: V]>): void {
    const wanted = new Map(entries)
    const before = this.#names.get(owner) ?? []
    if (wanted.size === 0) this.#names.delete(owner)
    else this.#names.set(owner, [...wanted.keys()])
    const had = new Set(before)
    for (const [name, value] of wanted) if (!had.has(name)) this.#take(name, value)
    for (const name of before) if (!wanted.has(name)) this.#release(name)
  }

  has(name: string): boolean {
    return this.#wanted.has(name)
  }

  namesOf(owner: string): readonly string[] {
    return this.#names.get(owner) ?? []
  }

  get size(): number {
    return this.#wanted.size
  }

  #take(name: string, value: V): void {
    const known = this.#wanted.get(name)
    if (known) {
      known.owners++
      return
    }
    this.#wanted.set(name, { value, owners: 1 })
    this.#sink.first(name, value)
  }

  #release(name: string): void {
    const known = this.#wanted.get(name)
    if (!known || --known.owners > 0) return
    this.#wanted.delete(name)
    this.#sink.last(name, known.value)
  }
}
