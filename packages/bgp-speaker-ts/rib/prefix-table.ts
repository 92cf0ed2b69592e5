// All prefixes of one family under stable ids: an open-addressed hash over typed arrays with the address words and length.
import { formatAddress, type Prefix } from '../address.ts'
import { readU32 } from '../packet/reader.ts'
import { writeU32 } from '../packet/writer.ts'
import { grown, mix, release } from './columns.ts'
import { NO_SOURCE } from './source.ts'

/** Value of `length` for an id without a prefix. */
const FREE = 255
/** A free slot of the hash. No entry has all bits set, because the hash is never more than half full. */
const EMPTY = -1
const DELETED = -2
const SEED = 0x2c1b3c6d

export class PrefixTable {
  /** 32-bit words of an address: 1 or 4. */
  readonly words: 1 | 4
  length = new Uint8Array(0)
  /** First path, -1: none. */
  head = new Int32Array(0)
  /** Attributes and source of the last published best path; -1 and NO_SOURCE: none. */
  bestAttribute = new Int32Array(0)
  bestSource = new Uint16Array(0)
  /** 1: waits for best path selection. */
  dirty = new Uint8Array(0)
  /** Scratch column of the announcer's batch: the next prefix of a chain. */
  next = new Int32Array(0)
  /** Keeps the loads of `fetch4` and `fetch6` from being optimized away; the value is never read. */
  fetched = 0
  /** All ids are below this number. */
  used = 0
  live = 0
  /** Address words as signed numbers: V8 stores numbers of more than 31 bits as objects. */
  #address: Int32Array[]
  /** The hash, indexed by the low bits of the key. An entry has the id in its low bits and the key's other bits above, so that most foreign entries are passed without reading their address. */
  #index = new Int32Array(0)
  #last = 0
  #deleted = 0
  #free: number[] = []
  #bestSet: Int32Array | undefined

  /** @param multipath a prefix may have several equal paths */
  constructor(words: 1 | 4, multipath = false) {
    this.words = words
    if (multipath) this.#bestSet = new Int32Array(0)
    this.#address = Array.from({ length: words }, () => new Int32Array(0))
    this.#grow(1024)
    this.#rehash(4096)
  }

  /** Returns the key of an address for `find4` and reads its hash slot, so that the processor loads the slots of several addresses at the same time. */
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
   * Returns the id of an IPv4 prefix; adds the prefix when `create` is set, else -1 when it is unknown. The address is a signed number with host bits of zero.
   * @param key the result of `fetch4`
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

  /** The same for IPv6, with the key of `fetch6`. */
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

  /** Writes the address as 4 or 16 bytes into `into`. */
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

  /** Removes a prefix that has no paths; its id will be reused. */
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

  /** Hash of the last published set of equal paths; 0: only the best. */
  bestSet(id: number): number {
    return this.#bestSet === undefined ? 0 : this.#bestSet[id]!
  }

  publishSet(id: number, set: number): void {
    if (this.#bestSet !== undefined) this.#bestSet[id] = set
  }

  /** Whether the id has a prefix. */
  has(id: number): boolean {
    return id < this.used && this.length[id] !== FREE
  }

  /** Makes a new id and enters it in the free slot where the search ended, or in a deleted slot before that. */
  #add(slot: number, hole: number, key: number, length: number): number {
    const id = this.#free.pop() ?? this.used++
    if (id >= this.length.length) this.#grow(this.length.length * 2)
    this.#index[hole < 0 ? slot : hole] = (key & ~this.#last) | id
    if (hole >= 0) this.#deleted--
    this.live++
    this.length[id] = length
    this.head[id] = this.bestAttribute[id] = -1
    this.bestSource[id] = NO_SOURCE
    this.dirty[id] = 0
    this.publishSet(id, 0)
    return id
  }

  /** Keeps the hash at most half full by growing it to a quarter: a rehash costs more than the memory. The address of every id must be written before. */
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

/** Mixes an IPv6 address. The last 64 bits are skipped when they are zero, as in most prefixes. */
function key6(a: number, b: number, c: number, d: number): number {
  const key = mix(mix(SEED, a), b)
  return (c | d) === 0 ? key : mix(mix(key, c), d)
}
