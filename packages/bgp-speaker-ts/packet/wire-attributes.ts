// Encodes canonical attributes for an UPDATE, with the changes that the receiver needs (RFC 4271 section 5.1, RFC 4456, RFC 6793).
import { OWN, TAGS } from './attributes.ts'
import { AS_TRANS, ATTRIBUTE, FLAG, SEGMENT } from './codes.ts'
import { readU16, readU32 } from './reader.ts'
import type { Writer } from './writer.ts'

/** Properties of the receiver's session that change the encoding. */
export interface WireOptions {
  readonly fourOctetAs: boolean
  /** AS numbers to prepend for an external peer; none for an internal one, whose path stays unchanged. */
  readonly prepend: readonly number[]
  /** Leave out what external peers do not get: LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST, non-transitive extended communities (RFC 4360 section 6), and a received MULTI_EXIT_DISC (RFC 4271 section 5.1.4). */
  readonly external: boolean
  /** LOCAL_PREF of routes without one, for internal peers. */
  readonly localPref: number | undefined
  /** AS number of the ONLY_TO_CUSTOMER that routes without it get (RFC 9234 section 5); undefined: none. */
  readonly onlyToCustomer: number | undefined
  /** Set for a reflected route: adds ORIGINATOR_ID when it is absent and prepends the cluster ID to CLUSTER_LIST. */
  readonly reflect: { readonly originatorId: number; readonly clusterId: number } | undefined
}

export const PLAIN: WireOptions = {
  fourOctetAs: true,
  prepend: [],
  external: false,
  localPref: undefined,
  onlyToCustomer: undefined,
  reflect: undefined,
}

/** Writes the attributes in [start, end) of canonical `bytes` except the next hop, which the caller writes as NEXT_HOP or in MP_REACH_NLRI. */
export function writeWireAttributes(
  writer: Writer,
  bytes: Uint8Array,
  start: number,
  end: number,
  options: WireOptions,
): void {
  let at = start
  let { localPref, onlyToCustomer } = options
  let originator = false
  let clusters = false
  while (at < end) {
    const type = bytes[at]!
    const length = readU16(bytes, at + 2)
    const value = at + 4
    at = value + length
    if (type === ATTRIBUTE.AS_PATH) writeAsPath(writer, bytes, value, at, options)
    else if (type === ATTRIBUTE.NEXT_HOP) continue
    else if (type === ATTRIBUTE.MED && options.external && (bytes[value - 3]! & OWN) === 0) continue
    else if (type === TAGS && (bytes[value - 3]! & OWN) !== 0) continue
    else if (type === ATTRIBUTE.AGGREGATOR && !options.fourOctetAs)
      writeOldAggregator(writer, bytes[value - 3]!, bytes, value)
    else if (type === ATTRIBUTE.LOCAL_PREF) {
      if (!options.external) writeAttribute(writer, FLAG.TRANSITIVE, type, bytes, value, length)
      localPref = undefined
    } else if (type === ATTRIBUTE.ORIGINATOR_ID || type === ATTRIBUTE.CLUSTER_LIST) {
      if (options.external) continue
      if (type === ATTRIBUTE.ORIGINATOR_ID) originator = true
      else clusters = true
      if (type === ATTRIBUTE.CLUSTER_LIST && options.reflect !== undefined)
        writeClusterList(writer, options.reflect.clusterId, bytes, value, length)
      else writeAttribute(writer, FLAG.OPTIONAL, type, bytes, value, length)
    } else if (type === ATTRIBUTE.EXTENDED_COMMUNITIES && options.external)
      writeTransitiveOnes(writer, bytes[value - 3]!, bytes, value, length)
    else {
      if (type === ATTRIBUTE.ONLY_TO_CUSTOMER) onlyToCustomer = undefined
      writeAttribute(writer, bytes[value - 3]!, type, bytes, value, length)
    }
  }
  if (localPref !== undefined) writeU32Attribute(writer, FLAG.TRANSITIVE, ATTRIBUTE.LOCAL_PREF, localPref)
  if (onlyToCustomer !== undefined)
    writeU32Attribute(writer, FLAG.OPTIONAL | FLAG.TRANSITIVE, ATTRIBUTE.ONLY_TO_CUSTOMER, onlyToCustomer)
  if (options.reflect === undefined) return
  if (!originator)
    writeU32Attribute(writer, FLAG.OPTIONAL, ATTRIBUTE.ORIGINATOR_ID, options.reflect.originatorId)
  if (!clusters) writeClusterList(writer, options.reflect.clusterId, bytes, 0, 0)
}

/** Bit of an extended community's type: it does not leave the AS. */
const NON_TRANSITIVE = 0x40

/** Writes transitive extended communities only: the others do not leave the AS (RFC 4360 section 6). */
function writeTransitiveOnes(
  writer: Writer,
  flags: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  const kept: number[] = []
  for (let i = at; i < at + length; i += 8) if ((bytes[i]! & NON_TRANSITIVE) === 0) kept.push(i)
  if (kept.length === 0) return
  writeAttributeHeader(writer, flags, ATTRIBUTE.EXTENDED_COMMUNITIES, kept.length * 8)
  for (const i of kept) writer.raw(bytes, i, i + 8)
}

/** Writes flags (EXTENDED when the length needs it), type and length. */
export function writeAttributeHeader(writer: Writer, flags: number, type: number, length: number): void {
  const wide = length > 255
  writer.u8(wide ? (flags & 0xe0) | FLAG.EXTENDED : flags & 0xe0)
  writer.u8(type)
  if (wide) writer.u16(length)
  else writer.u8(length)
}

function writeAttribute(
  writer: Writer,
  flags: number,
  type: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  writeAttributeHeader(writer, flags, type, length)
  writer.raw(bytes, at, at + length)
}

function writeU32Attribute(writer: Writer, flags: number, type: number, value: number): void {
  writeAttributeHeader(writer, flags, type, 4)
  writer.u32(value)
}

function writeClusterList(
  writer: Writer,
  clusterId: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  writeAttributeHeader(writer, FLAG.OPTIONAL, ATTRIBUTE.CLUSTER_LIST, length + 4)
  writer.u32(clusterId)
  writer.raw(bytes, at, at + length)
}

function writeAsPath(
  writer: Writer,
  bytes: Uint8Array,
  start: number,
  end: number,
  options: WireOptions,
): void {
  const { prepend, fourOctetAs } = options
  // RFC 4271 section 5.1.2: prepends to a leading AS_SEQUENCE with room, else starts a new segment.
  const count = prepend.length
  const joins =
    count > 0 && start < end && bytes[start] === SEGMENT.SEQUENCE && bytes[start + 1]! + count <= 255
  const extra = count === 0 ? 0 : 4 * count + (joins ? 0 : 2)
  if (fourOctetAs) {
    writeAttributeHeader(writer, FLAG.TRANSITIVE, ATTRIBUTE.AS_PATH, end - start + extra)
    writePath(writer, bytes, start, end, prepend, joins)
    return
  }
  writeOldAsPath(writer, bytes, start, end, prepend, joins)
}

function writePath(
  writer: Writer,
  bytes: Uint8Array,
  start: number,
  end: number,
  prepend: readonly number[],
  joins: boolean,
): void {
  let at = start
  if (prepend.length > 0) {
    writer.u8(SEGMENT.SEQUENCE)
    writer.u8(prepend.length + (joins ? bytes[start + 1]! : 0))
    writer.u32All(prepend)
    if (joins) at = start + 2
  }
  writer.raw(bytes, at, end)
}

/** Writes for a peer with 2-byte AS numbers: AS_PATH with AS_TRANS, and AS4_PATH when a number did not fit (RFC 6793 section 4.2.2). */
function writeOldAsPath(
  writer: Writer,
  bytes: Uint8Array,
  start: number,
  end: number,
  prepend: readonly number[],
  joins: boolean,
): void {
  const headerAt = writer.length
  writer.reserve(end - start + 12 + 4 * prepend.length)
  writePath(writer, bytes, start, end, prepend, joins)
  const path = writer.copy(headerAt)
  writer.length = headerAt
  let lost = false
  const narrow: number[] = []
  for (let at = 0; at < path.length; ) {
    const count = path[at + 1]!
    narrow.push(path[at]!, count)
    at += 2
    for (let i = 0; i < count; i++, at += 4) {
      const asn = readU32(path, at)
      if (asn > 0xffff) lost = true
      const shown = asn > 0xffff ? AS_TRANS : asn
      narrow.push(shown >>> 8, shown & 255)
    }
  }
  writeAttribute(writer, FLAG.TRANSITIVE, ATTRIBUTE.AS_PATH, Uint8Array.from(narrow), 0, narrow.length)
  if (lost) writeAttribute(writer, FLAG.OPTIONAL | FLAG.TRANSITIVE, ATTRIBUTE.AS4_PATH, path, 0, path.length)
}

function writeOldAggregator(writer: Writer, flags: number, bytes: Uint8Array, at: number): void {
  const asn = readU32(bytes, at)
  const wide = asn > 0xffff
  writeAttributeHeader(writer, flags, ATTRIBUTE.AGGREGATOR, 6)
  writer.u16(wide ? AS_TRANS : asn)
  writer.raw(bytes, at + 4, at + 8)
  if (wide) writeAttribute(writer, FLAG.OPTIONAL | FLAG.TRANSITIVE, ATTRIBUTE.AS4_AGGREGATOR, bytes, at, 8)
}
