// Paths of one peer and family that changed since the collector was told. However often a path changes, it is here once: what waits for a
// slow collector is bounded by the table.

/** Path identifiers of a prefix (RFC 7911); undefined: the only path, without one. */
type Ids = Set<number> | undefined

export class Changes {
  readonly #prefixes = new Map<number, Ids>()

  get size(): number {
    return this.#prefixes.size
  }

  has(prefix: number): boolean {
    return this.#prefixes.has(prefix)
  }

  note(prefix: number, pathId: number): void {
    const ids = this.#prefixes.get(prefix)
    if (ids !== undefined) ids.add(pathId)
    else if (pathId !== 0)
      this.#prefixes.set(prefix, new Set(this.#prefixes.has(prefix) ? [0, pathId] : [pathId]))
    else this.#prefixes.set(prefix, undefined)
  }

  /** Removes and returns at most `most` prefixes, in the order of their change. */
  take(most: number): (readonly [prefix: number, ids: Ids])[] {
    const taken: (readonly [number, Ids])[] = []
    for (const entry of this.#prefixes) {
      if (taken.length === most) break
      taken.push(entry)
      this.#prefixes.delete(entry[0])
    }
    return taken
  }
}
