/** The health check by which load balancers find the nodes with endpoints of a Service whose external traffic policy is Local. */
import { familyOf } from '@podroute/address/address.ts'
import type { Slice } from '@podroute/cluster/objects/endpoint-slice.ts'
import type { Service } from '@podroute/cluster/objects/service.ts'

export interface HealthCheck {
  readonly port: number
  readonly namespace: string
  readonly name: string
  /** Endpoints on this node that are ready; those that terminate are not asked for more traffic. */
  readonly localEndpoints: number
}

export function planHealthCheck(
  service: Service,
  slices: readonly Slice[],
  nodeName: string,
): HealthCheck | undefined {
  if (service.healthCheckNodePort === 0) return undefined
  const family = familyOf(service.clusterIPs[0] ?? '')
  const local = new Set<string>()
  for (const slice of slices) {
    if (slice.family !== family) continue
    for (const { address, nodeName: on, ready } of slice.endpoints) {
      if (ready && on !== '' && on === nodeName) local.add(address)
    }
  }
  const { namespace, name, healthCheckNodePort: port } = service
  return { port, namespace, name, localEndpoints: local.size }
}
