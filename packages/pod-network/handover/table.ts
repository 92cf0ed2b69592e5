/**
 * What hands packets of connections on that this node does not know to one that is being left and may know them. IPVS takes what it knows
 * at the end of the same hook: what comes later and begins no connection is one of another node's. The copy goes out as it came in, its
 * TTL less one, and is not tracked (net/ipv4/netfilter/nf_dup_ipv4.c). Pure.
 */
import type { Family } from '@podroute/address/address.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'

/** NF_IP_PRI_NAT_SRC - 1 is IPVS (net/netfilter/ipvs/ip_vs_core.c); NAT of this hook comes at 100. */
const AFTER_IPVS = 110

/** Of one family each: nft can send a copy to an address only in these. */
export const HANDOVER_TABLES: Readonly<Record<Family, string>> = {
  4: 'ip podroute-handover',
  6: 'ip6 podroute-handover',
}

export interface HandoverRules {
  /** Of Services, in a fixed order. */
  readonly addresses: readonly string[]
  /** Address of the node that is being left, on a network of this node. */
  readonly to: string
  /** Of the pods, whose connections no router moves. */
  readonly bridge: string
}

export function handoverTable(family: Family, { addresses, to, bridge }: HandoverRules): NftTable {
  const ip = family === 4 ? 'ip' : 'ip6'
  const handOn = `dup to ${to} drop`
  return {
    name: HANDOVER_TABLES[family],
    sets: {},
    chains: {
      unknown: {
        hook: `type filter hook input priority ${AFTER_IPVS}; policy accept;`,
        rules: [`iifname != { "lo", "${bridge}" } ${ip} daddr { ${addresses.join(', ')} } goto hand-on`],
      },
      'hand-on': {
        // New ones are this node's. What a path says of the size of packets is about connections, too.
        rules: [`tcp flags ! syn ${handOn}`, `${ERRORS[family]} ${handOn}`],
      },
    },
  }
}

const ERRORS: Readonly<Record<Family, string>> = {
  4: 'icmp type destination-unreachable',
  6: 'icmpv6 type { destination-unreachable, packet-too-big }',
}
