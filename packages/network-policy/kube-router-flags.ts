/** Flags of kube-router that concern network policy. */
import { type Flag, judged, meaningless, refuse, sets } from '@podroute/feature/flag.ts'

export const KUBE_ROUTER_FLAGS: readonly Flag[] = [
  sets('run-firewall', 'bool', 'networkPolicy.enabled'),
  judged<boolean>('netpol-default-deny', 'bool', [], (on) =>
    on
      ? refuse(
          'pods that no policy selects would be open here: put a NetworkPolicy that selects all pods and allows nothing into each namespace, then leave the flag out',
        )
      : undefined,
  ),
  meaningless('use-nftables-for-netpol', 'bool', 'policies are nftables rules in any case'),
  meaningless('iptables-sync-period', 'seconds', 'rules are changed with what they follow from, and audited'),
]
