// The public API: one BGP speaker with its peers and its routes.
import { EventEmitter } from 'node:events'
import type { Announcement, Family, PeerConfig, SpeakerConfig } from './config.ts'
import type { BestPathChange, Path, PeerEvent, PeerSnapshot, RejectEvent } from './snapshot.ts'

export interface SpeakerEvents {
  peer: [event: PeerEvent]
  /** All changes of one turn of the event loop together; a prefix stands in it once. */
  best: [changes: readonly BestPathChange[]]
  reject: [event: RejectEvent]
}

/**
 * A BGP-4 speaker (RFC 4271).
 * `const speaker = new Speaker({...}); speaker.on('best', …); speaker.addPeer({...}); await speaker.start()`
 */
export class Speaker extends EventEmitter<SpeakerEvents> {
  readonly config: SpeakerConfig

  /** @throws BgpConfigError listing every problem with its path. */
  constructor(config: SpeakerConfig) {
    super()
    this.config = config
  }

  /** Binds the listening sockets and starts all peers; peers that are added later start at once. @throws when an address cannot be bound. */
  async start(): Promise<void> {
    throw new Error('not yet')
  }

  /** Addresses and ports that are listened on, after `start`. */
  listening(): readonly { readonly address: string; readonly port: number }[] {
    return []
  }

  /** @throws BgpConfigError on a bad or a second configuration of one address. */
  addPeer(_peer: PeerConfig): void {}

  /** Applies a changed configuration; resets the session only where the change needs it (ASN, address, families, password, timers). Policies and next hops never do. */
  updatePeer(_peer: PeerConfig): void {}

  /** Ends the session with CEASE/Peer De-configured and forgets the peer and its routes. Resolves when the connection is closed. */
  async removePeer(_address: string): Promise<void> {}

  /** Announces a route of our own to all peers, or replaces it. */
  announce(_route: Announcement): void {}

  withdraw(_prefix: string): void {}

  peers(): readonly PeerSnapshot[] {
    return []
  }

  /** Best paths, in no particular order. Decoded while iterated: do not hold the iterator across turns. */
  *routes(_family?: Family): IterableIterator<Path> {}

  /** Routes of our own. */
  announced(): readonly Announcement[] {
    return []
  }

  /** Ends all sessions with CEASE/Administrative Shutdown and `reason` (RFC 9003, at most 255 bytes of UTF-8), closes the listeners; resolves when all is closed. */
  async close(_reason?: string): Promise<void> {}
}
