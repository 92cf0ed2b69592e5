// What the speaker shows of itself: peers, paths, table sizes and events.

import type { Role } from './config/roles.ts'
import type { Family, RemoteAsn } from './config.ts'

interface FamilySize {
  readonly prefixes: number
  /** Counts rejected paths too. */
  readonly paths: number
}

export interface TableSizes extends Readonly<Record<Family, FamilySize>> {
  /** Distinct attribute sets; unused ones are freed in bulk, so they count until then. */
  readonly attributeSets: number
  /** Groups of peers that are sent the same UPDATEs. */
  readonly updateGroups: number
}

/** States of RFC 4271 section 8.2.2. */
export type PeerState = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established'

/** An AS_PATH segment; `sequence` unless the path was aggregated (RFC 4271 4.3) or belongs to a confederation (RFC 5065). */
export interface AsPathSegment {
  readonly kind: 'set' | 'sequence' | 'confed-sequence' | 'confed-set'
  readonly asns: readonly number[]
}

/** One path to one prefix, attributes decoded. */
export interface Path {
  readonly prefix: string
  /** Name of the peer that sent it (its address, or the interface of an unnumbered one); undefined: our own announcement. */
  readonly peer: string | undefined
  readonly source: 'local' | 'ibgp' | 'ebgp'
  /** A link-local one carries its interface (`fe80::1%eth0`); undefined: ourselves. */
  readonly nextHop: string | undefined
  readonly origin: 'igp' | 'egp' | 'incomplete'
  readonly asPath: readonly AsPathSegment[]
  readonly localPref: number
  readonly med: number | undefined
  readonly communities: readonly string[]
  readonly largeCommunities: readonly string[]
  readonly extendedCommunities: readonly string[]
  readonly originatorId: string | undefined
  readonly clusterList: readonly string[]
  /** AS number of ONLY_TO_CUSTOMER (RFC 9234). Absent: the path has none. */
  readonly onlyToCustomer?: number
  /** Path identifier of the peer (RFC 7911); only `paths` fills it in. */
  readonly pathId?: number
}

/** The best path of a prefix changed; `best` undefined: there is none any more. */
export interface BestPathChange {
  readonly prefix: string
  readonly best: Path | undefined
  /** With SpeakerConfig.multipath: all equal paths, the best first; absent when there is only one. */
  readonly multipath?: readonly Path[]
}

/** The paths of a prefix changed. */
export interface PathsChange {
  readonly prefix: string
  /** All current paths, in no particular order. */
  readonly paths: readonly Path[]
}

/** A path that a peer has announced, and that its import policy keeps out, or the speaker itself refuses. */
export interface RejectedPath {
  readonly prefix: string
  readonly peer: string
  /** The rule's name, `otherwise`, or the speaker's own reason: `as-loop`, `cluster-loop`, `originator-loop`, `first-as`, `route-leak`, `bad-next-hop`, `own-next-hop`. */
  readonly reason: string
}

/** Codes of a NOTIFICATION. */
interface NotificationCodes {
  readonly code: number
  readonly subcode: number
}

/** Why a session ended; `original` is what a hard reset carries (RFC 8538 section 3.1). */
export type DownReason =
  | (NotificationCodes & {
      readonly kind: 'notification-received'
      readonly text: string
      readonly original?: NotificationCodes
      readonly communication?: string
    })
  | (NotificationCodes & {
      readonly kind: 'notification-sent'
      readonly text: string
      readonly original?: NotificationCodes
      readonly communication?: string
    })
  | { readonly kind: 'connection-failed'; readonly error: string }
  | { readonly kind: 'connection-closed'; readonly error?: string }

export type PeerEvent =
  | { readonly kind: 'state'; readonly peer: string; readonly state: PeerState; readonly previous: PeerState }
  | {
      readonly kind: 'established'
      readonly peer: string
      readonly routerId: string
      readonly families: readonly Family[]
    }
  | { readonly kind: 'down'; readonly peer: string; readonly reason: DownReason }
  | { readonly kind: 'end-of-rib'; readonly peer: string; readonly family: Family }
  /** The peer has sent four fifths of what PeerConfig.maxPrefixes allows in this family; once a session. */
  | {
      readonly kind: 'near-prefix-limit'
      readonly peer: string
      readonly family: Family
      readonly limit: number
    }

/** A rejected path. `reason` is the name of a policy rule, `otherwise`, or a reason of the speaker's own such as `as-loop`. */
export interface RejectEvent {
  readonly peer: string
  readonly direction: 'import' | 'export'
  readonly prefix: string
  readonly reason: string
}

/** Prefixes of one family in the session that there is; all 0 while there is none. */
export interface FamilyCounts {
  readonly family: Family
  readonly received: number
  readonly accepted: number
  readonly advertised: number
}

export interface PrefixCounts {
  readonly prefixesReceived: number
  readonly prefixesAccepted: number
  readonly prefixesAdvertised: number
  /** The same by family, of those that are configured. */
  readonly byFamily: readonly FamilyCounts[]
}

export interface PeerCountersSnapshot extends PrefixCounts {
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly updatesReceived: number
  readonly updatesSent: number
  /** Number of sessions established since the peer was added. */
  readonly established: number
  readonly rejected: Readonly<Record<string, number>>
  /** Malformed UPDATEs that were treated as withdraw or lost an attribute (RFC 7606). */
  readonly treatedAsWithdraw: number
  readonly attributesDiscarded: number
}

/** What both ends are capable of (RFC 5492), beside the families. */
export interface PeerCapabilities {
  readonly fourOctetAs: boolean
  readonly routeRefresh: boolean
  readonly enhancedRefresh: boolean
  readonly extendedMessages: boolean
  /** Families with several paths to a prefix, by direction (RFC 7911). */
  readonly addPathReceive: readonly Family[]
  readonly addPathSend: readonly Family[]
  /** The peer's graceful restart (RFC 4724), in seconds. `notification`: also over NOTIFICATIONs (RFC 8538). `forwarding`: families whose routes it keeps using. */
  readonly gracefulRestart?: {
    readonly time: number
    readonly restarting: boolean
    readonly notification: boolean
    readonly forwarding: readonly Family[]
  }
  /** The peer's long-lived stale times (RFC 9494), in seconds. */
  readonly longLived?: Readonly<Partial<Record<Family, number>>>
}

export interface PeerSnapshot {
  /** The peer's name: its address as configured, or the interface of an unnumbered one. */
  readonly address: string
  /** The peer's address, a link-local one with its interface; undefined while an unnumbered peer has not been found. */
  readonly remoteAddress: string | undefined
  /** AS number of the peer's OPEN; as configured before there is one. */
  readonly asn: RemoteAsn
  readonly state: PeerState
  /** Milliseconds since the session was established. */
  readonly uptime: number | undefined
  readonly routerId: string | undefined
  readonly localAddress: string | undefined
  /** Negotiated hold time in seconds. */
  readonly holdTime: number | undefined
  /** Negotiated families; empty while not established. */
  readonly families: readonly Family[]
  /** Families whose End-of-RIB the peer has sent in this session. */
  readonly endOfRib: readonly Family[]
  /** The role that the peer has said it has towards us (RFC 9234). Absent: none. */
  readonly role?: Role
  /** Absent while not established. */
  readonly capabilities?: PeerCapabilities
  /** Families with stale routes: the peer is restarting (RFC 4724) or repeats its routes (RFC 7313). Absent: none. */
  readonly stale?: readonly Family[]
  /** Those of `stale` in the long-lived phase (RFC 9494). Absent: none. */
  readonly longLivedStale?: readonly Family[]
  readonly lastDown: DownReason | undefined
  readonly counters: PeerCountersSnapshot
}
