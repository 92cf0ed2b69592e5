/**
 * Tells by the number of transactions whether anybody else has changed nftables: that of the kernel less that of our own. An audit lists
 * only then, however much we write ourselves.
 */

/** Looks that ours disturbed, until the count is said not to be known. */
const ATTEMPTS = 20

export class ForeignChanges {
  readonly #generation: () => Promise<number>
  /** The kernel's number when it was read last; undefined before that. */
  #last: number | undefined
  #foreign = 0
  /** Ours since then. */
  #committed = 0
  /** Ours that are under way, and how many began ever. */
  #running = 0
  #begun = 0
  #waiting: (() => void)[] = []

  constructor(generation: () => Promise<number>) {
    this.#generation = generation
  }

  /** @param work commits one transaction, or rejects and commits none */
  async own(work: () => Promise<void>): Promise<void> {
    this.#running++
    this.#begun++
    try {
      await work()
      this.#committed++
    } finally {
      this.#running--
      if (this.#running === 0) for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** Waits for a moment without one of ours, which would be taken for theirs. Undefined where there is none. */
  async revision(): Promise<string | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (this.#running > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
      if (await this.#look()) return String(this.#foreign)
    }
    return undefined
  }

  /** False where one of ours came between. A number that is further than ours have brought it is somebody else's doing. */
  async #look(): Promise<boolean> {
    const begun = this.#begun
    const now = await this.#generation()
    if (this.#running > 0 || this.#begun !== begun) return false
    const isOurs = this.#last !== undefined && now >= this.#last && now - this.#last <= this.#committed
    if (!isOurs) this.#foreign++
    this.#last = now
    this.#committed = 0
    return true
  }
}
