/** Services and EndpointSlices for the service benchmarks, as the API server would send them. */
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'

export interface BenchNodeObject {
  readonly name: string
  readonly address: string
  readonly podCIDR: string
}

/** The node that is measured. */
export const NODE: BenchNodeObject = { name: 'bench', address: '172.31.9.11', podCIDR: '10.244.1.0/24' }
/** The other node of a mesh, in the cases that have one. */
export const PEER: BenchNodeObject = { name: 'peer', address: '172.31.9.12', podCIDR: '10.244.2.0/24' }
/** Room for a million ClusterIPs and for sixteen generations of half a million endpoints. */
export const SERVICE_RANGE = '10.96.0.0/12'
export const ENDPOINT_RANGE = '10.128.0.0/9'
export const SERVICE_PORT = 80
export const ENDPOINT_PORT = 8080
const ENDPOINTS = 5
const FIRST_SERVICE = 0x0a60_0100
const FIRST_ENDPOINT = 0x0a80_0000
const GENERATION = 1 << 19

interface Meta {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export function serviceAddress(index: number): string {
  return addressText(FIRST_SERVICE + index)
}

export function benchService(index: number): ServiceObject & { metadata: Meta } {
  const address = serviceAddress(index)
  return {
    metadata: meta(`s${index}`, index),
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ...{ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: SERVICE_PORT, protocol: 'TCP', ...{ targetPort: ENDPOINT_PORT } }],
    },
  }
}

/** @param revision another one, another last endpoint. */
export function benchSlice(index: number, revision = 0): EndpointSliceObject & { metadata: Meta } {
  const addresses = Array.from({ length: ENDPOINTS }, (_, position) => {
    const generation = position === ENDPOINTS - 1 ? revision % 16 : 0
    return addressText(FIRST_ENDPOINT + generation * GENERATION + index * ENDPOINTS + position)
  })
  return {
    metadata: meta(`s${index}-x`, index),
    addressType: 'IPv4',
    ports: [{ ...{ name: '' }, port: ENDPOINT_PORT, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'elsewhere',
    })),
  }
}

/** The slice of a Service whose endpoints are all gone. */
export function emptySlice(index: number): EndpointSliceObject & { metadata: Meta } {
  return { ...benchSlice(index), endpoints: [] }
}

function meta(name: string, index: number): Meta {
  return { namespace: 'default', name, labels: { 'kubernetes.io/service-name': `s${index}` } }
}

function addressText(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
}
