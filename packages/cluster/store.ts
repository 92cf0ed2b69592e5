/** The objects of one kind as they were told last, and who is told of their changes. Pure. */
import { isSame } from './objects/same.ts'

/** Who follows a kind. Of one key, `before` is always what `after` was the time before. */
export interface Subscriber<T> {
  /**
   * An object came (`before` is undefined), changed, or went (`after` is undefined). Indexes know of it already.
   * @param trigger when what it follows from happened, as RFC 3339; undefined where that is not known
   */
  changed(key: string, before: T | undefined, after: T | undefined, trigger?: string): void
  /** Every object that exists has been told; once. */
  synced(): void
}

export interface StoreOptions<T> {
  /** Keeps indexes in step, before anybody is told. */
  index?(key: string, before: T | undefined, after: T | undefined): void
  /** A subscriber that came late choked on an object. */
  failed(key: string, error: unknown): void
}

export class Store<T> {
  readonly #options: StoreOptions<T>
  readonly #objects = new Map<string, T>()
  /** Never changed in place: whoever comes or goes while others are told does not disturb that. */
  #subscribers: readonly Subscriber<T>[] = []
  #synced = false

  constructor(options: StoreOptions<T>) {
    this.#options = options
  }

  get objects(): ReadonlyMap<string, T> {
    return this.#objects
  }

  get synced(): boolean {
    return this.#synced
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0
  }

  /**
   * The object as it is now; undefined: it is gone, or of no use. One that says nothing new reaches nobody: the heartbeats of Nodes.
   * @throws what a subscriber threw first, after all were told
   */
  set(key: string, after: T | undefined, trigger?: string): void {
    const before = this.#objects.get(key)
    if (before === after || (before !== undefined && isSame(before, after))) return
    if (after === undefined) this.#objects.delete(key)
    else this.#objects.set(key, after)
    this.#options.index?.(key, before, after)
    this.#tell((subscriber) => subscriber.changed(key, before, after, trigger))
  }

  /** All objects of a first list have been set. @throws like set */
  setSynced(): void {
    if (this.#synced) return
    this.#synced = true
    this.#tell((subscriber) => subscriber.synced())
  }

  /** Who comes late is told what there is before this returns. */
  subscribe(subscriber: Subscriber<T>): Disposable {
    this.#subscribers = [...this.#subscribers, subscriber]
    for (const [key, object] of this.#objects) {
      try {
        subscriber.changed(key, undefined, object)
      } catch (error) {
        this.#options.failed(key, error)
      }
    }
    if (this.#synced) subscriber.synced()
    return {
      [Symbol.dispose]: () => {
        this.#subscribers = this.#subscribers.filter((other) => other !== subscriber)
      },
    }
  }

  /** Forgets everything, when nobody asks for the kind any more. */
  clear(): void {
    this.#synced = false
    for (const [key, object] of this.#objects) {
      this.#objects.delete(key)
      this.#options.index?.(key, object, undefined)
    }
  }

  /** One that throws keeps nobody else from being told. */
  #tell(tell: (subscriber: Subscriber<T>) => void): void {
    const failures: unknown[] = []
    for (const subscriber of this.#subscribers) {
      if (!this.#subscribers.includes(subscriber)) continue
      try {
        tell(subscriber)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
