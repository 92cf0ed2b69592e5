/** A resource in memory, strict as a kernel is: what exists cannot be added, what does not cannot be removed. */
import type { Observation, Op, Outcome, Resource } from '../resource.ts'
import { DONE } from '../resource.ts'

export class MemoryError extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.name = 'MemoryError'
    this.code = code
  }
}

export class MemoryResource<K extends string, V> implements Resource<K, V> {
  readonly name: string
  /** The state itself; tests change it behind the table's back. */
  readonly state: Map<K, V>
  readonly batches: (readonly Op<K, V>[])[] = []
  lists = 0
  reads = 0
  /** Decides over each op before it is tried: an error makes it fail. */
  fail: ((op: Op<K, V>) => Error | undefined) | undefined
  readonly #watchers = new Set<(key: K, observation?: Observation<V>) => void>()

  constructor(name = 'memory', state: Map<K, V> = new Map()) {
    this.name = name
    this.state = state
  }

  equal(a: V, b: V): boolean {
    return JSON.stringify(a) === JSON.stringify(b)
  }

  async *list(): AsyncIterable<Iterable<readonly [K, V]>> {
    this.lists++
    for (const entry of [...this.state]) yield [entry]
  }

  async read(keys: readonly K[]): Promise<ReadonlyMap<K, V>> {
    this.reads++
    return new Map(keys.filter((key) => this.state.has(key)).map((key) => [key, this.state.get(key)!]))
  }

  async apply(ops: readonly Op<K, V>[]): Promise<readonly Outcome[]> {
    this.batches.push(ops)
    return ops.map((op) => {
      const error = this.fail?.(op) ?? this.#apply(op)
      return error ? { ok: false, error } : DONE
    })
  }

  watch(touched: (key: K, observation?: Observation<V>) => void): Disposable {
    this.#watchers.add(touched)
    return { [Symbol.dispose]: () => void this.#watchers.delete(touched) }
  }

  /** Somebody else's change, of which the watchers hear. */
  tamper(key: K, value: V | undefined): void {
    if (value === undefined) this.state.delete(key)
    else this.state.set(key, value)
    this.#tell(key)
  }

  #apply(op: Op<K, V>): Error | undefined {
    const there = this.state.has(op.key)
    if (op.kind === 'add' && there) return new MemoryError('EEXIST')
    if (op.kind !== 'add' && !there) return new MemoryError('ENOENT')
    if (op.kind === 'remove') this.state.delete(op.key)
    else this.state.set(op.key, op.value)
    this.#tell(op.key)
    return undefined
  }

  #tell(key: K): void {
    const value = this.state.get(key)
    const observation: Observation<V> = value === undefined ? { kind: 'absent' } : { kind: 'present', value }
    for (const watcher of this.#watchers) watcher(key, observation)
  }
}
