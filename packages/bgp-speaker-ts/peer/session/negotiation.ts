// What two OPENs agree on: the capabilities that both sides have (RFC 5492 and the RFC of each capability).

import { type Role, roleOf } from '../../config/roles.ts'
import type { Family } from '../../config.ts'
import type { Capability, GracefulRestartFamily } from '../../packet/capabilities.ts'
import { AFI, SAFI } from '../../packet/codes.ts'
import { FAMILIES, familyOf } from '../../packet/families.ts'
import type { Open } from '../../packet/open.ts'

/** All possible sets of families, so that sessions share four arrays. */
const NONE: readonly Family[] = []
const IPV4: readonly Family[] = ['ipv4-unicast']
const IPV6: readonly Family[] = ['ipv6-unicast']

function familiesWith(holds: (family: Family) => boolean): readonly Family[] {
  if (!holds('ipv4-unicast')) return holds('ipv6-unicast') ? IPV6 : NONE
  return holds('ipv6-unicast') ? FAMILIES : IPV4
}

export interface Negotiated {
  readonly families: readonly Family[]
  readonly fourOctetAs: boolean
  readonly routeRefresh: boolean
  readonly enhancedRefresh: boolean
  readonly extendedMessages: boolean
  /** The peer takes IPv4 NLRI with IPv6 next hops (RFC 8950). */
  readonly ipv4OverIpv6: boolean
  /** Families in which NLRI carry path identifiers, by direction (RFC 7911). */
  readonly addPathReceive: readonly Family[]
  readonly addPathSend: readonly Family[]
  /** The peer's graceful restart capability (RFC 4724). */
  readonly gracefulRestart:
    | {
        readonly restarting: boolean
        readonly notification: boolean
        readonly time: number
        readonly families: readonly GracefulRestartFamily[]
      }
    | undefined
  /** The peer's long-lived graceful restart capability (RFC 9494); undefined without graceful restart, which it needs. */
  readonly longLived: readonly LongLivedFamily[] | undefined
  /** The peer's role (RFC 9234); undefined where either side says none. */
  readonly role: Role | undefined
}

/** Times in seconds. */
export type LongLivedFamily = GracefulRestartFamily & { readonly time: number }

/** @param ours the capabilities of our own OPEN on the same connection */
export function negotiate(ours: readonly Capability[], open: Open): Negotiated {
  const theirs = open.capabilities
  const both = (kind: Capability['kind']) => has(ours, kind) && has(theirs, kind)
  const gracefulRestart = find(theirs, 'graceful-restart')
  // RFC 9494 section 3.1: ignored without the graceful restart capability.
  const longLived = both('graceful-restart') && has(ours, 'long-lived-graceful-restart')
  return {
    families: commonFamilies(ours, theirs),
    fourOctetAs: both('four-octet-as'),
    routeRefresh: both('route-refresh'),
    enhancedRefresh: both('enhanced-route-refresh'),
    extendedMessages: both('extended-message'),
    ipv4OverIpv6:
      both('extended-next-hop') &&
      nextHops(theirs).some(
        ({ afi, safi, nextHopAfi }) => afi === AFI.IPV4 && safi === SAFI.UNICAST && nextHopAfi === AFI.IPV6,
      ),
    addPathReceive: addPath(ours, theirs, 'receive'),
    addPathSend: addPath(ours, theirs, 'send'),
    gracefulRestart: has(ours, 'graceful-restart') ? gracefulRestart : undefined,
    role: has(ours, 'role') ? roleOf(find(theirs, 'role')?.role ?? -1) : undefined,
    longLived: longLived ? find(theirs, 'long-lived-graceful-restart')?.families : undefined,
  }
}

function commonFamilies(ours: readonly Capability[], theirs: readonly Capability[]): readonly Family[] {
  const mine = familiesOf(ours)
  const other = familiesOf(theirs)
  return familiesWith((family) => mine.includes(family) && other.includes(family))
}

/** A speaker that names no family speaks IPv4 unicast (RFC 4760 section 8). */
function familiesOf(capabilities: readonly Capability[]): Family[] {
  const named = capabilities.filter((capability) => capability.kind === 'multiprotocol')
  if (named.length === 0) return ['ipv4-unicast']
  return named.map(familyOf).filter((family) => family !== undefined)
}

function nextHops(capabilities: readonly Capability[]) {
  return find(capabilities, 'extended-next-hop')?.families ?? []
}

function addPath(
  ours: readonly Capability[],
  theirs: readonly Capability[],
  direction: 'send' | 'receive',
): readonly Family[] {
  const reverse = direction === 'send' ? 'receive' : 'send'
  const may = (capabilities: readonly Capability[], family: Family, way: 'send' | 'receive') =>
    find(capabilities, 'add-path')?.families.some((entry) => familyOf(entry) === family && entry[way]) ===
    true
  return familiesWith((family) => may(ours, family, direction) && may(theirs, family, reverse))
}

function has(capabilities: readonly Capability[], kind: Capability['kind']): boolean {
  return capabilities.some((capability) => capability.kind === kind)
}

/** Of several capabilities of one kind the last one counts. */
function find<K extends Capability['kind']>(
  capabilities: readonly Capability[],
  kind: K,
): Extract<Capability, { kind: K }> | undefined {
  return capabilities.findLast(
    (capability): capability is Extract<Capability, { kind: K }> => capability.kind === kind,
  )
}
