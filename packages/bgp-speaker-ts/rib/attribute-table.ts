// Interns attribute sets: each distinct set is stored once as canonical bytes under a small integer, with columns for the values that best path compares.
import { decodeCanonical, type PathAttributes } from '../packet/attributes.ts'
import { ATTRIBUTE } from '../packet/codes.ts'
import { LLGR_STALE, NO_ADVERTISE, NO_EXPORT, NO_EXPORT_SUBCONFED, NO_LLGR } from '../packet/communities.ts'
import { readU16, readU32 } from '../packet/reader.ts'
import { grown, release } from './columns.ts'

/** The values that best path compares, collected by attribute-scan.ts. */
export interface AttributeSummary {
  readonly origin: number
  readonly med: number
  readonly localPref: number
  readonly originatorId: number
  readonly clusters: number
  readonly asPath: { readonly length: number; readonly neighbour: number }
}

export const DEFAULT_LOCAL_PREF = 100
const CHUNK = 1 << 20

/** Bits of the `flags` column. */
export const ATTRIBUTE_FLAG = {
  NO_EXPORT: 1,
  NO_ADVERTISE: 2,
  LLGR_STALE: 4,
  NO_LLGR: 8,
  ONLY_TO_CUSTOMER: 16,
} as const

export class AttributeTable {
  origin = new Uint8Array(0)
  pathLength = new Uint16Array(0)
  clusters = new Uint16Array(0)
  flags = new Uint8Array(0)
  nextHopLength = new Uint8Array(0)
  neighbour = new Uint32Array(0)
  med = new Uint32Array(0)
  localPref = new Uint32Array(0)
  originator = new Uint32Array(0)
  /** Scratch column for the announcer's batch, by id; -1 outside of a batch. */
  scratch = new Int32Array(0)
  /** All ids are below this number; freed ones are reused. */
  used = 0
  live = 0
  #hash = new Uint32Array(0)
  #chunk = new Uint16Array(0)
  #offset = new Uint32Array(0)
  #length = new Uint16Array(0)
  #index = new Int32Array(0)
  #chunks: Uint8Array[] = [new Uint8Array(CHUNK)]
  #top = 0
  #free: number[] = []
  /** Cache of the last located set: its id and the offsets of two attributes. */
  #located = -1
  #asPathAt = -1
  #communitiesAt = -1
  /** Number of references released since the last sweep, counted by those who hold ids: an estimate of what a sweep frees. */
  released = 0

  constructor() {
    this.#grow(1024)
    this.#reindex(2048)
  }

  /** Returns the id of the set whose canonical bytes are the first `length` of `bytes`; adds the set when it is new. */
  intern(bytes: Uint8Array, length: number, summary: AttributeSummary): number {
    const hash = hashOf(bytes, length)
    const mask = this.#index.length - 1
    let slot = hash & mask
    for (;;) {
      const id = this.#index[slot]!
      if (id < 0) break
      if (this.#hash[id] === hash && this.#equal(id, bytes, length)) return id
      slot = (slot + 1) & mask
    }
    const id = this.#add(hash, bytes, length, summary)
    this.#index[slot] = id
    if (this.live * 2 > this.#index.length) this.#reindex(this.#index.length * 2)
    return id
  }

  /** The chunk that holds the canonical bytes, from `start` to `end`. */
  bytes(id: number): Uint8Array {
    return this.#chunks[this.#chunk[id]!]!
  }

  start(id: number): number {
    return this.#offset[id]!
  }

  end(id: number): number {
    return this.#offset[id]! + this.#length[id]!
  }

  /** Offset of the AS_PATH, like `find`. */
  asPath(id: number): number {
    this.#locate(id)
    return this.#asPathAt
  }

  /** Offset of the COMMUNITIES, like `find`. */
  communities(id: number): number {
    this.#locate(id)
    return this.#communitiesAt
  }

  /** Offset in `bytes` of an attribute's value, which follows its 2-byte length; -1: the set has no attribute of that type. */
  find(id: number, type: number): number {
    const bytes = this.bytes(id)
    const end = this.end(id)
    for (let at = this.start(id); at < end; at += 4 + readU16(bytes, at + 2))
      if (bytes[at] === type) return at + 4
    return -1
  }

  decode(id: number): PathAttributes {
    return decodeCanonical(this.bytes(id), this.start(id), this.end(id))
  }

  /** A view of the next hop: 4 or 16 bytes, or none. */
  nextHop(id: number): Uint8Array {
    const end = this.end(id)
    return this.bytes(id).subarray(end - this.nextHopLength[id]!, end)
  }

  /** Whether enough references were released for a sweep to be worth its cost. */
  wantsSweep(): boolean {
    return this.released > 50_000 && this.released > this.live >> 1
  }

  /** Frees every id for which `marked` is 0. */
  sweep(marked: Uint8Array): void {
    this.released = 0
    const free = new Set(this.#free)
    let freed = 0
    for (let id = 0; id < this.used; id++) {
      if (marked[id] !== 0 || free.has(id)) continue
      this.#free.push(id)
      this.#length[id] = 0
      freed++
    }
    if (freed === 0) return
    this.live -= freed
    this.#compact()
    this.#reindex(this.#index.length)
  }

  /** Locates AS_PATH and COMMUNITIES once for all rules of a policy that ask for them. */
  #locate(id: number): void {
    if (id === this.#located) return
    this.#located = id
    this.#asPathAt = this.find(id, ATTRIBUTE.AS_PATH)
    this.#communitiesAt = this.find(id, ATTRIBUTE.COMMUNITIES)
  }

  #equal(id: number, bytes: Uint8Array, length: number): boolean {
    if (this.#length[id] !== length) return false
    const mine = this.bytes(id)
    const offset = this.#offset[id]!
    for (let i = 0; i < length; i++) if (mine[offset + i] !== bytes[i]) return false
    return true
  }

  #add(hash: number, bytes: Uint8Array, length: number, summary: AttributeSummary): number {
    const id = this.#free.pop() ?? this.used++
    if (id >= this.origin.length) this.#grow(this.origin.length * 2)
    this.live++
    this.#hash[id] = hash
    this.scratch[id] = -1
    this.#store(id, bytes, 0, length)
    this.origin[id] = summary.origin
    this.pathLength[id] = summary.asPath.length
    this.neighbour[id] = summary.asPath.neighbour
    this.med[id] = Math.max(0, summary.med)
    this.localPref[id] = summary.localPref < 0 ? DEFAULT_LOCAL_PREF : summary.localPref
    this.originator[id] = summary.originatorId
    this.clusters[id] = summary.clusters
    this.#inspect(id)
    return id
  }

  #store(id: number, bytes: Uint8Array, start: number, length: number): void {
    this.#located = -1
    if (this.#top + length > CHUNK) {
      this.#chunks.push(new Uint8Array(CHUNK))
      this.#top = 0
    }
    const chunk = this.#chunks.length - 1
    const target = this.#chunks[chunk]!
    const top = this.#top
    for (let i = 0; i < length; i++) target[top + i] = bytes[start + i]!
    this.#chunk[id] = chunk
    this.#offset[id] = top
    this.#length[id] = length
    this.#top = top + length
  }

  /** Finds the next hop and the communities that the speaker itself obeys. */
  #inspect(id: number): void {
    const bytes = this.bytes(id)
    const end = this.end(id)
    let flags = 0
    let nextHop = 0
    for (let at = this.start(id); at < end; ) {
      const type = bytes[at]!
      const length = readU16(bytes, at + 2)
      if (type === ATTRIBUTE.NEXT_HOP) nextHop = length
      else if (type === ATTRIBUTE.COMMUNITIES) flags |= communityFlags(bytes, at + 4, length)
      else if (type === ATTRIBUTE.ONLY_TO_CUSTOMER) flags |= ATTRIBUTE_FLAG.ONLY_TO_CUSTOMER
      at += 4 + length
    }
    this.flags[id] = flags
    this.nextHopLength[id] = nextHop
  }

  #grow(capacity: number): void {
    this.origin = grown(this.origin, capacity)
    this.pathLength = grown(this.pathLength, capacity)
    this.clusters = grown(this.clusters, capacity)
    this.flags = grown(this.flags, capacity)
    this.nextHopLength = grown(this.nextHopLength, capacity)
    this.neighbour = grown(this.neighbour, capacity)
    this.med = grown(this.med, capacity)
    this.localPref = grown(this.localPref, capacity)
    this.originator = grown(this.originator, capacity)
    this.scratch = grown(this.scratch, capacity)
    this.#hash = grown(this.#hash, capacity)
    this.#chunk = grown(this.#chunk, capacity)
    this.#offset = grown(this.#offset, capacity)
    this.#length = grown(this.#length, capacity)
  }

  #reindex(size: number): void {
    if (size !== this.#index.length) {
      release(this.#index)
      this.#index = new Int32Array(size)
    }
    const index = this.#index.fill(-1)
    const mask = size - 1
    for (let id = 0; id < this.used; id++) {
      if (this.#length[id] === 0) continue
      let slot = this.#hash[id]! & mask
      while (index[slot]! >= 0) slot = (slot + 1) & mask
      index[slot] = id
    }
  }

  #compact(): void {
    const old = this.#chunks
    this.#chunks = [new Uint8Array(CHUNK)]
    this.#top = 0
    for (let id = 0; id < this.used; id++) {
      const length = this.#length[id]!
      if (length > 0) this.#store(id, old[this.#chunk[id]!]!, this.#offset[id]!, length)
    }
  }
}

function hashOf(bytes: Uint8Array, length: number): number {
  let hash = length
  let at = 0
  for (; at + 4 <= length; at += 4)
    hash = hashed(hash, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
  for (; at < length; at++) hash = hashed(hash, bytes[at]!)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d) >>> 0
}

/** Rotates the high bits, which the multiplication mixes best, to the low ones, which the index uses. */
function hashed(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x9e3779b1)
  return (product << 13) | (product >>> 19)
}

function communityFlags(bytes: Uint8Array, at: number, length: number): number {
  let flags = 0
  for (let i = 0; i < length; i += 4) {
    const community = readU32(bytes, at + i)
    if (community === NO_EXPORT || community === NO_EXPORT_SUBCONFED) flags |= ATTRIBUTE_FLAG.NO_EXPORT
    else if (community === NO_ADVERTISE) flags |= ATTRIBUTE_FLAG.NO_ADVERTISE
    else if (community === LLGR_STALE) flags |= ATTRIBUTE_FLAG.LLGR_STALE
    else if (community === NO_LLGR) flags |= ATTRIBUTE_FLAG.NO_LLGR
  }
  return flags
}
