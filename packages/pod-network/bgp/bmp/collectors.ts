/** The BMP collectors of the configuration, at whichever speaker there is. */
import { isDeepStrictEqual } from 'node:util'
import { Bmp } from 'bgp-speaker-ts/bmp/bmp.ts'
import type { CollectorConfig } from 'bgp-speaker-ts/bmp/config.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'

const nameOf = ({ address, port }: CollectorConfig) => `${address} ${port}`

export class BmpCollectors {
  readonly #sysName: string
  #bmp: Bmp | undefined
  #wanted: readonly CollectorConfig[] = []

  /** @param sysName what collectors know this node as */
  constructor(sysName: string) {
    this.#sysName = sysName
  }

  /** Collectors whose entry is as it was keep their connection. Of two entries for one the first counts. */
  configure(wanted: readonly CollectorConfig[]): void {
    const before = this.#wanted
    this.#wanted = wanted.filter(
      (entry, i) => wanted.findIndex((other) => nameOf(other) === nameOf(entry)) === i,
    )
    for (const entry of before)
      if (!this.#wanted.some((other) => isDeepStrictEqual(other, entry)))
        void this.#bmp?.removeCollector(entry)
    for (const entry of this.#wanted)
      if (!before.some((other) => isDeepStrictEqual(other, entry))) this.#bmp?.addCollector(entry)
  }

  /** A speaker was made: it has told nobody anything yet. */
  follow(speaker: Speaker): void {
    void this.ended()
    this.#bmp = new Bmp(speaker, { sysName: this.#sysName, sysDescr: 'podroute' })
    for (const entry of this.#wanted) this.#bmp.addCollector(entry)
  }

  /** The speaker is gone; collectors are told that they are told no more. */
  async ended(): Promise<void> {
    const bmp = this.#bmp
    this.#bmp = undefined
    await bmp?.close()
  }
}
