// A lease as it is on disk, byte-compatible with the reference's: one file an address, its content the container ID and the
// interface name.

import type { Address } from '../protocol/address.ts'

/** Whose lease it is; `interfaceName` is empty in files of old releases, which count for every interface. */
export interface Owner {
  readonly containerId: string
  readonly interfaceName: string
}

export interface Lease {
  readonly address: Address
  /** Undefined when the file is empty or no lease. */
  readonly owner: Owner | undefined
}

const LINE_BREAK = '\r\n'

export const leaseText = (owner: Owner) => `${owner.containerId}${LINE_BREAK}${owner.interfaceName}`

/**
 * As the reference reads it: blanks around do not matter. Zeros are what some file systems leave of a file that was written
 * when the power went.
 */
export function parseLease(text: string): Owner | undefined {
  const trimmed = text.replaceAll('\0', '').trim()
  if (trimmed === '') return undefined
  const at = trimmed.indexOf(LINE_BREAK)
  if (at < 0) return { containerId: trimmed, interfaceName: '' }
  return { containerId: trimmed.slice(0, at), interfaceName: trimmed.slice(at + LINE_BREAK.length) }
}

export const sameOwner = (a: Owner | undefined, b: Owner) =>
  a !== undefined && a.containerId === b.containerId && a.interfaceName === b.interfaceName

/** The owner that files of old releases name. */
export const oldForm = (owner: Owner): Owner => ({ containerId: owner.containerId, interfaceName: '' })
