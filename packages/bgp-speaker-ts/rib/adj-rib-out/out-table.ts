// Adj-RIB-Out (RFC 4271 section 3.2) of an update group in one family: the routes that its members have been sent.
import { grown, IdStack } from '../columns.ts'
import { NO_SOURCE } from '../source.ts'

const NOTHING = -1

/** Adj-RIB-Out of one family. */
export class OutTable {
  /** Advertised attribute id by prefix id; -1: nothing. */
  attribute = new Int32Array(0)
  /** Source of the advertised path by prefix id; that peer itself does not get it. */
  source = new Uint16Array(0)
  /** 1: the prefix is in `queue`. */
  waiting = new Uint8Array(0)
  readonly queue = new IdStack()
  count = 0
  /** Prefix ids below this number have a valid entry. */
  used = 0
  /** Number of advertised prefixes by source. */
  bySource = new Int32Array(16)

  /** Makes room for `capacity` prefixes and initializes those below `used`. */
  ensure(capacity: number, used: number): void {
    if (capacity > this.attribute.length) {
      this.attribute = grown(this.attribute, capacity)
      this.source = grown(this.source, capacity)
      this.waiting = grown(this.waiting, capacity)
    }
    if (used <= this.used) return
    this.attribute.fill(NOTHING, this.used, used)
    // Or a prefix that is not told would be withdrawn.
    this.source.fill(NO_SOURCE, this.used, used)
    this.used = used
  }

  set(prefix: number, attribute: number, source: number): void {
    if (this.attribute[prefix]! >= 0) this.#count(this.source[prefix]!, -1)
    if (attribute >= 0) this.#count(source, 1)
    this.attribute[prefix] = attribute
    this.source[prefix] = attribute < 0 ? NO_SOURCE : source
  }

  #count(source: number, by: number): void {
    this.count += by
    if (source >= this.bySource.length)
      this.bySource = grown(this.bySource, Math.max(source + 1, this.bySource.length * 2))
    this.bySource[source]! += by
  }
}
