// Encodes many routes as UPDATE messages in one buffer. Prefixes with the same attribute set share messages.
import { AFI, ATTRIBUTE, FLAG, HEADER_LENGTH, MESSAGE, SAFI } from '../../packet/codes.ts'
import { writeHeader } from '../../packet/header.ts'
import { type WireOptions, writeAttributeHeader, writeWireAttributes } from '../../packet/wire-attributes.ts'
import { Writer, writeU32 } from '../../packet/writer.ts'
import type { AttributeTable } from '../attribute-table.ts'
import type { FamilyRib } from '../family-rib.ts'
import type { PrefixTable } from '../prefix-table.ts'
import { NO_SOURCE } from '../source.ts'

/** A run of whole messages in the batch that one member does not get, because it is their source. */
export interface Segment {
  readonly start: number
  end: number
  /** Number of messages in the buffer before these. */
  readonly before: number
  messages: number
}

export interface Batch {
  readonly bytes: Uint8Array
  readonly messages: number
  /** Segments that a member does not get, in order, by source index. */
  readonly own: ReadonlyMap<number, readonly Segment[]>
}

/** Most bytes of one NLRI: path identifier, length and address. */
const NLRI_ROOM = 21

export class UpdateEncoder {
  readonly #attributes: AttributeTable
  #writer = new Writer(65536)
  #own = new Map<number, Segment[]>()
  #messages = 0
  /** Path identifier before every NLRI (RFC 7911 section 3); 0: none. */
  pathId = 0
  /** NLRI have path identifiers also where that is 0. */
  pathIds = false

  constructor(attributes: AttributeTable) {
    this.#attributes = attributes
  }

  /** Returns the messages encoded since the last call; undefined: none. */
  take(): Batch | undefined {
    if (this.#messages === 0) return undefined
    const batch = { bytes: this.#writer.copy(), messages: this.#messages, own: this.#own }
    this.#own = new Map()
    this.#messages = 0
    this.#writer.length = 0
    return batch
  }

  /** Encodes the announcement of the chain of prefixes from `head` on. Returns false, with nothing written, when the attributes leave no room for a prefix. */
  announce(
    rib: FamilyRib,
    head: number,
    attribute: number,
    nextHop: Uint8Array,
    options: WireOptions,
    maxLength: number,
    except: number,
  ): boolean {
    const classic = rib.family === 'ipv4-unicast' && nextHop.length === 4
    const attributes = this.#encodeAttributes(attribute, classic ? nextHop : undefined, options)
    const overhead = HEADER_LENGTH + 4 + attributes.length + (classic ? 0 : 9 + nextHop.length)
    if (overhead + NLRI_ROOM > maxLength) return false
    const writer = this.#writer
    let prefix = head
    while (prefix >= 0) {
      const start = this.#open()
      writer.u16(0)
      const lengthAt = writer.length
      writer.u16(0)
      if (classic) {
        writer.raw(attributes)
        writer.patchU16(lengthAt, attributes.length)
        prefix = this.#prefixes(rib.prefixes, prefix, start + maxLength)
      } else {
        prefix = this.#reach(rib, prefix, nextHop, start + maxLength - attributes.length)
        writer.raw(attributes)
        writer.patchU16(lengthAt, writer.length - lengthAt - 2)
      }
      this.#close(start, except)
    }
    return true
  }

  withdraw(rib: FamilyRib, head: number, maxLength: number, except: number): void {
    const writer = this.#writer
    let prefix = head
    while (prefix >= 0) {
      const start = this.#open()
      const lengthAt = writer.length
      writer.u16(0)
      if (rib.family === 'ipv4-unicast') {
        prefix = this.#prefixes(rib.prefixes, prefix, start + maxLength - 2)
        writer.patchU16(lengthAt, writer.length - lengthAt - 2)
        writer.u16(0)
      } else {
        writer.u16(0)
        prefix = this.#unreach(rib, prefix, start + maxLength)
        writer.patchU16(lengthAt + 2, writer.length - lengthAt - 4)
      }
      this.#close(start, except)
    }
  }

  #open(): number {
    const writer = this.#writer
    const start = writer.length
    writer.reserve(HEADER_LENGTH)
    writeHeader(writer.bytes, start, MESSAGE.UPDATE)
    writer.length += HEADER_LENGTH
    return start
  }

  #close(start: number, except: number): void {
    const { length } = this.#writer
    this.#writer.patchU16(start + 16, length - start)
    const before = this.#messages++
    if (except === NO_SOURCE) return
    const segments = this.#own.get(except)
    const last = segments?.at(-1)
    if (last?.end === start) {
      last.end = length
      last.messages++
      return
    }
    const segment = { start, end: length, before, messages: 1 }
    if (segments === undefined) this.#own.set(except, [segment])
    else segments.push(segment)
  }

  readonly #scratch = new Writer(512)

  #encodeAttributes(attribute: number, nextHop: Uint8Array | undefined, options: WireOptions): Uint8Array {
    const table = this.#attributes
    const writer = this.#scratch
    writer.length = 0
    writeWireAttributes(writer, table.bytes(attribute), table.start(attribute), table.end(attribute), options)
    if (nextHop !== undefined) {
      writeAttributeHeader(writer, FLAG.TRANSITIVE, ATTRIBUTE.NEXT_HOP, 4)
      writer.raw(nextHop)
    }
    return writer.bytes.subarray(0, writer.length)
  }

  /** Writes prefixes up to `limit`; returns the first that did not fit, -1: all did. */
  #prefixes(table: PrefixTable, head: number, limit: number): number {
    const writer = this.#writer
    writer.reserve(limit - writer.length + NLRI_ROOM)
    const { bytes } = writer
    let at = writer.length
    let prefix = head
    const { pathId } = this
    const identified = this.pathIds || pathId !== 0
    const room = table.words === 1 && !identified ? 5 : NLRI_ROOM
    while (prefix >= 0 && at + room <= limit) {
      const length = table.length[prefix]!
      if (identified) {
        writeU32(bytes, at, pathId)
        at += 4
      }
      bytes[at] = length
      if (table.words === 1) {
        const word = table.word(prefix, 0)
        bytes[at + 1] = word >>> 24
        bytes[at + 2] = word >>> 16
        bytes[at + 3] = word >>> 8
        bytes[at + 4] = word
      } else table.copyAddress(prefix, bytes, at + 1)
      at += 1 + ((length + 7) >> 3)
      prefix = table.next[prefix]!
    }
    writer.length = at
    return prefix
  }

  //  | AFI (2) | SAFI (1) | Next hop length (1) | Next hop | Reserved (1) | NLRI  (RFC 4760 section 3)

  #reach(rib: FamilyRib, head: number, nextHop: Uint8Array, limit: number): number {
    const writer = this.#writer
    const lengthAt = this.#openMp(ATTRIBUTE.MP_REACH, rib)
    writer.u8(nextHop.length)
    writer.raw(nextHop)
    writer.u8(0)
    const rest = this.#prefixes(rib.prefixes, head, limit)
    writer.patchU16(lengthAt, writer.length - lengthAt - 2)
    return rest
  }

  #unreach(rib: FamilyRib, head: number, limit: number): number {
    const lengthAt = this.#openMp(ATTRIBUTE.MP_UNREACH, rib)
    const rest = this.#prefixes(rib.prefixes, head, limit)
    this.#writer.patchU16(lengthAt, this.#writer.length - lengthAt - 2)
    return rest
  }

  #openMp(type: number, rib: FamilyRib): number {
    const writer = this.#writer
    writer.u8(FLAG.OPTIONAL | FLAG.EXTENDED)
    writer.u8(type)
    const lengthAt = writer.length
    writer.u16(0)
    writer.u16(rib.family === 'ipv4-unicast' ? AFI.IPV4 : AFI.IPV6)
    writer.u8(SAFI.UNICAST)
    return lengthAt
  }
}
