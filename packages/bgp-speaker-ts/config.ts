// The configuration that a user of the speaker writes: speaker, peers, announcements.

import type { BfdTimers } from './bfd/config.ts'
import type { Clock } from './clock.ts'
import type { Role } from './config/roles.ts'
import type { Discovery } from './discovery/discovery.ts'
import type { Logger } from './log.ts'
import type { PathMonitor } from './peer/path-watch.ts'
import type { Policy } from './policy/policy.ts'
import type { Transport } from './transport.ts'

export type Family = 'ipv4-unicast' | 'ipv6-unicast'

/** `external`: any AS but ours, `internal`: ours. */
export type RemoteAsn = number | 'external' | 'internal'

export interface SpeakerConfig {
  /** Own AS number, 1..4294967294 (RFC 6793). */
  readonly asn: number
  /** BGP identifier in dotted form; any but 0.0.0.0 (RFC 6286). */
  readonly routerId: string
  /** Absent: the speaker only connects, it accepts nothing. Port 0 takes any free one. */
  readonly listen?: { readonly addresses?: readonly string[]; readonly port: number }
  readonly transport?: Transport
  readonly clock?: Clock
  /** This process follows one that ended by `abandon`. Peers with graceful restart are told so; paths are selected and End-of-RIB is sent once they have sent theirs (RFC 4724 section 4.1). Own announcements do not wait. */
  readonly restarting?: boolean
  /** This process follows another one whose routes are still used, and waits for nobody (unlike `restarting`): OPENs carry the R bit until a peer's first session, for its restart time at most; paths are selected and End-of-RIB is sent at once. */
  readonly restarted?: boolean
  /** Seconds that a restarting speaker waits at most for End-of-RIB before it selects paths (RFC 4724 section 4.1); 60 when absent. */
  readonly selectionDeferralTime?: number
  /** Random numbers in [0, 1) for jitter (RFC 4271 section 10). */
  readonly random?: () => number
  readonly log?: Logger
  /** Default hold time of peers in seconds: 0 (never), or 3..65535. 90 when absent. */
  readonly holdTime?: number
  /** Maximum number of equal paths of a prefix (ECMP); 1 when absent. */
  readonly multipath?: number
  /** Runs BFD for the peers that are configured so: `new Bfd()`. */
  readonly bfd?: PathMonitor
  /** Finds unnumbered peers (PeerConfig.interface). Whoever made it closes it, not the speaker. */
  readonly discovery?: Discovery
  /** Judges the routes of peers with `validated`, beside their policies. */
  readonly validator?: RouteValidator
  /** Cluster ID of a route reflector (RFC 4456); the router ID when absent. */
  readonly clusterId?: string
}

export interface PeerConfig {
  /** The peer's address, which is also its name in the API. A link-local one carries its interface (`fe80::1%eth0`, RFC 4007 section 11). Absent: the peer is unnumbered, see `interface`. */
  readonly address?: string
  /** The interface of an unnumbered peer, which is also its name in the API. The peer is found at the link-local address of its Router Advertisements (RFC 4861). Needs SpeakerConfig.discovery. */
  readonly interface?: string
  /** The peer's port; 179 when absent. */
  readonly port?: number
  /** The AS number that the peer's OPEN must carry. Equal to the speaker's: iBGP. */
  readonly asn: RemoteAsn
  /** Our AS number towards this peer where it is another than the speaker's (RFC 7705): the OPEN carries it, and a peer of the same number is iBGP. */
  readonly localAsn?: number
  /** Whether an external peer sees the speaker's own AS number behind `localAsn` in AS paths; no when absent ("Replace Old AS"). Received paths are never prepended ("No Prepend Inbound"). */
  readonly localAsnPrepends?: boolean
  /** How often our own AS number may occur in the peer's paths; 0 when absent: such a path is a loop (RFC 4271 section 9.1.2). */
  readonly allowOwnAs?: number
  /** Source address of our connections to this peer. */
  readonly localAddress?: string
  /** Seconds; see SpeakerConfig.holdTime. */
  readonly holdTime?: number
  /** Most seconds between KEEPALIVEs; a third of the negotiated hold time when absent, and never more. */
  readonly keepaliveTime?: number
  /** Most seconds between attempts to connect: one at first, twice as many after each that failed, jittered by up to -25 %. 5 when absent (RFC 4271 suggests 120: then say `retryPeer` where you know that the peer is back). */
  readonly connectRetryTime?: number
  /** Address families to negotiate, in any order; both may run over one session of either family. */
  readonly families: readonly Family[]
  /** Do not connect; wait for the peer to do so. */
  readonly passive?: boolean
  /** TCP-MD5 key (RFC 2385) of 1 to 80 bytes; the transport must support it. */
  readonly password?: string
  /** GTSM (RFC 5082): the greatest number of hops to the peer, 1 for one on the same link; the transport must support it. The peer has to send with TTL 255 itself. */
  readonly ttlSecurityHops?: number
  /** TTL (hop limit) of what is sent, 1 to 255; 255 when absent, as peers with GTSM demand. The transport must support it, and it excludes `ttlSecurityHops`. */
  readonly ttl?: number
  /** Applied to the peer's routes; all are accepted when absent. */
  readonly importPolicy?: Policy
  /** What the import policy accepts has to pass SpeakerConfig.validator, too. */
  readonly validated?: boolean
  /** Applied to the routes for the peer; all are sent when absent. */
  readonly exportPolicy?: Policy
  /** Next hop of our own announcements (and with next-hop self) for this peer. Needed for a family other than the session's own. */
  readonly nextHop?: { readonly ipv4?: string; readonly ipv6?: string }
  /** Replace the next hop of everything sent to an iBGP peer; eBGP peers always see our own, unless the next hop lies on a shared subnet and `nextHopUnchanged` is set. */
  readonly nextHopSelf?: boolean
  readonly nextHopUnchanged?: boolean
  /** This iBGP peer is a client of ours (RFC 4456). */
  readonly routeReflectorClient?: boolean
  /** Reject what an external peer sends whose AS path does not start with the peer's own AS (RFC 4271 6.3); true when absent, false for route servers. */
  readonly enforceFirstAs?: boolean
  /** What we are to this external peer (RFC 9234): routes that a provider, a peer or a route server sent are then passed on to customers only, and what comes back the wrong way is rejected as `route-leak`. Absent: neither. */
  readonly role?: Role
  /** Refuse a peer that does not say its own role (RFC 9234 section 4.2). A role that does not fit is always refused. */
  readonly roleStrict?: boolean
  /** Prefix limit of each family, or of the families that are named. */
  readonly maxPrefixes?: number | Readonly<Partial<Record<Family, number>>>
  /** What happens to a peer that exceeds its limit: it gets CEASE/1 and is barred for a minute (when absent), the prefixes beyond it are not taken, or all are taken and only the event tells. */
  readonly maxPrefixesAction?: 'reset' | 'block' | 'warn'
  /** Take several paths to one prefix from this peer (RFC 7911), in all families; the peer must be willing to send them. Each counts as a prefix of `maxPrefixes`. */
  readonly addPathReceive?: boolean
  /** Send this peer all paths that policy accepts, not only the best (RFC 7911), in all families; the peer must be willing to take them. */
  readonly addPathSend?: boolean
  /** Negotiate IPv4 prefixes with IPv6 next hops (RFC 8950); when absent, only with peers at link-local addresses. */
  readonly extendedNextHop?: boolean
  /** Graceful restart (RFC 4724, with NOTIFICATION RFC 8538); absent: the capability is not sent. */
  readonly gracefulRestart?: GracefulRestart
  /** Long-lived graceful restart (RFC 9494), which needs `gracefulRestart`; absent: the capability is not sent. */
  readonly longLivedRestart?: LongLivedRestart
  /** What is still to be announced is not all known: the peer gets no End-of-RIB until this is taken back, and keeps what it has from before a restart (RFC 4724 section 4.1). */
  readonly holdEndOfRib?: boolean
  /** Watch the path by BFD (RFC 5880, 5881) while the peer is known; a failure ends the session with CEASE/BFD Down (RFC 9384). Needs SpeakerConfig.bfd. */
  readonly bfd?: BfdTimers
}

/**
 * Judges routes by what is known elsewhere, as origin validation does (RFC 6811): whose a prefix is, say. A policy would have to name all
 * of it, and be another one whenever a part of it changes.
 */
export interface RouteValidator {
  /**
   * Why a route is not used, for its reject reason; undefined: it is. Asked once for each route that comes in, and again where
   * `Speaker.revalidate` says that the answer may be another one. Both texts are canonical.
   */
  refuse(prefix: string, nextHop: string): string | undefined
}

export interface LongLivedRestart {
  /** Long-lived stale time in seconds, 0 (none) to 16777215, for all families or by family: the peer may keep our routes that long after the restart time. */
  readonly time: number | Readonly<Partial<Record<Family, number>>>
  /** Maximum seconds that we keep the peer's routes as long-lived stale; the time that the peer asks for when absent (RFC 9494 section 4.2). */
  readonly most?: number
  /** Send long-lived stale routes also to this internal peer when it lacks the capability, with LOCAL_PREF 0 and NO_EXPORT (RFC 9494 section 4.6). */
  readonly tellAnyway?: boolean
}

export interface GracefulRestart {
  /** Restart time in seconds, 1..4095, or 0 with `longLivedRestart`: the peer keeps our routes that long. */
  readonly time: number
  /** Our forwarding state outlives the process: the kernel keeps the routes. */
  readonly forwarding: boolean
}

/** A range of dynamic peers: each address of the prefix that connects is a peer while its session lasts. */
export interface DynamicPeersConfig
  extends Omit<PeerConfig, 'address' | 'interface' | 'port' | 'passive' | 'connectRetryTime'> {
  /** The range in CIDR form, which is also its name in the API. */
  readonly prefix: string
  /** Maximum number of peers at once; 100 when absent. */
  readonly limit?: number
}

/** A route of our own. */
export interface Announcement {
  /** CIDR; host bits are cleared. */
  readonly prefix: string
  /** Absent: our own address for each session (PeerConfig.nextHop, else the session's local address). */
  readonly nextHop?: string
  readonly origin?: 'igp' | 'egp' | 'incomplete'
  readonly localPref?: number
  readonly med?: number
  /** `64512:1`, or names of well-known ones such as `no-export` (RFC 1997). They are sent to every peer; the peers obey them, not we. */
  readonly communities?: readonly string[]
  /** `64512:1:2` (RFC 8092). */
  readonly largeCommunities?: readonly string[]
  /** 16 hex digits each (RFC 4360), or `rt:64512:1` and `soo:192.0.2.1:1` for route targets and origins. */
  readonly extendedCommunities?: readonly string[]
  /** What kind of route it is, for export policies to match (Match.tags); never sent. */
  readonly tags?: readonly string[]
}
