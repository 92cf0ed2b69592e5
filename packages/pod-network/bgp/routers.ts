/** Configured routers to BGP peers: by which address, with which families and policies. */
import { FAMILIES, type Family, familyOf } from '@podroute/address/address.ts'
import { type ClusterNode, primaryAddress } from '@podroute/cluster/objects/node.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import type { Policy } from 'bgp-speaker-ts/policy/policy.ts'
import type { InterfaceState } from '../bridge/host-interfaces.ts'
import { NO_NODE_SETTINGS, type NodeOverrides } from '../node-annotations/node-settings.ts'
import { rejecting, withPathAttributes } from '../node-annotations/policies.ts'
import { nodeDrain } from '../nodes/node-drain.ts'
import { externalExport } from '../routers/export-policy.ts'
import { onlyTold } from '../service-addresses/told.ts'
import type { ExternalPeer, PodNetworkSettings } from '../settings.ts'
import { externalImport } from './external-policy.ts'
import { peerKey } from './peer-key.ts'
import { EXPORT_ALL_KINDS, lowered } from './policy.ts'
import { bgpFamily, gracefulRestart, nextHops } from './session-options.ts'

type Interfaces = Pick<InterfaceState, 'interfaces'>

/**
 * The session to a router outside; undefined when this node has no address that it could be from.
 * @param leaving whether the router is told that this node is to be left
 */
export function planExternalPeer(
  local: ClusterNode,
  configured: ExternalPeer,
  settings: PodNetworkSettings,
  overrides: NodeOverrides = NO_NODE_SETTINGS,
  interfaces: Interfaces = { interfaces: [] },
  leaving = nodeDrain(local, settings.drain) !== undefined,
): PeerConfig | undefined {
  const peer = withDefaults(configured, settings)
  const localAddress = sourceOf(local, peer, interfaces)
  if (localAddress === undefined && !isOnLink(peer)) return undefined
  const families = (peer.families ?? FAMILIES).filter((f) => primaryAddress(local, f))
  if (families.length === 0) return undefined
  return {
    ...defined({
      address: peer.address,
      interface: peer.interface,
      port: peer.port,
      localAddress,
      localAsn: peer.localAsn,
      localAsnPrepends: peer.localAsnPrepends,
      allowOwnAs: peer.allowOwnAs,
      keepaliveTime: peer.keepalive,
      connectRetryTime: peer.connectRetry,
      passive: peer.passive,
      password: peer.password,
      ttlSecurityHops: peer.ttlSecurityHops,
      ttl: peer.ttl,
      bfd: peer.bfd,
      addPathSend: peer.addPath?.send || undefined,
      addPathReceive: peer.addPath?.receive || undefined,
      maxPrefixesAction: peer.maxPrefixesAction,
      role: peer.role,
      roleStrict: peer.roleStrict,
    }),
    asn: peer.asn,
    holdTime: peer.holdTime ?? settings.holdTime,
    ...restartWith(peer, settings),
    families: families.map(bgpFamily),
    importPolicy: rejecting(overrides.importReject, externalImport(peer.acceptRoutes, peer)),
    maxPrefixes: limitsOf(peer.maxPrefixes),
    exportPolicy: withPathAttributes(overrides, exportPolicy(peer, settings, leaving)),
    ...nextHopOf(local, peer, localAddress),
  }
}

function withDefaults(peer: ExternalPeer, { announce }: PodNetworkSettings): ExternalPeer {
  return Object.keys(announce).length === 0 ? peer : { ...peer, announce: { ...announce, ...peer.announce } }
}

/** A router that is reached by its link: the session is from the link-local address there. */
function isOnLink({ address, interface: link }: ExternalPeer): boolean {
  return link !== undefined || address?.includes('%') === true
}

/** The address that the session is from; undefined: that of the link, or there is none. */
export function sourceOf(
  local: ClusterNode,
  peer: ExternalPeer,
  { interfaces }: Interfaces,
): string | undefined {
  if (peer.localAddress !== undefined) return peer.localAddress
  if (peer.address === undefined || isOnLink(peer)) return undefined
  const family = familyOf(peer.address)
  if (peer.localInterface === undefined) return primaryAddress(local, family)
  const link = interfaces.find(({ name }) => name === peer.localInterface)
  return link?.addresses.find((address) => familyOf(address) === family && !/^fe[89ab]/.test(address))
}

/**
 * `self` is the address that the session is from, in its family. On a link that is the link-local one, for IPv4 prefixes too (RFC 8950):
 * a Node's own address may be of another network than that link.
 */
function nextHopOf(
  local: ClusterNode,
  peer: ExternalPeer,
  localAddress: string | undefined,
): Pick<PeerConfig, 'nextHop' | 'nextHopSelf' | 'nextHopUnchanged'> {
  const ofNode = nextHops(local)
  if (peer.announce?.nextHop === 'unchanged') return { nextHop: ofNode, nextHopUnchanged: true }
  const self = peer.announce?.nextHop === 'self' ? { nextHopSelf: true } : {}
  if (isOnLink(peer)) return { ...self, nextHopSelf: true }
  if (localAddress === undefined) return { nextHop: ofNode, ...self }
  const ofSession = familyOf(localAddress) === 4 ? { ipv4: localAddress } : { ipv6: localAddress }
  return { nextHop: { ...ofNode, ...ofSession }, ...self }
}

function restartWith({ restart }: ExternalPeer, settings: PodNetworkSettings) {
  if (restart === undefined) return gracefulRestart(settings)
  const { restartTime: _, ...others } = settings
  const { time, longLivedTime } = restart
  return gracefulRestart({ ...others, ...(time > 0 ? { restartTime: time } : {}), longLivedTime })
}

function limitsOf(limits: ExternalPeer['maxPrefixes']): NonNullable<PeerConfig['maxPrefixes']> {
  if (typeof limits === 'number') return limits
  return Object.fromEntries(
    FAMILIES.flatMap((family: Family) => {
      const limit = limits[family]
      return limit === undefined ? [] : [[bgpFamily(family), limit]]
    }),
  )
}

function exportPolicy(peer: ExternalPeer, settings: PodNetworkSettings, leaving: boolean): Policy {
  const told = peer.announce ? externalExport(peer.announce, peer.localAsn ?? settings.asn) : EXPORT_ALL_KINDS
  const policy = toldOf(told, peer, settings)
  return leaving ? lowered(policy) : policy
}

/** Some addresses of Services are for other routers only. */
function toldOf(policy: Policy, peer: ExternalPeer, { serviceAddresses }: PodNetworkSettings): Policy {
  if (!serviceAddresses.rules.some(({ peers }) => peers)) return policy
  return { ...policy, rules: [onlyTold(peerKey(peer)), ...policy.rules] }
}

/** Without the fields that are undefined: an absent one is the speaker's default. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
