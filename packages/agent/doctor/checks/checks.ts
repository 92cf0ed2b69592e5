/** All checks, in the order in which they are shown: what others stand on first. */
import type { Check } from '../check.ts'
import { CLUSTER_CHECKS } from './cluster.ts'
import { KERNEL_CHECKS } from './kernel.ts'
import { NODE_CHECKS } from './node.ts'
import { OTHERS_CHECKS } from './others.ts'
import { ROUTING_CHECKS } from './routing.ts'

export const CHECKS: readonly Check[] = [
  ...KERNEL_CHECKS,
  ...OTHERS_CHECKS,
  ...NODE_CHECKS,
  ...CLUSTER_CHECKS,
  ...ROUTING_CHECKS,
]

/** Parameters that checks look at. */
export const PARAMETERS: readonly string[] = [
  ...['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/ipv4/vs/conntrack'],
  ...['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'],
  ...['net/ipv4/conf/all/arp_ignore', 'net/ipv4/conf/all/arp_announce'],
  ...['net/ipv4/conf/all/rp_filter', 'net/ipv4/conf/kube-bridge/rp_filter'],
  ...['net/netfilter/nf_conntrack_count', 'net/netfilter/nf_conntrack_max'],
  ...['net/ipv4/neigh/default/gc_thresh3', 'net/ipv6/neigh/default/gc_thresh3'],
]
