/** The nftables table of the service proxy: its constant chains, and the sets that are filled for Services. */

import type { Family } from '@podroute/address/address.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import { markText } from '@podroute/kernel/nft/element.ts'
import { MARK_BASE } from '../plan/marks.ts'
import { affinityOfName } from './affinity.ts'
import { SETS, setOf, TABLE_NAME } from './sets.ts'

const TRANSPORTS = 'meta l4proto { tcp, udp, sctp }'
const FAMILIES: readonly Family[] = [4, 6]

/** What every Service needs of nftables, as nothing of it depends on a Service. */
export const SERVICE_TABLE: NftTable = {
  name: TABLE_NAME,
  sets: SETS,
  chains: {
    // Before IPVS, which takes its packets at the end of the same hook.
    'service-filter': {
      hook: 'type filter hook input priority filter; policy accept;',
      rules: FAMILIES.flatMap(incoming),
    },
    // The same for what the node itself sends, which IPVS takes at this hook already.
    'service-output': {
      hook: 'type filter hook output priority mangle; policy accept;',
      rules: [
        ...FAMILIES.flatMap(outgoing),
        // What IPVS sends on comes by here: its mark has done its work, and might mean something to others.
        `meta mark & ${markText(0xff00_0000)} == ${markText(MARK_BASE)} meta mark set 0`,
      ],
    },
    // Clients that had an endpoint a moment ago are led to it before IPVS could choose another one.
    'service-affinity': {
      hook: 'type nat hook prerouting priority dstnat; policy accept;',
      rules: FAMILIES.flatMap(leads),
    },
    'service-affinity-output': {
      hook: 'type nat hook output priority -100; policy accept;',
      rules: FAMILIES.flatMap(leads),
    },
    // Which endpoint it was that IPVS chose shows on the way out; before anything is masqueraded.
    'service-affinity-learn': {
      hook: 'type filter hook postrouting priority 90; policy accept;',
      rules: FAMILIES.map(
        (family) =>
          `ct state new ${originallyAsked(family)} vmap @${setOf('service-affinity-learn', family)}`,
      ),
    },
    'service-snat': {
      hook: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: [
        // Inside the node there is nothing to hide behind, and the loopback has no address to do it with.
        'oifname "lo" return',
        ...FAMILIES.flatMap(masquerades),
      ],
    },
  },
}

/** Whether a chain or a map belongs to a single short affinity. */
export function isOfAffinity(name: string): boolean {
  return affinityOfName(name) !== undefined
}

/** What others send to service addresses, before IPVS sees it. */
function incoming(family: Family): string[] {
  const ip = protocolName(family)
  const asked = askedOf(family)
  const outside = `${ip} saddr != @${setOf('service-pods', family)}`
  return [
    ...restrictions(family),
    `ct state new ${outside} ${asked} @${setOf('service-dropped-outside', family)} drop`,
    ...refusals(family),
    `${outside} ${TRANSPORTS} meta mark set ${asked} map @${setOf('service-marks', family)}`,
  ]
}

/** What the node itself sends there: IPVS takes it on its way out. */
function outgoing(family: Family): string[] {
  return [...restrictions(family), resets(family)]
}

/** Once a connection. Whom source ranges keep out is led nowhere. */
function leads(family: Family): string[] {
  return [
    `${unwelcome(family)} return`,
    `${TRANSPORTS} ${askedOf(family)} vmap @${setOf('service-affinity', family)}`,
  ]
}

/** Clients whom loadBalancerSourceRanges keep out. */
function unwelcome(family: Family): string {
  const ip = protocolName(family)
  // Not "meta l4proto": in keys of ranges nft 1.0.6 swaps the bytes of that one byte, which newer kernels refuse (seen: 7.2).
  const key = `${ip} daddr . ct original protocol . th dport . ${ip} saddr`
  return `${askedOf(family)} @${setOf('service-ranged', family)} ${key} != @${setOf('service-ranges', family)}`
}

/** For everybody, the node itself included, for which the address is a local one. */
function restrictions(family: Family): string[] {
  const asked = askedOf(family)
  return [
    `ct state new ${unwelcome(family)} drop`,
    `ct state new ${asked} @${setOf('service-dropped', family)} drop`,
  ]
}

/**
 * A service address is local to the node, but must never show the node's own ports. TCP is reset, because a client on IPv6
 * takes an ICMP error for an answer only after its first retransmission, a second later (measured; Linux 6.1). Of a virtual
 * server without a destination IPVS itself refuses the rest, by ICMP.
 */
function refusals(family: Family): string[] {
  const ip = protocolName(family)
  const vips = setOf('service-vips', family)
  const unknown = `ct state new ${ip} daddr @${vips} ${askedOf(family)} != @${setOf('service-ports', family)}`
  return [
    resets(family),
    `meta l4proto tcp ${unknown} reject with tcp reset`,
    `meta l4proto { udp, sctp } ${unknown} reject`,
  ]
}

function resets(family: Family): string {
  const refused = setOf('service-refused', family)
  return `meta l4proto tcp ct state new ${askedOf(family)} @${refused} reject with tcp reset`
}

/**
 * Evaluated once a connection, after IPVS has chosen the endpoint. The original direction of connection tracking still names the
 * address and port that the client used, so that no packet marks are needed, which others might use too.
 */
function masquerades(family: Family): string[] {
  const ip = protocolName(family)
  const asked = originallyAsked(family)
  return [
    `${ip} saddr . ${ip} daddr @${setOf('service-hairpin', family)} masquerade`,
    `${asked} @${setOf('service-direct', family)} return`,
    `${asked} @${setOf('service-masquerade', family)} masquerade`,
    `ct original ${ip} daddr @${setOf('service-vips', family)} ` +
      `${ip} saddr != @${setOf('service-pods', family)} masquerade`,
  ]
}

/** What the client asked for, wherever it goes. Without the protocols in front nft does not know the type of the port. */
function originallyAsked(family: Family): string {
  return `${TRANSPORTS} ct original ${protocolName(family)} daddr . meta l4proto . ct original proto-dst`
}

function askedOf(family: Family): string {
  return `${protocolName(family)} daddr . meta l4proto . th dport`
}

function protocolName(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
