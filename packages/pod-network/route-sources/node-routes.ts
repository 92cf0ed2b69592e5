/** Routes straight from the Nodes: to the pods of each, through its address of that family. What is refused of a peer is refused of a Node. */
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { Logger } from '@podroute/reconcile/log.ts'
import type { RouteClaims } from './bgp.ts'
import { planRoute, type Reach, type RefuseReason, type RouteGuard, type Way } from './route-guard.ts'

export interface NodeRoutesOptions {
  readonly claims: RouteClaims
  readonly log: Logger
  readonly guard: RouteGuard
  readonly reach: Reach
}

/** A prefix of a family that the Node has no address of cannot be reached. */
export function waysToPods(node: ClusterNode): Way[] {
  return node.podCidrs.flatMap((prefix) => {
    const nextHop = primaryAddress(node, prefix.family)
    return nextHop === undefined ? [] : [{ prefix: prefix.text, nextHop, peer: nextHop }]
  })
}

export class NodeRoutes {
  readonly #options: NodeRoutesOptions
  /** By the name of the Node. */
  readonly #ways = new Map<string, readonly Way[]>()
  readonly #refused = new Map<string, RefuseReason>()
  #guard: RouteGuard

  constructor(options: NodeRoutesOptions) {
    this.#options = options
    this.#guard = options.guard
  }

  get refused(): ReadonlyMap<string, RefuseReason> {
    return this.#refused
  }

  /** Puts these ways in place of those that the Node had; none: it is gone, or its routes come from elsewhere. */
  replace(node: string, ways: readonly Way[]): void {
    for (const { prefix } of this.#ways.get(node) ?? []) this.#refused.delete(prefix)
    if (ways.length === 0) this.#ways.delete(node)
    else this.#ways.set(node, ways)
    this.#judge(node, ways)
  }

  /** What is protected changed: everything is judged anew. */
  setGuard(guard: RouteGuard): void {
    this.#guard = guard
    this.reachChanged()
  }

  /** Next hops are reached in other ways. */
  reachChanged(): void {
    for (const [node, ways] of this.#ways) this.#judge(node, ways)
  }

  /** Wants no route any more. @param leave is handed each one before it goes */
  clear(leave: (route: Route) => void): void {
    const { claims } = this.#options
    for (const node of [...this.#ways.keys()]) {
      for (const prefix of claims.keysOf(`api/${node}`)) leave(claims.winner(prefix)!.value)
      claims.remove(`api/${node}`)
    }
    this.#ways.clear()
    this.#refused.clear()
  }

  #judge(node: string, ways: readonly Way[]): void {
    const { claims, reach } = this.#options
    const routes = ways.flatMap((way): [string, Route][] => {
      const decision = planRoute([way], this.#guard, reach)
      if (decision.kind === 'refuse') this.#refuse(node, way, decision.reason)
      else this.#refused.delete(way.prefix)
      if (decision.kind === 'install') return [[way.prefix, decision.route]]
      const there = decision.kind === 'wait' ? claims.winner(way.prefix)?.value : undefined
      return there ? [[way.prefix, there]] : []
    })
    claims.replace(`api/${node}`, routes)
  }

  #refuse(node: string, { prefix, nextHop }: Way, reason: RefuseReason): void {
    if (this.#refused.get(prefix) === reason) return
    this.#refused.set(prefix, reason)
    this.#options.log.warn('route refused', { prefix, node, nextHop, reason })
  }
}
