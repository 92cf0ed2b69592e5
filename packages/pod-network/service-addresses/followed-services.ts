/**
 * The Services of the cluster, as far as addresses of them may be announced, and what is served on this node: as the feature says that
 * serves them, else by the rule that kube-proxy follows as well.
 */
import { contains, hostCidr } from '@podroute/address/cidr.ts'
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Service, ServiceKey } from '@podroute/cluster/objects/service.ts'
import type { ClusterView } from '@podroute/cluster/state.ts'
import type { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import type { ServedAddress, ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { servedByRule } from './by-rule.ts'
import type { ServiceSource } from './service-addresses.ts'
import type { ServiceAddressSettings } from './settings.ts'

export interface FollowedServicesOptions {
  readonly nodeName: string
  readonly cluster: ClusterView
  readonly served: ServedAddresses
  readonly reserved: Pick<ReservedAddresses, 'has'>
  settings(): ServiceAddressSettings
  /** These Services are others, or their slices where the rule looks at them. */
  changed(services: Iterable<ServiceKey>): void
  /** Other things may be served of these. */
  servedChanged(services: Iterable<ServiceKey>): void
  /** Other things may be true of all, and of this node. */
  allChanged(): void
}

/** `server`: a feature says what is served. `rule`: another program serves, and only the API is asked. */
type Mode = 'off' | 'server' | 'rule'

export class FollowedServices implements ServiceSource, Disposable {
  readonly #options: FollowedServicesOptions
  #mode: Mode = 'off'
  #subscriptions = new DisposableStack()
  #served: Disposable | undefined
  /** Of what is followed. */
  #missing = 0

  constructor(options: FollowedServicesOptions) {
    this.#options = options
  }

  start(): void {
    this.#served = this.#options.served.subscribe({
      changed: (services) => {
        if (this.#mode === 'server') this.#options.servedChanged(services)
      },
      serverChanged: () => {
        this.look()
        this.#options.allChanged()
      },
    })
    this.look()
  }

  /** The settings may be others. Services are watched only as long as somebody wants one announced. */
  look(): void {
    const mode = this.#wantedMode()
    if (mode === this.#mode) return
    const before = this.#subscriptions
    this.#mode = mode
    this.#subscriptions = new DisposableStack()
    this.#missing = mode === 'off' ? 0 : mode === 'rule' ? 2 : 1
    if (mode !== 'off') this.#followServices()
    if (mode === 'rule') this.#followSlices()
    // What is followed before and after is watched on.
    before.dispose()
    this.#options.allChanged()
  }

  service(key: ServiceKey): Service | undefined {
    return this.#mode === 'off' ? undefined : this.#options.cluster.services.get(key)
  }

  *keys(): Iterable<ServiceKey> {
    if (this.#mode === 'off') return
    for (const { key } of this.#options.cluster.services.values()) yield key
  }

  servedOf(service: Service): readonly ServedAddress[] {
    const { served, cluster, nodeName, reserved } = this.#options
    if (served.server) return served.server.addressesOf(service.key)
    return servedByRule(service, cluster.services.slicesOf(service.key), {
      nodeName,
      zone: cluster.nodes.get(nodeName)?.zone ?? '',
      isTaken: (address) => reserved.has(address) || cluster.nodes.withAddress(address) !== undefined,
      isAllowed: (address) => this.#isInRange(address),
    })
  }

  complete(): boolean {
    return (
      this.#missing === 0 && (this.#mode !== 'server' || this.#options.served.server?.complete() === true)
    )
  }

  get servedHere(): boolean {
    return this.#options.served.server !== undefined
  }

  /** Why an address may not be served. */
  get unserved(): string {
    return this.#options.served.server
      ? 'not served on this node: see podroute services'
      : 'the address of a node or router, or an external IP that serviceAddresses.ranges does not name'
  }

  problem(): string | undefined {
    return this.#options.served.server?.problem()
  }

  [Symbol.dispose](): void {
    this.#served?.[Symbol.dispose]()
    this.#subscriptions.dispose()
  }

  #wantedMode(): Mode {
    const { served, settings } = this.#options
    const { kinds, annotations } = settings()
    if (kinds.length === 0 && !(annotations && served.server)) return 'off'
    return served.server ? 'server' : 'rule'
  }

  #followServices(): void {
    const { cluster, changed } = this.#options
    this.#subscriptions.use(
      cluster.subscribe('services', { changed: (key) => changed([key]), synced: () => this.#kindSynced() }),
    )
  }

  #followSlices(): void {
    const { cluster, changed } = this.#options
    const keysOf = (...slices: readonly (Slice | undefined)[]) =>
      new Set(slices.flatMap((slice) => slice?.service ?? []))
    this.#subscriptions.use(
      cluster.subscribe('endpointslices', {
        changed: (_key, before, after) => changed(keysOf(before, after)),
        synced: () => this.#kindSynced(),
      }),
    )
  }

  #kindSynced(): void {
    this.#missing--
    if (this.complete()) this.#options.allChanged()
  }

  #isInRange(address: string): boolean {
    return this.#options.settings().ranges.some((range) => contains(range, hostCidr(address)!))
  }
}
