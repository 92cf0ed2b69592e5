// The source of paths: ourselves (index 0) or a peer, as best path and export rules see it.
import { parseScoped } from '../address.ts'
import type { PathSource } from '../policy/policy.ts'

export interface Source {
  readonly index: number
  readonly kind: PathSource
  /** The peer's name in the API; undefined: ourselves. */
  readonly address: string | undefined
  /** The peer's address, which is the last tie-break. */
  readonly addressBytes: Uint8Array
  /** The interface of a link-local session, on which the link-local next hops of its paths are. */
  readonly zone: string | undefined
  routerId: number
  /** A route reflector client of ours (RFC 4456); it may become one, or cease to be one, while its session runs. */
  client: boolean
}

/** A source as the session describes it. */
export interface SourceInfo extends Omit<Source, 'index' | 'addressBytes'> {
  /** The peer's address in text. */
  readonly remote: string
}

/** A peer as a source. The address is parsed at its first comparison: there may be thousands of peers, and tie-breaks are rare. */
export class PeerSource implements Source {
  readonly index: number
  readonly kind: PathSource
  readonly address: string | undefined
  readonly zone: string | undefined
  routerId: number
  client: boolean
  readonly #remote: string
  #bytes: Uint8Array | undefined

  constructor(index: number, { kind, address, zone, routerId, client, remote }: SourceInfo) {
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
/** The index of no source; all indices are below it. */
export const NO_SOURCE = 0xffff
