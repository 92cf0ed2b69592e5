// What a group's members have been told, by prefix: Adj-RIB-Out (RFC 4271 section 3.2) of one family.
import { grown, IdStack } from './columns.ts'
import { NOBODY } from './source.ts'

const NOTHING = -1

/** Adj-RIB-Out of one family. */
export class OutTable {
  /** Attribute id that is advertised, -1: nothing. By prefix id. */
  attribute = new Int32Array(0)
  /** Whose path it is; that peer is not told. */
  source = new Uint16Array(0)
  /** 1: changed, but not looked at yet. */
  waiting = new Uint8Array(0)
  readonly queue = new IdStack()
  count = 0
  /** Prefix ids below this may be asked for. */
  used = 0
  /** How many of them came from a source. */
  bySource = new Int32Array(16)

  /** Makes room for `capacity` prefixes, of which `used` may be asked for. */
  ensure(capacity: number, used: number): void {
    if (capacity > this.attribute.length) {
      this.attribute = grown(this.attribute, capacity)
      this.source = grown(this.source, capacity)
      this.waiting = grown(this.waiting, capacity)
    }
    if (used <= this.used) return
    this.attribute.fill(NOTHING, this.used, used)
    this.used = used
  }

  set(prefix: number, attribute: number, source: number): void {
    if (this.attribute[prefix]! >= 0) this.#count(this.source[prefix]!, -1)
    if (attribute >= 0) this.#count(source, 1)
    this.attribute[prefix] = attribute
    this.source[prefix] = attribute < 0 ? NOBODY : source
  }

  #count(source: number, by: number): void {
    this.count += by
    if (source >= this.bySource.length)
      this.bySource = grown(this.bySource, Math.max(source + 1, this.bySource.length * 2))
    this.bySource[source]! += by
  }
}
