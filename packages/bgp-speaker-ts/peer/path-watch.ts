// BFD for BGP (RFC 5882 section 10.2): runs a BFD session for each peer that is configured so, and reports failed paths.
import type { BfdDown } from '../bfd/bfd.ts'
import type { BfdSessionConfig, BfdTimers } from '../bfd/config.ts'
import { BgpError } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What the speaker needs of BFD; bfd/bfd.ts implements it. Whoever made it closes it, not the speaker. */
export interface PathMonitor {
  addSession(config: BfdSessionConfig): void
  removeSession(peer: string): void
  on(event: 'down', heard: (down: BfdDown) => void): unknown
}

/** Addresses of both ends, link-local ones with their interface. */
export interface PathEnds {
  readonly remote: string
  readonly local: string
}

export class PathWatch {
  readonly #monitor: PathMonitor | undefined
  readonly #log: Logger
  /** By the peer's name. */
  readonly #sessions = new Map<string, PathEnds>()

  /** @param failed called with the peer's name; not after an administrative down, which says nothing about the path (RFC 5882 section 4.2) */
  constructor(monitor: PathMonitor | undefined, failed: (peer: string) => void, log: Logger) {
    this.#monitor = monitor
    this.#log = log
    monitor?.on('down', ({ peer: remote, reason }) => {
      if (reason !== 'detection-expired' && reason !== 'neighbor-down') return
      for (const [peer, ends] of this.#sessions) if (ends.remote === remote) failed(peer)
    })
  }

  /** Starts to watch the path of a BGP session that came up. It goes on when the session ends, until `forget`. */
  watch(peer: string, ends: PathEnds, timers: BfdTimers): void {
    const known = this.#sessions.get(peer)
    if (known?.local === ends.local && known.remote === ends.remote) return
    this.forget(peer)
    try {
      this.#monitor?.addSession({ ...timers, peer: ends.remote, local: ends.local })
      this.#sessions.set(peer, ends)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      this.#log.warn('the path to a peer is not watched', { peer, ...ends, error })
    }
  }

  forget(peer: string): void {
    const ends = this.#sessions.get(peer)
    if (ends === undefined) return
    this.#sessions.delete(peer)
    try {
      this.#monitor?.removeSession(ends.remote)
    } catch (error) {
      // The monitor's owner may have closed it before the speaker.
      if (!(error instanceof BgpError)) throw error
    }
  }

  close(): void {
    for (const peer of [...this.#sessions.keys()]) this.forget(peer)
  }
}
