// The ROUTE-REFRESH message (RFC 2918) with the markers of enhanced route refresh (RFC 7313).
import { NotificationError } from '../errors.ts'
import { ERROR } from './codes.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** Subtypes of RFC 7313: normal request, BoRR and EoRR. */
export const REFRESH = { REQUEST: 0, BEGIN: 1, END: 2 } as const

export interface RouteRefresh {
  readonly afi: number
  readonly subtype: number
  readonly safi: number
}

/** Decodes the body. @throws NotificationError with the whole message as data when the length is wrong (RFC 7313 section 5). */
export function decodeRouteRefresh(reader: Reader): RouteRefresh {
  if (reader.left() !== 4) {
    const message = reader.bytes.slice(reader.offset - 19, reader.end)
    throw new NotificationError(ERROR.ROUTE_REFRESH, 1, `ROUTE-REFRESH of ${reader.left()} bytes`, message)
  }
  return { afi: reader.u16(), subtype: reader.u8(), safi: reader.u8() }
}

export function encodeRouteRefresh(writer: Writer, refresh: RouteRefresh): void {
  writer.u16(refresh.afi)
  writer.u8(refresh.subtype)
  writer.u8(refresh.safi)
}
