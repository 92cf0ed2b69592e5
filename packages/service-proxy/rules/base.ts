/** The constant rules of the service proxy: sets and chains of table `inet podroute`, as one nft transaction. */
import type { Family } from '../types.ts'
import { SET_NAMES, setOf, setType, TABLE } from './sets.ts'

export const FILTER_CHAIN = 'service-filter'
export const OUTPUT_CHAIN = 'service-output'
export const SNAT_CHAIN = 'service-snat'

export const CHAINS: Readonly<Record<string, string>> = {
  // Before IPVS, which takes its packets at the end of the same hook.
  [FILTER_CHAIN]: 'type filter hook input priority filter; policy accept;',
  // The same for what the node itself sends, which IPVS takes at this hook already.
  [OUTPUT_CHAIN]: 'type filter hook output priority mangle; policy accept;',
  [SNAT_CHAIN]: 'type nat hook postrouting priority srcnat; policy accept;',
}

const TRANSPORTS = 'meta l4proto { tcp, udp, sctp }'
const FAMILIES: readonly Family[] = [4, 6]

/** Loading it again changes nothing; elements stay. */
export function baseScript(): string {
  const sets = FAMILIES.flatMap((family) =>
    SET_NAMES.map((name) => `add set ${TABLE} ${setOf(name, family)} { ${setType(name, family)} }`),
  )
  const chains = Object.entries(CHAINS).flatMap(([name, hook]) => [
    `add chain ${TABLE} ${name} { ${hook} }`,
    `flush chain ${TABLE} ${name}`,
  ])
  const rules = [
    ...FAMILIES.flatMap(refusals).map((rule) => `add rule ${TABLE} ${FILTER_CHAIN} ${rule}`),
    ...FAMILIES.map((family) => `add rule ${TABLE} ${OUTPUT_CHAIN} ${resets(family)}`),
    ...[
      // Inside the node there is nothing to hide behind, and the loopback has no address to do it with.
      'oifname "lo" return',
      ...FAMILIES.flatMap(masquerades),
    ].map((rule) => `add rule ${TABLE} ${SNAT_CHAIN} ${rule}`),
  ]
  return `${[`add table ${TABLE}`, ...sets, ...chains, ...rules].join('\n')}\n`
}

/**
 * A service address is local to the node, but must never show the node's own ports. TCP is reset, because a client on IPv6
 * takes an ICMP error for an answer only after its first retransmission, a second later (measured; Linux 6.1). Of a virtual
 * server without a destination IPVS itself refuses the rest, by ICMP.
 */
function refusals(family: Family): string[] {
  const ip = protocolName(family)
  const asked = `${ip} daddr . meta l4proto . th dport`
  const unknown = `ct state new ${ip} daddr @${setOf('service-vips', family)} ${asked} != @${setOf('service-ports', family)}`
  return [
    resets(family),
    `meta l4proto tcp ${unknown} reject with tcp reset`,
    `meta l4proto { udp, sctp } ${unknown} reject`,
  ]
}

function resets(family: Family): string {
  const asked = `${protocolName(family)} daddr . meta l4proto . th dport`
  return `meta l4proto tcp ct state new ${asked} @${setOf('service-refused', family)} reject with tcp reset`
}

/**
 * Evaluated once a connection, after IPVS has chosen the endpoint. The original direction of connection tracking still names the
 * address and port that the client used, so that no packet marks are needed, which others might use too.
 */
function masquerades(family: Family): string[] {
  const ip = protocolName(family)
  // Without the protocols in front nft does not know the type of the port.
  const asked = `${TRANSPORTS} ct original ${ip} daddr . meta l4proto . ct original proto-dst`
  return [
    `${ip} saddr . ${ip} daddr @${setOf('service-hairpin', family)} masquerade`,
    `${asked} @${setOf('service-masquerade', family)} masquerade`,
    `ct original ${ip} daddr @${setOf('service-vips', family)} ` +
      `${ip} saddr != @${setOf('service-pods', family)} masquerade`,
  ]
}

/** Takes chains and sets away; the table is shared, and goes with its last user. */
export function removalScript(): string {
  const chains = Object.keys(CHAINS)
  const sets = FAMILIES.flatMap((family) => SET_NAMES.map((name) => setOf(name, family)))
  const commands = [
    ...chains.map((name) => `flush chain ${TABLE} ${name}`),
    ...chains.map((name) => `delete chain ${TABLE} ${name}`),
    ...sets.map((name) => `delete set ${TABLE} ${name}`),
  ]
  return `${commands.join('\n')}\n`
}

function protocolName(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
