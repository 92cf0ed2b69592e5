/** What a health-check node port answers; as kube-proxy, so that load balancers need not know the difference. */
import type { HttpAnswer } from '@podroute/kernel/kernel.ts'
import type { HealthCheck } from '../plan/health-check.ts'

export function healthAnswer({ namespace, name, localEndpoints }: HealthCheck, healthy: boolean): HttpAnswer {
  return {
    status: localEndpoints > 0 && healthy ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    },
    body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy }),
  }
}
