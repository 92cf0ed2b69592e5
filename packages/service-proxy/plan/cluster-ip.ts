/** ClusterIPs: one frontend an address and port. */
import { portElement } from '../rules/sets.ts'
import type { Service, ServicePort } from '../types.ts'
import type { Backend } from './endpoints.ts'
import { choose } from './endpoints.ts'
import type { Frontend } from './frontend.ts'
import type { Target } from './target.ts'
import { makeFrontend } from './target.ts'

export function planClusterIp(
  service: Service,
  port: ServicePort,
  address: string,
  backends: readonly Backend[],
  context: Target['context'],
): Frontend {
  const target = { service, port, address, context }
  const frontend = makeFrontend('cluster-ip', target, choose(backends, service.internalPolicy))
  if (!context.masqueradeAll) return frontend
  const { family } = frontend.server
  const masquerade = portElement('service-masquerade', family, address, port.protocol, port.port)
  return { ...frontend, elements: [...frontend.elements, masquerade] }
}
