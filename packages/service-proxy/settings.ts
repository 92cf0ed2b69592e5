import type { Listen } from '@podroute/feature/listener.ts'

/** Kernel modules and settings without which the rest does not work, and why each. */

/** Of Services that ask for no other; its module is among those that have to be there. */
export const DEFAULT_SCHEDULER = 'rr'

export const MODULES = [
  'ip_vs',
  'ip_vs_rr',
  'nf_conntrack',
  'br_netfilter',
  // nftables would ask for those of our rules itself, but undo the transaction each time and begin it again.
  'nft_chain_nat',
  'nft_ct',
  'nft_masq',
  'nft_nat',
  'nft_reject_inet',
] as const

export const SYSCTLS: Readonly<Record<string, string>> = {
  // Without it connection tracking forgets what IPVS translates, and nothing can be masqueraded after it.
  'net.ipv4.vs.conntrack': '1',
  // A client that uses a port again is scheduled anew (kernels since 5.9 do so without a delay).
  'net.ipv4.vs.conn_reuse_mode': '1',
  // Connections and affinity end with the endpoint that they go to.
  'net.ipv4.vs.expire_nodest_conn': '1',
  'net.ipv4.vs.expire_quiescent_template': '1',
  // A local route makes the kernel answer ARP for a service address, on every node: it is to do that for addresses of the
  // interface that is asked only, and to ask with such a one itself.
  'net.ipv4.conf.all.arp_ignore': '1',
  'net.ipv4.conf.all.arp_announce': '2',
  // An endpoint on the client's own node answers over the bridge: its answer has to pass IPVS too.
  'net.bridge.bridge-nf-call-iptables': '1',
  'net.bridge.bridge-nf-call-ip6tables': '1',
}

/** Where the kernel has them (5.17 and later). */
export const OPTIONAL_SYSCTLS: Readonly<Record<string, string>> = {
  // Rates that nobody reads cost a timer that grows with the number of virtual servers.
  'net.ipv4.vs.run_estimation': '0',
}

/** What the operator sets for the service proxy, already validated. */
export interface ServiceProxySettings {
  readonly masqueradeAll: boolean
  /** Canonical prefixes that Services take their addresses from. */
  readonly serviceCIDRs: readonly string[]
  /** Canonical prefixes that nodes take their addresses from; none: not told. */
  readonly nodeCIDRs: readonly string[]
  /** Prefixes of the node's addresses on which NodePorts answer; none: on its primary address of each family. */
  readonly nodePortRanges: readonly string[]
  /** Prefixes that `spec.externalIPs` may take addresses from. */
  readonly externalRanges: readonly string[]
  /** For how long an endpoint that goes keeps its connections, in seconds. */
  readonly drain: number
  /** Virtual servers that another proxy left become ours, with their connections. */
  readonly takeOver: boolean
  /** Where kube-proxy's health pages are served. */
  readonly health: Listen
}
