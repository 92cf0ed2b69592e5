/** The frontends of all Services, who of several claimants holds one, and the tables that follow from it. */
import type { Table } from '@podroute/reconcile/table.ts'
import type { Vip } from '../ipvs/vips.ts'
import type { VirtualServer } from '../kernel/kernel.ts'
import type { Frontend, ServerKey } from '../plan/frontend.ts'
import type { ShortAffinity } from '../rules/affinity.ts'
import type { ElementKey, SetElement } from '../rules/sets.ts'
import { elementKey, hasValue } from '../rules/sets.ts'
import type { Service, ServiceKey } from '../types.ts'
import { RefCounts } from './ref-counts.ts'

export interface FrontendTables {
  readonly servers: Table<ServerKey, VirtualServer>
  readonly elements: Table<ElementKey, SetElement>
  readonly affinities: Table<ServerKey, ShortAffinity>
  readonly vips: Table<string, Vip>
}

export interface FrontendOptions {
  /** The node's own address towards a VIP; empty where it has none. */
  sourceOf(vip: string): string
  /** What is in the place of a frontend now; one of the two is undefined when it comes or goes. */
  changed(before: Frontend | undefined, after: Frontend | undefined): void
  /** A frontend passed from or to this Service while another one was replaced. */
  passed(service: ServiceKey): void
}

/** A Service's wish for a frontend. */
interface Claim {
  readonly service: ServiceKey
  readonly created: number
  readonly frontend: Frontend
}

export class Frontends {
  readonly #tables: FrontendTables
  readonly #options: FrontendOptions
  /** All claims of a key, the holder first. */
  readonly #claims = new Map<ServerKey, readonly Claim[]>()
  readonly #keysOf = new Map<ServiceKey, readonly ServerKey[]>()
  readonly #elements: RefCounts<ElementKey, SetElement>
  readonly #vips: RefCounts<string, string>

  constructor(tables: FrontendTables, options: FrontendOptions) {
    this.#tables = tables
    this.#options = options
    this.#elements = new RefCounts(
      (key, element) => tables.elements.set(key, element),
      (key) => tables.elements.delete(key),
    )
    this.#vips = new RefCounts(
      (address) => tables.vips.set(address, { address, source: options.sourceOf(address) }),
      (address) => tables.vips.delete(address),
    )
  }

  /** Puts a Service's frontends in place of those it had. Returns the keys that another Service holds. */
  replace(service: Pick<Service, 'key' | 'created'>, frontends: readonly Frontend[]): readonly ServerKey[] {
    const keys = frontends.map((frontend) => frontend.key)
    const kept = new Set(keys)
    const refused: ServerKey[] = []
    for (const frontend of frontends) {
      const claim = { service: service.key, created: service.created, frontend }
      this.#update(frontend.key, service.key, claim)
      if (this.#claims.get(frontend.key)?.[0] !== claim) refused.push(frontend.key)
    }
    for (const key of this.#keysOf.get(service.key) ?? []) {
      if (!kept.has(key)) this.#update(key, service.key, undefined)
    }
    if (keys.length === 0) this.#keysOf.delete(service.key)
    else this.#keysOf.set(service.key, keys)
    return refused
  }

  /** The frontends that a Service holds. */
  of(service: ServiceKey): readonly Frontend[] {
    return (this.#keysOf.get(service) ?? [])
      .map((key) => this.#claims.get(key)?.[0])
      .filter((claim) => claim?.service === service)
      .map((claim) => claim!.frontend)
  }

  /** Who holds a key, and with what. */
  at(key: ServerKey): Frontend | undefined {
    return this.#claims.get(key)?.[0]?.frontend
  }

  /** The Service that holds a key. */
  ownerOf(key: ServerKey): ServiceKey | undefined {
    return this.#claims.get(key)?.[0]?.service
  }

  /** The node's addresses changed: every VIP gets its source again. */
  refreshSources(): void {
    for (const address of this.#vips.keys()) {
      this.#tables.vips.set(address, { address, source: this.#options.sourceOf(address) })
    }
  }

  #update(key: ServerKey, service: ServiceKey, claim: Claim | undefined): void {
    const before = this.#claims.get(key) ?? []
    const others = before.filter((other) => other.service !== service)
    const after = claim ? [...others, claim].sort(byRank) : others
    if (after.length === 0) this.#claims.delete(key)
    else this.#claims.set(key, after)
    this.#change(before[0]?.frontend, after[0]?.frontend)
    if (before[0]?.service === after[0]?.service) return
    // The one has no frontend any more that it still asks for, the other got one that it was refused.
    for (const other of [before[0], after[0]]) {
      if (other && other.service !== service) this.#options.passed(other.service)
    }
  }

  #take(element: SetElement): void {
    const key = elementKey(element)
    this.#elements.take(key, element)
    // It may be there already, with another value.
    if (hasValue(element)) this.#tables.elements.set(key, element)
  }

  /**
   * From what the holder of a key wanted to what it wants now. What is shared is taken before it is let go; what stays, nearly
   * always all of it, is not touched.
   */
  #change(before: Frontend | undefined, after: Frontend | undefined): void {
    const sameVip = before?.vip === after?.vip
    if (after) {
      this.#tables.servers.set(after.key, after.server)
      if (after.affinity) this.#tables.affinities.set(after.key, after.affinity)
      for (const element of changed(after.elements, before?.elements)) this.#take(element)
      if (after.vip !== undefined && !sameVip) this.#vips.take(after.vip, after.vip)
    }
    this.#options.changed(before, after)
    if (before) {
      for (const element of changed(before.elements, after?.elements)) {
        this.#elements.release(elementKey(element))
      }
      if (before.vip !== undefined && !sameVip) this.#vips.release(before.vip)
      if (before.affinity && !after?.affinity) this.#tables.affinities.delete(before.key)
      if (!after) this.#tables.servers.delete(before.key)
    }
  }
}

/** Entries that differ from `others` at the same index. */
function changed(
  elements: readonly SetElement[],
  others: readonly SetElement[] | undefined,
): readonly SetElement[] {
  return elements.filter(({ set, element }, index) => {
    const other = others?.[index]
    return other?.element !== element || other.set !== set
  })
}

/**
 * What the API server allocated comes before what anybody may write into a Service, however old that one is; then the older one.
 */
function byRank(a: Claim, b: Claim): number {
  const rank = Number(isAllocated(b.frontend)) - Number(isAllocated(a.frontend))
  return rank || a.created - b.created || (a.service < b.service ? -1 : 1)
}

function isAllocated({ origin }: Frontend): boolean {
  return origin === 'cluster-ip' || origin === 'node-port'
}
