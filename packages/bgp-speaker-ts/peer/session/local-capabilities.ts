// The capabilities that our OPEN to a peer carries (RFC 5492).

import { roleCode } from '../../config/roles.ts'
import type { Family, PeerConfig } from '../../config.ts'
import type { Capability } from '../../packet/capabilities.ts'
import { AFI, SAFI } from '../../packet/codes.ts'
import { FAMILY_CODES } from '../../packet/families.ts'
import { takesIpv6NextHops } from '../../peer-name.ts'

/** @param restarting sets the R bit: this process follows one whose routes its peers still keep (RFC 4724 section 3). */
export function localCapabilities(config: PeerConfig, asn: number, restarting: boolean): Capability[] {
  return [
    ...config.families.map((family): Capability => ({ kind: 'multiprotocol', ...FAMILY_CODES[family] })),
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
    ...extendedNextHop(config),
    ...addPath(config),
    ...role(config, asn),
    ...gracefulRestart(config, restarting),
    ...longLived(config),
    { kind: 'four-octet-as', asn },
  ]
}

/** IPv4 unicast with IPv6 next hops (RFC 8950). */
function extendedNextHop(config: PeerConfig): Capability[] {
  if (!takesIpv6NextHops(config)) return []
  return [
    {
      kind: 'extended-next-hop',
      families: [{ afi: AFI.IPV4, safi: SAFI.UNICAST, nextHopAfi: AFI.IPV6 }],
    },
  ]
}

/** RFC 7911 section 4. */
function addPath({ addPathReceive, addPathSend, families }: PeerConfig): Capability[] {
  const [receive, send] = [addPathReceive === true, addPathSend === true]
  if (!receive && !send) return []
  const each = families.map((family) => ({ ...FAMILY_CODES[family], receive, send }))
  return [{ kind: 'add-path', families: each }]
}

/** RFC 9234 section 4.1: on external sessions only. */
function role({ role: ours, asn: theirs }: PeerConfig, asn: number): Capability[] {
  return ours === undefined || theirs === asn ? [] : [{ kind: 'role', role: roleCode(ours) }]
}

function gracefulRestart(
  { gracefulRestart: wanted, families }: PeerConfig,
  restarting: boolean,
): Capability[] {
  if (wanted === undefined) return []
  const { time, forwarding } = wanted
  return [
    {
      kind: 'graceful-restart',
      restarting,
      notification: true,
      time,
      families: families.map((family) => ({ ...FAMILY_CODES[family], forwarding })),
    },
  ]
}

/** RFC 9494 section 3.1. */
function longLived({
  gracefulRestart: restart,
  longLivedRestart: wanted,
  families,
}: PeerConfig): Capability[] {
  if (restart === undefined || wanted === undefined) return []
  const { forwarding } = restart
  const time = (family: Family) =>
    typeof wanted.time === 'number' ? wanted.time : (wanted.time[family] ?? 0)
  return [
    {
      kind: 'long-lived-graceful-restart',
      families: families.map((family) => ({ ...FAMILY_CODES[family], forwarding, time: time(family) })),
    },
  ]
}
