/**
 * Aggregates (RFC 4271 section 9.2.2.2) on the way from what this node announces to the table of announcements: one is announced while
 * anything of ours lies inside. Routers that it is configured for are told it in place of that, all other peers never (export-policy.ts).
 */
import { type Cidr, cidr, contains } from '@podroute/address/cidr.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'

/** What is used of the table of announcements. */
export interface AnnouncementSink {
  set(prefix: string, route: Announcement): void
  delete(prefix: string): void
}

/** Tag of an aggregate that holds routes with this tag. */
export const aggregateOf = (tag: string) => `aggregate/${tag}`

interface Aggregate {
  readonly prefix: Cidr
  /** What lies inside, by prefix. */
  readonly inside: Map<string, Announcement>
}

export class Aggregates {
  readonly #sink: AnnouncementSink
  #aggregates: readonly Aggregate[] = []
  /** What is announced itself. */
  readonly #routes = new Map<string, Announcement>()

  constructor(sink: AnnouncementSink) {
    this.#sink = sink
  }

  /** Puts these in place of those before. */
  configure(prefixes: readonly Cidr[]): void {
    const wanted = new Map(prefixes.map((prefix) => [prefix.text, prefix]))
    const former = new Map(this.#aggregates.map((aggregate) => [aggregate.prefix.text, aggregate]))
    for (const text of former.keys())
      if (!wanted.has(text) && !this.#routes.has(text)) this.#sink.delete(text)
    this.#aggregates = Array.from(wanted.values(), (prefix) => former.get(prefix.text) ?? this.#make(prefix))
  }

  set(prefix: string, route: Announcement): void {
    this.#routes.set(prefix, route)
    this.#sink.set(prefix, route)
    for (const aggregate of this.#around(prefix)) {
      aggregate.inside.set(prefix, route)
      this.#announce(aggregate)
    }
  }

  delete(prefix: string): void {
    this.#routes.delete(prefix)
    this.#sink.delete(prefix)
    for (const aggregate of this.#around(prefix)) {
      aggregate.inside.delete(prefix)
      this.#announce(aggregate)
    }
    // It may have stood in the place of an aggregate of the same prefix.
    const same = this.#aggregates.find((aggregate) => aggregate.prefix.text === prefix)
    if (same) this.#announce(same)
  }

  #make(prefix: Cidr): Aggregate {
    const inside = [...this.#routes].filter(([text]) => isInside(prefix, cidr(text)))
    const aggregate = { prefix, inside: new Map(inside) }
    this.#announce(aggregate)
    return aggregate
  }

  #around(prefix: string): Aggregate[] {
    if (this.#aggregates.length === 0) return []
    const parsed = cidr(prefix)
    return this.#aggregates.filter((aggregate) => isInside(aggregate.prefix, parsed))
  }

  /** What is announced itself comes first: other nodes are told it. */
  #announce({ prefix, inside }: Aggregate): void {
    if (this.#routes.has(prefix.text)) return
    const [first] = inside.values()
    if (first === undefined) this.#sink.delete(prefix.text)
    else this.#sink.set(prefix.text, routeOf(prefix, first, inside.values()))
  }
}

function isInside(outer: Cidr, inner: Cidr): boolean {
  return inner.length > outer.length && contains(outer, inner)
}

function routeOf(prefix: Cidr, { nextHop }: Announcement, inside: Iterable<Announcement>): Announcement {
  const of = Array.from(inside, (route) => route.tags ?? [])
  const tags = new Set(of.flat().map(aggregateOf))
  // Routers that are not told of anything inside are not told of the aggregate.
  for (const tag of of[0] ?? [])
    if (tag.startsWith('not ') && of.every((each) => each.includes(tag))) tags.add(tag)
  return {
    prefix: prefix.text,
    ...(nextHop === undefined ? {} : { nextHop }),
    origin: 'igp',
    tags: [...tags].sort(),
  }
}
