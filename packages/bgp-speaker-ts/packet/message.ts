// Encodes and decodes whole messages as objects. Ingest does not use it, for speed.
import { assertNever, BgpError } from '../errors.ts'
import type { UpdateContext } from './attribute-scan.ts'
import { HEADER_LENGTH, MAX_EXTENDED_LENGTH, MAX_LENGTH, MESSAGE } from './codes.ts'
import { checkHeader, writeHeader } from './header.ts'
import { decodeNotification, encodeNotification, type Notification } from './notification.ts'
import { decodeOpen, encodeOpen, type Open } from './open.ts'
import { Reader } from './reader.ts'
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefresh } from './route-refresh.ts'
import { decodeUpdate, encodeUpdate, type Update, type UpdateOutcome } from './update.ts'
import type { WireOptions } from './wire-attributes.ts'
import { Writer } from './writer.ts'

export type Message =
  | ({ readonly kind: 'open' } & Open)
  | ({ readonly kind: 'update' } & Update)
  | ({ readonly kind: 'notification' } & Notification)
  | { readonly kind: 'keepalive' }
  | ({ readonly kind: 'route-refresh' } & RouteRefresh)

export interface Decoded {
  readonly message: Message
  readonly outcome: UpdateOutcome
}

/** Decodes the one message in `bytes`. @throws NotificationError as its RFC says. */
export function decodeMessage(bytes: Uint8Array, context: UpdateContext, maxLength = MAX_LENGTH): Decoded {
  const length = checkHeader(bytes, 0, maxLength)
  if (length !== bytes.length)
    throw new BgpError('not-encodable', `a message of ${length} bytes in ${bytes.length}`)
  const reader = new Reader(bytes, HEADER_LENGTH, length)
  const ok = (message: Message): Decoded => ({ message, outcome: { kind: 'ok' } })
  switch (bytes[18]) {
    case MESSAGE.OPEN:
      return ok({ kind: 'open', ...decodeOpen(reader) })
    case MESSAGE.UPDATE: {
      const { update, outcome } = decodeUpdate(reader, context)
      return { message: { kind: 'update', ...update }, outcome }
    }
    case MESSAGE.NOTIFICATION:
      return ok({ kind: 'notification', ...decodeNotification(reader) })
    case MESSAGE.KEEPALIVE:
      return ok({ kind: 'keepalive' })
    default:
      return ok({ kind: 'route-refresh', ...decodeRouteRefresh(reader) })
  }
}

/** Encodes a message. @throws BgpError when it does not fit `maxLength` or a value does not fit its field. */
export function encodeMessage(message: Message, maxLength = MAX_LENGTH, options?: WireOptions): Uint8Array {
  const writer = new Writer()
  writer.reserve(HEADER_LENGTH)
  writeHeader(writer.bytes, 0, typeOf(message))
  writer.length = HEADER_LENGTH
  encodeBody(writer, message, options)
  if (writer.length > maxLength || writer.length > MAX_EXTENDED_LENGTH)
    throw new BgpError('not-encodable', `a message of ${writer.length} bytes`)
  writer.patchU16(16, writer.length)
  return writer.copy()
}

function encodeBody(writer: Writer, message: Message, options: WireOptions | undefined): void {
  switch (message.kind) {
    case 'open':
      encodeOpen(writer, message)
      break
    case 'update':
      encodeUpdate(writer, message, options)
      break
    case 'notification':
      encodeNotification(writer, message)
      break
    case 'route-refresh':
      encodeRouteRefresh(writer, message)
      break
    case 'keepalive':
      break
    default:
      assertNever(message)
  }
}

function typeOf(message: Message): number {
  switch (message.kind) {
    case 'open':
      return MESSAGE.OPEN
    case 'update':
      return MESSAGE.UPDATE
    case 'notification':
      return MESSAGE.NOTIFICATION
    case 'keepalive':
      return MESSAGE.KEEPALIVE
    case 'route-refresh':
      return MESSAGE.ROUTE_REFRESH
    default:
      return assertNever(message)
  }
}
