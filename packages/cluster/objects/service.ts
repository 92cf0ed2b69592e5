/** A Service of the cluster: the fields of the object that are read, and what is made of them. */
import type { FieldProblem } from './problem.ts'

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

export type Annotations = Readonly<Record<string, string>>

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
  readonly labels: Readonly<Record<string, string>>
  /** Those of podroute and kube-router, as they stand there. */
  readonly annotations: Annotations
  /** Fields that were skipped. */
  readonly problems: readonly FieldProblem[]
}
