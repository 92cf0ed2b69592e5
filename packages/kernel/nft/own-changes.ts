/** Tells our own changes of chains and rules, which nftables announces to us too, from those of others. */

/** A command that changes more than elements of sets, and the table that it changes. */
const STRUCTURAL = /^(?:add|delete|flush|insert|replace) (?:table|chain|map|set|rule) (\S+ \S+)/gm

/**
 * By count, table by table. A foreign transaction may use up our credit when it is committed beside one of ours; ours, which is
 * announced after it, triggers the audit then.
 */
export class OwnChanges {
  /** Transactions by the table that they changed: those of ours that are not announced yet. */
  readonly #credit = new Map<string, number>()

  /** Before anybody listens, and when announcements were lost. */
  forget(): void {
    this.#credit.clear()
  }

  /** @param work commits `script` */
  announced(script: string, work: () => Promise<void>): Promise<void> {
    return this.changed(new Set([...script.matchAll(STRUCTURAL)].map(([, table]) => table!)), work)
  }

  /** @param tables of which `work` changes more than elements, in one transaction */
  async changed(tables: ReadonlySet<string>, work: () => Promise<void>): Promise<void> {
    for (const table of tables) this.#add(table, 1)
    try {
      await work()
    } catch (error) {
      // What was not committed is not announced.
      for (const table of tables) this.#add(table, -1)
      throw error
    }
  }

  /** A transaction that changed chains or rules of a table was announced: whether it was one of ours. */
  isOurs(table: string): boolean {
    if (!this.#credit.has(table)) return false
    this.#add(table, -1)
    return true
  }

  #add(table: string, count: number): void {
    const credit = (this.#credit.get(table) ?? 0) + count
    if (credit > 0) this.#credit.set(table, credit)
    else this.#credit.delete(table)
  }
}
