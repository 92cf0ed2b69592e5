// BMP messages (RFC 7854, 8671 for Adj-RIB-Out) as objects; codec.ts has their bytes.
import type { Family } from '../config.ts'

/** The BGP peer that a message is about (section 4.2). */
export interface BmpPeer {
  /** 0: a peer of the global instance, 1: of a VPN, 2: local to an instance. */
  readonly type: number
  readonly address: string
  readonly asn: number
  readonly routerId: number
  /** 16 hex digits; zeros outside of VPNs. */
  readonly distinguisher: string
  /** The Adj-RIB-In after policy (L). */
  readonly postPolicy: boolean
  /** AS_PATHs have numbers of two bytes (A). */
  readonly twoByteAsPath: boolean
  /** The Adj-RIB-Out (O, RFC 8671). */
  readonly adjRibOut: boolean
  /** Milliseconds since 1970; 0: not known. */
  readonly time: number
}

/** Text about the sender (section 4.4). */
export interface BmpInformation {
  /** 0: free text, 1: sysDescr, 2: sysName. */
  readonly type: number
  readonly text: string
}

/** Why a session is over (section 4.9). */
export const PEER_DOWN = {
  LOCAL_NOTIFICATION: 1,
  LOCAL_EVENT: 2,
  REMOTE_NOTIFICATION: 3,
  REMOTE_CLOSED: 4,
  NOT_MONITORED: 5,
} as const

/** Why a collector is told no more (section 4.5). */
export const TERMINATION = {
  ADMINISTRATIVE: 0,
  UNSPECIFIED: 1,
  RESOURCES: 2,
  REDUNDANT: 3,
  PERMANENT: 4,
} as const

/** Numbers of statistics (section 4.8, RFC 8671 section 6.2); those of a family have it beside the value. */
export const STATISTIC = {
  REJECTED_BY_POLICY: 0,
  CLUSTER_LOOPS: 3,
  AS_LOOPS: 4,
  ORIGINATOR_LOOPS: 5,
  ADJ_RIB_IN: 7,
  ADJ_RIB_IN_OF_FAMILY: 9,
  TREATED_AS_WITHDRAW: 11,
  ADJ_RIB_OUT: 15,
} as const

export interface BmpStatistic {
  readonly type: number
  readonly value: number
  readonly family?: Family
}

export type BmpMessage =
  | { readonly kind: 'initiation'; readonly information: readonly BmpInformation[] }
  | { readonly kind: 'termination'; readonly reason: number; readonly information: readonly BmpInformation[] }
  | {
      readonly kind: 'peer-up'
      readonly peer: BmpPeer
      readonly localAddress: string
      readonly localPort: number
      readonly remotePort: number
      /** The OPENs as they were on the wire. */
      readonly sentOpen: Uint8Array
      readonly receivedOpen: Uint8Array
    }
  | {
      readonly kind: 'peer-down'
      readonly peer: BmpPeer
      readonly reason: number
      /** The NOTIFICATION, where the reason is one. */
      readonly data: Uint8Array
    }
  | { readonly kind: 'route-monitoring'; readonly peer: BmpPeer; readonly update: Uint8Array }
  | { readonly kind: 'statistics'; readonly peer: BmpPeer; readonly statistics: readonly BmpStatistic[] }
  /** Route mirroring, and types to come. */
  | { readonly kind: 'unknown'; readonly type: number; readonly body: Uint8Array }
