// All prefixes of one family in an open-addressed hash over typed arrays: address words and length behind a stable id.
import { formatAddress, type Prefix } from '../address.ts'
import { readU32 } from '../packet/reader.ts'
import { writeU32 } from '../packet/writer.ts'
import { grown, mix, release } from './columns.ts'
import { NOBODY } from './source.ts'

/** Length of an id that stands for no prefix. */
const FREE = 255
/** In the hash: no id is so large, as it is never more than half full. */
const EMPTY = -1
const DELETED = -2
const SEED = 0x2c1b3c6d

export class PrefixTable {
  /** 32-bit words of an address: 1 or 4. */
  readonly words: 1 | 4
  length = new Uint8Array(0)
  /** First path, -1: none. */
  head = new Int32Array(0)
  /** Attributes and source of the best path as it was last published; -1 and NOBODY: none. */
  bestAttribute = new Int32Array(0)
  bestSource = new Uint16Array(0)
  /** 1: waits for best path selection. */
  dirty = new Uint8Array(0)
  /** For whoever works on a batch: chains prefixes of one attribute set. */
  next = new Int32Array(0)
  /** Of no use but that it keeps what was fetched from being optimized away. */
  fetched = 0
  /** Ids are below this. */
  used = 0
  live = 0
  /** Signed: larger numbers than 31 bits hold would be objects. */
  #address: Int32Array[]
  /** By the low bits of a mixed address: the id in as many bits, and the other bits of that number, so that a look at another's slot seldom needs a look at its address. */
  #index = new Int32Array(0)
  #last = 0
  #deleted = 0
  #free: number[] = []
  #bestSet: Int32Array | undefined

  /** `multipath`: several paths to a prefix may be used at once. */
  constructor(words: 1 | 4, multipath = false) {
    this.words = words
    if (multipath) this.#bestSet = new Int32Array(0)
    this.#address = Array.from({ length: words }, () => new Int32Array(0))
    this.#grow(1024)
    this.#rehash(4096)
  }

  /** The key of an address, for `find4`. Has the processor fetch what it needs of the hash: several in a row are fetched at the same time. */
  fetch4(address: number): number {
    const key = mix(SEED, address)
    this.fetched ^= this.#index[key & this.#last]!
    return key
  }

  /** The same for `find6`. */
  fetch6(a: number, b: number, c: number, d: number): number {
    const key = key6(a, b, c, d)
    this.fetched ^= this.#index[key & this.#last]!
    return key
  }

  /**
   * The id of an IPv4 prefix, made when `create` and not there; -1 when not there. The address is a signed number; host bits must be zero.
   * @param key of the address, as `fetch4` says
   */
  find4(key: number, address: number, length: number, create: boolean): number {
    const last = this.#last
    let slot = key & last
    let hole = -1
    for (;;) {
      const entry = this.#index[slot]!
      if (entry === EMPTY) break
      if (entry === DELETED) {
        if (hole < 0) hole = slot
      } else if (((entry ^ key) & ~last) === 0) {
        const id = entry & last
        if (this.#address[0]![id] === address && this.length[id] === length) return id
      }
      slot = (slot + 1) & last
    }
    if (!create) return -1
    const id = this.#add(slot, hole, key, length)
    this.#address[0]![id] = address
    this.#settle()
    return id
  }

  /** The same for IPv6, whose key is that of `fetch6`. */
  find6(key: number, a: number, b: number, c: number, d: number, length: number, create: boolean): number {
    const last = this.#last
    let slot = key & last
    let hole = -1
    for (;;) {
      const entry = this.#index[slot]!
      if (entry === EMPTY) break
      if (entry === DELETED) {
        if (hole < 0) hole = slot
      } else if (((entry ^ key) & ~last) === 0) {
        const id = entry & last
        if (this.length[id] === length && this.#is6(id, a, b, c, d)) return id
      }
      slot = (slot + 1) & last
    }
    if (!create) return -1
    const id = this.#add(slot, hole, key, length)
    this.#address[0]![id] = a
    this.#address[1]![id] = b
    this.#address[2]![id] = c
    this.#address[3]![id] = d
    this.#settle()
    return id
  }

  #is6(id: number, a: number, b: number, c: number, d: number): boolean {
    const address = this.#address
    return address[0]![id] === a && address[1]![id] === b && address[2]![id] === c && address[3]![id] === d
  }

  find(prefix: Prefix, create: boolean): number {
    const word = (i: number) => readU32(prefix.bytes, 4 * i) | 0
    if (this.words === 1) return this.find4(mix(SEED, word(0)), word(0), prefix.length, create)
    const key = key6(word(0), word(1), word(2), word(3))
    return this.find6(key, word(0), word(1), word(2), word(3), prefix.length, create)
  }

  /** A 32-bit word of the address as a signed number, most significant first. */
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
    const last = this.#last
    let slot = this.#key(id) & last
    while ((this.#index[slot]! & last) !== id) slot = (slot + 1) & last
    this.#index[slot] = DELETED
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

  /** A new id in the free slot where the search ended, or in a deleted one that it met before. */
  #add(slot: number, hole: number, key: number, length: number): number {
    const id = this.#free.pop() ?? this.used++
    if (id >= this.length.length) this.#grow(this.length.length * 2)
    this.#index[hole < 0 ? slot : hole] = (key & ~this.#last) | id
    if (hole >= 0) this.#deleted--
    this.live++
    this.length[id] = length
    this.head[id] = this.bestAttribute[id] = -1
    this.bestSource[id] = NOBODY
    this.dirty[id] = 0
    this.publishSet(id, 0)
    return id
  }

  /** Keeps the hash at most half full, and grows it fourfold: to fill it anew costs more than the room does; the address of every id must be there by now. */
  #settle(): void {
    if ((this.live + this.#deleted) * 2 <= this.#index.length) return
    let slots = this.#index.length
    while (this.live * 4 > slots) slots *= 2
    this.#rehash(slots)
  }

  #rehash(slots: number): void {
    release(this.#index)
    const index = new Int32Array(slots).fill(EMPTY)
    const last = slots - 1
    for (let id = 0; id < this.used; id++) {
      if (this.length[id] === FREE) continue
      const key = this.#key(id)
      let slot = key & last
      while (index[slot] !== EMPTY) slot = (slot + 1) & last
      index[slot] = (key & ~last) | id
    }
    this.#index = index
    this.#last = last
    this.#deleted = 0
  }

  #key(id: number): number {
    const address = this.#address
    if (this.words === 1) return mix(SEED, address[0]![id]!)
    return key6(address[0]![id]!, address[1]![id]!, address[2]![id]!, address[3]![id]!)
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

/** Few prefixes are longer than 64 bits: the zeros of the others are not mixed. */
function key6(a: number, b: number, c: number, d: number): number {
  const key = mix(mix(SEED, a), b)
  return (c | d) === 0 ? key : mix(mix(key, c), d)
}
