/**
 * Tells by the number of transactions whether anybody else has changed nftables: that of the kernel less that of our own. An audit lists
 * only then, however much we write ourselves.
 */

export class ForeignChanges {
  readonly #generation: () => Promise<number>
  /** The kernel's number when it was read last; undefined before that. */
  #last: number | undefined
  #foreign = 0
  #running = 0

  constructor(generation: () => Promise<number>) {
    this.#generation = generation
  }

  /** @param work commits one transaction of ours, or none */
  async own(work: () => Promise<void>): Promise<void> {
    this.#running++
    try {
      await work()
    } finally {
      await this.#look(1)
      this.#running--
    }
  }

  /** Undefined while ours are under way: what is counted then may be theirs. */
  async revision(): Promise<string | undefined> {
    if (this.#running > 0) return undefined
    await this.#look(0)
    return this.#running > 0 ? undefined : String(this.#foreign)
  }

  /** A number that is further than ours could have brought it is somebody else's doing. */
  async #look(own: 0 | 1): Promise<void> {
    const now = await this.#generation().catch(() => undefined)
    if (now === undefined || this.#last === undefined || now - this.#last > own || now < this.#last)
      this.#foreign++
    this.#last = now
  }
}
