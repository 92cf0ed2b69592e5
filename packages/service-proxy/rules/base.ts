/** The constant rules of the service proxy: sets and chains of table `inet podroute`, as one nft transaction. */

import type { Family } from '@podroute/address/address.ts'
import { MARK_BASE } from '../plan/marks.ts'
import { markText, SET_NAMES, setKind, setOf, setType, TABLE } from './sets.ts'

export const FILTER_CHAIN = 'service-filter'
export const OUTPUT_CHAIN = 'service-output'
export const SNAT_CHAIN = 'service-snat'
const AFFINITY_CHAIN = 'service-affinity'
const AFFINITY_OUTPUT_CHAIN = 'service-affinity-output'
const AFFINITY_LEARN_CHAIN = 'service-affinity-learn'

export const CHAINS: Readonly<Record<string, string>> = {
  // Before IPVS, which takes its packets at the end of the same hook.
  [FILTER_CHAIN]: 'type filter hook input priority filter; policy accept;',
  // The same for what the node itself sends, which IPVS takes at this hook already.
  [OUTPUT_CHAIN]: 'type filter hook output priority mangle; policy accept;',
  // Clients that had an endpoint a moment ago are led to it before IPVS could choose another one.
  [AFFINITY_CHAIN]: 'type nat hook prerouting priority dstnat; policy accept;',
  [AFFINITY_OUTPUT_CHAIN]: 'type nat hook output priority -100; policy accept;',
  // Which endpoint it was that IPVS chose shows on the way out; before anything is masqueraded.
  [AFFINITY_LEARN_CHAIN]: 'type filter hook postrouting priority 90; policy accept;',
  [SNAT_CHAIN]: 'type nat hook postrouting priority srcnat; policy accept;',
}

const TRANSPORTS = 'meta l4proto { tcp, udp, sctp }'
const FAMILIES: readonly Family[] = [4, 6]

/** Loading it again changes nothing; elements stay. */
export function baseScript(): string {
  const sets = FAMILIES.flatMap((family) =>
    SET_NAMES.map(
      (name) => `add ${setKind(name)} ${TABLE} ${setOf(name, family)} { ${setType(name, family)} }`,
    ),
  )
  const chains = Object.entries(CHAINS).flatMap(([name, hook]) => [
    `add chain ${TABLE} ${name} { ${hook} }`,
    `flush chain ${TABLE} ${name}`,
  ])
  const rules = [
    ...FAMILIES.flatMap(incoming).map((rule) => `add rule ${TABLE} ${FILTER_CHAIN} ${rule}`),
    ...FAMILIES.flatMap(affinities),
    ...FAMILIES.flatMap(outgoing).map((rule) => `add rule ${TABLE} ${OUTPUT_CHAIN} ${rule}`),
    // What IPVS sends on comes by here: its mark has done its work, and might mean something to others.
    `add rule ${TABLE} ${OUTPUT_CHAIN} meta mark & ${markText(0xff00_0000)} == ${markText(MARK_BASE)} meta mark set 0`,
    ...[
      // Inside the node there is nothing to hide behind, and the loopback has no address to do it with.
      'oifname "lo" return',
      ...FAMILIES.flatMap(masquerades),
    ].map((rule) => `add rule ${TABLE} ${SNAT_CHAIN} ${rule}`),
  ]
  return `${[`add table ${TABLE}`, ...sets, ...chains, ...rules].join('\n')}\n`
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
function affinities(family: Family): string[] {
  const leads = [
    `${unwelcome(family)} return`,
    `${TRANSPORTS} ${askedOf(family)} vmap @${setOf('service-affinity', family)}`,
  ]
  return [
    ...[AFFINITY_CHAIN, AFFINITY_OUTPUT_CHAIN].flatMap((chain) =>
      leads.map((rule) => `add rule ${TABLE} ${chain} ${rule}`),
    ),
    `add rule ${TABLE} ${AFFINITY_LEARN_CHAIN} ct state new ${originallyAsked(family)} ` +
      `vmap @${setOf('service-affinity-learn', family)}`,
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

/** Takes chains and sets away; the table is shared, and goes with its last user. */
export function removalScript(): string {
  const chains = Object.keys(CHAINS)
  const sets = FAMILIES.flatMap((family) =>
    SET_NAMES.map((name) => `delete ${setKind(name)} ${TABLE} ${setOf(name, family)}`),
  )
  const commands = [
    ...chains.map((name) => `flush chain ${TABLE} ${name}`),
    ...chains.map((name) => `delete chain ${TABLE} ${name}`),
    ...sets,
  ]
  return `${commands.join('\n')}\n`
}

function protocolName(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
