/** Looks at the kernel that somebody's change asks for. One that is asked for while another is under way follows it: that one may have passed by already. */

/** A table, as far as it can be looked at. */
export interface Suspect {
  audit(): Promise<unknown>
}

export class Looks {
  readonly #due = new Set<Suspect>()
  #running: Promise<void> | undefined

  /** Never rejects: what cannot be read now is looked at by the patrol. */
  ask(...suspects: readonly Suspect[]): void {
    for (const suspect of suspects) this.#due.add(suspect)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when nothing is left to look at. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #run(): Promise<void> {
    while (this.#due.size > 0) {
      const suspects = [...this.#due]
      this.#due.clear()
      await Promise.all(suspects.map((suspect) => suspect.audit().catch(() => undefined)))
    }
  }
}
