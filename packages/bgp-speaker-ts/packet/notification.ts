// The NOTIFICATION message (RFC 4271 4.5) and the shutdown communication (RFC 9003).
import { CEASE, ERROR } from './codes.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export interface Notification {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

export function decodeNotification(reader: Reader): Notification {
  return { code: reader.u8(), subcode: reader.u8(), data: reader.take(reader.left()).slice() }
}

export function encodeNotification(writer: Writer, notification: Notification): void {
  writer.u8(notification.code)
  writer.u8(notification.subcode)
  writer.raw(notification.data)
}

const NAMES: Readonly<Record<number, readonly [string, Readonly<Record<number, string>>]>> = {
  1: [
    'Message Header Error',
    { 1: 'Connection Not Synchronized', 2: 'Bad Message Length', 3: 'Bad Message Type' },
  ],
  2: [
    'OPEN Message Error',
    {
      1: 'Unsupported Version Number',
      2: 'Bad Peer AS',
      3: 'Bad BGP Identifier',
      4: 'Unsupported Optional Parameter',
      6: 'Unacceptable Hold Time',
      7: 'Unsupported Capability',
      11: 'Role Mismatch',
    },
  ],
  3: [
    'UPDATE Message Error',
    {
      1: 'Malformed Attribute List',
      2: 'Unrecognized Well-known Attribute',
      3: 'Missing Well-known Attribute',
      4: 'Attribute Flags Error',
      5: 'Attribute Length Error',
      6: 'Invalid ORIGIN Attribute',
      8: 'Invalid NEXT_HOP Attribute',
      9: 'Optional Attribute Error',
      10: 'Invalid Network Field',
      11: 'Malformed AS_PATH',
    },
  ],
  4: ['Hold Timer Expired', {}],
  5: [
    'Finite State Machine Error',
    {
      1: 'Unexpected Message in OpenSent',
      2: 'Unexpected Message in OpenConfirm',
      3: 'Unexpected Message in Established',
    },
  ],
  6: [
    'Cease',
    {
      1: 'Maximum Number of Prefixes Reached',
      2: 'Administrative Shutdown',
      3: 'Peer De-configured',
      4: 'Administrative Reset',
      5: 'Connection Rejected',
      6: 'Other Configuration Change',
      7: 'Connection Collision Resolution',
      8: 'Out of Resources',
      9: 'Hard Reset',
      10: 'BFD Down',
    },
  ],
  7: ['ROUTE-REFRESH Message Error', { 1: 'Invalid Message Length' }],
  8: ['Send Hold Timer Expired', {}],
}

/** Formats codes as `Cease/Administrative Shutdown`; unknown ones as numbers. */
export function notificationText(code: number, subcode: number): string {
  const [name, subnames] = NAMES[code] ?? [`error ${code}`, {}]
  if (subcode === 0) return name
  return `${name}/${subnames[subcode] ?? subcode}`
}

/** Subcodes of CEASE for a permanent end, after which the peer must not keep our routes. With the N bit they are sent inside a hard reset (RFC 8538 section 4.1). */
const PERMANENT: readonly number[] = [
  CEASE.MAX_PREFIXES,
  CEASE.ADMINISTRATIVE_SHUTDOWN,
  CEASE.PEER_DECONFIGURED,
  CEASE.BFD_DOWN,
]

export function isPermanent({ code, subcode }: Notification): boolean {
  return code === ERROR.CEASE && PERMANENT.includes(subcode)
}

//  | CEASE | Hard Reset | original code (1) | original subcode (1) | original data  (RFC 8538 section 3.1)

export function toHardReset({ code, subcode, data }: Notification): Notification {
  return { code: ERROR.CEASE, subcode: CEASE.HARD_RESET, data: Uint8Array.of(code, subcode, ...data) }
}

/** Returns the notification inside a hard reset; any other one as it is. */
export function originalOf(notification: Notification): Notification {
  const { code, subcode, data } = notification
  if (code !== ERROR.CEASE || subcode !== CEASE.HARD_RESET || data.length < 2) return notification
  return { code: data[0]!, subcode: data[1]!, data: data.subarray(2) }
}

/** Returns the operator's message in a CEASE for a shutdown or reset; undefined when there is none or it is not UTF-8. */
export function shutdownCommunication(notification: Notification): string | undefined {
  const { code, subcode, data } = originalOf(notification)
  if (
    code !== ERROR.CEASE ||
    (subcode !== CEASE.ADMINISTRATIVE_SHUTDOWN && subcode !== CEASE.ADMINISTRATIVE_RESET)
  )
    return undefined
  const length = data[0] ?? 0
  if (length === 0 || length > data.length - 1) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(1, 1 + length))
  } catch {
    return undefined
  }
}

/** Encodes the operator's message as data of a CEASE, cut to 255 bytes at the end of a character. */
export function encodeCommunication(text: string): Uint8Array {
  let bytes = new TextEncoder().encode(text)
  if (bytes.length > 255) {
    let end = 255
    while ((bytes[end]! & 0xc0) === 0x80) end--
    bytes = bytes.subarray(0, end)
  }
  const data = new Uint8Array(bytes.length + 1)
  data[0] = bytes.length
  data.set(bytes, 1)
  return data
}

/** Makes a CEASE, with the operator's message when it is not empty (RFC 9003). */
export function cease(subcode: number, reason = ''): Notification {
  return {
    code: ERROR.CEASE,
    subcode,
    data: reason === '' ? new Uint8Array(0) : encodeCommunication(reason),
  }
}
