/** From best paths to the routes table: what is refused, and what outlives its session for a while. */

import type { Route } from '@podroute/linux/route/routes.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { BestPathChange, Path } from 'bgp-speaker-ts/snapshot.ts'
import { planRoute, type RefuseReason, type RouteGuard } from './route-guard.ts'

/** What is used of the routes table. */
export interface RouteTable {
  set(key: string, route: Route): void
  delete(key: string): void
  get(key: string): Route | undefined
}

export interface LearnedRoutesOptions {
  readonly table: RouteTable
  readonly log: Logger
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Milliseconds that a route outlives its session. */
  keepFor(): number
  readonly guard: RouteGuard
}

export class LearnedRoutes {
  readonly #options: LearnedRoutesOptions
  readonly #best = new Map<string, Path>()
  readonly #refused = new Map<string, RefuseReason>()
  /** Destinations without a best path that stay for now, with the time when they go. */
  readonly #lingering = new Map<string, number>()
  #guard: RouteGuard

  constructor(options: LearnedRoutesOptions) {
    this.#options = options
    this.#guard = options.guard
  }

  get refused(): ReadonlyMap<string, RefuseReason> {
    return this.#refused
  }

  get lingering(): ReadonlyMap<string, number> {
    return this.#lingering
  }

  /**
   * @param lostAt when the session with the peer of a path that went was lost; undefined: it is merely done with the prefix. With
   * graceful restart the speaker has kept the path for a while already.
   */
  onBest(changes: readonly BestPathChange[], lostAt: (peer: string) => number | undefined): void {
    for (const { prefix, best } of changes) {
      const peer = this.#best.get(prefix)?.peer
      const lost = peer === undefined ? undefined : lostAt(peer)
      if (best) this.#learned(prefix, best)
      else if (lost !== undefined && lost + this.#options.keepFor() > this.#options.now())
        this.#keep(prefix, lost)
      else this.#drop(prefix)
    }
  }

  /** A route that was there before this process: kept until its node has had the time to announce it again. */
  keepAdopted(route: Route): void {
    if (this.#best.has(route.destination)) return
    this.#options.table.set(route.destination, route)
    this.#linger(route.destination, this.#options.now())
  }

  /** The peer is back and has said all it has: what it did not repeat is over. */
  heardAll(nextHops: ReadonlySet<string>): void {
    for (const prefix of this.#lingering.keys()) {
      const gateway = this.#options.table.get(prefix)?.gateway
      if (gateway !== undefined && nextHops.has(gateway)) this.#drop(prefix)
    }
  }

  /** Drops what has lingered long enough, and what `belongs` no longer says has an owner. Returns when to come again. */
  expire(belongs: (prefix: string) => boolean): number | undefined {
    const now = this.#options.now()
    for (const [prefix, deadline] of this.#lingering) {
      if (deadline <= now || !belongs(prefix)) this.#drop(prefix)
    }
    return this.#lingering.size === 0 ? undefined : Math.min(...this.#lingering.values())
  }

  /** What is protected changed: everything is judged anew, or only what routers outside announce. */
  setGuard(guard: RouteGuard, whose: 'all' | 'external' = 'all'): void {
    this.#guard = guard
    for (const [prefix, best] of this.#best) {
      if (whose === 'all' || guard.isExternal(best.peer ?? '')) this.#learned(prefix, best)
    }
  }

  /** All sessions are gone with their speaker. */
  forgetPaths(): void {
    for (const prefix of this.#best.keys()) this.#keep(prefix, this.#options.now())
  }

  #learned(prefix: string, best: Path): void {
    this.#best.set(prefix, best)
    this.#lingering.delete(prefix)
    const decision = planRoute(best, this.#guard)
    if (decision.kind === 'refuse') this.#refuse(prefix, best, decision.reason)
    else this.#refused.delete(prefix)
    if (decision.kind === 'install') this.#options.table.set(prefix, decision.route)
    else this.#options.table.delete(prefix)
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

  #keep(prefix: string, since: number): void {
    this.#best.delete(prefix)
    this.#refused.delete(prefix)
    if (this.#options.table.get(prefix)) this.#linger(prefix, since)
  }

  #linger(prefix: string, since: number): void {
    this.#lingering.set(prefix, since + this.#options.keepFor())
  }

  #drop(prefix: string): void {
    this.#best.delete(prefix)
    this.#refused.delete(prefix)
    this.#lingering.delete(prefix)
    this.#options.table.delete(prefix)
  }
}
