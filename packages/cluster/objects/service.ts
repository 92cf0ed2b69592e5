/** A Service of the API, trimmed to the fields that are read. */

/** core/v1 Service. Every field may be missing or wrong: what cannot be used is skipped and reported. */
export interface ServiceObject {
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly uid?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly creationTimestamp?: string | Date
  }
  readonly spec?: {
    readonly type?: string
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ports?: readonly {
      readonly name?: string
      readonly protocol?: string
      readonly port?: number
      readonly nodePort?: number
    }[]
    readonly externalIPs?: readonly string[]
    readonly loadBalancerSourceRanges?: readonly string[]
    readonly externalTrafficPolicy?: string
    readonly internalTrafficPolicy?: string
    readonly sessionAffinity?: string
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } }
    readonly healthCheckNodePort?: number
  }
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: string }[]
    }
  }
}

/** Label that hands a Service to another proxy (KEP-2447). */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'
/** Label of Services that no proxy is to serve, whatever their addresses, and of slices that none needs. */
export const HEADLESS_LABEL = 'service.kubernetes.io/headless'
