/**
 * Pods are who they are: what comes out of a pod's port has the pod's own hardware and IP addresses, in ARP and neighbour discovery too, and
 * is nothing that only routers send. As many rules for one pod as for all; each port has a few elements. Ports that are not known pass.
 */
import { type ElementType, ND_TARGET, type NftChain, type NftTable } from '@podroute/kernel/nft/definition.ts'

export const SOURCES_TABLE = 'bridge podroute-ports'

/**
 * Sets that the CNI plugin fills, too (cni/bridge/source-check.ts): a change of one is a change of both. One that means something else gets
 * another name: while a table is replaced a port must not be in `checked-links` without its addresses, or its pod is cut off.
 */
export const SOURCE_SETS: Readonly<Record<string, ElementType>> = {
  'checked-links': { key: ['iface_index'] },
  'link-macs': { key: ['iface_index', 'ether_addr'] },
  'link-sources-4': { key: ['iface_index', 'ether_addr', 'ipv4_addr'] },
  'link-sources-6': { key: ['iface_index', 'ether_addr', 'ipv6_addr'] },
  /** The same addresses, as neighbour discovery has them in its messages. */
  'link-targets-6': { key: ['iface_index', 'nd_target'] },
}

/** Before the bridge learns where a hardware address is, and before netfilter sees packets of IP (dstnat of bridges: -300). */
const HOOK = 'type filter hook prerouting priority -310; policy accept;'

/** RFC 8200 and RFC 4443 by number: their names differ between versions of nft. */
const MLD_QUERY = 130
const MLD_JOIN = '131, 132, 143'
const ROUTER_ADVERTISEMENT = 134
const SOLICITATION = 135
const ADVERTISEMENT = 136
const REDIRECT = 137
const DHCP_CLIENT = 68
const DHCPV6_CLIENT = 546

const SOURCE_4 = 'iif . ether saddr . ip saddr @link-sources-4'
const SOURCE_6 = 'iif . ether saddr . ip6 saddr @link-sources-6'

/**
 * Only what is named gets through: other protocols, such as those that bridges speak, are none of a pod's. Nearly all packets end at the
 * first or second rule, by one look-up, of a key with the port's index, as its name takes 40 ns more.
 */
const CHAINS: Readonly<Record<string, NftChain>> = {
  'from-ports': {
    hook: HOOK,
    rules: [
      `${SOURCE_4} @th,16,16 != ${DHCP_CLIENT} accept`,
      `${SOURCE_6} meta l4proto != 58 @th,16,16 != ${DHCPV6_CLIENT} accept`,
      'iif . ether saddr @link-macs goto from-pod',
      'iif @checked-links drop',
    ],
  },
  // What has no ports too: fragments, ICMP.
  'from-pod': {
    rules: [
      `${SOURCE_4} goto pod-ipv4`,
      `${SOURCE_6} goto pod-ipv6`,
      'meta protocol arp iif . arp saddr ether @link-macs goto pod-arp',
      // A host that looks whether its address is free, and that joins groups before it has one (RFC 4862, RFC 3590).
      'meta protocol ip6 ip6 saddr :: meta l4proto 58 goto pod-starting',
      'drop',
    ],
  },
  // A sender of 0.0.0.0 asks whether an address is in use (RFC 5227).
  'pod-arp': {
    rules: [
      'iif . arp saddr ether . arp saddr ip @link-sources-4 accept',
      'arp saddr ip 0.0.0.0 accept',
      'drop',
    ],
  },
  // What answers a DHCP client.
  'pod-ipv4': { rules: [`udp dport ${DHCP_CLIENT} drop`] },
  'pod-ipv6': {
    rules: [
      `udp dport ${DHCPV6_CLIENT} drop`,
      `icmpv6 type { ${MLD_QUERY}, ${ROUTER_ADVERTISEMENT}, ${REDIRECT} } drop`,
      `icmpv6 type ${ADVERTISEMENT} iif . ${ND_TARGET} @link-targets-6 accept`,
      `icmpv6 type ${ADVERTISEMENT} drop`,
    ],
  },
  'pod-starting': {
    rules: [
      `icmpv6 type ${SOLICITATION} iif . ${ND_TARGET} @link-targets-6 accept`,
      `icmpv6 type { ${MLD_JOIN} } accept`,
      'drop',
    ],
  },
}

/** Switched off it has no chain; sets and elements stay, so that it can be switched on for the pods that run. */
export function sourcesTable(enabled: boolean): NftTable {
  return { name: SOURCES_TABLE, sets: SOURCE_SETS, chains: enabled ? CHAINS : {} }
}
