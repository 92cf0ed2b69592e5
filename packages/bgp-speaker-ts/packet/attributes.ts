// Path attributes as an object, converted to and from the canonical bytes that attribute-scan.ts writes. Not used on the hot path.
import { formatAddress, formatId, parseAddress } from '../address.ts'
import { BgpError } from '../errors.ts'
import { ATTRIBUTE, FLAG } from './codes.ts'
import type { LargeCommunity } from './communities.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

export interface AsPathSegment {
  readonly kind: 'set' | 'sequence' | 'confed-sequence' | 'confed-set'
  readonly asns: readonly number[]
}

/** An unknown optional transitive attribute, which is passed on. */
export interface UnknownAttribute {
  readonly type: number
  readonly flags: number
  readonly value: Uint8Array
}

export interface PathAttributes {
  readonly origin?: 'igp' | 'egp' | 'incomplete'
  readonly asPath?: readonly AsPathSegment[]
  readonly nextHop?: string
  readonly med?: number
  /** The MED was set here and not received: only then is it sent to external peers (RFC 4271 section 5.1.4). */
  readonly medIsOurs?: true
  readonly localPref?: number
  readonly atomicAggregate?: true
  readonly aggregator?: { readonly asn: number; readonly address: string }
  readonly communities?: readonly number[]
  readonly originatorId?: number
  readonly clusterList?: readonly number[]
  /** 16 hex digits each. */
  readonly extendedCommunities?: readonly string[]
  readonly largeCommunities?: readonly LargeCommunity[]
  /** An AS number (RFC 9234). */
  readonly onlyToCustomer?: number
  /** Types of known optional transitive attributes whose partial bit is set: it stays set on the whole way (RFC 4271 section 5). */
  readonly partial?: readonly number[]
  readonly unknown?: readonly UnknownAttribute[]
  /** What kind of route of our own it is, in order; never sent. */
  readonly tags?: readonly string[]
}

/** Bit of the canonical flags byte that no received attribute has: a MED that was set here, and tags. */
export const OWN = 0x01
/** Type of tags in canonical bytes; IANA reserves it. They are an attribute because verdicts of policies are cached by attribute set. */
export const TAGS = 0

export const ORIGINS = ['igp', 'egp', 'incomplete'] as const
/** The known optional transitive attributes, which alone may be partial. */
const MAY_BE_PARTIAL: readonly number[] = [
  ATTRIBUTE.AGGREGATOR,
  ATTRIBUTE.COMMUNITIES,
  ATTRIBUTE.EXTENDED_COMMUNITIES,
  ATTRIBUTE.LARGE_COMMUNITIES,
  ATTRIBUTE.ONLY_TO_CUSTOMER,
]
const SEGMENT_KINDS = ['set', 'sequence', 'confed-sequence', 'confed-set'] as const
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Decodes canonical bytes, which were checked when they were written. */
export function decodeCanonical(bytes: Uint8Array, start = 0, end = bytes.length): PathAttributes {
  const reader = new Reader(bytes, start, end)
  const attributes: Mutable<PathAttributes> = {}
  while (reader.left() > 0) {
    const type = reader.u8()
    const flags = reader.u8()
    decodeOne(attributes, type, flags, reader.sub(reader.u16()))
    if ((flags & FLAG.PARTIAL) !== 0 && MAY_BE_PARTIAL.includes(type))
      attributes.partial = [...(attributes.partial ?? []), type]
  }
  return attributes
}

function decodeOne(into: Mutable<PathAttributes>, type: number, flags: number, value: Reader): void {
  switch (type) {
    case ATTRIBUTE.ORIGIN:
      into.origin = ORIGINS[value.u8()]!
      return
    case ATTRIBUTE.AS_PATH:
      into.asPath = decodeAsPath(value)
      return
    case ATTRIBUTE.NEXT_HOP:
      into.nextHop = formatAddress(value.take(value.left()))
      return
    case ATTRIBUTE.MED:
      into.med = value.u32()
      if ((flags & OWN) !== 0) into.medIsOurs = true
      return
    case ATTRIBUTE.LOCAL_PREF:
      into.localPref = value.u32()
      return
    case ATTRIBUTE.ATOMIC_AGGREGATE:
      into.atomicAggregate = true
      return
    case ATTRIBUTE.AGGREGATOR:
      into.aggregator = { asn: value.u32(), address: formatId(value.u32()) }
      return
    case ATTRIBUTE.COMMUNITIES:
      into.communities = items(value, (r) => r.u32())
      return
    case ATTRIBUTE.ORIGINATOR_ID:
      into.originatorId = value.u32()
      return
    case ATTRIBUTE.CLUSTER_LIST:
      into.clusterList = items(value, (r) => r.u32())
      return
    case ATTRIBUTE.EXTENDED_COMMUNITIES:
      into.extendedCommunities = items(value, (r) => toHex(r.take(8)))
      return
    case ATTRIBUTE.LARGE_COMMUNITIES:
      into.largeCommunities = items(value, (r) => [r.u32(), r.u32(), r.u32()] as const)
      return
    case ATTRIBUTE.ONLY_TO_CUSTOMER:
      into.onlyToCustomer = value.u32()
      return
    default:
      if (type === TAGS && (flags & OWN) !== 0) {
        into.tags = decodeTags(value.take(value.left()))
        return
      }
      into.unknown = [...(into.unknown ?? []), { type, flags, value: value.take(value.left()).slice() }]
  }
}

/** Tags have no line feeds: see config-check.ts. */
export function decodeTags(bytes: Uint8Array): string[] {
  return new TextDecoder().decode(bytes).split('\n')
}

function items<T>(reader: Reader, decode: (reader: Reader) => T): T[] {
  const list: T[] = []
  while (reader.left() > 0) list.push(decode(reader))
  return list
}

function decodeAsPath(reader: Reader): AsPathSegment[] {
  return items(reader, (r) => {
    const kind = SEGMENT_KINDS[r.u8() - 1]!
    const count = r.u8()
    return { kind, asns: Array.from({ length: count }, () => r.u32()) }
  })
}

/** Encodes canonical bytes, the next hop last. @throws BgpError when a value does not fit its field. */
export function encodeCanonical(attributes: PathAttributes): Uint8Array {
  const writer = new Writer(128)
  const { OPTIONAL, TRANSITIVE, PARTIAL } = FLAG
  const transitive = (type: number) =>
    OPTIONAL | TRANSITIVE | (attributes.partial?.includes(type) ? PARTIAL : 0)
  const put = (type: number, flags: number, write: () => void) => {
    writer.u8(type)
    writer.u8(flags)
    const lengthAt = writer.length
    writer.u16(0)
    write()
    const length = writer.length - lengthAt - 2
    if (length > 0xffff) throw new BgpError('not-encodable', `attribute ${type} of ${length} bytes`)
    writer.patchU16(lengthAt, length)
  }
  const { origin, asPath, med, localPref, aggregator, communities, originatorId, clusterList, nextHop } =
    attributes
  const { extendedCommunities, largeCommunities, onlyToCustomer } = attributes
  if (origin !== undefined) put(ATTRIBUTE.ORIGIN, TRANSITIVE, () => writer.u8(ORIGINS.indexOf(origin)))
  if (asPath !== undefined) put(ATTRIBUTE.AS_PATH, TRANSITIVE, () => encodeAsPath(writer, asPath))
  if (med !== undefined)
    put(ATTRIBUTE.MED, attributes.medIsOurs ? OPTIONAL | OWN : OPTIONAL, () => writer.u32(med))
  if (localPref !== undefined) put(ATTRIBUTE.LOCAL_PREF, TRANSITIVE, () => writer.u32(localPref))
  if (attributes.atomicAggregate) put(ATTRIBUTE.ATOMIC_AGGREGATE, TRANSITIVE, () => {})
  if (aggregator !== undefined) {
    put(ATTRIBUTE.AGGREGATOR, transitive(ATTRIBUTE.AGGREGATOR), () => {
      writer.u32(aggregator.asn)
      writer.raw(addressBytes(aggregator.address))
    })
  }
  if (communities?.length)
    put(ATTRIBUTE.COMMUNITIES, transitive(ATTRIBUTE.COMMUNITIES), () => writer.u32All(communities))
  if (originatorId !== undefined) put(ATTRIBUTE.ORIGINATOR_ID, OPTIONAL, () => writer.u32(originatorId))
  if (clusterList?.length) put(ATTRIBUTE.CLUSTER_LIST, OPTIONAL, () => writer.u32All(clusterList))
  if (extendedCommunities?.length) {
    put(ATTRIBUTE.EXTENDED_COMMUNITIES, transitive(ATTRIBUTE.EXTENDED_COMMUNITIES), () =>
      writer.raw(fromHex(extendedCommunities.join(''))),
    )
  }
  if (largeCommunities?.length) {
    put(ATTRIBUTE.LARGE_COMMUNITIES, transitive(ATTRIBUTE.LARGE_COMMUNITIES), () =>
      writer.u32All(largeCommunities.flat()),
    )
  }
  if (onlyToCustomer !== undefined)
    put(ATTRIBUTE.ONLY_TO_CUSTOMER, transitive(ATTRIBUTE.ONLY_TO_CUSTOMER), () => writer.u32(onlyToCustomer))
  for (const { type, flags, value } of attributes.unknown ?? []) put(type, flags, () => writer.raw(value))
  const { tags } = attributes
  if (tags?.length) put(TAGS, OWN, () => writer.raw(new TextEncoder().encode(tags.join('\n'))))
  if (nextHop !== undefined) put(ATTRIBUTE.NEXT_HOP, TRANSITIVE, () => writer.raw(addressBytes(nextHop)))
  return writer.copy()
}

function encodeAsPath(writer: Writer, path: readonly AsPathSegment[]): void {
  for (const { kind, asns } of path) {
    if (asns.length === 0 || asns.length > 255)
      throw new BgpError('not-encodable', `AS_PATH segment of ${asns.length} ASes`)
    writer.u8(SEGMENT_KINDS.indexOf(kind) + 1)
    writer.u8(asns.length)
    for (const asn of asns) writer.u32(asn)
  }
}

function addressBytes(text: string): Uint8Array {
  const bytes = parseAddress(text)
  if (bytes === undefined) throw new BgpError('not-encodable', `not an address: ${text}`)
  return bytes
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Parses hex digits, which may have blanks between them. @throws BgpError otherwise. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits))
    throw new BgpError('not-encodable', `not hex: ${text}`)
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  )
}
