// BFD for BGP (RFC 5882 section 10.2): a BFD session beside each peer that wants one, and word when the path to it has failed.
import type { BfdDown } from '../bfd/bfd.ts'
import type { BfdSessionConfig, BfdTimers } from '../bfd/config.ts'
import { BgpError } from '../errors.ts'
import type { Logger } from '../log.ts'

/** What the speaker needs of BFD; bfd/bfd.ts is one. It belongs to who made it: the speaker does not close it. */
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

  /** `failed` is called with a peer's name; not for an administrative end, which says nothing about the path (RFC 5882 section 4.2). */
  constructor(monitor: PathMonitor | undefined, failed: (peer: string) => void, log: Logger) {
    this.#monitor = monitor
    this.#log = log
    monitor?.on('down', ({ peer: remote, reason }) => {
      if (reason !== 'detection-expired' && reason !== 'neighbor-down') return
      for (const [peer, ends] of this.#sessions) if (ends.remote === remote) failed(peer)
    })
  }

  /** A BGP session is up: from now on the path is watched, over ends of the session too, until `forget`. */
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
      // Its owner may close it before the speaker.
      if (!(error instanceof BgpError)) throw error
    }
  }

  close(): void {
    for (const peer of [...this.#sessions.keys()]) this.forget(peer)
  }
}
