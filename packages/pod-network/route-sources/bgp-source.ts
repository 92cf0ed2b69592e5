/** BGP as a source of routes: whose paths they are, whose session is lost, and until when a route without a path stays. */
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BestPathChange } from 'bgp-speaker-ts/snapshot.ts'
import type { ClusterNodes } from '../nodes/cluster-nodes.ts'
import type { NamedTimers } from '../timers.ts'
import { BgpRoutes, type RouteClaims } from './bgp.ts'
import type { Reach, RouteGuard } from './route-guard.ts'

export interface BgpSourceOptions {
  readonly claims: RouteClaims
  readonly guard: RouteGuard
  readonly reach: Reach
  readonly nodes: ClusterNodes
  /** Of the Node that the agent runs on. */
  readonly localName: string
  readonly clock: Pick<Clock, 'now'>
  readonly timers: NamedTimers
  readonly log: Logger
  /** Milliseconds that a route outlives its session. */
  keepFor(): number
  /** When the session with a peer was lost; undefined while it is there. */
  lostAt(peer: string): number | undefined
  /** The routes to the pods of a Node are others. */
  rerouted(node: string): void
}

export class BgpSource {
  readonly routes: BgpRoutes
  readonly #options: BgpSourceOptions

  constructor(options: BgpSourceOptions) {
    const { claims, guard, reach, log, clock } = options
    this.#options = options
    this.routes = new BgpRoutes({
      ...{ claims, guard, reach, log, now: () => clock.now() },
      keepFor: () => options.keepFor(),
    })
  }

  onBest(changes: readonly BestPathChange[]): void {
    const { nodes, rerouted } = this.#options
    this.routes.onBest(changes, (peer, prefix) => this.#lostAt(peer, prefix))
    for (const { prefix } of changes) {
      const node = nodes.withPodCidr(prefix)
      if (node) rerouted(node.name)
    }
    this.expire()
  }

  /** Since when a path is lost and not withdrawn; undefined: it is withdrawn. */
  #lostAt(peer: string, prefix: string): number | undefined {
    const { nodes, lostAt, localName, clock } = this.#options
    const owner = nodes.withPodCidr(prefix)
    const own = owner?.name === localName || owner?.addresses.some(({ text }) => text === peer)
    // A reflector that is gone, or has the route no more, says nothing of the node that the route leads to.
    if (owner && !own) return lostAt(peer) ?? clock.now()
    // A router outside whose session is lost, and which does no graceful restart (RFC 4724), may be gone; a node's pods are where they
    // were.
    return nodes.withAddress(peer) === undefined ? undefined : lostAt(peer)
  }

  /** The peer has sent all that it has: what it did not repeat is over. */
  endOfRib(peer: string): void {
    const nodes = this.#options.nodes.claimantsOfAddress(peer)
    const nextHops = nodes.flatMap(({ addresses }) => addresses.map(({ text }) => text))
    this.routes.endOfRib(new Set([peer, ...nextHops]))
  }

  /** Drops what was retained for long enough or belongs to nobody any more, and comes again when it is time. */
  expire(): void {
    const { nodes, localName, timers, clock } = this.#options
    const next = this.routes.expire((prefix) => {
      const node = nodes.withPodCidr(prefix)
      return node !== undefined && node.name !== localName
    })
    if (next !== undefined) timers.after('expire', Math.max(0, next - clock.now()), () => this.expire())
  }
}
