/** The addresses of Services that this node announces: one Service planned at a time into claims, and why each is announced or not. */
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import { isSame } from '@podroute/cluster/objects/same.ts'
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ServedAddress } from '@podroute/feature/served-addresses.ts'
import type { Clock } from '@podroute/reconcile/clock.ts'
import type { AnnouncementClaims, WantedAnnouncement } from '../bgp/announcements.ts'
import type { NamedTimers } from '../timers.ts'
import { type AddressDecision, annotationProblems, type DecisionFacts, decideService } from './decide.ts'
import { type NodeState, nextNodeState } from './node-state.ts'
import type { ServiceAddressSettings } from './settings.ts'

/** What is known of Services. */
export interface ServiceSource {
  /** Undefined: there is none, or nobody is asked about Services now. */
  service(key: ServiceKey): Service | undefined
  /** What of it is served on this node. */
  servedOf(service: Service): readonly ServedAddress[]
  /** Whether all that there is at first is known. */
  complete(): boolean
  /** Why nothing is served on this node; undefined: it is. */
  problem(): string | undefined
  /** A feature of this agent serves: addresses of Services are the node's own. */
  readonly servedHere: boolean
  /** What to say of an address that is not served on this node. */
  readonly unserved: string
  /** All that there are, where somebody asks. */
  keys(): Iterable<ServiceKey>
}

export interface ServiceAddressesOptions {
  readonly source: ServiceSource
  readonly claims: AnnouncementClaims
  readonly clock: Pick<Clock, 'now'>
  readonly timers: NamedTimers
  settings(): ServiceAddressSettings
  /** Names of the routers outside. */
  routers(): readonly string[]
  /** Why this node is to be left, once routers are told so; undefined: it is not. */
  leaving(local: ClusterNode): string | undefined
  /** An annotation of a Service means nothing. */
  wrong(service: Service, detail: string): void
  /** The Service is to be planned again. */
  mark(key: ServiceKey): void
  /** This node is to be planned again. */
  markLocal(): void
}

export interface AddressReport extends AddressDecision {
  readonly service: ServiceKey
  /** Another Service's announcement of the same prefix goes out in its place. */
  readonly sharedWith: string | undefined
}

type NodeFacts = Pick<DecisionFacts, 'settings' | 'node' | 'routers'> & {
  readonly addresses: ClusterNode['addresses']
}

export class ServiceAddresses {
  readonly #options: ServiceAddressesOptions
  /** Of Services with an address that is switched on. */
  readonly #decisions = new Map<ServiceKey, readonly AddressDecision[]>()
  /** What of a Service's annotations means nothing. */
  readonly #problems = new Map<ServiceKey, readonly string[]>()
  #node: NodeState | undefined
  #facts: NodeFacts | undefined
  #complete = false

  constructor(options: ServiceAddressesOptions) {
    this.#options = options
  }

  /**
   * Whether all that is announced at first is: routers keep what they have of before a restart until then, and drop the rest of it
   * when they are told so (End-of-RIB, RFC 4724).
   */
  get complete(): boolean {
    return this.#complete
  }

  /** After a flush. Returns whether it has just become complete. @param idle nothing is to be planned @param late nobody waits any longer */
  settle({ idle, late }: { readonly idle: boolean; readonly late: boolean }): boolean {
    if (this.#complete || !(late || (idle && this.#options.source.complete()))) return false
    this.#complete = true
    return true
  }

  /** Nothing is known of before: all Services are planned. */
  markAll(): void {
    for (const key of new Set([...this.#options.source.keys(), ...this.#decisions.keys()]))
      this.#options.mark(key)
  }

  /** Looks at the node anew; where it is another one to clients, what it announces is planned again. */
  localChanged(local: ClusterNode): void {
    const { settings, routers, source, clock } = this.#options
    const now = clock.now()
    const drain = settings().drain * 1000
    const leaving = this.#options.leaving(local) ?? (local.ready ? undefined : 'the Node is not ready')
    this.#node = nextNodeState(this.#node, { leaving, broken: source.problem(), now, drain })
    if (this.#node.kind === 'leaving')
      this.#options.timers.after('service-addresses', this.#node.since + drain - now, () =>
        this.#options.markLocal(),
      )
    const facts: NodeFacts = {
      ...{ settings: settings(), node: this.#node, routers: routers(), addresses: local.addresses },
    }
    const before = this.#facts
    this.#facts = facts
    if (!before || !isSame(before.settings, facts.settings)) this.markAll()
    else if (!isSame(before, facts)) for (const key of this.#decisions.keys()) this.#options.mark(key)
  }

  plan(key: ServiceKey, local: ClusterNode): void {
    const decisions = this.#decide(key, local)
    if (decisions.length === 0) this.#decisions.delete(key)
    else this.#decisions.set(key, decisions)
    const service = this.#options.source.service(key)
    const problems = service ? annotationProblems(service) : []
    this.#note(key, service, problems)
    const wanted = new Map<string, WantedAnnouncement>()
    for (const { prefix, wanted: one } of decisions)
      if (one && isBetter(one, wanted.get(prefix))) wanted.set(prefix, one)
    this.#options.claims.replace(`service/${key}`, wanted)
  }

  /** Whether any address of a Service is to be announced, as far as it is known. */
  isSwitchedOn(key: ServiceKey): boolean {
    return this.#decisions.has(key)
  }

  /** Addresses that are switched on and served here, those that this node does not announce now as well. */
  get served(): readonly string[] {
    const addresses = new Set<string>()
    for (const decisions of this.#decisions.values())
      for (const { address, served } of decisions) if (served) addresses.add(address)
    return [...addresses]
  }

  /** Prefixes that are announced because of a Service, by it or by one that shares them. */
  prefixesOf(key: ServiceKey): readonly string[] {
    return this.#options.claims.keysOf(`service/${key}`)
  }

  /** Why addresses of a Service that are switched on are not announced, or as the last resort. */
  problemsOf(key: ServiceKey): string[] {
    const decisions = this.#decisions.get(key) ?? []
    return [
      ...decisions
        .filter(({ reason }) => reason !== '')
        .map(({ address, reason }) => `${address}: ${reason}`),
      ...(this.#problems.get(key) ?? []),
    ]
  }

  /** What of annotations means nothing, by Service. */
  problems(): ReadonlyMap<ServiceKey, readonly string[]> {
    return this.#problems
  }

  report(): AddressReport[] {
    return [...this.#decisions].flatMap(([service, decisions]) =>
      decisions.map((decision) => ({
        ...decision,
        service,
        sharedWith: decision.wanted && this.#otherWinner(service, decision.prefix),
      })),
    )
  }

  /** Each problem is said once, for as long as it lasts. */
  #note(key: ServiceKey, service: Service | undefined, problems: readonly string[]): void {
    const before = this.#problems.get(key) ?? []
    if (problems.length === 0) this.#problems.delete(key)
    else this.#problems.set(key, problems)
    for (const detail of problems)
      if (service && !before.includes(detail)) this.#options.wrong(service, detail)
  }

  #decide(key: ServiceKey, local: ClusterNode): readonly AddressDecision[] {
    const { source, claims } = this.#options
    const service = source.service(key)
    if (!service || !this.#facts) return []
    const own = (prefix: string) => claims.claims(prefix).find(({ owner }) => owner === `service/${key}`)
    return decideService(service, source.servedOf(service), {
      ...this.#facts,
      unserved: source.unserved,
      complete: source.complete(),
      nextHop: (family) => primaryAddress(local, family),
      current: (prefix) => own(prefix)?.value,
    })
  }

  #otherWinner(service: ServiceKey, prefix: string): string | undefined {
    const winner = this.#options.claims.winner(prefix)?.owner
    return winner === `service/${service}` ? undefined : winner
  }
}

/** Two addresses of one Service in one aggregate, or one address as two kinds. */
function isBetter(one: WantedAnnouncement, other: WantedAnnouncement | undefined): boolean {
  return !other || (other.rank === 'lowered' && one.rank === 'plain')
}
