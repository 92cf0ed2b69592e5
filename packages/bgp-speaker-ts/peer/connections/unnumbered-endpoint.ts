// The address of an unnumbered peer: the one that discovery finds on its link.
import { splitZone } from '../../address.ts'
import type { Discovery } from '../../discovery/discovery.ts'

export class UnnumberedEndpoint {
  readonly #link: string
  readonly #discovery: Discovery | undefined
  #found: string | undefined
  #watch: { close(): void } | undefined

  /** `link`: the interface's name. */
  constructor(link: string, discovery: Discovery | undefined) {
    this.#link = link
    this.#discovery = discovery
  }

  /** undefined until discovery has found it. */
  get address(): string | undefined {
    return this.#found
  }

  /** Starts discovery; calls `moved` for the first address and for each new one. */
  start(moved: (address: string, before: string | undefined) => void): void {
    if (this.#watch !== undefined) return
    this.#watch = this.#discovery?.watch(this.#link, (address) => {
      const before = this.#found
      this.#found = address
      if (address !== before) moved(address, before)
    })
  }

  /** Whether a connection from this address belongs to the peer: from any address of its link until discovery has found one, from that one only afterwards. */
  admits(remote: string): boolean {
    if (splitZone(remote).zone !== this.#link) return false
    return this.#found === undefined || this.#found === remote
  }

  close(): void {
    this.#watch?.close()
    this.#watch = undefined
  }
}
