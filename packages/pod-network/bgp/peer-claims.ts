/** Who is the peer at an address: several Nodes may have one for a moment, or a router outside has it, too. */
import { isDeepStrictEqual } from 'node:util'
import { Claims } from '@podroute/reconcile/claims.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { peerKey } from './peer-key.ts'

/** A Node by its name, or a router outside by its configured address. */
export type PeerOwner = `node/${string}` | `router/${string}`

interface WantedPeer {
  readonly config: PeerConfig
  /** Whether the Node is ready; a router always is. */
  readonly ready: boolean
}

/** What is used of the table. */
export interface PeerSink {
  set(key: string, config: PeerConfig): void
  delete(key: string): void
}

export class PeerClaims {
  readonly #claims: Claims<PeerOwner, string, WantedPeer>

  constructor(table: PeerSink) {
    this.#claims = new Claims<PeerOwner, string, WantedPeer>(
      { set: (key, { config }) => table.set(key, config), delete: (key) => table.delete(key) },
      {
        // A configured router comes before any Node, a Node that is ready before one that is not; else the lower name.
        precedes: (a, b) => rank(a.owner, a.value) - rank(b.owner, b.value) || (a.owner < b.owner ? -1 : 1),
        equal: (a, b) => isDeepStrictEqual(a.config, b.config),
      },
    )
  }

  /** @param config undefined: the owner is no peer */
  want(owner: PeerOwner, config: PeerConfig | undefined, ready = true): void {
    this.#claims.replace(owner, config ? [[peerKey(config), { config, ready }]] : [])
  }

  /** The peer that the owner is, whether it holds the address or not. */
  keyOf(owner: PeerOwner): string | undefined {
    return this.#claims.keysOf(owner)[0]
  }
}

function rank(owner: PeerOwner, { ready }: WantedPeer): number {
  if (owner.startsWith('router/')) return 0
  return ready ? 1 : 2
}
