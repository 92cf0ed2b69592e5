// Capabilities of the OPEN message (RFC 5492).
import { assertNever } from '../errors.ts'
import type { AfiSafi } from './codes.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export interface GracefulRestartFamily extends AfiSafi {
  /** The forwarding state was kept over the restart. */
  readonly forwarding: boolean
}

export type Capability =
  /** RFC 4760 */
  | ({ readonly kind: 'multiprotocol' } & AfiSafi)
  /** RFC 2918 */
  | { readonly kind: 'route-refresh' }
  /** RFC 8950: NLRI of afi/safi may have a next hop of family nextHopAfi. */
  | {
      readonly kind: 'extended-next-hop'
      readonly families: readonly (AfiSafi & { readonly nextHopAfi: number })[]
    }
  /** RFC 8654 */
  | { readonly kind: 'extended-message' }
  /** RFC 4724; `notification` is RFC 8538's N bit; time in seconds, 0..4095. */
  | {
      readonly kind: 'graceful-restart'
      readonly restarting: boolean
      readonly notification: boolean
      readonly time: number
      readonly families: readonly GracefulRestartFamily[]
    }
  /** RFC 9494; time in seconds, 24 bits, by family. */
  | {
      readonly kind: 'long-lived-graceful-restart'
      readonly families: readonly (GracefulRestartFamily & { readonly time: number })[]
    }
  /** RFC 9234; the sender's role by its number, see roles.ts */
  | { readonly kind: 'role'; readonly role: number }
  /** RFC 6793 */
  | { readonly kind: 'four-octet-as'; readonly asn: number }
  /** RFC 7911 */
  | {
      readonly kind: 'add-path'
      readonly families: readonly (AfiSafi & { readonly receive: boolean; readonly send: boolean })[]
    }
  /** RFC 7313 */
  | { readonly kind: 'enhanced-route-refresh' }
  | { readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array }

const CODE = {
  MULTIPROTOCOL: 1,
  ROUTE_REFRESH: 2,
  EXTENDED_NEXT_HOP: 5,
  EXTENDED_MESSAGE: 6,
  ROLE: 9,
  GRACEFUL_RESTART: 64,
  FOUR_OCTET_AS: 65,
  ADD_PATH: 69,
  ENHANCED_ROUTE_REFRESH: 70,
  LONG_LIVED_GRACEFUL_RESTART: 71,
} as const

/** Decodes capabilities until the end of the reader. @throws OutOfBounds when one is cut short or its value does not fit its length. */
export function decodeCapabilities(reader: Reader): Capability[] {
  const capabilities: Capability[] = []
  while (reader.left() > 0) {
    const code = reader.u8()
    capabilities.push(decodeCapability(code, reader.sub(reader.u8())))
  }
  return capabilities
}

function decodeCapability(code: number, value: Reader): Capability {
  switch (code) {
    case CODE.MULTIPROTOCOL:
      return { kind: 'multiprotocol', ...afiReservedSafi(value) }
    case CODE.ROUTE_REFRESH:
      return { kind: 'route-refresh' }
    case CODE.EXTENDED_NEXT_HOP:
      return {
        kind: 'extended-next-hop',
        families: each(value, (r) => ({ afi: r.u16(), safi: r.u16(), nextHopAfi: r.u16() })),
      }
    case CODE.EXTENDED_MESSAGE:
      return { kind: 'extended-message' }
    case CODE.ROLE:
      return { kind: 'role', role: value.u8() }
    case CODE.GRACEFUL_RESTART:
      return decodeGracefulRestart(value)
    case CODE.FOUR_OCTET_AS:
      return { kind: 'four-octet-as', asn: value.u32() }
    case CODE.ADD_PATH:
      return { kind: 'add-path', families: each(value, decodeAddPath) }
    case CODE.ENHANCED_ROUTE_REFRESH:
      return { kind: 'enhanced-route-refresh' }
    case CODE.LONG_LIVED_GRACEFUL_RESTART:
      return { kind: 'long-lived-graceful-restart', families: each(value, decodeLongLived) }
    default:
      return { kind: 'unknown', code, value: value.take(value.left()).slice() }
  }
}

function each<T>(reader: Reader, decode: (reader: Reader) => T): T[] {
  const items: T[] = []
  while (reader.left() > 0) items.push(decode(reader))
  return items
}

function afiReservedSafi(reader: Reader): AfiSafi {
  const afi = reader.u16()
  reader.u8()
  return { afi, safi: reader.u8() }
}

function decodeGracefulRestart(reader: Reader): Capability {
  const word = reader.u16()
  const families = each(reader, (r) => ({ afi: r.u16(), safi: r.u8(), forwarding: (r.u8() & 0x80) !== 0 }))
  return {
    kind: 'graceful-restart',
    restarting: (word & 0x8000) !== 0,
    notification: (word & 0x4000) !== 0,
    time: word & 0xfff,
    families,
  }
}

//  | AFI (2) | SAFI (1) | Flags (1) | Long-lived stale time (3) |  (RFC 9494 section 3.1)

function decodeLongLived(reader: Reader): GracefulRestartFamily & { time: number } {
  const family = { afi: reader.u16(), safi: reader.u8(), forwarding: (reader.u8() & 0x80) !== 0 }
  return { ...family, time: reader.u8() * 0x10000 + reader.u16() }
}

function decodeAddPath(reader: Reader): AfiSafi & { receive: boolean; send: boolean } {
  const afi = reader.u16()
  const safi = reader.u8()
  const mode = reader.u8()
  // RFC 7911 section 4: a value other than 1, 2 or 3 is ignored.
  return { afi, safi, receive: mode === 1 || mode === 3, send: mode === 2 || mode === 3 }
}

/** Encodes one capability: code, length, value. */
export function encodeCapability(writer: Writer, capability: Capability): void {
  writer.u8(codeOf(capability))
  const lengthAt = writer.length
  writer.u8(0)
  encodeValue(writer, capability)
  writer.bytes[lengthAt] = writer.length - lengthAt - 1
}

function encodeValue(writer: Writer, capability: Capability): void {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.u16(capability.afi)
      writer.u16(capability.safi)
      return
    case 'extended-next-hop':
      for (const { afi, safi, nextHopAfi } of capability.families)
        for (const value of [afi, safi, nextHopAfi]) writer.u16(value)
      return
    case 'graceful-restart':
      writer.u16(
        (capability.restarting ? 0x8000 : 0) |
          (capability.notification ? 0x4000 : 0) |
          (capability.time & 0xfff),
      )
      for (const { afi, safi, forwarding } of capability.families) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u8(forwarding ? 0x80 : 0)
      }
      return
    case 'long-lived-graceful-restart':
      for (const { afi, safi, forwarding, time } of capability.families) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u8(forwarding ? 0x80 : 0)
        writer.u8(time >>> 16)
        writer.u16(time & 0xffff)
      }
      return
    case 'role':
      writer.u8(capability.role)
      return
    case 'four-octet-as':
      writer.u32(capability.asn)
      return
    case 'add-path':
      for (const { afi, safi, receive, send } of capability.families) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u8((receive ? 1 : 0) | (send ? 2 : 0))
      }
      return
    case 'unknown':
      writer.raw(capability.value)
      return
    case 'route-refresh':
    case 'extended-message':
    case 'enhanced-route-refresh':
      return
    default:
      assertNever(capability)
  }
}

function codeOf(capability: Capability): number {
  switch (capability.kind) {
    case 'multiprotocol':
      return CODE.MULTIPROTOCOL
    case 'route-refresh':
      return CODE.ROUTE_REFRESH
    case 'extended-next-hop':
      return CODE.EXTENDED_NEXT_HOP
    case 'extended-message':
      return CODE.EXTENDED_MESSAGE
    case 'role':
      return CODE.ROLE
    case 'graceful-restart':
      return CODE.GRACEFUL_RESTART
    case 'long-lived-graceful-restart':
      return CODE.LONG_LIVED_GRACEFUL_RESTART
    case 'four-octet-as':
      return CODE.FOUR_OCTET_AS
    case 'add-path':
      return CODE.ADD_PATH
    case 'enhanced-route-refresh':
      return CODE.ENHANCED_ROUTE_REFRESH
    case 'unknown':
      return capability.code
    default:
      return assertNever(capability)
  }
}
