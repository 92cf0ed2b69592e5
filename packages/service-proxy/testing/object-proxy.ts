/** A service proxy with a cluster of its own, for tests that stand beside no API server. */
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import type { ServiceProxyOptions } from '../options.ts'
import { ServiceProxy } from '../proxy.ts'

export type ObjectProxyOptions = Omit<ServiceProxyOptions, 'services'>

export function createServiceProxy(options: ObjectProxyOptions): ObjectProxy {
  return new ObjectProxy(options, new ClusterState())
}

export class ObjectProxy extends ServiceProxy {
  readonly #cluster: ClusterState

  constructor(options: ObjectProxyOptions, cluster: ClusterState) {
    super({ ...options, services: cluster.services })
    this.#cluster = cluster
    cluster.subscribe('services', {
      changed: (key, before, after) => this.serviceChanged(key, after ? undefined : before),
      synced() {},
    })
    cluster.subscribe('endpointslices', {
      changed: (_key, before, after) => {
        for (const key of new Set([before?.service, after?.service])) if (key) this.serviceChanged(key)
      },
      synced() {},
    })
  }

  upsertService(object: ServiceObject): void {
    this.#cluster.set('services', keyOf(object), object)
  }

  deleteService(key: string): void {
    this.#cluster.delete('services', key)
  }

  upsertSlice(object: EndpointSliceObject): void {
    this.#cluster.set('endpointslices', keyOf(object), object)
  }

  deleteSlice(key: string): void {
    this.#cluster.delete('endpointslices', key)
  }

  async close(): Promise<void> {
    await this[Symbol.asyncDispose]()
  }
}

/** Tests hand over what has no key, or nothing at all. */
function keyOf(object: Pick<ServiceObject, 'metadata'> | null): string {
  return `${object?.metadata?.namespace}/${object?.metadata?.name}`
}
