// Our own restart (RFC 4724 section 4.1): it is over once every peer has told us all, or time is up.
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

  /** The peers start; `timeout`: seconds after which it is over in any case. */
  start(timeout: number): void {
    this.#deadline = this.#clock.now() + timeout * 1000
  }

  /** Where it is over, paths are selected, and End-of-RIB goes out after them. */
  check(): void {
    if (!this.#restarting || this.#deadline === undefined) return
    // Without peers it has not begun: whoever starts the speaker may add them a moment later.
    const waiting = this.#peers.size === 0 || [...this.#peers.values()].some((peer) => peer.delaysSelection)
    if (waiting && this.#clock.now() < this.#deadline) return
    this.#restarting = false
    this.#rib.endDeferral(() => {
      for (const peer of this.#peers.values()) peer.endRestart()
    })
  }
}
