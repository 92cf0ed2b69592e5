/** What the proxy makes of the fields that are its own: annotations, and what cannot be used. */

/** What annotations say about serving a Service. */
export interface Tuning {
  /** Name of an IPVS scheduler. */
  readonly scheduler: string
  /** Flags of the virtual server that its scheduler gives a meaning to. */
  readonly schedulerFlags: number
  /** Whether an endpoint may reach itself through its Service. */
  readonly hairpin: boolean
  /** For how many seconds an endpoint that goes keeps its connections; undefined: as configured. */
  readonly drain: number | undefined
}

/** Something in an API object that could not be used; the rest of the object was. */
export interface Problem {
  readonly code: ProblemCode
  readonly kind: 'Service' | 'EndpointSlice'
  /** Of the object, where it is known. */
  readonly uid?: string
  /** `namespace/name` of the object. */
  readonly object: string
  /** The field or address that it is about. */
  readonly detail: string
}

export type ProblemCode =
  /** A field is missing, of the wrong type or out of its range. */
  | 'INVALID_FIELD'
  /** Another Service holds the same address, protocol and port. */
  | 'CONFLICT'
  /** The address may not be used as a service address here. */
  | 'ADDRESS_REFUSED'
  /** A process on the node holds the port that a Service asks for. */
  | 'PORT_IN_USE'
  /** The kernel did not take a virtual server: somebody else's is there. */
  | 'KERNEL_REFUSED'
  /** The kernel has no such scheduler, and none of that name can be loaded. */
  | 'NO_SCHEDULER'
