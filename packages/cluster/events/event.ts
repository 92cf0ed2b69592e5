/** Kubernetes Events, which `kubectl describe` shows beside the object that they are about. Pure. */

/** The object that an Event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  /** Empty of objects without a namespace. */
  readonly namespace: string
  readonly name: string
  readonly uid?: string
}

/** What somebody wants to say about an object. */
export interface Statement {
  readonly regarding: Regarding
  /** One word for people and programs, in upper camel case: `AddressConflict`. */
  readonly reason: string
  /** For people. */
  readonly note: string
  readonly type: 'Normal' | 'Warning'
  /** What was tried or done, in upper camel case: `ProxyService`. */
  readonly action: string
}

/** Who says it. */
export interface Reporter {
  /** `podroute.io/agent` */
  readonly controller: string
  /** Name of the node. */
  readonly instance: string
}

/** events.k8s.io/v1 Event: what is posted of it. */
export interface EventObject extends Statement {
  readonly apiVersion: 'events.k8s.io/v1'
  readonly kind: 'Event'
  readonly metadata: { readonly generateName: string; readonly namespace: string }
  /** With microseconds, as the API wants it. */
  readonly eventTime: string
  readonly reportingController: string
  readonly reportingInstance: string
  readonly series?: { readonly count: number; readonly lastObservedTime: string }
}

/** Bytes; the API takes notes of up to a kilobyte. */
const LONGEST_NOTE = 1024
/** Bytes; shorter than the longest name of a Node. */
const LONGEST_INSTANCE = 128

/** A Node as `kubectl describe node` looks for its Events: by its name as uid. */
export function regardingNode(name: string): Regarding {
  return { apiVersion: 'v1', kind: 'Node', namespace: '', name, uid: name }
}

/**
 * @param now wall-clock time
 * @param count how often something like it happened since the last Event
 */
export function makeEvent(statement: Statement, reporter: Reporter, now: Date, count = 1): EventObject {
  const { regarding, reason, note, type, action } = statement
  const eventTime = now.toISOString().replace('Z', '000Z')
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      generateName: `${regarding.name.slice(0, 50).replace(/[^a-z0-9]+$/, '')}-`,
      // Of objects without a namespace the API keeps Events in `default`.
      namespace: regarding.namespace || 'default',
    },
    eventTime,
    ...{ type, reason, action, note: shortened(note, LONGEST_NOTE) },
    reportingController: reporter.controller,
    reportingInstance: shortened(reporter.instance, LONGEST_INSTANCE),
    regarding,
    ...(count > 1 ? { series: { count, lastObservedTime: eventTime } } : {}),
  }
}

/** So many bytes of a text at most, in whole characters. */
function shortened(text: string, bytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes))
  return text.slice(0, read)
}
