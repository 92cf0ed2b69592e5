/** What the operator sets for the pod network, already validated. */
import type { Family } from '@podroute/address/address.ts'
import type { Cidr } from '@podroute/address/cidr.ts'
import type { AddressType } from '@podroute/cluster/objects/node.ts'
import type { BfdTimers } from 'bgp-speaker-ts/bfd/config.ts'
import type { CollectorConfig } from 'bgp-speaker-ts/bmp/config.ts'
import type { Role } from 'bgp-speaker-ts/config/roles.ts'
import type { RemoteAsn } from 'bgp-speaker-ts/config.ts'
import type { ReflectorSettings } from './bgp/roles/topology.ts'
import type { DrainSettings } from './nodes/node-drain.ts'
import type {
  AcceptEntry,
  AcceptedPrefix,
  NodeSelector,
  RouteMatch,
  RouterExport,
  RouterFault,
  RouterRestart,
} from './routers/router-settings.ts'
import type { ServiceAddressSettings } from './service-addresses/settings.ts'

/** A BGP router outside the cluster: a peer of every node, or of those that are selected. */
export interface ExternalPeer {
  /** Canonical, a link-local one with its interface; absent: the router is unnumbered, it is found on `interface`. */
  readonly address?: string
  /** Of an unnumbered router. */
  readonly interface?: string
  readonly description?: string
  /** Absent: every node. */
  readonly nodes?: NodeSelector
  /** What of its entry in the configuration cannot be used on the nodes that it selects. */
  readonly fault?: RouterFault
  /** `external`: any but ours, `internal`: ours. */
  readonly asn: RemoteAsn
  /** Our AS number towards it; the node's own when absent (RFC 7705). */
  readonly localAsn?: number
  /** The node's own AS number stands behind `localAsn` in what it is told. */
  readonly localAsnPrepends?: boolean
  /** How often our own AS number may occur in its paths; 0 when absent. */
  readonly allowOwnAs?: number
  /** TCP port; 179 unless set. */
  readonly port?: number
  /** Source of the session; the Node's address of the router's family when absent. */
  readonly localAddress?: string
  /** The first address of this interface is the source. */
  readonly localInterface?: string
  /** Waits for the router to connect. */
  readonly passive?: boolean
  /** TCP-MD5 key (RFC 2385). */
  readonly password?: string
  /** GTSM (RFC 5082): how many hops away it may be, 1 on the nodes' own network; any when absent. */
  readonly ttlSecurityHops?: number
  /** TTL of what is sent; 255 when absent. */
  readonly ttl?: number
  /** Families to exchange; those of the node's pod prefixes when absent. */
  readonly families?: readonly Family[]
  /** Seconds; the speaker's default when absent. */
  readonly holdTime?: number
  /** Seconds; a third of the hold time when absent. */
  readonly keepalive?: number
  /** Most seconds between attempts to connect; 5 when absent. */
  readonly connectRetry?: number
  /** Its path is watched with these timers; absent: it is not. */
  readonly bfd?: BfdTimers
  readonly restart?: RouterRestart
  /** What we are to it (RFC 9234). */
  readonly role?: Role
  /** It has to say its role, too. */
  readonly roleStrict?: boolean
  /** Several paths to a prefix (RFC 7911). */
  readonly addPath?: { readonly send: boolean; readonly receive: boolean }
  readonly acceptRoutes: AcceptRoutes
  /** What is accepted, in place of `acceptRoutes`. */
  readonly accept?: readonly AcceptEntry[]
  /** What is not accepted, whatever else is. */
  readonly reject?: readonly RouteMatch[]
  /** Of what is accepted; 100 when absent. */
  readonly localPreference?: number
  /** Most prefixes that it may announce in one family. */
  readonly maxPrefixes: number | Readonly<Partial<Record<Family, number>>>
  /** When there are more; the session ends when absent. */
  readonly maxPrefixesAction?: 'reset' | 'block' | 'warn'
  readonly announce?: RouterExport
}

/**
 * What a router is believed. false: nothing; true: everything but what `externalImport` and `ClusterRanges` refuse; a list: these prefixes.
 */
export type AcceptRoutes = boolean | readonly AcceptedPrefix[]

/** Where routes to the pods of other nodes come from: BGP, the Nodes' own fields, or nowhere, where the network itself routes pods. */
export type Routing = 'bgp' | 'api' | 'none'

export interface PodNetworkSettings {
  readonly routing: Routing
  /** The cluster's AS number: every node's. */
  readonly asn: number
  /** Of this node; made of its address when absent. */
  readonly routerId?: string
  /** What routers are told whose own entry says nothing else. */
  readonly announce: RouterExport
  /** BGP port of every node. */
  readonly port: number
  /** Which of its addresses a Node is reached at: those of the first of these types that it has any of. */
  readonly nodeAddressTypes: readonly AddressType[]
  /** Sessions between nodes: all, those of one AS, or none. */
  readonly mesh: boolean | 'within-as'
  /** Most next hops of a route with several paths of equal cost (ECMP); 1: there is one. */
  readonly maxPaths: number
  /** When nodes choose reflectors among themselves; absent: never. */
  readonly reflectors?: ReflectorSettings
  /** TCP-MD5 key of the sessions between nodes. */
  readonly meshPassword?: string
  /** Sessions between nodes are taken from the link only (GTSM, RFC 5082). */
  readonly meshTtlSecurity: boolean
  /** Seconds. */
  readonly holdTime: number
  /** Paths to nodes are watched with these timers; absent: they are not. */
  readonly meshBfd?: BfdTimers
  readonly externalPeers: readonly ExternalPeer[]
  /** The pods hang on a bridge of ours, and by our CNI configuration; false: another plugin gives them what they have. */
  readonly cni: boolean
  readonly bridge: string
  /** MTU of the bridge and the pods; the node's uplink's when absent. */
  readonly mtu?: number
  readonly hairpin: boolean
  /** Masquerade what pods send out of the cluster. */
  readonly masquerade: boolean
  /** Pods are accepted where the policy of iptables drops what is forwarded; what of it cannot be done is said. */
  readonly acceptForwarding: boolean
  /** The Node's condition NetworkUnavailable says whether the pod network works. */
  readonly nodeCondition: boolean
  /** Pods send from their own addresses only; strict: no pod may ask for another thing, nor start before it is so. */
  readonly sourceCheck: boolean | 'strict'
  /** Pods may connect to the BGP ports of nodes and routers. */
  readonly podsSpeakBgp: boolean
  /** Destinations outside the cluster that see the pod's own address. */
  readonly noMasquerade: readonly Cidr[]
  /** Ranges of the Services' virtual addresses: no route into them is learned. */
  readonly serviceCidrs: readonly Cidr[]
  /** Ranges that the podCIDRs of Nodes are taken from: no router outside is believed about them. */
  readonly clusterCidrs: readonly Cidr[]
  /** Ranges that nodes take their addresses from; none: not told. */
  readonly nodeCidrs: readonly Cidr[]
  /** Which addresses of Services routers are told. */
  readonly serviceAddresses: ServiceAddressSettings
  /** Path of the CNI configuration. */
  readonly conflist: string
  /** Seconds that peers keep this node's routes while its agent is away (graceful restart, RFC 4724); absent: peers are not asked to. */
  readonly restartTime?: number
  /** Seconds after those that peers may still use them where they have nothing better (RFC 9494); 0 or absent: not. */
  readonly longLivedTime?: number
  /** What says that a node is to be left. */
  readonly drain: DrainSettings
  /** Who is told of sessions, and of what peers send. */
  readonly bmpCollectors: readonly CollectorConfig[]
  /** Seconds that a node's routes outlive its lost session, so that a restart over there loses no packet. */
  readonly keepRoutes: number
  /** Seconds after the start before what nobody announced again is swept, and before readiness stops waiting for peers. */
  readonly peerDeadline: number
}
