/** An EndpointSlice of the cluster: the fields of the object that are read, and what is made of them. */
import type { Family } from '@podroute/address/address.ts'
import type { FieldProblem } from './problem.ts'
import type { Protocol, ServiceKey } from './service.ts'

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSliceObject {
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly uid?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly addressType?: string
  readonly ports?: readonly {
    readonly name?: string
    readonly protocol?: string
    readonly port?: number
  }[]
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[]
    readonly conditions?: {
      readonly ready?: boolean
      readonly serving?: boolean
      readonly terminating?: boolean
    }
    readonly nodeName?: string
    readonly hints?: {
      readonly forZones?: readonly { readonly name?: string }[]
      readonly forNodes?: readonly { readonly name?: string }[]
    }
  }[]
}

/** Label that ties a slice to its Service (KEP-752). */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

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
  /** Kept only where there are problems, for what is said about them; else empty. */
  readonly uid: string
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
}
