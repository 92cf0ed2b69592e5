/** When the sessions that are down were lost, for as long as that matters. */

export class LostSessions {
  /** The oldest first. */
  readonly #at = new Map<string, number>()

  /** @param keepFor milliseconds after which nobody asks any more */
  lost(peer: string, now: number, keepFor: number): void {
    this.#at.delete(peer)
    for (const [other, at] of this.#at) {
      // Hundreds may be lost at once: only those that go are looked at.
      if (at + keepFor > now) break
      this.#at.delete(other)
    }
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
