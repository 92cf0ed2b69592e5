/** Kernel switches that a pod network needs. */

export interface SysctlPlan {
  /** Dotted or slashed below /proc/sys; slashes, because interface names may hold dots. */
  readonly name: string
  readonly value: string
}

/**
 * Forwarding on; bridged frames seen by netfilter (the reply of a pod on the same bridge must pass the NAT of its Service);
 * loose reverse-path filter on the bridge, where a Service's reply comes from another address than it was sent to.
 * `acceptRa`: interfaces that take router advertisements now: forwarding alone would make them stop (kernel ip-sysctl:
 * accept_ra=1 is ignored when forwarding), and the node would lose its IPv6 default route.
 * The bridge of another CNI plugin is left alone.
 */
export function planSysctls(
  { bridge, cni }: { readonly bridge: string; readonly cni: boolean },
  families: { readonly ipv6: boolean },
  acceptRa: readonly string[],
): readonly SysctlPlan[] {
  const ofBridge = (name: string, value: string) =>
    cni ? [{ name: name.replace('BRIDGE', bridge), value }] : []
  const always: SysctlPlan[] = [
    { name: 'net/ipv4/ip_forward', value: '1' },
    ...ofBridge('net/ipv4/conf/BRIDGE/rp_filter', '2'),
    { name: 'net/bridge/bridge-nf-call-iptables', value: '1' },
  ]
  if (!families.ipv6) return always
  return [
    ...acceptRa.map((name) => ({ name: `net/ipv6/conf/${name}/accept_ra`, value: '2' })),
    ...always,
    { name: 'net/ipv6/conf/all/forwarding', value: '1' },
    ...ofBridge('net/ipv6/conf/BRIDGE/accept_ra', '0'),
    { name: 'net/bridge/bridge-nf-call-ip6tables', value: '1' },
  ]
}
