// What the speaker tells about itself: peers, paths, and the events about them.
import type { Family, RemoteAsn } from './config.ts'

interface FamilySize {
  readonly prefixes: number
  /** Rejected ones too. */
  readonly paths: number
}

export interface TableSizes extends Readonly<Record<Family, FamilySize>> {
  /** Distinct attribute sets; those that nothing refers to any more are freed in bulk. */
  readonly attributeSets: number
  /** Sets of peers that are told the same. */
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
  /** Name of the peer it came from (its address, or the interface of an unnumbered one); undefined: announced by ourselves. */
  readonly peer: string | undefined
  readonly source: 'local' | 'ibgp' | 'ebgp'
  /** A link-local one with the interface that it is on (`fe80::1%eth0`); undefined: ourselves. */
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
  /** Path identifier that the peer gave it (RFC 7911); only `paths` tells it. */
  readonly pathId?: number
}

/** The best path to a prefix became another, or there is none any more. */
export interface BestPathChange {
  readonly prefix: string
  readonly best: Path | undefined
  /** With SpeakerConfig.multipath: all paths that may be used at once, the best first; absent where there is only the best. */
  readonly multipath?: readonly Path[]
}

/** A path to a prefix came, went, or became another. */
export interface PathsChange {
  readonly prefix: string
  /** All that there are now, in no particular order. */
  readonly paths: readonly Path[]
}

/** A path that a peer has announced, and that its import policy keeps out. */
export interface RejectedPath {
  readonly prefix: string
  readonly peer: string
  /** The rule's name, or `otherwise`. */
  readonly reason: string
}

/** Why a session ended. */
export type DownReason =
  | {
      readonly kind: 'notification-received'
      readonly code: number
      readonly subcode: number
      readonly text: string
      readonly communication?: string
    }
  | {
      readonly kind: 'notification-sent'
      readonly code: number
      readonly subcode: number
      readonly text: string
      readonly communication?: string
    }
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

/** A path that was not taken: `reason` is a policy rule's name, `otherwise`, or one of the speaker's own such as `as-loop`. */
export interface RejectEvent {
  readonly peer: string
  readonly direction: 'import' | 'export'
  readonly prefix: string
  readonly reason: string
}

export interface PeerCountersSnapshot {
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly updatesReceived: number
  readonly updatesSent: number
  readonly prefixesReceived: number
  readonly prefixesAccepted: number
  readonly prefixesAdvertised: number
  /** Sessions that were established, since the peer was added. */
  readonly established: number
  readonly rejected: Readonly<Record<string, number>>
  /** RFC 7606: UPDATEs treated as withdraw, and attributes discarded. */
  readonly treatedAsWithdraw: number
  readonly attributesDiscarded: number
}

export interface PeerSnapshot {
  /** The peer's name: its address as configured, or the interface of an unnumbered one. */
  readonly address: string
  /** Where it is, a link-local address with its interface; undefined: unnumbered, and not found yet. */
  readonly remoteAddress: string | undefined
  /** As its OPEN said; before that, as configured. */
  readonly asn: RemoteAsn
  readonly state: PeerState
  /** Milliseconds since the session was established. */
  readonly uptime: number | undefined
  readonly routerId: string | undefined
  readonly localAddress: string | undefined
  /** Seconds, as negotiated. */
  readonly holdTime: number | undefined
  /** Families that both sides speak; empty while not established. */
  readonly families: readonly Family[]
  /** Families whose End-of-RIB the peer has sent in this session. */
  readonly endOfRib: readonly Family[]
  /** Families with routes that are kept although the peer has yet to send them again: it is restarting (RFC 4724), or repeats them (RFC 7313). Absent: none. */
  readonly stale?: readonly Family[]
  /** Those of `stale` whose restart time is over: last resorts by now (RFC 9494). Absent: none. */
  readonly longLivedStale?: readonly Family[]
  readonly lastDown: DownReason | undefined
  readonly counters: PeerCountersSnapshot
}
