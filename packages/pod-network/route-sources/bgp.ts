/** Routes from the best paths of BGP: what is refused, and what outlives its session for a while. */

import { gatewaysOf } from '@podroute/kernel/routes/next-hops.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { Claims } from '@podroute/reconcile/claims.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BestPathChange } from 'bgp-speaker-ts/snapshot.ts'
import { planRoute, type Reach, type RefuseReason, type RouteGuard, type Way } from './route-guard.ts'

/**
 * Who wants a route: a Node, where routes are made from Nodes, the best path, or what was there before it came and after it went. The
 * lower name wins.
 */
export type RouteOwner = `api/${string}` | `best/${string}` | `retained/${string}`

/** By destination. */
export type RouteClaims = Claims<RouteOwner, string, Route>

export interface BgpRoutesOptions {
  readonly claims: RouteClaims
  readonly log: Logger
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Milliseconds that a route outlives its session. */
  keepFor(): number
  readonly guard: RouteGuard
  readonly reach: Reach
}

export class BgpRoutes {
  readonly #options: BgpRoutesOptions
  readonly #claims: RouteClaims
  /** The best path of each prefix, and those that are as good. */
  readonly #best = new Map<string, readonly Way[]>()
  readonly #refused = new Map<string, RefuseReason>()
  /** Destinations without a best path whose route stays for now, each with the time since when. */
  readonly #retained = new Map<string, number>()
  #guard: RouteGuard

  constructor(options: BgpRoutesOptions) {
    this.#options = options
    this.#claims = options.claims
    this.#guard = options.guard
  }

  get refused(): ReadonlyMap<string, RefuseReason> {
    return this.#refused
  }

  /** The paths that a route comes from, the best one first. */
  waysTo(destination: string): readonly Way[] {
    return this.#best.get(destination) ?? []
  }

  isRetained(destination: string): boolean {
    return this.#retained.has(destination)
  }

  /**
   * @param lostAt when the session with the peer of a path that went was lost; undefined: it is merely done with the prefix. With
   * graceful restart the speaker has kept the path for a while already.
   */
  onBest(
    changes: readonly BestPathChange[],
    lostAt: (peer: string, prefix: string) => number | undefined,
  ): void {
    for (const { prefix, best, multipath } of changes) {
      const peer = this.#best.get(prefix)?.[0]?.peer
      const lost = peer === undefined ? undefined : lostAt(peer, prefix)
      if (best) this.#learn(prefix, multipath ?? [best])
      else if (lost !== undefined && lost + this.#options.keepFor() > this.#options.now())
        this.#retainBest(prefix, lost)
      else this.#drop(prefix)
    }
  }

  /** A route that was there before this process: it stays until its node has had the time to announce it again. */
  retainAdopted(route: Route): void {
    if (!this.#best.has(route.destination)) this.#retain(route, this.#options.now())
  }

  /** The peer is back and has said all it has: what it did not repeat is over. */
  endOfRib(nextHops: ReadonlySet<string>): void {
    for (const prefix of this.#retained.keys()) {
      // Repeated, and on its way into the kernel.
      if (this.#best.has(prefix)) continue
      const route = this.#claims.winner(prefix)?.value
      const gateways = route ? gatewaysOf(route) : []
      if (gateways.length > 0 && gateways.every((gateway) => nextHops.has(gateway))) this.#drop(prefix)
    }
  }

  /** Drops what was retained for long enough, and what `belongs` no longer says has an owner. Returns when to come again. */
  expire(belongs: (prefix: string) => boolean): number | undefined {
    const oldest = this.#options.now() - this.#options.keepFor()
    for (const [prefix, since] of this.#retained) if (since <= oldest || !belongs(prefix)) this.#drop(prefix)
    return this.#retained.size === 0
      ? undefined
      : Math.min(...this.#retained.values()) + this.#options.keepFor()
  }

  /** What is protected changed: everything is judged anew, or only what routers outside announce. */
  setGuard(guard: RouteGuard, whose: 'all' | 'external' = 'all'): void {
    this.#guard = guard
    for (const [prefix, ways] of this.#best) {
      if (whose === 'all' || ways.some(({ peer }) => guard.isExternal(peer ?? ''))) this.#learn(prefix, ways)
    }
  }

  /** Next hops are reached in other ways. */
  reachChanged(): void {
    this.setGuard(this.#guard)
  }

  /** All sessions are gone with their speaker. */
  retainAll(): void {
    for (const prefix of this.#best.keys()) this.#retainBest(prefix, this.#options.now())
  }

  #learn(prefix: string, ways: readonly Way[]): void {
    this.#best.set(prefix, ways)
    const decision = planRoute(ways, this.#guard, this.#options.reach)
    if (decision.kind === 'wait') return
    if (decision.kind === 'refuse') this.#refuse(prefix, ways[0], decision.reason)
    else this.#refused.delete(prefix)
    if (decision.kind === 'install') this.#claims.replace(`best/${prefix}`, [[prefix, decision.route]])
    else this.#claims.remove(`best/${prefix}`)
    this.#release(prefix)
  }

  #refuse(prefix: string, best: Way | undefined, reason: RefuseReason): void {
    if (this.#refused.get(prefix) === reason) return
    this.#refused.set(prefix, reason)
    const { peer, nextHop } = best ?? {}
    this.#options.log.warn('learned route refused', { prefix, peer, nextHop, reason })
  }

  #retainBest(prefix: string, since: number): void {
    const route = this.#claims.winner(prefix)?.value
    if (route) this.#retain(route, since)
    this.#forget(prefix)
  }

  #retain(route: Route, since: number): void {
    this.#retained.set(route.destination, since)
    this.#claims.replace(`retained/${route.destination}`, [[route.destination, route]])
  }

  #release(prefix: string): void {
    if (this.#retained.delete(prefix)) this.#claims.remove(`retained/${prefix}`)
  }

  #forget(prefix: string): void {
    this.#best.delete(prefix)
    this.#refused.delete(prefix)
    this.#claims.remove(`best/${prefix}`)
  }

  #drop(prefix: string): void {
    this.#forget(prefix)
    this.#release(prefix)
  }
}
