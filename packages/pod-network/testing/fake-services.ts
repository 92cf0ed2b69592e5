/** Services for tests, and what of them is served on this node: whatever the test says. */
import { parseService } from '@podroute/cluster/objects/parse-service.ts'
import type { Service, ServiceKey, ServiceObject } from '@podroute/cluster/objects/service.ts'
import { serviceObject } from '@podroute/cluster/testing/objects.ts'
import type { AddressKind, Answer, ServedAddress } from '@podroute/feature/served-addresses.ts'
import type { ServiceSource } from '../service-addresses/service-addresses.ts'

/** In namespace `shop`. */
export function testService(
  name: string,
  spec: ServiceObject['spec'] = {},
  metadata: ServiceObject['metadata'] = {},
  ingress: readonly string[] = [],
): Service {
  const object = serviceObject(name, { ...(ingress.length > 0 ? { type: 'LoadBalancer' } : {}), ...spec })
  return parseService({
    ...object,
    metadata: { ...object.metadata, ...metadata },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  })!
}

/** Every address of a Service with the same answer. */
export function allServed(service: Service, answer: Answer): ServedAddress[] {
  const of = (kind: AddressKind, addresses: readonly string[], policy: ServedAddress['policy']) =>
    addresses.map((address) => ({ address, kind, policy, answer }))
  return [
    ...of('cluster-ip', service.clusterIPs, service.internalPolicy),
    ...of('external-ip', service.externalIPs, service.externalPolicy),
    ...of('load-balancer-ip', service.ingressIPs, service.externalPolicy),
  ]
}

export class FakeServices implements ServiceSource {
  readonly unserved = 'not served'
  ready = true
  broken: string | undefined
  servedHere = true
  readonly #services = new Map<ServiceKey, Service>()
  readonly #served = new Map<ServiceKey, readonly ServedAddress[]>()

  set(service: Service, served: readonly ServedAddress[]): void {
    this.#services.set(service.key, service)
    this.#served.set(service.key, served)
  }

  delete(key: ServiceKey): void {
    this.#services.delete(key)
  }

  service(key: ServiceKey): Service | undefined {
    return this.#services.get(key)
  }

  servedOf({ key }: Service): readonly ServedAddress[] {
    return this.#served.get(key) ?? []
  }

  complete(): boolean {
    return this.ready
  }

  problem(): string | undefined {
    return this.broken
  }

  keys(): Iterable<ServiceKey> {
    return this.#services.keys()
  }
}
