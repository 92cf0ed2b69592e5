/** Problems of API objects as Kubernetes Events, which `kubectl describe` shows beside the object. Pure. */
import type { Problem, ProblemCode } from './types.ts'

/** events.k8s.io/v1 Event: what is posted of it. */
export interface EventObject {
  readonly apiVersion: 'events.k8s.io/v1'
  readonly kind: 'Event'
  readonly metadata: { readonly generateName: string; readonly namespace: string }
  /** With microseconds, as the API wants it. */
  readonly eventTime: string
  readonly type: 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
  readonly reportingController: string
  readonly reportingInstance: string
  readonly regarding: {
    readonly apiVersion: string
    readonly kind: string
    readonly namespace: string
    readonly name: string
    readonly uid?: string
  }
}

const REASONS: Readonly<Record<ProblemCode, readonly [reason: string, note: string]>> = {
  INVALID_FIELD: ['InvalidField', 'this field cannot be used and is skipped: '],
  CONFLICT: ['AddressConflict', 'another Service, which is older, holds '],
  ADDRESS_REFUSED: ['AddressRefused', 'not served: '],
  KERNEL_REFUSED: ['KernelRefused', 'the kernel of the node did not take '],
  NO_SCHEDULER: ['NoScheduler', 'the kernel of the node has no scheduler '],
  PORT_IN_USE: ['PortInUse', 'a process on the node holds the port of '],
}

const API_VERSIONS = { Service: 'v1', EndpointSlice: 'discovery.k8s.io/v1' } as const
/** The API takes notes of less than a kilobyte. */
const LONGEST_NOTE = 1000

/** Why a node cannot do Services at all. @param now wall-clock time */
export function nodeEventOf(reason: string, nodeName: string, now: Date): EventObject {
  // Of objects without a namespace the API keeps Events in `default`; `kubectl describe node` asks by the name as uid, too.
  const node = { apiVersion: 'v1', kind: 'Node', namespace: '', name: nodeName, uid: nodeName }
  return makeEvent(node, { nodeName, now, namespace: 'default', reason: 'ServicesUnavailable', note: reason })
}

/** @param now wall-clock time */
export function eventOf(problem: Problem, nodeName: string, now: Date): EventObject {
  const [namespace = '', name = ''] = problem.object.split('/')
  const [reason, note] = REASONS[problem.code]
  const uid = problem.uid === undefined ? {} : { uid: problem.uid }
  const regarding = { apiVersion: API_VERSIONS[problem.kind], kind: problem.kind, namespace, name, ...uid }
  return makeEvent(regarding, { nodeName, now, namespace, reason, note: note + problem.detail })
}

interface Said {
  readonly nodeName: string
  readonly now: Date
  readonly namespace: string
  readonly reason: string
  readonly note: string
}

function makeEvent(regarding: EventObject['regarding'], said: Said): EventObject {
  const { name } = regarding
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      generateName: `${name.slice(0, 50).replace(/[^a-z0-9]+$/, '')}-`,
      namespace: said.namespace,
    },
    eventTime: said.now.toISOString().replace('Z', '000Z'),
    type: 'Warning',
    reason: said.reason,
    action: 'ProxyService',
    note: said.note.slice(0, LONGEST_NOTE),
    reportingController: 'podroute.io/agent',
    reportingInstance: said.nodeName,
    regarding,
  }
}
