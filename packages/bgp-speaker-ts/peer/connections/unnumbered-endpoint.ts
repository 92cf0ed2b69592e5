// Where an unnumbered peer is: at the address that discovery finds on its link.
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

  /** undefined: not known yet. */
  get address(): string | undefined {
    return this.#found
  }

  /** `moved` is told of every address that the peer is found at. */
  start(moved: (address: string, before: string | undefined) => void): void {
    if (this.#watch !== undefined) return
    this.#watch = this.#discovery?.watch(this.#link, (address) => {
      const before = this.#found
      this.#found = address
      if (address !== before) moved(address, before)
    })
  }

  /** Whether a connection from there is the peer's: any from its link while nothing is known, then only from the address that was found. */
  admits(remote: string): boolean {
    if (splitZone(remote).zone !== this.#link) return false
    return this.#found === undefined || this.#found === remote
  }

  close(): void {
    this.#watch?.close()
    this.#watch = undefined
  }
}
