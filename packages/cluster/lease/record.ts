/** A Lease of the API (coordination.k8s.io/v1), and what to make of one, as client-go's leader election does. Pure. */

export interface LeaseObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly resourceVersion?: string
  }
  readonly spec?: LeaseSpec
}

export interface LeaseSpec {
  /** Empty or missing: nobody's. */
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

/** A Lease as it was seen last. Clocks of nodes differ, so its age counts from when this node first saw it so, not from its times. */
export interface Observation {
  readonly object: LeaseObject
  /** Milliseconds of this node's clock. */
  readonly seen: number
}

/** The latest observation; an object that says nothing new keeps its age. */
export function observe(before: Observation | undefined, object: LeaseObject, now: number): Observation {
  return before && specText(before.object) === specText(object)
    ? { ...before, object }
    : { object, seen: now }
}

/** Whether somebody else has it and may still be alive. */
export function isTaken({ object, seen }: Observation, identity: string, now: number): boolean {
  const { holderIdentity = '', leaseDurationSeconds = 0 } = object.spec ?? {}
  return holderIdentity !== '' && holderIdentity !== identity && now < seen + leaseDurationSeconds * 1000
}

export interface Holding {
  readonly identity: string
  /** Milliseconds. */
  readonly duration: number
  /** Wall-clock time. */
  readonly wall: Date
}

/** The Lease with us as its holder: taken, or renewed where it is ours. */
export function heldBy(object: LeaseObject | undefined, { identity, duration, wall }: Holding): LeaseSpec {
  const before = object?.spec
  const ours = before?.holderIdentity === identity
  const now = microTime(wall)
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(duration / 1000),
    acquireTime: ours && before?.acquireTime ? before.acquireTime : now,
    renewTime: now,
    // The first holder is no change.
    leaseTransitions: (before?.leaseTransitions ?? 0) + (before && !ours ? 1 : 0),
  }
}

/** The Lease as nobody's: whoever sees it may take it at once. */
export function released({ spec }: LeaseObject, wall: Date): LeaseSpec {
  const now = microTime(wall)
  return {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: spec?.leaseTransitions ?? 0,
  }
}

/** As the API writes it, with microseconds. */
function microTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}

function specText({ spec = {} }: LeaseObject): string {
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = spec
  return [holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions].join(' ')
}
