/**
 * Where the routes to pods come from: BGP, the Nodes themselves, or nowhere. They share the claims: a change among them writes nothing
 * where the route stays the same.
 */
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { type ClaimSink, Claims } from '@podroute/reconcile/claims.ts'
import type { Routing } from '../settings.ts'
import type { RouteClaims, RouteOwner } from './bgp.ts'
import { BgpSource, type BgpSourceOptions } from './bgp-source.ts'
import { NextHops, type NextHopsOptions } from './next-hops.ts'
import { NodeRoutes, waysToPods } from './node-routes.ts'
import type { RefuseReason, RouteGuard, Way } from './route-guard.ts'

export interface RouteSourcesOptions
  extends Omit<BgpSourceOptions, 'claims' | 'reach'>,
    Omit<NextHopsOptions, 'clock'> {
  readonly clock: BgpSourceOptions['clock'] & NextHopsOptions['clock']
  readonly table: ClaimSink<string, Route, RouteOwner>
  maxPaths(): number
}

export class RouteSources implements Disposable {
  readonly bgp: BgpSource
  readonly nextHops: NextHops
  readonly #nodes: NodeRoutes
  readonly #claims: RouteClaims

  constructor(options: RouteSourcesOptions) {
    const claims: RouteClaims = new Claims(options.table)
    this.#claims = claims
    this.nextHops = new NextHops({
      ...options,
      changed: () => {
        this.bgp.routes.reachChanged()
        this.#nodes.reachChanged()
        options.changed()
      },
    })
    const reach = {
      hopsTo: (address: string) => this.nextHops.hopsTo(address),
      maxPaths: () => options.maxPaths(),
    }
    this.bgp = new BgpSource({ ...options, claims, reach })
    this.#nodes = new NodeRoutes({ ...options, claims, reach })
  }

  /** Why prefixes have no route. */
  get refused(): ReadonlyMap<string, RefuseReason> {
    const ofNodes = this.#nodes.refused
    return ofNodes.size === 0 ? this.bgp.routes.refused : new Map([...this.bgp.routes.refused, ...ofNodes])
  }

  refusalOf(prefix: string): RefuseReason | undefined {
    return this.bgp.routes.refused.get(prefix) ?? this.#nodes.refused.get(prefix)
  }

  /** Nobody wants it but for what was before. */
  isRetained(prefix: string): boolean {
    return this.#claims.winner(prefix)?.owner.startsWith('retained/') === true
  }

  /** It is made of a Node's own fields. */
  isFromNode(prefix: string): boolean {
    return this.#claims.winner(prefix)?.owner.startsWith('api/') === true
  }

  /** The paths that it was learned by, the best one first. */
  waysTo(prefix: string): readonly Way[] {
    return this.bgp.routes.waysTo(prefix)
  }

  setGuard(guard: RouteGuard, whose: 'all' | 'external'): void {
    this.bgp.routes.setGuard(guard, whose)
    if (whose === 'all') this.#nodes.setGuard(guard)
  }

  /** Another Node, as it is now; undefined: it is gone. */
  planNode(name: string, node: ClusterNode | undefined, routing: Routing): void {
    this.#nodes.replace(name, node && routing === 'api' ? waysToPods(node) : [])
  }

  /** Routes that were made from Nodes stay until peers have had the time to announce them. To be called before Nodes are planned. */
  routingChanged(routing: Routing): void {
    if (routing === 'api') return
    this.#nodes.clear((route) => {
      if (routing === 'bgp') this.bgp.routes.retainAdopted(route)
    })
  }

  [Symbol.dispose](): void {
    this.nextHops[Symbol.dispose]()
  }
}
