/**
 * Audits of tables that somebody else has changed. A table that is asked for while its audit runs is audited once more, because
 * that audit may have read the changed part already.
 */

/** What is needed of a table. */
export interface Audited {
  audit(): Promise<unknown>
}

export class AuditQueue {
  readonly #due = new Set<Audited>()
  #running: Promise<void> | undefined

  /** Never rejects: what cannot be read now is left to the audit loop. */
  ask(...tables: readonly Audited[]): void {
    for (const table of tables) this.#due.add(table)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when no audit is due or under way. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #run(): Promise<void> {
    while (this.#due.size > 0) {
      const tables = [...this.#due]
      this.#due.clear()
      await Promise.all(tables.map((table) => table.audit().catch(() => undefined)))
    }
  }
}
