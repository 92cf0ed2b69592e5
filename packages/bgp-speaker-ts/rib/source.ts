// Where paths come from: ourselves (index 0) or a peer, as best path and export see it.
import { parseScoped } from '../address.ts'
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

/** What a session says of its peer. */
export interface Origin extends Omit<Source, 'index' | 'addressBytes'> {
  /** The peer's address in text. */
  readonly remote: string
}

/** A peer: there may be thousands, whose addresses are seldom compared, so bytes are made of them only then. */
export class PeerSource implements Source {
  readonly index: number
  readonly kind: PathSource
  readonly address: string | undefined
  readonly zone: string | undefined
  routerId: number
  readonly client: boolean
  readonly #remote: string
  #bytes: Uint8Array | undefined

  constructor(index: number, { kind, address, zone, routerId, client, remote }: Origin) {
    this.index = index
    this.kind = kind
    this.address = address
    this.zone = zone
    this.routerId = routerId
    this.client = client
    this.#remote = remote
  }

  get addressBytes(): Uint8Array {
    this.#bytes ??= parseScoped(this.#remote) ?? new Uint8Array(0)
    return this.#bytes
  }
}

export const LOCAL = 0
/** No source's index; all others are below. */
export const NOBODY = 0xffff
