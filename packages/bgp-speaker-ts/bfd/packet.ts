// BFD control packets (RFC 5880 section 4.1): pure codec, with the reception rules of section 6.8.6 that need no session.
import { readU32 } from '../packet/reader.ts'

/** In the order of their wire values. */
export const SESSION_STATES = ['admin-down', 'down', 'init', 'up'] as const
export type SessionState = (typeof SESSION_STATES)[number]

/** Why the session last changed its state. */
export const DIAGNOSTIC = {
  NONE: 0,
  DETECTION_EXPIRED: 1,
  ECHO_FAILED: 2,
  NEIGHBOR_DOWN: 3,
  FORWARDING_RESET: 4,
  PATH_DOWN: 5,
  CONCATENATED_PATH_DOWN: 6,
  ADMIN_DOWN: 7,
  REVERSE_CONCATENATED_PATH_DOWN: 8,
} as const

const DIAGNOSTIC_NAMES = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
]

export function diagnosticName(diagnostic: number): string {
  return DIAGNOSTIC_NAMES[diagnostic] ?? `reserved ${diagnostic}`
}

/**
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 * |                       My Discriminator                        |
 * |                      Your Discriminator                       |
 * |                    Desired Min TX Interval                    |
 * |                   Required Min RX Interval                    |
 * |                 Required Min Echo RX Interval                 |
 * ```
 * The M (multipoint) bit is always clear: a packet that has it set is discarded.
 */
export interface BfdPacket {
  /** 0..31; those above 8 are reserved. */
  readonly diagnostic: number
  readonly state: SessionState
  readonly poll: boolean
  readonly final: boolean
  readonly controlPlaneIndependent: boolean
  readonly demand: boolean
  /** 1..255 */
  readonly detectMultiplier: number
  /** Never 0. */
  readonly myDiscriminator: number
  /** 0: not known yet. */
  readonly yourDiscriminator: number
  /** Microseconds, as are the other two. */
  readonly desiredMinTx: number
  readonly requiredMinRx: number
  readonly requiredMinEchoRx: number
  /** The undecoded authentication section: type, length, data. */
  readonly authentication?: Uint8Array
}

export type DiscardReason =
  | 'truncated'
  | 'bad-version'
  | 'bad-length'
  | 'zero-detect-multiplier'
  | 'multipoint'
  | 'zero-my-discriminator'
  | 'zero-your-discriminator'
  | 'poll-and-final'
  | 'bad-authentication'

export type Decoded =
  | { readonly kind: 'packet'; readonly packet: BfdPacket }
  | { readonly kind: 'discard'; readonly reason: DiscardReason }

const VERSION = 1
const LENGTH = 24
const POLL = 0x20
const FINAL = 0x10
const CONTROL_PLANE_INDEPENDENT = 0x08
const AUTHENTICATED = 0x04
const DEMAND = 0x02
const MULTIPOINT = 0x01

export function encodePacket(packet: BfdPacket): Uint8Array {
  const { authentication } = packet
  const bytes = new Uint8Array(LENGTH + (authentication?.length ?? 0))
  const view = new DataView(bytes.buffer)
  bytes[0] = (VERSION << 5) | packet.diagnostic
  bytes[1] =
    (SESSION_STATES.indexOf(packet.state) << 6) |
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.controlPlaneIndependent ? CONTROL_PLANE_INDEPENDENT : 0) |
    (authentication ? AUTHENTICATED : 0) |
    (packet.demand ? DEMAND : 0)
  bytes[2] = packet.detectMultiplier
  bytes[3] = bytes.length
  view.setUint32(4, packet.myDiscriminator)
  view.setUint32(8, packet.yourDiscriminator)
  view.setUint32(12, packet.desiredMinTx)
  view.setUint32(16, packet.requiredMinRx)
  view.setUint32(20, packet.requiredMinEchoRx)
  if (authentication) bytes.set(authentication, LENGTH)
  return bytes
}

const discard = (reason: DiscardReason): Decoded => ({ kind: 'discard', reason })

/** Decodes a packet or returns the reason to discard it; never throws. Bytes after the packet's own length are ignored. */
export function decodePacket(bytes: Uint8Array): Decoded {
  if (bytes.length < LENGTH) return discard('truncated')
  const flags = bytes[1]!
  const length = bytes[3]!
  if (bytes[0]! >> 5 !== VERSION) return discard('bad-version')
  if (length < LENGTH + (flags & AUTHENTICATED ? 2 : 0)) return discard('bad-length')
  if (length > bytes.length) return discard('truncated')
  if (bytes[2] === 0) return discard('zero-detect-multiplier')
  if (flags & MULTIPOINT) return discard('multipoint')
  const packet = readPacket(bytes, flags)
  if (packet.myDiscriminator === 0) return discard('zero-my-discriminator')
  if (packet.yourDiscriminator === 0 && packet.state !== 'down' && packet.state !== 'admin-down')
    return discard('zero-your-discriminator')
  // Section 6.5 forbids both bits at once: we would answer an answer.
  if (packet.poll && packet.final) return discard('poll-and-final')
  if (!(flags & AUTHENTICATED)) return { kind: 'packet', packet }
  if (bytes[LENGTH + 1] !== length - LENGTH) return discard('bad-authentication')
  return { kind: 'packet', packet: { ...packet, authentication: bytes.slice(LENGTH, length) } }
}

/** Reads the fixed part; the caller has checked its length. */
function readPacket(bytes: Uint8Array, flags: number): BfdPacket {
  return {
    diagnostic: bytes[0]! & 0x1f,
    state: SESSION_STATES[flags >> 6]!,
    poll: (flags & POLL) !== 0,
    final: (flags & FINAL) !== 0,
    controlPlaneIndependent: (flags & CONTROL_PLANE_INDEPENDENT) !== 0,
    demand: (flags & DEMAND) !== 0,
    detectMultiplier: bytes[2]!,
    myDiscriminator: readU32(bytes, 4),
    yourDiscriminator: readU32(bytes, 8),
    desiredMinTx: readU32(bytes, 12),
    requiredMinRx: readU32(bytes, 16),
    requiredMinEchoRx: readU32(bytes, 20),
  }
}
