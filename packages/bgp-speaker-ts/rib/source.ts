// Where paths come from: ourselves (index 0) or a peer, as best path and export see it.
import type { PathSource } from '../policy/policy.ts'

export interface Source {
  readonly index: number
  readonly kind: PathSource
  /** The peer's address as text; undefined: ourselves. */
  readonly address: string | undefined
  /** The same as bytes, for the last tie-break. */
  readonly addressBytes: Uint8Array
  routerId: number
  /** A route reflector client of ours (RFC 4456). */
  readonly client: boolean
}

export const LOCAL = 0
