// The UPDATE message (RFC 4271 section 4.3): the offsets of its sections for ingest, and an object for all other uses.
import { formatAddress, parseAddress } from '../address.ts'
import { BgpError, NotificationError } from '../errors.ts'
import { AttributeScan, OUTCOME, type UpdateContext } from './attribute-scan.ts'
import { decodeCanonical, encodeCanonical, type PathAttributes } from './attributes.ts'
import { AFI, type AfiSafi, ATTRIBUTE, ERROR, FLAG, SAFI, UPDATE_ERROR } from './codes.ts'
import { hasNlri } from './mp-scan.ts'
import { decodeNlri, encodeNlri, type Nlri } from './nlri.ts'
import { Reader, readU16 } from './reader.ts'
import { PLAIN, type WireOptions, writeAttributeHeader, writeWireAttributes } from './wire-attributes.ts'
import { Writer } from './writer.ts'

/** The outcome of an error in an UPDATE (RFC 7606 section 2). A session reset is a thrown NotificationError instead. */
export type UpdateOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'attribute-discard'; readonly problem: string }
  | { readonly kind: 'treat-as-withdraw'; readonly problem: string }

export interface MpReach extends AfiSafi {
  readonly nextHop: string
  /** Link-local next hop beside the global one (RFC 2545 section 3). */
  readonly linkLocal?: string
  readonly nlri: readonly Nlri[]
}

export interface MpUnreach extends AfiSafi {
  readonly nlri: readonly Nlri[]
}

export interface Update {
  readonly withdrawn: readonly Nlri[]
  readonly attributes: PathAttributes
  readonly nlri: readonly Nlri[]
  readonly mpReach?: MpReach
  readonly mpUnreach?: MpUnreach
}

//  | Withdrawn length (2) | Withdrawn routes | Attributes length (2) | Attributes | NLRI

/** Offsets of an UPDATE's sections; ingest reuses one object for all messages. */
export class UpdateSections {
  withdrawnStart = 0
  withdrawnEnd = 0
  attributesStart = 0
  attributesEnd = 0
  end = 0

  /** Locates the sections of the body [start, end). @throws NotificationError Malformed Attribute List (RFC 4271 section 6.3) when the lengths do not fit. */
  split(bytes: Uint8Array, body: number, end: number): void {
    if (end - body < 4) throw malformedList()
    this.withdrawnStart = body + 2
    this.withdrawnEnd = this.withdrawnStart + readU16(bytes, body)
    if (this.withdrawnEnd + 2 > end) throw malformedList()
    this.attributesStart = this.withdrawnEnd + 2
    this.attributesEnd = this.attributesStart + readU16(bytes, this.withdrawnEnd)
    if (this.attributesEnd > end) throw malformedList()
    this.end = end
  }
}

function malformedList(): NotificationError {
  return new NotificationError(
    ERROR.UPDATE,
    UPDATE_ERROR.ATTRIBUTE_LIST,
    'lengths of the UPDATE do not fit it',
  )
}

/** Decodes the body. @throws NotificationError when RFC 7606 requires a session reset. */
export function decodeUpdate(
  reader: Reader,
  context: UpdateContext,
): { update: Update; outcome: UpdateOutcome } {
  const { bytes } = reader
  const sections = new UpdateSections()
  sections.split(bytes, reader.offset, reader.end)
  const scan = new AttributeScan()
  scan.scan(bytes, sections.attributesStart, sections.attributesEnd, context)
  const part = (start: number, end: number, afi: number) =>
    decodeNlri(new Reader(bytes, start, end), afi, afi === AFI.IPV6 ? context.addPath6 : context.addPath4)
  const withdrawn = part(sections.withdrawnStart, sections.withdrawnEnd, AFI.IPV4)
  const nlri = part(sections.attributesEnd, sections.end, AFI.IPV4)
  if (nlri.length > 0 || hasNlri(scan.reach)) scan.checkMandatory(nlri.length > 0)
  else scan.checkNothingLost()
  const length = scan.nextHopAt < 0 ? scan.length : scan.appendNextHop(scan.nextHopAt, 4)
  const attributes = decodeCanonical(scan.buffer, 0, length)
  const mpReach = reachOf(scan, bytes, part)
  const mpUnreach = unreachOf(scan, part)
  return { update: { withdrawn, attributes, nlri, ...mpReach, ...mpUnreach }, outcome: outcomeOf(scan) }
}

type DecodePart = (start: number, end: number, afi: number) => Nlri[]

function reachOf({ reach }: AttributeScan, bytes: Uint8Array, part: DecodePart): { mpReach?: MpReach } {
  if (!isUnicast(reach)) return {}
  const { afi, safi, nextHopAt, nextHopLength, linkLocalAt } = reach
  const address = (at: number, length: number) => formatAddress(bytes.subarray(at, at + length))
  const nextHop = address(nextHopAt, nextHopLength)
  const linkLocal = linkLocalAt === 0 ? {} : { linkLocal: address(linkLocalAt, 16) }
  return { mpReach: { afi, safi, nextHop, ...linkLocal, nlri: part(reach.start, reach.end, afi) } }
}

function unreachOf({ unreach }: AttributeScan, part: DecodePart): { mpUnreach?: MpUnreach } {
  if (!isUnicast(unreach)) return {}
  const { afi, safi } = unreach
  return { mpUnreach: { afi, safi, nlri: part(unreach.start, unreach.end, afi) } }
}

function isUnicast({ afi, safi }: AfiSafi): boolean {
  return (afi === AFI.IPV4 || afi === AFI.IPV6) && safi === SAFI.UNICAST
}

function outcomeOf(scan: AttributeScan): UpdateOutcome {
  if (scan.outcome === OUTCOME.OK) return { kind: 'ok' }
  return {
    kind: scan.outcome === OUTCOME.ATTRIBUTE_DISCARD ? 'attribute-discard' : 'treat-as-withdraw',
    problem: scan.problem,
  }
}

/** Encodes the body after the header. @throws BgpError when a value does not fit. */
export function encodeUpdate(writer: Writer, update: Update, options: WireOptions = PLAIN): void {
  const withdrawnAt = reserveLength(writer)
  encodeNlri(writer, update.withdrawn)
  closeLength(writer, withdrawnAt)
  const attributesAt = reserveLength(writer)
  if (update.mpReach !== undefined) encodeMpReach(writer, update.mpReach)
  if (update.mpUnreach !== undefined) encodeMpUnreach(writer, update.mpUnreach)
  const canonical = encodeCanonical(update.attributes)
  writeWireAttributes(writer, canonical, 0, canonical.length, options)
  const { nextHop } = update.attributes
  if (nextHop !== undefined) {
    const bytes = parseAddress(nextHop)
    if (bytes?.length !== 4) throw new BgpError('not-encodable', `NEXT_HOP ${nextHop}`)
    writeAttributeHeader(writer, FLAG.TRANSITIVE, ATTRIBUTE.NEXT_HOP, 4)
    writer.raw(bytes)
  }
  closeLength(writer, attributesAt)
  encodeNlri(writer, update.nlri)
}

function encodeMpReach(writer: Writer, { afi, safi, nextHop, linkLocal, nlri }: MpReach): void {
  const hops = [nextHop, ...(linkLocal === undefined ? [] : [linkLocal])].map(parseAddress)
  if (hops.includes(undefined)) throw new BgpError('not-encodable', `next hop ${nextHop} ${linkLocal ?? ''}`)
  const value = new Writer()
  value.u16(afi)
  value.u8(safi)
  value.u8(hops.reduce((sum, hop) => sum + hop!.length, 0))
  for (const hop of hops) value.raw(hop!)
  value.u8(0)
  encodeNlri(value, nlri)
  writeAttributeHeader(writer, FLAG.OPTIONAL, ATTRIBUTE.MP_REACH, value.length)
  writer.raw(value.bytes, 0, value.length)
}

function encodeMpUnreach(writer: Writer, { afi, safi, nlri }: MpUnreach): void {
  const value = new Writer()
  value.u16(afi)
  value.u8(safi)
  encodeNlri(value, nlri)
  writeAttributeHeader(writer, FLAG.OPTIONAL, ATTRIBUTE.MP_UNREACH, value.length)
  writer.raw(value.bytes, 0, value.length)
}

function reserveLength(writer: Writer): number {
  writer.u16(0)
  return writer.length
}

function closeLength(writer: Writer, from: number): void {
  writer.patchU16(from - 2, writer.length - from)
}
