/** Services and EndpointSlices for tests, short to write. */
import type { EndpointSliceObject } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { ServiceObject } from '@podroute/cluster/objects/service.ts'

type Spec = NonNullable<ServiceObject['spec']>
export type SliceEndpoint = NonNullable<EndpointSliceObject['endpoints']>[number]

/** In namespace `test`, port 80/TCP unless the spec says otherwise. */
export function service(name: string, spec: Spec, more: Omit<ServiceObject, 'spec'> = {}): ServiceObject {
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  return {
    ...more,
    metadata: { name, namespace: 'test', ...more.metadata },
    spec: {
      ports: [{ port: 80, protocol: 'TCP' }],
      ...spec,
      ...(clusterIPs[0] === undefined ? {} : { clusterIP: clusterIPs[0] }),
      clusterIPs,
    },
  }
}

/** Endpoints by address; those in 10.244.1.0/24 and fd10:244:1::/64 are on node `node`, the rest on `other`. */
export function slice(
  name: string,
  endpoints: readonly (string | SliceEndpoint)[],
  ports: EndpointSliceObject['ports'] = [{ port: 8080, protocol: 'TCP' }],
  suffix = '',
): EndpointSliceObject {
  const full = endpoints.map((endpoint) => {
    const object = typeof endpoint === 'string' ? { addresses: [endpoint] } : endpoint
    const local = /^(10\.244\.1\.|fd10:244:1:)/.test(object.addresses?.[0] ?? '')
    return { nodeName: local ? 'node' : 'other', ...object }
  })
  const ipv6 = full[0]?.addresses?.[0]?.includes(':') === true
  return {
    metadata: {
      name: `${name}${suffix}-${ipv6 ? '6' : '4'}`,
      namespace: 'test',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: ipv6 ? 'IPv6' : 'IPv4',
    ports,
    endpoints: full,
  }
}
