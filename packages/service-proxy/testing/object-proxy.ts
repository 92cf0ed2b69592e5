/** A service proxy that takes API objects as they are, for tests that stand beside no cluster. */
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import { parseService } from '@podroute/cluster/objects/parse-service.ts'
import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'
import type { ServiceProxyOptions } from '../options.ts'
import { ServiceProxy } from '../proxy.ts'

export function createServiceProxy(options: ServiceProxyOptions): ObjectProxy {
  return new ObjectProxy(options)
}

export class ObjectProxy extends ServiceProxy {
  upsertService(object: ServiceObject): void {
    this.setService(keyOf(object), parseService(object))
  }

  deleteService(key: string): void {
    this.setService(key, undefined)
  }

  upsertSlice(object: EndpointSliceObject): void {
    this.setSlice(keyOf(object), parseSlice(object))
  }

  deleteSlice(key: string): void {
    this.setSlice(key, undefined)
  }

  async close(): Promise<void> {
    await this[Symbol.asyncDispose]()
  }
}

/** What a cluster hands over has a key; tests hand over what has none, or nothing at all. */
function keyOf(object: Pick<ServiceObject, 'metadata'> | null): string {
  return `${object?.metadata?.namespace}/${object?.metadata?.name}`
}
