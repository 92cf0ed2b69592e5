/** Routes from the best paths of BGP: what is refused, and what outlives its session for a while. */

import type { Route } from '@podroute/linux/route/routes.ts'
import type { Claims } from '@podroute/reconcile/claims.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BestPathChange, Path } from 'bgp-speaker-ts/snapshot.ts'
import { planRoute, type RefuseReason, type RouteGuard } from './route-guard.ts'

/**
 * Who wants a route: the best path, or what was there before it came and after it went. The lower name wins, which is the best path.
 */
export type RouteOwner = `best/${string}` | `retained/${string}`

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
}

export class BgpRoutes {
  readonly #options: BgpRoutesOptions
  readonly #claims: RouteClaims
  readonly #best = new Map<string, Path>()
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

  isRetained(destination: string): boolean {
    return this.#retained.has(destination)
  }

  /**
   * @param lostAt when the session with the peer of a path that went was lost; undefined: it is merely done with the prefix. With
   * graceful restart the speaker has kept the path for a while already.
   */
  onBest(changes: readonly BestPathChange[], lostAt: (peer: string) => number | undefined): void {
    for (const { prefix, best } of changes) {
      const peer = this.#best.get(prefix)?.peer
      const lost = peer === undefined ? undefined : lostAt(peer)
      if (best) this.#learn(prefix, best)
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
      const gateway = this.#claims.winner(prefix)?.value.gateway
      if (gateway !== undefined && nextHops.has(gateway)) this.#drop(prefix)
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
    for (const [prefix, best] of this.#best) {
      if (whose === 'all' || guard.isExternal(best.peer ?? '')) this.#learn(prefix, best)
    }
  }

  /** All sessions are gone with their speaker. */
  retainAll(): void {
    for (const prefix of this.#best.keys()) this.#retainBest(prefix, this.#options.now())
  }

  #learn(prefix: string, best: Path): void {
    this.#best.set(prefix, best)
    const decision = planRoute(best, this.#guard)
    if (decision.kind === 'refuse') this.#refuse(prefix, best, decision.reason)
    else this.#refused.delete(prefix)
    if (decision.kind === 'install') this.#claims.replace(`best/${prefix}`, [[prefix, decision.route]])
    else this.#claims.remove(`best/${prefix}`)
    this.#release(prefix)
  }

  #refuse(prefix: string, best: Path, reason: RefuseReason): void {
    if (this.#refused.get(prefix) === reason) return
    this.#refused.set(prefix, reason)
    this.#options.log.warn('learned route refused', {
      prefix,
      peer: best.peer,
      nextHop: best.nextHop,
      reason,
    })
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
