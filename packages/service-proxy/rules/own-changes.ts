/** Tells our own changes of chains and rules from those of others: nftables announces both to us. */

/** Commands that change more than elements of sets. */
const STRUCTURAL = /^(add|delete|flush) (table|chain|map|set|rule) /m

/**
 * Counts our transactions and takes as many announcements for ours. A foreign transaction that comes first may use up the count; our
 * own announcement, which follows, then triggers the audit.
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
