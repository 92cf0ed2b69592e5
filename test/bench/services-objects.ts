/** Services and EndpointSlices for the service benchmarks, as the API server would send them. */
import type { EndpointSliceObject, ServiceObject } from '@podroute/service-proxy/types.ts'

export const NODE_NAME = 'bench'
export const NODE_ADDRESS = '172.31.9.11'
const ENDPOINTS = 5

interface Meta {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels: Readonly<Record<string, string>>
}

function meta(name: string, index: number, version: number): Meta {
  return {
    namespace: 'default',
    name,
    uid: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}`,
    resourceVersion: String(version),
    labels: { 'kubernetes.io/service-name': `s${index}` },
  }
}

export function benchService(index: number): ServiceObject & { metadata: Meta } {
  const address = `10.96.${index >> 8}.${index & 255}`
  return {
    metadata: meta(`s${index}`, index, 1),
    spec: {
      type: 'ClusterIP',
      clusterIP: address,
      clusterIPs: [address],
      ...{ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: 80, protocol: 'TCP', ...{ targetPort: 8080 } }],
    },
  }
}

/** @param revision another one, another last endpoint. */
export function benchSlice(index: number, revision = 0): EndpointSliceObject & { metadata: Meta } {
  const addresses = Array.from({ length: ENDPOINTS }, (_, position) => {
    const host = index * ENDPOINTS + position
    const moved = position === ENDPOINTS - 1 ? revision % 50 : 0
    return `10.${200 + moved}.${host >> 8}.${host & 255}`
  })
  return {
    metadata: meta(`s${index}-x`, index, revision + 2),
    addressType: 'IPv4',
    ports: [{ ...{ name: '' }, port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'elsewhere',
    })),
  }
}
