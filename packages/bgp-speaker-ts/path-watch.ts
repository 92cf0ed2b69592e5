// BFD for BGP (RFC 5882 section 10.2): a BFD session beside each peer that wants one, and word when the path to it has failed.
import type { BfdDown } from './bfd/bfd.ts'
import type { BfdSessionConfig, BfdTimers } from './bfd/config.ts'
import { BgpError } from './errors.ts'
import type { Logger } from './log.ts'

/** What the speaker needs of BFD; bfd/bfd.ts is one. It belongs to who made it: the speaker does not close it. */
export interface PathMonitor {
  addSession(config: BfdSessionConfig): void
  removeSession(peer: string): void
  on(event: 'down', heard: (down: BfdDown) => void): unknown
}

export class PathWatch {
  readonly #monitor: PathMonitor | undefined
  readonly #log: Logger
  /** Local addresses of the sessions, by peer. */
  readonly #sessions = new Map<string, string>()

  /** `failed` is called with a peer's address; not for an administrative end, which says nothing about the path (RFC 5882 section 4.2). */
  constructor(monitor: PathMonitor | undefined, failed: (peer: string) => void, log: Logger) {
    this.#monitor = monitor
    this.#log = log
    monitor?.on('down', ({ peer, reason }) => {
      if (!this.#sessions.has(peer)) return
      if (reason === 'detection-expired' || reason === 'neighbor-down') failed(peer)
    })
  }

  /** A BGP session is up: from now on the path is watched, over ends of the session too, until `forget`. */
  watch(peer: string, local: string, timers: BfdTimers): void {
    if (this.#sessions.get(peer) === local) return
    this.forget(peer)
    try {
      this.#monitor?.addSession({ ...timers, peer, local })
      this.#sessions.set(peer, local)
    } catch (error) {
      if (!(error instanceof BgpError)) throw error
      this.#log.warn('the path to a peer is not watched', { peer, local, error })
    }
  }

  forget(peer: string): void {
    if (!this.#sessions.delete(peer)) return
    try {
      this.#monitor?.removeSession(peer)
    } catch (error) {
      // Its owner may close it before the speaker.
      if (!(error instanceof BgpError)) throw error
    }
  }

  close(): void {
    for (const peer of this.#sessions.keys()) this.forget(peer)
  }
}
