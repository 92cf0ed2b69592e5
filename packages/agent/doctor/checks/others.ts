/** Checks for what others do on the node: firewalls that drop, and other networks and proxies that are there, too. */
import { bridgeName } from '../bridge-name.ts'
import { type Check, checkOf, fail, OK, type Outcome, unknown, warn } from '../check.ts'
import type { Facts, HookedChain } from '../facts.ts'

const isOurs = ({ table }: HookedChain) => table.startsWith('podroute')

function dropping(hook: string): (chains: readonly HookedChain[]) => readonly HookedChain[] {
  return (chains) =>
    chains.filter((chain) => chain.hook === hook && chain.policy === 'drop' && !isOurs(chain))
}

const at = ({ family, table, name }: HookedChain) => `${family} ${table} ${name}`

function forwarding(family: 4 | 6): Check {
  const program = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy'
  return checkOf(
    `legacy-forward-ipv${family}`,
    `${program} lets pods pass`,
    ({ legacyForward }) => legacyForward,
    (chains, { confFiles }) => {
      const bridge = bridgeName(confFiles)
      const chain = chains.find((candidate) => candidate.family === family)
      if (chain?.policy !== 'drop' || (chain.acceptsFrom.length > 0 && chain.acceptsTo.length > 0)) return OK
      return fail(
        `the policy of FORWARD in ${program} is DROP`,
        `${program} -A FORWARD -i ${bridge} -j ACCEPT; ${program} -A FORWARD -o ${bridge} -j ACCEPT`,
      )
    },
  )
}

/** Interfaces that another network or proxy makes. */
function interfaces(name: string, program: string, pattern: RegExp, todo: string): Check {
  return checkOf(
    name,
    `${program} has left no interface`,
    ({ links }) => links,
    (links) => {
      const found = links.filter((link) => pattern.test(link.name)).map((link) => link.name)
      return found.length === 0 ? OK : warn(`${found.join(', ')} of ${program}`, todo)
    },
  )
}

/** Chains that another network or proxy makes, in iptables-nft and in nftables. */
function chains(name: string, program: string, pattern: RegExp, judge: (problem: string) => Outcome): Check {
  return checkOf(
    name,
    `${program} has no rules here`,
    (facts) => facts.chains,
    (all) => {
      const found = all.filter((chain) => pattern.test(chain))
      return found.length === 0 ? OK : judge(`${found.length} chains of ${program}, such as ${found[0]}`)
    },
  )
}

const hasBgpPort = ({ ports }: Facts) => 'value' in ports && ports.value.includes('tcp 179')

export const OTHERS_CHECKS: readonly Check[] = [
  forwarding(4),
  forwarding(6),
  checkOf(
    'nft-forward',
    'nftables and iptables-nft let pods pass',
    ({ hookedChains }) => hookedChains,
    (all, { confFiles }) => {
      const found = dropping('forward')(all)
      return found.length === 0
        ? OK
        : warn(
            `what is forwarded is dropped by ${found.map(at).join(', ')} unless a rule accepts it`,
            `let it accept what comes in by ${bridgeName(confFiles)} and goes out by it`,
          )
    },
  ),
  checkOf(
    'bgp-firewall',
    'a local firewall lets BGP in',
    ({ hookedChains }) => hookedChains,
    (all) => {
      const found = dropping('input')(all)
      return found.length === 0
        ? OK
        : warn(
            `what comes in is dropped by ${found.map(at).join(', ')} unless a rule accepts it`,
            'let it accept TCP port 179 from the other nodes and the routers',
          )
    },
  ),
  checkOf(
    'bgp-port',
    'no other daemon has the port of BGP',
    ({ ports }) => ports,
    (_ports, facts) =>
      hasBgpPort(facts) && 'unknown' in facts.agent
        ? fail(
            'TCP port 179 is taken, and no agent of podroute runs',
            'ss -tlnp sport = :179 says by whom: stop it, or give podroute another port (bgp.port)',
          )
        : OK,
  ),
  interfaces(
    'kube-proxy-interface',
    'kube-proxy',
    /^kube-ipvs0$/,
    'where kube-proxy is gone: ip link delete kube-ipvs0',
  ),
  interfaces(
    'kube-router-interface',
    'kube-router',
    /^(kube-dummy-if|tun-[0-9a-f]{11})$/,
    'where kube-router is gone: run its --cleanup-config, or ip link delete each',
  ),
  interfaces(
    'flannel',
    'flannel',
    /^(flannel\.\d+|flannel-.*)$/,
    'remove its DaemonSet, then ip link delete each',
  ),
  interfaces(
    'calico',
    'Calico',
    /^(cali[0-9a-f]{11}|vxlan\.calico|tunl0@.*)$/,
    'remove it, then drain and reboot the node',
  ),
  interfaces(
    'cilium',
    'Cilium',
    /^(cilium_.*|lxc[0-9a-f]{12,})$/,
    'remove it (cilium uninstall), then drain and reboot the node',
  ),
  chains(
    'kube-proxy-rules',
    'kube-proxy',
    /^ip6? kube-proxy | KUBE-(SERVICES|NODEPORTS|SVC-.*)$/,
    (problem) =>
      fail(
        problem,
        'remove kube-proxy, then run kube-proxy --cleanup on the node; or set the proxy’s switch in the configuration to false',
      ),
  ),
  chains('kube-router-rules', 'kube-router', / KUBE-(ROUTER|POD-FW|NWPLCY)-.*$/, (problem) =>
    fail(problem, 'remove its DaemonSet, then run kube-router --cleanup-config on the node'),
  ),
  {
    name: 'default-route',
    summary: 'the node has a default route',
    judge: ({ defaultRoutes }) =>
      'unknown' in defaultRoutes
        ? unknown(defaultRoutes.unknown)
        : defaultRoutes.value.length > 0
          ? OK
          : warn('there is no default route', 'pods reach nothing outside of the cluster: give the node one'),
  },
]
