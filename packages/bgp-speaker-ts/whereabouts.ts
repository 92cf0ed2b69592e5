// Where a peer is: at the address of its configuration, or, unnumbered, at the one that discovery finds on its link.
import { splitZone } from './address.ts'
import type { PeerConfig } from './config.ts'
import type { Discovery } from './discovery/discovery.ts'

export class Whereabouts {
  readonly #config: PeerConfig
  readonly #discovery: Discovery | undefined
  #found: string | undefined
  #watch: { close(): void } | undefined

  constructor(config: PeerConfig, discovery: Discovery | undefined) {
    this.#config = config
    this.#discovery = discovery
  }

  /** undefined: not known yet. */
  get address(): string | undefined {
    return this.#config.address ?? this.#found
  }

  /** `moved` is told of every address that an unnumbered peer is found at. */
  start(moved: (address: string, before: string | undefined) => void): void {
    const { interface: link } = this.#config
    if (link === undefined || this.#watch !== undefined) return
    this.#watch = this.#discovery?.watch(link, (address) => {
      const before = this.#found
      this.#found = address
      if (address !== before) moved(address, before)
    })
  }

  /** Whether a connection from there is the peer's: any from its link while nothing is known, then only from the address that was found. */
  admits(remote: string): boolean {
    const { interface: link } = this.#config
    if (link === undefined) return true
    if (splitZone(remote).zone !== link) return false
    return this.#found === undefined || this.#found === remote
  }

  close(): void {
    this.#watch?.close()
    this.#watch = undefined
  }
}
