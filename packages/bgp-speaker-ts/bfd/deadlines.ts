// A binary heap of deadlines, at most one for each item, so that one timer serves all sessions.

interface Entry<T> {
  readonly item: T
  at: number
}

/** Times are the clock's milliseconds. All operations other than `next` cost O(log n). */
export class Deadlines<T> {
  readonly #heap: Entry<T>[] = []
  readonly #places = new Map<T, number>()

  /** The earliest deadline; Infinity: none. */
  next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Sets or moves the deadline of `item`; Infinity removes it. */
  set(item: T, at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.delete(item)
      return
    }
    const place = this.#places.get(item)
    if (place === undefined) {
      this.#heap.push({ item, at })
      this.#up(this.#heap.length - 1)
      return
    }
    this.#heap[place]!.at = at
    this.#settle(place)
  }

  delete(item: T): void {
    const place = this.#places.get(item)
    if (place === undefined) return
    this.#places.delete(item)
    const last = this.#heap.pop()!
    if (last.item === item) return
    this.#heap[place] = last
    this.#places.set(last.item, place)
    this.#settle(place)
  }

  /** Removes and returns an item that is due; undefined: none is. */
  take(now: number): T | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.delete(first.item)
    return first.item
  }

  #settle(place: number): void {
    this.#down(this.#up(place))
  }

  #up(place: number): number {
    const entry = this.#heap[place]!
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#heap[parent]!.at <= entry.at) break
      this.#put(place, this.#heap[parent]!)
      place = parent
    }
    this.#put(place, entry)
    return place
  }

  #down(place: number): void {
    const entry = this.#heap[place]!
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.#heap.length) break
      if (child + 1 < this.#heap.length && this.#heap[child + 1]!.at < this.#heap[child]!.at) child++
      if (this.#heap[child]!.at >= entry.at) break
      this.#put(place, this.#heap[child]!)
      place = child
    }
    this.#put(place, entry)
  }

  #put(place: number, entry: Entry<T>): void {
    this.#heap[place] = entry
    this.#places.set(entry.item, place)
  }
}
