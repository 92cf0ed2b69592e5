// All prefixes of one family in an open-addressed hash over typed arrays: address words and length behind a stable id.
import { formatAddress, type Prefix } from '../address.ts'
import { readU32 } from '../packet/reader.ts'
import { writeU32 } from '../packet/writer.ts'
import { grown, mix, release } from './columns.ts'
import { NOBODY } from './source.ts'

/** Length of an id that stands for no prefix. */
const FREE = 255

export class PrefixTable {
  /** 32-bit words of an address: 1 or 4. */
  readonly words: 1 | 4
  length = new Uint8Array(1024)
  /** First path, -1: none. */
  head = new Int32Array(1024)
  /** Attributes and source of the best path as it was last published; -1 and NOBODY: none. */
  bestAttribute = new Int32Array(1024)
  bestSource = new Uint16Array(1024)
  /** 1: waits for best path selection. */
  dirty = new Uint8Array(1024)
  /** For whoever works on a batch: chains prefixes of one attribute set. */
  next = new Int32Array(1024)
  /** Ids are below this. */
  used = 0
  live = 0
  #address: Uint32Array[]
  #index = new Int32Array(4096).fill(-1)
  #deleted = 0
  #free: number[] = []
  #bestSet: Int32Array | undefined

  /** `multipath`: several paths to a prefix may be used at once. */
  constructor(words: 1 | 4, multipath = false) {
    this.words = words
    if (multipath) this.#bestSet = new Int32Array(1024)
    this.#address = Array.from({ length: words }, () => new Uint32Array(1024))
  }

  /** The id of an IPv4 prefix, made when `create` and not there; -1 when not there. Host bits must be zero. */
  find4(address: number, length: number, create: boolean): number {
    const column = this.#address[0]!
    const mask = this.#index.length - 1
    let slot = mix(length, address) & mask
    let hole = -1
    for (;;) {
      const id = this.#index[slot]!
      if (id === -1) break
      if (id === -2) {
        if (hole < 0) hole = slot
      } else if (column[id] === address && this.length[id] === length) return id
      slot = (slot + 1) & mask
    }
    if (!create) return -1
    const id = this.#add(hole < 0 ? slot : hole, hole >= 0, length)
    this.#address[0]![id] = address
    this.#settle()
    return id
  }

  find6(a: number, b: number, c: number, d: number, length: number, create: boolean): number {
    const [w0, w1, w2, w3] = this.#address as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
    const mask = this.#index.length - 1
    let slot = mix(mix(mix(mix(length, a), b), c), d) & mask
    let hole = -1
    for (;;) {
      const id = this.#index[slot]!
      if (id === -1) break
      if (id === -2) {
        if (hole < 0) hole = slot
      } else if (w0[id] === a && w1[id] === b && w2[id] === c && w3[id] === d && this.length[id] === length)
        return id
      slot = (slot + 1) & mask
    }
    if (!create) return -1
    const id = this.#add(hole < 0 ? slot : hole, hole >= 0, length)
    this.#address[0]![id] = a
    this.#address[1]![id] = b
    this.#address[2]![id] = c
    this.#address[3]![id] = d
    this.#settle()
    return id
  }

  find(prefix: Prefix, create: boolean): number {
    const word = (i: number) => readU32(prefix.bytes, 4 * i)
    if (this.words === 1) return this.find4(word(0), prefix.length, create)
    return this.find6(word(0), word(1), word(2), word(3), prefix.length, create)
  }

  /** A 32-bit word of the address, most significant first. */
  word(id: number, i: number): number {
    return this.#address[i]![id]!
  }

  /** The address into 4 or 16 bytes of `into`. */
  copyAddress(id: number, into: Uint8Array, at: number): void {
    for (let i = 0; i < this.words; i++) writeU32(into, at + 4 * i, this.#address[i]![id]!)
  }

  prefix(id: number): Prefix {
    const bytes = new Uint8Array(4 * this.words)
    this.copyAddress(id, bytes, 0)
    return { bytes, length: this.length[id]! }
  }

  text(id: number): string {
    const { bytes, length } = this.prefix(id)
    return `${formatAddress(bytes)}/${length}`
  }

  /** Forgets a prefix that has no paths; its id may come back for another. */
  remove(id: number): void {
    const mask = this.#index.length - 1
    let slot = this.#hash(id) & mask
    while (this.#index[slot] !== id) slot = (slot + 1) & mask
    this.#index[slot] = -2
    this.#deleted++
    this.live--
    this.length[id] = FREE
    this.#free.push(id)
  }

  /** Stands for all paths that may be used at once, as last published; 0: only the best. */
  bestSet(id: number): number {
    return this.#bestSet === undefined ? 0 : this.#bestSet[id]!
  }

  publishSet(id: number, set: number): void {
    if (this.#bestSet !== undefined) this.#bestSet[id] = set
  }

  /** Whether the id stands for a prefix. */
  has(id: number): boolean {
    return id < this.used && this.length[id] !== FREE
  }

  #add(slot: number, reused: boolean, length: number): number {
    const id = this.#free.pop() ?? this.used++
    if (id >= this.length.length) this.#grow(this.length.length * 2)
    this.#index[slot] = id
    if (reused) this.#deleted--
    this.live++
    this.length[id] = length
    this.head[id] = this.bestAttribute[id] = -1
    this.bestSource[id] = NOBODY
    this.dirty[id] = 0
    this.publishSet(id, 0)
    return id
  }

  /** Grows the hash where it is half full; the address of every id must be there by now. */
  #settle(): void {
    if ((this.live + this.#deleted) * 2 <= this.#index.length) return
    let size = this.#index.length
    while (this.live * 4 > size) size *= 2
    release(this.#index)
    const index = new Int32Array(size).fill(-1)
    for (let id = 0; id < this.used; id++) {
      if (this.length[id] === FREE) continue
      let slot = this.#hash(id) & (size - 1)
      while (index[slot]! >= 0) slot = (slot + 1) & (size - 1)
      index[slot] = id
    }
    this.#index = index
    this.#deleted = 0
  }

  #hash(id: number): number {
    let hash = this.length[id]!
    for (let i = 0; i < this.words; i++) hash = mix(hash, this.#address[i]![id]!)
    return hash
  }

  #grow(capacity: number): void {
    this.#address = this.#address.map((column) => grown(column, capacity))
    this.length = grown(this.length, capacity)
    this.head = grown(this.head, capacity)
    this.bestAttribute = grown(this.bestAttribute, capacity)
    if (this.#bestSet !== undefined) this.#bestSet = grown(this.#bestSet, capacity)
    this.bestSource = grown(this.bestSource, capacity)
    this.dirty = grown(this.dirty, capacity)
    this.next = grown(this.next, capacity)
  }
}
