/** An EndpointSlice of the API, trimmed to the fields that are read. */

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
