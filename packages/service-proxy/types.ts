/** What the proxy makes of Services and EndpointSlices. */

export type Family = 4 | 6
export type Protocol = 'tcp' | 'udp' | 'sctp'
export type TrafficPolicy = 'cluster' | 'local'
/** `namespace/name` */
export type ServiceKey = string

export interface ServicePort {
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
}

export type Affinity = { readonly kind: 'none' } | { readonly kind: 'client-ip'; readonly seconds: number }

/** A Service that is ours to proxy. Addresses are canonical text. */
export interface Service {
  readonly key: ServiceKey
  /** Empty: not known. */
  readonly uid: string
  /** Milliseconds since 1970; of two Services that want the same address and port the older one has it. */
  readonly created: number
  readonly namespace: string
  readonly name: string
  readonly ports: readonly ServicePort[]
  readonly clusterIPs: readonly string[]
  readonly externalIPs: readonly string[]
  readonly ingressIPs: readonly string[]
  /** Canonical prefixes; empty: no restriction. */
  readonly sourceRanges: readonly string[]
  readonly externalPolicy: TrafficPolicy
  readonly internalPolicy: TrafficPolicy
  readonly affinity: Affinity
  /** 0: none. */
  readonly healthCheckNodePort: number
  readonly tuning: Tuning
}

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

export interface Endpoint {
  readonly address: string
  /** Empty: not known. */
  readonly nodeName: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zones: readonly string[]
  readonly nodes: readonly string[]
}

export interface SlicePort {
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
}

export interface Slice {
  /** `namespace/name` */
  readonly key: string
  readonly service: ServiceKey
  readonly family: Family
  readonly ports: readonly SlicePort[]
  readonly endpoints: readonly Endpoint[]
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
