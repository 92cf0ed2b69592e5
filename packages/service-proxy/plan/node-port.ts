/** NodePorts: one frontend for each of the node's addresses that answer them. */
import { portElement } from '../rules/sets.ts'
import type { Service, ServicePort } from '../types.ts'
import type { Backend } from './endpoints.ts'
import { choose } from './endpoints.ts'
import type { Frontend } from './frontend.ts'
import type { Target } from './target.ts'
import { makeFrontend } from './target.ts'

/** Clients are masqueraded, so that the answer of an endpoint on another node comes back this way. */
export function planNodePort(
  service: Service,
  port: ServicePort,
  address: string,
  backends: readonly Backend[],
  context: Target['context'],
): Frontend {
  const target = { service, port: { ...port, port: port.nodePort }, address, context }
  const frontend = makeFrontend('node-port', target, choose(backends, 'cluster'))
  const { family } = frontend.server
  const masquerade = portElement('service-masquerade', family, address, port.protocol, port.nodePort)
  return { ...frontend, elements: [...frontend.elements, masquerade] }
}
