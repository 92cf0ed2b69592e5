// NLRI (RFC 4271 section 4.3): the prefix length in bits, then as many address bytes as it needs.
import { clearHostBits, formatPrefix, parsePrefix } from '../address.ts'
import { BgpError, NotificationError } from '../errors.ts'
import { AFI, ERROR, UPDATE_ERROR } from './codes.ts'
import { OutOfBounds, type Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** A prefix in a message; `pathId` with add-path (RFC 7911). */
export interface Nlri {
  readonly prefix: string
  readonly pathId?: number
}

export function invalidNetwork(message: string): NotificationError {
  return new NotificationError(ERROR.UPDATE, UPDATE_ERROR.NETWORK_FIELD, message)
}

/** Decodes NLRI until the end of the reader. @throws NotificationError Invalid Network Field (RFC 7606 section 5.3). */
export function decodeNlri(reader: Reader, afi: number, addPath: boolean): Nlri[] {
  const size = afi === AFI.IPV6 ? 16 : 4
  const list: Nlri[] = []
  try {
    while (reader.left() > 0) {
      const pathId = addPath ? reader.u32() : undefined
      const length = reader.u8()
      if (length > size * 8) throw invalidNetwork(`prefix of ${length} bits`)
      const bytes = new Uint8Array(size)
      bytes.set(reader.take((length + 7) >> 3))
      clearHostBits(bytes, length)
      const prefix = formatPrefix({ bytes, length })
      list.push(pathId === undefined ? { prefix } : { prefix, pathId })
    }
  } catch (error) {
    if (error instanceof OutOfBounds) throw invalidNetwork('prefix cut short')
    throw error
  }
  return list
}

/** Encodes NLRI. @throws BgpError when a text is not a prefix. */
export function encodeNlri(writer: Writer, list: readonly Nlri[]): void {
  for (const { prefix: text, pathId } of list) {
    const prefix = parsePrefix(text)
    if (prefix === undefined) throw new BgpError('not-encodable', `not a prefix: ${text}`)
    if (pathId !== undefined) writer.u32(pathId)
    writer.u8(prefix.length)
    writer.raw(prefix.bytes, 0, (prefix.length + 7) >> 3)
  }
}
