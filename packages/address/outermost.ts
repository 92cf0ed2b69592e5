/** Of many prefixes those that lie in no other one: an nftables set of intervals takes no two that overlap. */
import { type Cidr, cidr } from './cidr.ts'
import { PrefixIndex } from './prefix-index.ts'

/** Where the prefixes go that lie in no other one. */
export interface OutermostSink {
  set(prefix: Cidr): void
  delete(prefix: Cidr): void
}

/** A prefix that comes or goes costs what it covers, however many others there are. */
export class OutermostPrefixes {
  readonly #sink: OutermostSink
  readonly #all = new PrefixIndex()

  constructor(sink: OutermostSink) {
    this.#sink = sink
  }

  add(prefix: Cidr): void {
    if (this.#all.has(prefix)) return
    this.#all.add(prefix)
    if (this.#isCovered(prefix)) return
    for (const inner of this.#all.inside(prefix)) this.#sink.delete(inner)
    this.#sink.set(prefix)
  }

  delete(prefix: Cidr): void {
    if (!this.#all.has(prefix)) return
    this.#all.delete(prefix)
    if (this.#isCovered(prefix)) return
    this.#sink.delete(prefix)
    for (const inner of this.#all.inside(prefix)) this.#sink.set(inner)
  }

  /** Whether an address or a prefix lies in one of them. */
  hold(prefix: Cidr): boolean {
    return this.#all.holder(prefix) !== undefined
  }

  #isCovered(prefix: Cidr): boolean {
    const holder = this.#all.holder(prefix)
    return holder !== undefined && holder.length < prefix.length
  }
}

/** Those of a list. @param texts canonical prefixes */
export function outermost(texts: Iterable<string>): string[] {
  const found = new Set<string>()
  const prefixes = new OutermostPrefixes({
    set: ({ text }) => void found.add(text),
    delete: ({ text }) => void found.delete(text),
  })
  for (const text of texts) prefixes.add(cidr(text))
  return [...found]
}
