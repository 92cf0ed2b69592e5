// What a user of the speaker writes: speaker, peers, announcements.

import type { BfdTimers } from './bfd/config.ts'
import type { Clock } from './clock.ts'
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
  /** This process follows one that was ended without a goodbye: peers with graceful restart are told so, paths are selected and End-of-RIB is sent when they have told all (RFC 4724 section 4.1); own announcements do not wait. */
  readonly restarting?: boolean
  /** Seconds that a restarting speaker waits for its peers before it selects paths of theirs without them (RFC 4724 section 4.1); 60 when absent. */
  readonly selectionDeferralTime?: number
  /** Random numbers in [0, 1) for jitter (RFC 4271 section 10). */
  readonly random?: () => number
  readonly log?: Logger
  /** Default hold time of peers in seconds: 0 (never), or 3..65535. 90 when absent. */
  readonly holdTime?: number
  /** Most equal paths that a prefix may have at once (ECMP); 1 when absent. */
  readonly multipath?: number
  /** Watches paths for peers that ask for it: `new Bfd()`. */
  readonly bfd?: PathMonitor
  /** Finds unnumbered peers (PeerConfig.interface); it belongs to who made it. */
  readonly discovery?: Discovery
  /** Cluster ID of a route reflector (RFC 4456); the router ID when absent. */
  readonly clusterId?: string
}

export interface PeerConfig {
  /** The peer's address, a link-local one with its interface (`fe80::1%eth0`, RFC 4007 section 11); it is also the peer's name in the API. Absent: `interface`. */
  readonly address?: string
  /** An unnumbered peer: whoever is at the other end of this link, at the link-local address that its Router Advertisements come from (RFC 4861). The interface's name is also the peer's name in the API. Needs SpeakerConfig.discovery. */
  readonly interface?: string
  /** The peer's port; 179 when absent. */
  readonly port?: number
  /** The AS number that the peer's OPEN must carry. Equal to the speaker's: iBGP. */
  readonly asn: RemoteAsn
  /** Source address of our connections to this peer. */
  readonly localAddress?: string
  /** Seconds; see SpeakerConfig.holdTime. */
  readonly holdTime?: number
  /** Seconds between attempts to connect; jittered by up to -25 %. 5 when absent (RFC 4271 suggests 120). */
  readonly connectRetryTime?: number
  /** Address families to negotiate, in any order; both may run over one session of either family. */
  readonly families: readonly Family[]
  /** Wait for the peer to connect. */
  readonly passive?: boolean
  /** TCP-MD5 key (RFC 2385); the transport must support it. */
  readonly password?: string
  /** GTSM (RFC 5082): the greatest number of hops to the peer, 1 for one on the same link; the transport must support it. */
  readonly ttlSecurityHops?: number
  /** Applied to what the peer sends; all accepted when absent. */
  readonly importPolicy?: Policy
  /** Applied to what the peer is sent; all accepted when absent. */
  readonly exportPolicy?: Policy
  /** The next hop that this peer is told for our own announcements (and with next-hop self); needed for a family that is not the session's own. */
  readonly nextHop?: { readonly ipv4?: string; readonly ipv6?: string }
  /** Replace the next hop of everything sent to an iBGP peer; eBGP peers always see our own, unless the next hop lies on a shared subnet and `nextHopUnchanged` is set. */
  readonly nextHopSelf?: boolean
  readonly nextHopUnchanged?: boolean
  /** This iBGP peer is a client of ours (RFC 4456). */
  readonly routeReflectorClient?: boolean
  /** Reject what an external peer sends whose AS path does not start with the peer's own AS (RFC 4271 6.3); true when absent, false for route servers. */
  readonly enforceFirstAs?: boolean
  /** Session reset with CEASE/1 when the peer sends more prefixes than this in one family; it is not let back in for a minute. */
  readonly maxPrefixes?: number
  /** Take several paths to one prefix from this peer (RFC 7911), in all families; the peer must be willing to send them. Each counts as a prefix of `maxPrefixes`. */
  readonly addPathReceive?: boolean
  /** Tell this peer all paths that policy lets out, not only the best (RFC 7911), in all families; the peer must be willing to take them. */
  readonly addPathSend?: boolean
  /** Take IPv4 prefixes with IPv6 next hops (RFC 8950); when absent, only from peers with link-local addresses. */
  readonly extendedNextHop?: boolean
  /** Graceful restart (RFC 4724, with NOTIFICATION RFC 8538); absent: the capability is not sent. */
  readonly gracefulRestart?: GracefulRestart
  /** Long-lived graceful restart (RFC 9494), beside `gracefulRestart`; absent: the capability is not sent, and routes are kept no longer than that. */
  readonly longLivedRestart?: LongLivedRestart
  /** Watch the path by BFD (RFC 5880, 5881) while the peer is known; a failure ends the session with CEASE/BFD Down (RFC 9384). Needs SpeakerConfig.bfd. */
  readonly bfd?: BfdTimers
}

export interface LongLivedRestart {
  /** Seconds that the peer may keep our routes after the restart time, as its last resort: 0 (not at all) to 16777215, by family or for all. */
  readonly time: number | Readonly<Partial<Record<Family, number>>>
  /** Most seconds that we keep the peer's routes so; as long as it asks for when absent (RFC 9494 section 4.2). */
  readonly most?: number
  /** Tell this peer of such routes although it does not know of them: an internal peer, which gets them with LOCAL_PREF 0 and NO_EXPORT (RFC 9494 section 4.6). */
  readonly tellAnyway?: boolean
}

export interface GracefulRestart {
  /** Seconds within which we will be back after a restart, 1..4095, or 0 with `longLivedRestart`: the peer keeps our routes that long. */
  readonly time: number
  /** Our forwarding state outlives us (the kernel keeps the routes). */
  readonly forwarding: boolean
}

/** Peers that are not known by address: whoever connects from the prefix is one, while its session lasts. */
export interface DynamicPeersConfig
  extends Omit<PeerConfig, 'address' | 'interface' | 'port' | 'passive' | 'connectRetryTime'> {
  /** CIDR of their addresses; it is also the name of the range in the API. */
  readonly prefix: string
  /** Most peers at once; 100 when absent. */
  readonly limit?: number
}

/** A route of our own. */
export interface Announcement {
  /** CIDR; host bits are cleared. */
  readonly prefix: string
  /** Absent: ourselves, as each session sees us (PeerConfig.nextHop, else the session's local address). */
  readonly nextHop?: string
  readonly origin?: 'igp' | 'egp' | 'incomplete'
  readonly localPref?: number
  readonly med?: number
  /** `64512:1`, or names of well-known ones such as `no-export` (RFC 1997): our peers are told the route with them, and obey them. */
  readonly communities?: readonly string[]
  /** `64512:1:2` (RFC 8092). */
  readonly largeCommunities?: readonly string[]
  /** 16 hex digits each (RFC 4360). */
  readonly extendedCommunities?: readonly string[]
}
