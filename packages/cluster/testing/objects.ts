/** Objects as watches hand them over, for tests. */
import type { EndpointSliceObject } from '../objects/endpoint-slice.ts'
import type { NodeObject } from '../objects/node.ts'
import type { ServiceObject } from '../objects/service.ts'

export function nodeObject(name: string, more: Partial<NodeObject> = {}): NodeObject {
  return { name, podCIDRs: [], internalIPs: [], ready: true, ...more }
}

export function serviceObject(name: string, spec: ServiceObject['spec'] = {}): ServiceObject {
  return {
    metadata: { namespace: 'shop', name },
    spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }], ...spec },
  }
}

export function sliceObject(
  name: string,
  service: string,
  addresses: readonly string[],
): EndpointSliceObject {
  return {
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  }
}
