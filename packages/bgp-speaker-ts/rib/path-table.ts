// All paths of one family in typed arrays. Each path is in two linked lists: that of its prefix and that of its peer.
import { grown } from './columns.ts'

/** Bits of the `flags` column. STALE: the peer has to send the path again, or it is swept. REFUSED: not usable, whatever the policy says. LONG_LIVED: long-lived stale (RFC 9494). */
export const PATH_FLAG = { STALE: 1, REFUSED: 2, LONG_LIVED: 4 } as const
/** Above them is the number of the reason of a path that is refused. */
export const REFUSAL_SHIFT = 3

export class PathTable {
  prefix = new Int32Array(0)
  /** Index of the source (peer); 0 is ourselves. */
  source = new Uint16Array(0)
  /** Attributes as received. */
  received = new Int32Array(0)
  /** Attributes after import policy; -1: rejected. */
  attribute = new Int32Array(0)
  /** Next path of the same prefix, -1: none. */
  next = new Int32Array(0)
  flags = new Uint8Array(0)
  used = 0
  live = 0
  /** Path identifiers of the NLRI (RFC 7911); undefined until one is not 0. */
  #pathId: Uint32Array | undefined
  #peerNext = new Int32Array(0)
  #peerPrevious = new Int32Array(0)
  /** First path of each source. */
  #heads = new Int32Array(16).fill(-1)
  #free: number[] = []

  constructor() {
    this.#grow(1024)
  }

  add(prefix: number, source: number, pathId: number): number {
    const id = this.#free.pop() ?? this.used++
    if (id >= this.prefix.length) this.#grow(this.prefix.length * 2)
    this.live++
    this.prefix[id] = prefix
    this.source[id] = source
    if (pathId !== 0) this.#pathId ??= new Uint32Array(this.prefix.length)
    if (this.#pathId !== undefined) this.#pathId[id] = pathId
    this.flags[id] = 0
    const first = this.first(source)
    this.#peerNext[id] = first
    this.#peerPrevious[id] = -1
    if (first >= 0) this.#peerPrevious[first] = id
    this.#heads[source] = id
    return id
  }

  /** Removes a path from its peer's list and frees it; the caller removes it from the prefix's list. */
  remove(id: number): void {
    const next = this.#peerNext[id]!
    const previous = this.#peerPrevious[id]!
    if (next >= 0) this.#peerPrevious[next] = previous
    if (previous >= 0) this.#peerNext[previous] = next
    else this.#heads[this.source[id]!] = next
    this.received[id] = this.attribute[id] = -1
    this.prefix[id] = -1
    this.live--
    this.#free.push(id)
  }

  /** Path identifier of the NLRI (RFC 7911); 0 without add-path. */
  pathId(id: number): number {
    return this.#pathId === undefined ? 0 : this.#pathId[id]!
  }

  /** First path of a source, -1: none. */
  first(source: number): number {
    const { length } = this.#heads
    if (source >= length) this.#heads = grown(this.#heads, Math.max(source + 1, length * 2)).fill(-1, length)
    return this.#heads[source]!
  }

  /** The path after `id` in its source's list. */
  following(id: number): number {
    return this.#peerNext[id]!
  }

  #grow(capacity: number): void {
    this.prefix = grown(this.prefix, capacity)
    this.source = grown(this.source, capacity)
    if (this.#pathId !== undefined) this.#pathId = grown(this.#pathId, capacity)
    this.received = grown(this.received, capacity)
    this.attribute = grown(this.attribute, capacity)
    this.next = grown(this.next, capacity)
    this.flags = grown(this.flags, capacity)
    this.#peerNext = grown(this.#peerNext, capacity)
    this.#peerPrevious = grown(this.#peerPrevious, capacity)
  }
}
