/** When the sessions that are down were lost, for as long as that matters. */

export class LostSessions {
  readonly #at = new Map<string, number>()

  /** @param keepFor milliseconds after which nobody asks any more */
  lost(peer: string, now: number, keepFor: number): void {
    for (const [other, at] of this.#at) if (at + keepFor <= now) this.#at.delete(other)
    this.#at.set(peer, now)
  }

  established(peer: string): void {
    this.#at.delete(peer)
  }

  /** Undefined while the session is there. */
  lostAt(peer: string): number | undefined {
    return this.#at.get(peer)
  }
}
