// Our own restart (RFC 4724 section 4.1): it ends when every peer with graceful restart has sent End-of-RIB, or at the deadline.
import type { Clock } from '../clock.ts'
import type { Peer } from '../peer/peer.ts'
import type { Rib } from '../rib/rib.ts'

export class RestartWatch {
  readonly #clock: Clock
  readonly #rib: Rib
  readonly #peers: ReadonlyMap<string, Peer>
  #restarting: boolean
  #deadline: number | undefined

  constructor(clock: Clock, rib: Rib, peers: ReadonlyMap<string, Peer>, restarting: boolean) {
    this.#clock = clock
    this.#rib = rib
    this.#peers = peers
    this.#restarting = restarting
    if (restarting) rib.deferSelection()
  }

  get restarting(): boolean {
    return this.#restarting
  }

  /** Starts the deadline when the peers start. @param timeout seconds */
  start(timeout: number): void {
    this.#deadline = this.#clock.now() + timeout * 1000
  }

  /** Ends the restart when nothing delays it any more: selects paths, then lets the peers send End-of-RIB. */
  check(): void {
    if (!this.#restarting || this.#deadline === undefined) return
    // Without peers the restart goes on: they may be added a moment after `start`.
    const waiting = this.#peers.size === 0 || [...this.#peers.values()].some((peer) => peer.delaysSelection)
    if (waiting && this.#clock.now() < this.#deadline) return
    this.#restarting = false
    this.#rib.endDeferral(() => {
      for (const peer of this.#peers.values()) peer.endRestart()
    })
  }
}
