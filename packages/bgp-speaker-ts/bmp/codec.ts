// BMP messages as bytes, in both directions (RFC 7854, 8671).
import { formatAddress, parseAddress, splitZone } from '../address.ts'
import { assertNever, BgpError } from '../errors.ts'
import { FAMILY_CODES, familyOf } from '../packet/families.ts'
import { OutOfBounds, Reader } from '../packet/reader.ts'
import { Writer } from '../packet/writer.ts'
import {
  type BmpInformation,
  type BmpMessage,
  type BmpPeer,
  type BmpStatistic,
  TERMINATION,
} from './messages.ts'

const VERSION = 3
const HEADER = 6
/** A longer message than this is no message: an UPDATE has at most 65,535 bytes (RFC 8654). */
const MAX_MESSAGE = 1 << 20
const TYPE = {
  'route-monitoring': 0,
  statistics: 1,
  'peer-down': 2,
  'peer-up': 3,
  initiation: 4,
  termination: 5,
} as const
const FLAG = { IPV6: 0x80, POST_POLICY: 0x40, TWO_BYTE_AS_PATH: 0x20, ADJ_RIB_OUT: 0x10 } as const
const REASON_TLV = 1
/** Those with 64 bits; the others are counters with 32. */
const GAUGES: readonly number[] = [7, 8, 14, 15]
const GAUGES_OF_FAMILY: readonly number[] = [9, 10, 16, 17]

//  | Version = 3 (1) | Message length (4) | Message type (1) |  (section 4.1)

export function encodeBmp(message: BmpMessage): Uint8Array {
  const writer = new Writer(128)
  writer.u8(VERSION)
  writer.u32(0)
  writer.u8(message.kind === 'unknown' ? message.type : TYPE[message.kind])
  encodeBody(writer, message)
  const { length } = writer
  new DataView(writer.bytes.buffer).setUint32(1, length)
  return writer.copy()
}

function encodeBody(writer: Writer, message: BmpMessage): void {
  switch (message.kind) {
    case 'initiation':
      encodeInformation(writer, message.information)
      break
    case 'termination':
      for (const value of [REASON_TLV, 2, message.reason]) writer.u16(value)
      encodeInformation(writer, message.information)
      break
    case 'peer-up':
      encodePeer(writer, message.peer)
      encodeAddress(writer, message.localAddress)
      writer.u16(message.localPort)
      writer.u16(message.remotePort)
      writer.raw(message.sentOpen)
      writer.raw(message.receivedOpen)
      break
    case 'peer-down':
      encodePeer(writer, message.peer)
      writer.u8(message.reason)
      writer.raw(message.data)
      break
    case 'route-monitoring':
      encodePeer(writer, message.peer)
      writer.raw(message.update)
      break
    case 'statistics':
      encodePeer(writer, message.peer)
      writer.u32(message.statistics.length)
      for (const statistic of message.statistics) encodeStatistic(writer, statistic)
      break
    case 'unknown':
      writer.raw(message.body)
      break
    default:
      assertNever(message)
  }
}

/** Decodes the first message of a stream; undefined: it is not whole yet. @throws BgpError for what is none */
export function decodeBmp(bytes: Uint8Array): { message: BmpMessage; length: number } | undefined {
  if (bytes.length < HEADER) return undefined
  const reader = new Reader(bytes)
  const version = reader.u8()
  const length = reader.u32()
  if (version !== VERSION || length < HEADER || length > MAX_MESSAGE)
    throw new BgpError('not-decodable', `no BMP message: version ${version}, length ${length}`)
  if (bytes.length < length) return undefined
  reader.end = length
  try {
    return { message: decodeBody(reader.u8(), reader), length }
  } catch (error) {
    if (!(error instanceof OutOfBounds)) throw error
    throw new BgpError('not-decodable', 'a BMP message that is cut short', { cause: error })
  }
}

function decodeBody(type: number, reader: Reader): BmpMessage {
  switch (type) {
    case TYPE.initiation:
      return { kind: 'initiation', information: decodeInformation(reader) }
    case TYPE.termination:
      return decodeTermination(reader)
    case TYPE['peer-up']:
      return decodePeerUp(reader)
    case TYPE['peer-down']:
      return { kind: 'peer-down', peer: decodePeer(reader).peer, reason: reader.u8(), data: rest(reader) }
    case TYPE['route-monitoring']:
      return { kind: 'route-monitoring', peer: decodePeer(reader).peer, update: rest(reader) }
    case TYPE.statistics: {
      const { peer } = decodePeer(reader)
      const count = reader.u32()
      const statistics = []
      for (let i = 0; i < count; i++) statistics.push(decodeStatistic(reader))
      return { kind: 'statistics', peer, statistics }
    }
    default:
      return { kind: 'unknown', type, body: rest(reader) }
  }
}

const rest = (reader: Reader) => reader.take(reader.left()).slice()

//  | Type (1) | Flags (1) | Distinguisher (8) | Address (16) | AS (4) | BGP ID (4) | Seconds (4) | Microseconds (4) |  (section 4.2)

function encodePeer(writer: Writer, peer: BmpPeer): void {
  writer.u8(peer.type)
  writer.u8(
    (peer.address.includes(':') ? FLAG.IPV6 : 0) |
      (peer.postPolicy ? FLAG.POST_POLICY : 0) |
      (peer.twoByteAsPath ? FLAG.TWO_BYTE_AS_PATH : 0) |
      (peer.adjRibOut ? FLAG.ADJ_RIB_OUT : 0),
  )
  writer.u32(Number.parseInt(peer.distinguisher.slice(0, 8), 16))
  writer.u32(Number.parseInt(peer.distinguisher.slice(8), 16))
  encodeAddress(writer, peer.address)
  writer.u32(peer.asn)
  writer.u32(peer.routerId)
  writer.u32(Math.floor(peer.time / 1000))
  writer.u32(Math.floor((peer.time % 1000) * 1000))
}

function decodePeer(reader: Reader): { peer: BmpPeer; ipv6: boolean } {
  const type = reader.u8()
  const flags = reader.u8()
  const ipv6 = (flags & FLAG.IPV6) !== 0
  const hex = () => reader.u32().toString(16).padStart(8, '0')
  const distinguisher = hex() + hex()
  const address = decodeAddress(reader, ipv6)
  const [asn, routerId] = [reader.u32(), reader.u32()]
  const peer = {
    type,
    address,
    asn,
    routerId,
    distinguisher,
    postPolicy: (flags & FLAG.POST_POLICY) !== 0,
    twoByteAsPath: (flags & FLAG.TWO_BYTE_AS_PATH) !== 0,
    adjRibOut: (flags & FLAG.ADJ_RIB_OUT) !== 0,
    time: reader.u32() * 1000 + reader.u32() / 1000,
  }
  return { peer, ipv6 }
}

/** An IPv4 address is in the last four of the sixteen bytes. The zone of a link-local one has no place. */
function encodeAddress(writer: Writer, text: string): void {
  const bytes = parseAddress(splitZone(text).address) ?? new Uint8Array(4)
  writer.raw(new Uint8Array(16 - bytes.length))
  writer.raw(bytes)
}

function decodeAddress(reader: Reader, ipv6: boolean): string {
  const bytes = reader.take(16)
  return formatAddress(ipv6 ? bytes : bytes.subarray(12))
}

function decodePeerUp(reader: Reader): BmpMessage {
  const { peer, ipv6 } = decodePeer(reader)
  const localAddress = decodeAddress(reader, ipv6)
  const [localPort, remotePort] = [reader.u16(), reader.u16()]
  // Information may follow (section 4.10), which no collector needs.
  const [sentOpen, receivedOpen] = [bgpMessage(reader), bgpMessage(reader)]
  return { kind: 'peer-up', peer, localAddress, localPort, remotePort, sentOpen, receivedOpen }
}

/** A BGP message of its own length. */
function bgpMessage(reader: Reader): Uint8Array {
  const { bytes, offset } = reader
  if (reader.left() < 19) throw new OutOfBounds(19, reader.left())
  return reader.take((bytes[offset + 16]! << 8) | bytes[offset + 17]!).slice()
}

//  | Type (2) | Length (2) | Text |  (section 4.4)

function encodeInformation(writer: Writer, information: readonly BmpInformation[]): void {
  for (const { type, text } of information) {
    const bytes = new TextEncoder().encode(text)
    writer.u16(type)
    writer.u16(bytes.length)
    writer.raw(bytes)
  }
}

function decodeInformation(
  reader: Reader,
  special?: (type: number, value: Reader) => boolean,
): BmpInformation[] {
  const information: BmpInformation[] = []
  while (reader.left() > 0) {
    const type = reader.u16()
    const value = reader.sub(reader.u16())
    if (special?.(type, value) !== true)
      information.push({ type, text: new TextDecoder().decode(rest(value)) })
  }
  return information
}

function decodeTermination(reader: Reader): BmpMessage {
  let reason: number = TERMINATION.UNSPECIFIED
  const information = decodeInformation(reader, (type, value) => {
    if (type === REASON_TLV) reason = value.u16()
    return type === REASON_TLV
  })
  return { kind: 'termination', reason, information }
}

function encodeStatistic(writer: Writer, { type, value, family }: BmpStatistic): void {
  writer.u16(type)
  const wide = GAUGES.includes(type) || family !== undefined
  writer.u16((wide ? 8 : 4) + (family === undefined ? 0 : 3))
  if (family !== undefined) {
    writer.u16(FAMILY_CODES[family].afi)
    writer.u8(FAMILY_CODES[family].safi)
  }
  if (wide) writer.u32(Math.floor(value / 2 ** 32))
  writer.u32(value % 2 ** 32)
}

function decodeStatistic(reader: Reader): BmpStatistic {
  const type = reader.u16()
  const value = reader.sub(reader.u16())
  const family = GAUGES_OF_FAMILY.includes(type)
    ? familyOf({ afi: value.u16(), safi: value.u8() })
    : undefined
  const number = value.left() >= 8 ? value.u32() * 2 ** 32 + value.u32() : value.u32()
  return { type, value: number, ...(family === undefined ? {} : { family }) }
}
