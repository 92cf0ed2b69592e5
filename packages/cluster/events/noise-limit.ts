/** How often something may be said: a few times at once, then after pauses that grow. Pure. */

export interface NoiseSettings {
  /** So many at once. */
  readonly burst: number
  /** Milliseconds until the next one after these; doubled each time. */
  readonly first: number
  readonly max: number
}

interface Talk {
  /** Of the burst. */
  left: number
  pause: number
  /** When the next one may come after the burst. */
  next: number
  /** When somebody last wanted to speak. */
  last: number
}

export class NoiseLimit {
  readonly #settings: NoiseSettings
  readonly #longest: number
  /** The one that spoke last stands last. */
  readonly #talks = new Map<string, Talk>()

  /** @param longest keys that are remembered at most: those that have been quiet for longest are forgotten first */
  constructor(settings: NoiseSettings, longest = 1000) {
    this.#settings = settings
    this.#longest = longest
  }

  /** Milliseconds to wait before something may be said about `key`; 0: now. */
  wait(key: string, now: number): number {
    const { left, next } = this.#talk(key, now)
    return left > 0 ? 0 : Math.max(0, next - now)
  }

  /** Something is said. */
  take(key: string, now: number): void {
    const talk = this.#talk(key, now)
    if (talk.left > 0) talk.left--
    else talk.pause = Math.min(talk.pause * 2, this.#settings.max)
    talk.next = now + talk.pause
    talk.last = now
    this.#talks.delete(key)
    this.#talks.set(key, talk)
    if (this.#talks.size > this.#longest) this.#talks.delete(this.#talks.keys().next().value!)
  }

  #talk(key: string, now: number): Talk {
    const { burst, first } = this.#settings
    const talk = this.#talks.get(key)
    // Twice its pause without a word, and a new matter is as good as the first.
    if (talk && now - talk.last <= 2 * talk.pause) return talk
    return { left: burst, pause: first, next: now, last: now }
  }
}
