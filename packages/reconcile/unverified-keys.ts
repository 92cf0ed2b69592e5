/** Keys whose acknowledged value may be wrong, because somebody else or a failed op may have changed it. */
import type { Observation, Resource } from './resource.ts'

const UNKNOWN = { kind: 'unknown' } as const

export class UnverifiedKeys<K extends string, V> {
  readonly #resource: Resource<K, V>
  /** Each with the last thing that was observed of it. */
  readonly #observations = new Map<K, Observation<V>>()

  constructor(resource: Resource<K, V>) {
    this.#resource = resource
  }

  add(key: K, observation: Observation<V> = UNKNOWN): void {
    this.#observations.set(key, observation)
  }

  clear(): void {
    this.#observations.clear()
  }

  /**
   * Reads the keys again, unless what was observed of them is what was acknowledged. What cannot be read stays unverified.
   * @param held keys that must wait
   * @throws what reading throws
   */
  async resolve(
    acknowledged: (key: K) => V | undefined,
    held: (key: K) => boolean,
  ): Promise<readonly (readonly [K, V | undefined])[]> {
    const keys: K[] = []
    for (const [key, observation] of this.#observations) {
      if (held(key)) continue
      this.#observations.delete(key)
      if (!this.#confirms(acknowledged(key), observation)) keys.push(key)
    }
    if (keys.length === 0) return []
    try {
      const actual = await this.#read(keys)
      return keys.map((key) => [key, actual.get(key)] as const)
    } catch (error) {
      for (const key of keys) if (!this.#observations.has(key)) this.add(key)
      throw error
    }
  }

  async #read(keys: readonly K[]): Promise<ReadonlyMap<K, V>> {
    if (this.#resource.read) return this.#resource.read(keys)
    const wanted = new Set(keys)
    const found = new Map<K, V>()
    for await (const portion of this.#resource.list()) {
      for (const [key, value] of portion) if (wanted.has(key)) found.set(key, value)
    }
    return found
  }

  #confirms(known: V | undefined, observation: Observation<V>): boolean {
    if (observation.kind === 'absent') return known === undefined
    if (observation.kind === 'unknown' || known === undefined) return false
    return this.#resource.equal(known, observation.value)
  }
}
