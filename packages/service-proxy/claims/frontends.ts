/** The frontends of all Services, who of several claimants holds one, and the tables that follow from it. */

import { isSame } from '@podroute/cluster/objects/same.ts'
import type { ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServerDestination } from '@podroute/kernel/ipvs/destination-resource.ts'
import { type DestinationKey, destinationKey, type ServerKey, serverKey } from '@podroute/kernel/ipvs/keys.ts'
import type { VirtualServer } from '@podroute/kernel/kernel.ts'
import { type ElementKey, elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import type { LocalRoute } from '@podroute/kernel/routes/local-route-resource.ts'
import { type Claim, Claims } from '@podroute/reconcile/claims.ts'
import { RefCounts } from '@podroute/reconcile/ref-counts.ts'
import type { WantedKey } from '@podroute/reconcile/status.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import type { Frontend } from '../plan/frontend.ts'
import type { ShortAffinity } from '../rules/affinity.ts'
import { olderFirst } from './older-first.ts'

export interface FrontendTables {
  readonly servers: Table<ServerKey, VirtualServer>
  readonly destinations: Table<DestinationKey, ServerDestination>
  readonly elements: Table<ElementKey, SetElement>
  readonly affinities: Table<ServerKey, ShortAffinity>
  readonly vips: Table<string, LocalRoute>
}

export interface FrontendOptions {
  /** The node's own address towards a VIP; empty where it has none. */
  sourceOf(vip: string): string
  /** What is in the place of a frontend now; one of the two is undefined when it comes or goes. */
  changed(before: Frontend | undefined, after: Frontend | undefined): void
  /** A frontend passed from or to this Service while another one was replaced. */
  passed(service: ServiceKey): void
}

/** What became of the frontends that a Service wants. */
export interface Replaced {
  /** Keys that another Service holds. */
  readonly refused: readonly ServerKey[]
  /** Whether any frontend is another one now. */
  readonly changed: boolean
}

export class Frontends {
  readonly #tables: FrontendTables
  readonly #options: FrontendOptions
  readonly #claims: Claims<ServiceKey, ServerKey, Frontend>
  /** Several frontends want one element with one value: those with a value name their frontend. */
  readonly #elements: RefCounts<ElementKey, SetElement>
  readonly #vips: RefCounts<string, LocalRoute>
  /** Those for clients outside the cluster, by their own keys, each with the key of the one that it stands beside. */
  readonly #outside = new Map<ServerKey, ServerKey>()
  #replacing: ServiceKey = ''
  #changed = false

  constructor(tables: FrontendTables, options: FrontendOptions) {
    this.#tables = tables
    this.#options = options
    this.#claims = new Claims(
      {
        set: (_key, after, before) => this.#change(before, after),
        delete: (_key, before) => this.#change(before, undefined),
        passed: (_key, from, to) => this.#passed(from, to),
      },
      { precedes: byRank },
    )
    this.#elements = new RefCounts(tables.elements)
    this.#vips = new RefCounts(tables.vips)
  }

  /** Puts a Service's frontends in place of those it had. */
  replace(service: ServiceKey, frontends: readonly Frontend[]): Replaced {
    this.#replacing = service
    this.#changed = false
    this.#claims.replace(
      service,
      frontends.map((frontend) => [frontend.key, this.#known(service, frontend)]),
    )
    return { refused: this.#claims.lost(service), changed: this.#changed }
  }

  /** The frontends that a Service holds. */
  of(service: ServiceKey): readonly Frontend[] {
    return this.#claims
      .keysOf(service)
      .map((key) => this.#claims.winner(key))
      .filter((claim) => claim?.owner === service)
      .map((claim) => claim!.value)
  }

  /** Who holds a key, and with what. */
  at(key: ServerKey): Frontend | undefined {
    const beside = this.#outside.get(key)
    return beside === undefined ? this.#claims.winner(key)?.value : this.#claims.winner(beside)?.value.outside
  }

  /** The Service that holds a key. */
  ownerOf(key: ServerKey): ServiceKey | undefined {
    return this.#claims.winner(this.#outside.get(key) ?? key)?.owner
  }

  /** What the frontends that a Service holds lead to. */
  *wants(service: ServiceKey): Iterable<WantedKey> {
    for (const frontend of this.of(service)) {
      yield* wantedKeys(this.#tables, frontend)
      if (frontend.outside) yield* wantedKeys(this.#tables, frontend.outside)
    }
  }

  /** The node's addresses changed: every VIP gets its source again. */
  refreshSources(): void {
    const { vips } = this.#tables
    for (const address of vips.desired().keys()) vips.set(address, this.#vip(address))
  }

  /** What is planned again to the same is kept once, and changes nothing. */
  #known(service: ServiceKey, frontend: Frontend): Frontend {
    const before = this.#claims.claims(frontend.key).find(({ owner }) => owner === service)?.value
    return before && isSame(before, frontend) ? before : frontend
  }

  /** The one has no frontend any more that it still asks for, the other got one that it was refused. */
  #passed(from: ServiceKey, to: ServiceKey): void {
    for (const service of [from, to]) if (service !== this.#replacing) this.#options.passed(service)
  }

  #change(before: Frontend | undefined, after: Frontend | undefined): void {
    this.#changed = true
    this.#changeOne(before, after)
    if (before?.outside || after?.outside) this.#changeOne(before?.outside, after?.outside)
  }

  /** From what the holder of a key wanted to what it wants now. */
  #changeOne(before: Frontend | undefined, after: Frontend | undefined): void {
    const { servers, affinities } = this.#tables
    const { key } = (after ?? before)!
    if (after) servers.set(key, after.server)
    else servers.delete(key)
    if (after?.affinity) affinities.set(key, after.affinity)
    else if (before?.affinity) affinities.delete(key)
    this.#countShared(before, after)
    if (after?.server.fwmark !== undefined)
      this.#outside.set(key, serverKey({ ...after.server, ...after, fwmark: 0 }))
    else this.#outside.delete(key)
    this.#options.changed(before, after)
  }

  /** What is shared is taken before it is let go; what stays, nearly always all of it, is not touched. */
  #countShared(before: Frontend | undefined, after: Frontend | undefined): void {
    for (const element of changed(after?.elements, before?.elements))
      this.#elements.take(elementKey(element), element)
    for (const element of changed(before?.elements, after?.elements))
      this.#elements.release(elementKey(element))
    if (before?.vip === after?.vip) return
    if (after?.vip !== undefined) this.#vips.take(after.vip, this.#vip(after.vip))
    if (before?.vip !== undefined) this.#vips.release(before.vip)
  }

  #vip(address: string): LocalRoute {
    return { address, source: this.#options.sourceOf(address) }
  }
}

/** Entries that differ from `others` at the same index. */
function changed(
  elements: readonly SetElement[] = [],
  others: readonly SetElement[] = [],
): readonly SetElement[] {
  return elements.filter(({ set, element }, index) => {
    const other = others[index]
    return other?.element !== element || other.set !== set
  })
}

function* wantedKeys(tables: FrontendTables, frontend: Frontend): Iterable<WantedKey> {
  const { key, destinations, elements, affinity, vip } = frontend
  yield { table: tables.servers, key }
  for (const destination of destinations)
    yield { table: tables.destinations, key: destinationKey(key, destination) }
  for (const element of elements) yield { table: tables.elements, key: elementKey(element) }
  if (affinity) yield { table: tables.affinities, key }
  if (vip !== undefined) yield { table: tables.vips, key: vip }
}

/** One whose Service is gone comes last. What the API server allocated comes before what anybody may write into a Service, however old that one is. */
function byRank(a: Claim<ServiceKey, Frontend>, b: Claim<ServiceKey, Frontend>): number {
  const draining = Number(a.value.draining ?? false) - Number(b.value.draining ?? false)
  const allocated = Number(isAllocated(b.value)) - Number(isAllocated(a.value))
  return draining || allocated || olderFirst(a, b)
}

function isAllocated({ origin }: Frontend): boolean {
  return origin === 'cluster-ip' || origin === 'node-port'
}
