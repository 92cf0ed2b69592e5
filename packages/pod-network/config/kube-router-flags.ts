/** Flags of kube-router that concern the network of the pods and BGP. */
import { type Flag, judged, meaningless, note, set, sets } from '@podroute/feature/flag.ts'
import { KUBE_ROUTER_PEER_FLAGS } from './kube-router-peers.ts'

const REPAIRED = 'changes are heard as they happen, and what somebody else changed is put back at once'
const NO_TUNNEL =
  'there are no tunnels: a node in another subnet is reached through the routers between, which need the pod routes (docs/migrating-from-kube-router.md, Overlay)'
const NO_GOBGP = 'there is no GoBGP: see `podroute peers` and `podroute routes` on the node'

/** Only what is asked for and not to be had is said. */
const tunnelFlag = (name: string, takes: Flag['takes']) => meaningless(name, takes, NO_TUNNEL)

export const KUBE_ROUTER_FLAGS: readonly Flag[] = [
  sets('run-router', 'bool', 'podNetwork.enabled'),
  sets('cluster-asn', 'number', 'asn'),
  sets('enable-ibgp', 'bool', 'bgp.mesh'),
  judged<boolean>('nodes-full-mesh', 'bool', ['bgp.reflectors', 'bgp.mesh'], (on, all) => {
    if (on) return set('bgp.reflectors', 'off')
    // Without it nodes of one AS have sessions with each other alone, and without enable-ibgp neither have they.
    return all.get('enable-ibgp') === false ? undefined : set('bgp.mesh', 'within-as')
  }),
  judged<boolean>('advertise-pod-cidr', 'bool', ['bgp.announce.kinds'], (on) =>
    on ? undefined : set('bgp.announce.kinds', ['clusterIPs', 'externalIPs', 'loadBalancerIPs']),
  ),
  judged<boolean>('override-nexthop', 'bool', ['bgp.announce.nextHop'], (on) =>
    on ? set('bgp.announce.nextHop', 'self') : undefined,
  ),
  judged<string>('router-id', 'text', ['bgp.routerId'], (id) =>
    // Nodes without IPv4 make one of their address.
    id === 'generate' || id === '' ? undefined : set('bgp.routerId', id),
  ),
  sets('advertise-cluster-ip', 'bool', 'serviceAddresses.clusterIPs'),
  sets('advertise-external-ip', 'bool', 'serviceAddresses.externalIPs'),
  sets('advertise-loadbalancer-ip', 'bool', 'serviceAddresses.loadBalancerIPs'),
  sets('bgp-port', 'number', 'bgp.port'),
  sets('bgp-holdtime', 'seconds', 'bgp.holdTimeSeconds'),
  sets('bgp-graceful-restart', 'bool', 'bgp.gracefulRestart.enabled'),
  sets('bgp-graceful-restart-time', 'seconds', 'bgp.gracefulRestart.timeSeconds'),
  meaningless(
    'bgp-graceful-restart-deferral-time',
    'seconds',
    'new routes are announced at once, whoever else restarts',
  ),
  ...KUBE_ROUTER_PEER_FLAGS,
  sets('enable-cni', 'bool', 'podNetwork.cni'),
  sets('enable-pod-egress', 'bool', 'podNetwork.masquerade'),
  sets('hairpin-mode', 'bool', 'podNetwork.hairpin', () => true),
  judged<boolean>('auto-mtu', 'bool', ['podNetwork.mtu'], (on) =>
    on
      ? set('podNetwork.mtu', 'auto')
      : note('kube-router leaves the MTU to the CNI configuration, which is ours here: set podNetwork.mtu'),
  ),
  judged<boolean>('enable-overlay', 'bool', [], (on) => (on ? note(NO_TUNNEL) : undefined)),
  tunnelFlag('overlay-type', 'text'),
  tunnelFlag('overlay-encap', 'text'),
  tunnelFlag('overlay-encap-port', 'number'),
  judged<boolean>('disable-source-dest-check', 'bool', [], (on) =>
    on
      ? note(
          'the cloud is not asked for anything: switch source/destination checks off where instances are made',
        )
      : undefined,
  ),
  meaningless('routes-sync-period', 'seconds', REPAIRED),
  meaningless('injected-routes-sync-period', 'seconds', REPAIRED),
  meaningless('gobgp-admin-address', 'text', NO_GOBGP),
  meaningless('gobgp-admin-port', 'number', NO_GOBGP),
]
