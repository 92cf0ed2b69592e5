/** The Services of the cluster by key, each with its EndpointSlices, and the slices by key. */
import { type Cidr, hostCidr } from '@podroute/address/cidr.ts'
import { PrefixIndex } from '@podroute/address/prefix-index.ts'
import { type ClaimRule, type ClaimSink, Claims } from '@podroute/reconcile/claims.ts'
import type { Slice } from './objects/endpoint-slice.ts'
import type { Service, ServiceKey } from './objects/service.ts'

/** The winners are asked for, nobody is told. */
const NOBODY: ClaimSink<string, Service> = { set() {}, delete() {} }
const OLDEST: ClaimRule<ServiceKey, Service> = {
  precedes: (a, b) => a.value.created - b.value.created || (a.owner < b.owner ? -1 : 1),
}
const NO_SLICES: readonly Slice[] = []

export class ServiceIndex {
  readonly #services: ReadonlyMap<ServiceKey, Service>
  readonly #slices: ReadonlyMap<string, Slice>
  readonly #byAddress = new Claims<ServiceKey, string, Service>(NOBODY, OLDEST)
  /** Addresses that are no ClusterIPs, and who asks for them. */
  readonly #foreign = new PrefixIndex()
  readonly #byForeign = new Claims<ServiceKey, string, Service>(
    {
      set: (address) => void this.#foreign.add(hostCidr(address)!),
      delete: (address) => void this.#foreign.delete(hostCidr(address)!),
    },
    OLDEST,
  )
  readonly #slicesOf = new Map<ServiceKey, readonly Slice[]>()

  /** @param slices all of them by key, in step with `updateSlice` */
  constructor(services: ReadonlyMap<ServiceKey, Service>, slices: ReadonlyMap<string, Slice>) {
    this.#services = services
    this.#slices = slices
  }

  get size(): { readonly services: number; readonly slices: number } {
    return { services: this.#services.size, slices: this.#slices.size }
  }

  get(key: ServiceKey): Service | undefined {
    return this.#services.get(key)
  }

  values(): Iterable<Service> {
    return this.#services.values()
  }

  /** @param key `namespace/name` of the slice */
  slice(key: string): Slice | undefined {
    return this.#slices.get(key)
  }

  /** The slices of a Service, whether it exists or not: they may come first. */
  slicesOf(key: ServiceKey): readonly Slice[] {
    return this.#slicesOf.get(key) ?? NO_SLICES
  }

  /** The Service that an address is taken for: of several the oldest. @param address canonical text */
  withAddress(address: string): Service | undefined {
    return this.#byAddress.winner(address)?.value
  }

  /** All that ask for an address, the oldest first. @param address canonical text */
  claimantsOfAddress(address: string): readonly Service[] {
    return this.#byAddress.claims(address).map(({ value }) => value)
  }

  /** Those that ask for an address of this range other than their ClusterIP. @param range of more than one address */
  claimantsInRange(range: Cidr): readonly Service[] {
    const addresses = this.#foreign.inside(range)
    return addresses.flatMap(({ network }) => this.#byForeign.claims(network).map(({ value }) => value))
  }

  /** Called by whoever keeps the Services. */
  updateService(key: ServiceKey, after: Service | undefined): void {
    const foreign = after ? [...after.externalIPs, ...after.ingressIPs] : []
    const claims = (addresses: readonly string[]) => addresses.map((address) => [address, after!] as const)
    this.#byAddress.replace(key, claims([...(after?.clusterIPs ?? []), ...foreign]))
    this.#byForeign.replace(key, claims(foreign))
  }

  /** Called by whoever keeps the slices. One may move to another Service. */
  updateSlice(before: Slice | undefined, after: Slice | undefined): void {
    if (before) {
      const left = this.slicesOf(before.service).filter((slice) => slice.key !== before.key)
      if (left.length === 0) this.#slicesOf.delete(before.service)
      else this.#slicesOf.set(before.service, left)
    }
    if (after) this.#slicesOf.set(after.service, [...this.slicesOf(after.service), after].sort(byKey))
  }
}

/** So that what is made of them does not depend on which came first. */
function byKey(a: Slice, b: Slice): number {
  return a.key < b.key ? -1 : Number(a.key > b.key)
}
