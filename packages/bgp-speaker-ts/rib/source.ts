// Where paths come from: ourselves (index 0) or a peer, as best path and export see it.
import type { PathSource } from '../policy/policy.ts'

export interface Source {
  readonly index: number
  readonly kind: PathSource
  /** The peer's name in the API; undefined: ourselves. */
  readonly address: string | undefined
  /** Its address, for the last tie-break. */
  readonly addressBytes: Uint8Array
  /** The interface of a session over link-local addresses: what link-local next hops of its paths are on. */
  readonly zone: string | undefined
  routerId: number
  /** A route reflector client of ours (RFC 4456). */
  readonly client: boolean
}

export const LOCAL = 0
/** No source's index; all others are below. */
export const NOBODY = 0xffff
