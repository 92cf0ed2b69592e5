/** What Events say about problems of API objects. Pure. */
import { regardingNode, type Statement } from '@podroute/cluster/events/event.ts'
import type { Problem, ProblemCode } from '../types.ts'

const REASONS: Readonly<Record<ProblemCode, readonly [reason: string, note: string]>> = {
  INVALID_FIELD: ['InvalidField', 'this field cannot be used and is skipped: '],
  CONFLICT: ['AddressConflict', 'another Service, which is older or has it as its ClusterIP, holds '],
  ADDRESS_REFUSED: ['AddressRefused', 'not served: '],
  KERNEL_REFUSED: ['KernelRefused', 'the kernel of the node did not take '],
  NO_SCHEDULER: ['NoScheduler', 'the kernel of the node has no scheduler '],
  PORT_IN_USE: ['PortInUse', 'a process on the node holds the port of '],
}

const API_VERSIONS = { Service: 'v1', EndpointSlice: 'discovery.k8s.io/v1' } as const
const WARNING = { type: 'Warning', action: 'ProxyService' } as const

/** Why a node cannot do Services at all. */
export function nodeStatement(reason: string, nodeName: string): Statement {
  return { regarding: regardingNode(nodeName), reason: 'ServicesUnavailable', note: reason, ...WARNING }
}

/** That another service proxy is still there, in part. */
export function leftOverStatement(detail: string, nodeName: string): Statement {
  return { regarding: regardingNode(nodeName), reason: 'ServiceProxyLeftBehind', note: detail, ...WARNING }
}

export function statementOf(problem: Problem): Statement {
  const [namespace = '', name = ''] = problem.object.split('/')
  const [reason, note] = REASONS[problem.code]
  const uid = problem.uid === undefined ? {} : { uid: problem.uid }
  const regarding = { apiVersion: API_VERSIONS[problem.kind], kind: problem.kind, namespace, name, ...uid }
  return { regarding, reason, note: note + problem.detail, ...WARNING }
}
