/** Keys of which we no longer know what is there: somebody else, or a failure, may have changed it. */
import type { Resource, Sighting } from './resource.ts'

export const UNKNOWN = { kind: 'unknown' } as const

export class Doubts<K extends string, V> {
  readonly #resource: Resource<K, V>
  /** Each with the last thing that was seen of it. */
  readonly #sightings = new Map<K, Sighting<V>>()

  constructor(resource: Resource<K, V>) {
    this.#resource = resource
  }

  add(key: K, sighting: Sighting<V> = UNKNOWN): void {
    this.#sightings.set(key, sighting)
  }

  clear(): void {
    this.#sightings.clear()
  }

  /**
   * Reads the keys that are in doubt again, unless what was seen of them is what was acknowledged. What could not be read stays
   * in doubt.
   * @param held keys that must wait
   * @throws what reading throws
   */
  async resolve(
    acknowledged: (key: K) => V | undefined,
    held: (key: K) => boolean,
  ): Promise<readonly (readonly [K, V | undefined])[]> {
    const keys: K[] = []
    for (const [key, sighting] of this.#sightings) {
      if (held(key)) continue
      this.#sightings.delete(key)
      if (!this.#confirms(acknowledged(key), sighting)) keys.push(key)
    }
    if (keys.length === 0) return []
    try {
      const actual = await this.#read(keys)
      return keys.map((key) => [key, actual.get(key)] as const)
    } catch (error) {
      for (const key of keys) if (!this.#sightings.has(key)) this.add(key)
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

  #confirms(known: V | undefined, sighting: Sighting<V>): boolean {
    if (sighting.kind === 'absent') return known === undefined
    if (sighting.kind === 'unknown' || known === undefined) return false
    return this.#resource.equal(known, sighting.value)
  }
}
