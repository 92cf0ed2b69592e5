/**
 * Routes that discard: who announces an aggregate discards what is for it and for nothing inside it (RFC 4632 section 5.1, rule 2). Else
 * it follows the default route, back to the router that sent it because of the aggregate.
 */
import { type Cidr, cidr, containsAddress } from '@podroute/address/cidr.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import type { Route } from '@podroute/linux/route/route-message.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import type { Announcement } from 'bgp-speaker-ts/config.ts'
import { type AnnouncementSink, aggregateOf } from './aggregates.ts'

/** Any route that somebody else has to the same prefix comes first: the kernel's own IPv6 routes have 1024 at most. */
export const DISCARD_METRIC = 1_000_000

export interface DiscardFacts {
  /**
   * Addresses of Services are this node's own. The NAT of another proxy comes after the route is looked up for what the node itself
   * sends: it needs one that leads somewhere.
   */
  readonly servedHere: boolean
  /** Networks that this node is on. */
  readonly connected: readonly Cidr[]
  /** What must be reached: nodes, routers, the API server. */
  readonly needed: Iterable<string>
}

interface RouteTable {
  set(destination: string, route: Route): void
  delete(destination: string): void
  desired(): ReadonlyMap<string, Route>
}

/** Stands between what is announced and its table, and knows the aggregates. */
export class DiscardRoutes implements AnnouncementSink {
  readonly #sink: AnnouncementSink
  readonly #table: RouteTable
  /** By the text of the prefix. */
  readonly #aggregates = new Map<string, Announcement>()
  #problems: readonly string[] = []

  constructor(sink: AnnouncementSink, table: RouteTable) {
    this.#sink = sink
    this.#table = table
  }

  /** Aggregates that have no such route, and why. */
  get problems(): readonly string[] {
    return this.#problems
  }

  set(prefix: string, announcement: Announcement): void {
    this.#sink.set(prefix, announcement)
    if (isAggregate(announcement)) this.#aggregates.set(prefix, announcement)
    else this.#aggregates.delete(prefix)
  }

  delete(prefix: string): void {
    this.#sink.delete(prefix)
    this.#aggregates.delete(prefix)
  }

  /** Wants a route for each aggregate that is announced now. Costs nothing while there is none. */
  plan(facts: () => DiscardFacts): void {
    const wanted = this.#aggregates.size === 0 ? new Map<string, Route>() : this.#routes(facts())
    if (this.#aggregates.size === 0) this.#problems = []
    for (const destination of this.#table.desired().keys())
      if (!wanted.has(destination)) this.#table.delete(destination)
    for (const [destination, route] of wanted) this.#table.set(destination, route)
  }

  #routes({ servedHere, connected, needed }: DiscardFacts): ReadonlyMap<string, Route> {
    const addresses = [...needed].filter((address) => !connected.some((net) => containsAddress(net, address)))
    const problems: string[] = []
    const routes = new Map<string, Route>()
    for (const [text, { tags = [] }] of this.#aggregates) {
      if (!servedHere && !tags.includes(aggregateOf('pod-cidr'))) continue
      const prefix = cidr(text)
      const cutOff = addresses.find((address) => containsAddress(prefix, address))
      if (cutOff === undefined) routes.set(text, discard(prefix))
      else
        problems.push(
          `what is for ${text} and for nobody inside is not discarded here: ${cutOff} is inside, and on no network of this node; name smaller aggregates`,
        )
    }
    this.#problems = problems
    return routes
  }
}

/** Of routes inside, or of addresses of Services: those are announced one by one else. A range of pods has a network here. */
function isAggregate({ prefix, tags = [] }: Announcement): boolean {
  if (tags.some((tag) => tag.startsWith(aggregateOf('')))) return true
  const { length, family } = cidr(prefix)
  return !tags.includes('pod-cidr') && length < (family === 4 ? 32 : 128)
}

function discard({ family, text }: Cidr): Route {
  return {
    ...{ family, destination: text, table: TABLE_MAIN, protocol: ROUTE_PROTOCOL, scope: 0 },
    ...{ type: 'blackhole', priority: DISCARD_METRIC },
  }
}
