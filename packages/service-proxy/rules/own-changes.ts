/** Tells our own changes of chains and rules, which nftables announces to us too, from those of others. */

/** Commands that change more than elements of sets. */
const STRUCTURAL = /^(add|delete|flush) (table|chain|map|set|rule) /m

/**
 * By count: the announcement of somebody else's transaction may be taken for that of ours, but then ours, which follows, is taken
 * for his.
 */
export class OwnChanges {
  #awaited = 0

  /** Before anybody listens, and when announcements were lost. */
  forget(): void {
    this.#awaited = 0
  }

  /** @param work commits `script` */
  async announced(script: string, work: () => Promise<void>): Promise<void> {
    if (!STRUCTURAL.test(script)) return work()
    this.#awaited++
    try {
      await work()
    } catch (error) {
      // What was not committed is not announced.
      this.#awaited = Math.max(0, this.#awaited - 1)
      throw error
    }
  }

  /** A transaction that changed chains or rules was announced: whether it was one of ours. */
  isOurs(): boolean {
    if (this.#awaited === 0) return false
    this.#awaited--
    return true
  }
}
