// The configuration of a peer's update group and its key: peers with equal keys are sent the same UPDATEs.
import { isLinkLocal, parseAddress, parseScoped } from '../../address.ts'
import type { Family, PeerConfig } from '../../config.ts'
import { MAX_EXTENDED_LENGTH, MAX_LENGTH } from '../../packet/codes.ts'
import type { WireOptions } from '../../packet/wire-attributes.ts'
import type { Negotiated } from '../../peer/session/negotiation.ts'
import type { Policy } from '../../policy/policy.ts'
import { DEFAULT_LOCAL_PREF } from '../attribute-table.ts'
import { keepsFromPeer, marksForPeer } from '../only-to-customer.ts'

/** Everything that decides what a peer is sent, other than its export policy. */
export interface GroupConfig {
  readonly families: readonly Family[]
  readonly external: boolean
  readonly options: WireOptions
  readonly maxLength: number
  /** Members are route reflector clients (RFC 4456). */
  readonly client: boolean
  readonly clusterId: number
  /** Replace every next hop by our own. */
  readonly nextHopSelf: boolean
  /** Our own next hop by family; undefined: there is none, and routes that need it are not sent. */
  readonly self: Readonly<Record<Family, Uint8Array | undefined>>
  /** IPv4 prefixes may have an IPv6 next hop (RFC 8950). */
  readonly ipv4OverIpv6: boolean
  /** Long-lived stale paths (RFC 9494) are sent as they are, not at all, or with the lowest preference. */
  readonly longLived: 'pass' | 'withhold' | 'lower'
  /** Routes with ONLY_TO_CUSTOMER are not sent (RFC 9234 section 5). */
  readonly withholdsOtc: boolean
  /** Families with add-path: members are sent all paths (RFC 7911). */
  readonly addPath: readonly Family[]
}

export function makeGroupConfig(
  peer: PeerConfig,
  speaker: { readonly asn: number; readonly clusterId: number },
  external: boolean,
  negotiated: Negotiated,
  localAddress: string,
): GroupConfig {
  return {
    families: negotiated.families,
    external,
    options: {
      fourOctetAs: negotiated.fourOctetAs,
      prepend: external ? toldAsns(peer, speaker.asn) : [],
      external,
      localPref: external ? undefined : DEFAULT_LOCAL_PREF,
      onlyToCustomer: external && marksForPeer(peer.role) ? (peer.localAsn ?? speaker.asn) : undefined,
      reflect: undefined,
    },
    maxLength: negotiated.extendedMessages ? MAX_EXTENDED_LENGTH : MAX_LENGTH,
    client: peer.routeReflectorClient === true,
    clusterId: speaker.clusterId,
    nextHopSelf: external ? peer.nextHopUnchanged !== true : peer.nextHopSelf === true,
    self: {
      'ipv4-unicast': own(peer, localAddress, 'ipv4-unicast', negotiated),
      'ipv6-unicast': own(peer, localAddress, 'ipv6-unicast', negotiated),
    },
    ipv4OverIpv6: negotiated.ipv4OverIpv6,
    longLived:
      negotiated.longLived !== undefined
        ? 'pass'
        : peer.longLivedRestart?.tellAnyway === true && !external
          ? 'lower'
          : 'withhold',
    withholdsOtc: external && keepsFromPeer(peer.role),
    addPath: negotiated.addPathSend,
  }
}

/** Our own AS numbers in what an external peer is told (RFC 7705 section 3.3). */
function toldAsns({ localAsn = 0, localAsnPrepends }: PeerConfig, asn: number): readonly number[] {
  if (localAsn === 0 || localAsn === asn) return [asn]
  return localAsnPrepends === true ? [localAsn, asn] : [localAsn]
}

/** Our own next hop of a family: as configured, else the session's local address when it is of that family. On a link-local session the link-local address follows a configured IPv6 one (RFC 2545 section 3). */
function own(
  peer: PeerConfig,
  localAddress: string,
  family: Family,
  negotiated: Negotiated,
): Uint8Array | undefined {
  const configured = family === 'ipv4-unicast' ? peer.nextHop?.ipv4 : peer.nextHop?.ipv6
  const address = parseScoped(localAddress)
  if (configured !== undefined) {
    const bytes = parseAddress(configured)!
    return bytes.length === 16 && address !== undefined && isLinkLocal(address)
      ? Uint8Array.of(...bytes, ...address)
      : bytes
  }
  const length = family === 'ipv4-unicast' ? 4 : 16
  if (address?.length === length) return address
  return family === 'ipv4-unicast' && negotiated.ipv4OverIpv6 ? address : undefined
}

export function groupKey(config: GroupConfig, policy: Policy | undefined): string {
  const { self, ...rest } = config
  const hops = [self['ipv4-unicast'], self['ipv6-unicast']].map((bytes) => bytes?.join('.') ?? '')
  return JSON.stringify([rest, hops, policy ?? null])
}
