import { readFileSync } from 'node:fs'
import type { PathOutcome } from '@podroute/linux/path-probe.ts'
import { expect } from 'chai'
import { examine } from './check.ts'
import { CHECKS, PARAMETERS } from './checks/checks.ts'
import type { AgentFacts, ClusterFacts, Facts } from './facts.ts'
import { chainsIn } from './gather.ts'

const OURS = { name: '10-podroute.conflist', text: '{"name":"podroute"}' }
const AGENT: AgentFacts = {
  nodeName: 'a',
  conditions: [{ name: 'services', ok: true, detail: '' }],
  watches: [{ name: 'nodes', connected: true }],
  pending: [],
}
const A = { name: 'a', podCIDRs: ['10.244.0.0/24', 'fd10::/64'], addresses: ['172.31.0.1', 'fd31::1'] }
const B = { name: 'b', podCIDRs: ['10.244.1.0/24', 'fd10:0:0:1::/64'], addresses: ['172.31.0.2', 'fd31::2'] }
const CLUSTER: ClusterFacts = { nodes: [A, B], serviceCIDRs: ['10.96.0.0/16'], skewSeconds: 1 }
const SYSCTLS: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/ipv4/vs/conntrack': '1',
  'net/bridge/bridge-nf-call-iptables': '1',
  'net/bridge/bridge-nf-call-ip6tables': '1',
  'net/ipv4/conf/all/arp_ignore': '1',
  'net/ipv4/conf/all/arp_announce': '2',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/kube-bridge/rp_filter': '2',
  'net/netfilter/nf_conntrack_count': '100',
  'net/netfilter/nf_conntrack_max': '1000',
  'net/ipv4/neigh/default/gc_thresh3': '1024',
  'net/ipv6/neigh/default/gc_thresh3': '1024',
}
const LINKS = [
  { name: 'lo', kind: '', mtu: 65536, up: true },
  { name: 'eth0', kind: '', mtu: 1500, up: true },
  { name: 'kube-bridge', kind: 'bridge', mtu: 1500, up: true },
]
const CHAIN = { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'accept' } as const
const ARRIVED = { kind: 'arrived' } as const
const PLUGINS = { bridge: true, 'host-local': true, loopback: true, portmap: true }
const plugins = (own: Readonly<Record<string, boolean>>): Facts['plugins'] => ({
  value: Object.entries(own).map(([name, isOwn]) => ({ name, own: isOwn })),
})
const HEALTHY: Facts = {
  nodeName: 'a',
  sysctls: { value: SYSCTLS },
  ipvs: { value: true },
  links: { value: LINKS },
  defaultRoutes: { value: [4] },
  routes: {
    value: [
      { destination: '0.0.0.0/0', gateway: true },
      { destination: '172.31.0.0/24', gateway: false },
      { destination: 'fd31::/64', gateway: false },
    ],
  },
  legacyForward: { value: [] },
  hookedChains: { value: [CHAIN] },
  chains: { value: ['ip filter FORWARD'] },
  ports: { value: ['tcp 179'] },
  confFiles: { value: [OURS] },
  plugins: plugins(PLUGINS),
  disk: { value: { space: 0.5, inodes: 0.5 } },
  files: { value: { open: 10, most: 100 } },
  certificates: { value: [{ path: '/a.crt', days: 300 }] },
  agent: { value: AGENT },
  cluster: { value: CLUSTER },
  paths: { value: [{ node: 'b', address: '172.31.0.2', size: 1500, small: ARRIVED, large: ARRIVED }] },
}

const sysctl = (name: string, value: string | undefined): Partial<Facts> => ({
  sysctls: { value: { ...SYSCTLS, [name]: value } },
})
const link = (name: string, more: object = {}): Partial<Facts> => ({
  links: {
    value: [
      ...LINKS.filter((one) => one.name !== name),
      { name, kind: 'dummy', mtu: 1500, up: true, ...more },
    ],
  },
})
const agent = (more: Partial<AgentFacts>): Partial<Facts> => ({ agent: { value: { ...AGENT, ...more } } })
const nodes = (...all: ClusterFacts['nodes']): Partial<Facts> => ({
  cluster: { value: { ...CLUSTER, nodes: all } },
})
const legacy = (family: 4 | 6): Partial<Facts> => ({
  legacyForward: { value: [{ family, policy: 'drop', acceptsFrom: [], acceptsTo: [] }] },
})
const skew = (skewSeconds: number): Partial<Facts> => ({ cluster: { value: { ...CLUSTER, skewSeconds } } })

const api = (other: ClusterFacts['nodes'][number]) => ({ ...agent({ routing: 'api' }), ...nodes(A, other) })
const routers = (established: boolean, gracefulRestart: boolean) =>
  agent({ routers: [{ name: 'tor', established, gracefulRestart }] })
const way = (large: PathOutcome, small: PathOutcome = ARRIVED): Partial<Facts> => ({
  paths: { value: [{ node: 'b', address: '172.31.0.2', size: 1500, small, large }] },
})
const anotherCni = (facts: Partial<Facts> = {}): Partial<Facts> => ({ ...agent({ cni: false }), ...facts })
/** With a bridge of another name. */
const named = (more: object = {}): Partial<Facts> => ({
  ...link('pods0', more),
  confFiles: { value: [{ ...OURS, text: '{"name":"podroute","plugins":[{"bridge":"pods0"}]}' }] },
})

/** What makes each check say each of its words, and what its problem names. */
const CASES: readonly (readonly [check: string, facts: Partial<Facts>, kind: string, names?: string])[] = [
  ['ipvs', { ipvs: { value: false } }, 'fail'],
  ['node-subnets', api(B), 'ok'],
  ['node-subnets', api({ ...B, addresses: ['192.0.2.2', 'fd31::2'] }), 'fail', 'b are behind a router'],
  ['node-subnets', nodes(A, { ...B, addresses: ['192.0.2.2'] }), 'ok'],
  ['router-restarts', routers(true, false), 'warn', 'tor'],
  ['router-restarts', routers(true, true), 'ok'],
  ['router-restarts', routers(false, false), 'ok'],
  ['bridge', named({ kind: 'bridge', up: false }), 'fail', 'pods0 is down'],
  ['bridge', { confFiles: named().confFiles! }, 'warn', 'no pods0'],
  ['mtu', named({ kind: 'bridge', mtu: 9000 }), 'warn', '9000'],
  [
    'reverse-path',
    { ...named(), ...sysctl('net/ipv4/conf/pods0/rp_filter', '1') },
    ...(['fail', 'pods0 is strict'] as const),
  ],
  ['nftables', { hookedChains: { unknown: 'no nftables' } }, 'unknown', 'no nftables'],
  ['forwarding-ipv4', sysctl('net/ipv4/ip_forward', '0'), 'fail', 'ip_forward is 0'],
  ['forwarding-ipv6', sysctl('net/ipv6/conf/all/forwarding', '0'), 'fail'],
  ['forwarding-ipv6', sysctl('net/ipv6/conf/all/forwarding', undefined), 'ok'],
  ['bridge-rules-ipv4', sysctl('net/bridge/bridge-nf-call-iptables', undefined), 'fail', 'bridged'],
  ['bridge-rules-ipv6', sysctl('net/bridge/bridge-nf-call-ip6tables', '0'), 'fail'],
  ['ipvs-conntrack', sysctl('net/ipv4/vs/conntrack', '0'), 'fail'],
  ['arp-ignore', sysctl('net/ipv4/conf/all/arp_ignore', '0'), 'fail'],
  ['arp-announce', sysctl('net/ipv4/conf/all/arp_announce', '0'), 'fail'],
  ['reverse-path', sysctl('net/ipv4/conf/kube-bridge/rp_filter', '1'), 'fail', 'strict'],
  ['conntrack-room', sysctl('net/netfilter/nf_conntrack_count', '850'), 'warn', '85 %'],
  ['conntrack-room', sysctl('net/netfilter/nf_conntrack_count', '990'), 'fail'],
  ['conntrack-room', sysctl('net/netfilter/nf_conntrack_max', undefined), 'unknown'],
  ['neighbours-ipv4', sysctl('net/ipv4/neigh/default/gc_thresh3', '100'), 'warn', '112'],
  ['neighbours-ipv6', sysctl('net/ipv6/neigh/default/gc_thresh3', '100'), 'warn'],
  ['open-files', { files: { value: { open: 95, most: 100 } } }, 'fail'],
  ['disk-space', { disk: { value: { space: 0.01, inodes: 0.5 } } }, 'fail', '1.0 %'],
  ['inodes', { disk: { value: { space: 0.5, inodes: 0 } } }, 'fail'],
  ['legacy-forward-ipv4', legacy(4), 'fail'],
  ['legacy-forward-ipv6', legacy(6), 'fail', 'ip6tables-legacy'],
  ['nft-forward', { hookedChains: { value: [{ ...CHAIN, policy: 'drop' }] } }, 'warn', 'ip filter FORWARD'],
  ['nft-forward', { hookedChains: { value: [{ ...CHAIN, table: 'podroute-x', policy: 'drop' }] } }, 'ok'],
  ['bgp-firewall', { hookedChains: { value: [{ ...CHAIN, hook: 'input', policy: 'drop' }] } }, 'warn'],
  ['bgp-port', { agent: { unknown: 'none runs' } }, 'fail', '179'],
  ['kube-proxy-interface', link('kube-ipvs0'), 'warn', 'kube-ipvs0'],
  ['kube-router-interface', link('kube-dummy-if'), 'warn'],
  ['flannel', link('flannel.1'), 'warn'],
  ['calico', link('cali0123456789a'), 'warn'],
  ['cilium', link('cilium_host'), 'warn'],
  ['kube-proxy-rules', { chains: { value: ['ip nat KUBE-SERVICES'] } }, 'fail'],
  ['kube-proxy-rules', { chains: { value: ['ip kube-proxy services'] } }, 'fail'],
  ['kube-router-rules', { chains: { value: ['ip filter KUBE-POD-FW-ABC'] } }, 'fail'],
  ['default-route', { defaultRoutes: { value: [] } }, 'warn'],
  ['cni-configuration', { confFiles: { value: [] } }, 'fail'],
  ['cni-configuration', anotherCni(), 'warn', 'another CNI'],
  ['cni-configuration', anotherCni({ confFiles: { value: [] } }), 'ok'],
  ['cni-plugins', anotherCni({ plugins: plugins({ bridge: true }) }), 'ok'],
  ['bridge', anotherCni({ links: { value: [] } }), 'ok'],
  [
    'path-mtu',
    way({ kind: 'too-large', mtu: 1400 }),
    'fail',
    'b (172.31.0.2) are too large for a link that takes 1400',
  ],
  ['path-mtu', way({ kind: 'silent' }), 'fail', 'without a word'],
  ['path-mtu', way({ kind: 'silent' }, { kind: 'silent' }), 'unknown', 'no other node answers'],
  ['path-mtu', { paths: { value: [] } }, 'ok'],
  ['cni-order', { confFiles: { value: [{ name: '05-x.conf', text: '{}' }, OURS] } }, 'fail', '05-x.conf'],
  ['cni-order', { confFiles: { value: [OURS, { name: '99-x.conf', text: '{}' }] } }, 'ok'],
  ['cni-files', { confFiles: { value: [OURS, { name: '99-x.conf', text: '{' }] } }, 'fail', '99-x.conf'],
  ['cni-plugins', { plugins: plugins({ bridge: true }) }, 'fail', 'host-local, loopback, portmap'],
  ['cni-plugins', { plugins: plugins({ ...PLUGINS, bridge: false }) }, 'warn', 'its own bridge over'],
  ['cni-plugins', { plugins: plugins({ ...PLUGINS, tuning: false }) }, 'ok'],
  ['bridge', link('kube-bridge', { kind: 'bridge', up: false }), 'fail', 'down'],
  ['bridge', link('kube-bridge'), 'fail', 'dummy'],
  ['mtu', link('kube-bridge', { kind: 'bridge', mtu: 9000 }), 'warn', '9000'],
  ['certificates', { certificates: { value: [{ path: '/a.crt', days: 3.5 }] } }, 'warn', '3 days'],
  ['certificates', { certificates: { value: [{ path: '/a.crt', days: -1 }] } }, 'fail', 'has ended'],
  ['agent', { agent: { unknown: 'none runs' } }, 'unknown', 'none runs'],
  [
    'agent-conditions',
    agent({ conditions: [{ name: 'peers', ok: false, detail: 'one is down' }] }),
    'fail',
    'peers: one',
  ],
  ['agent-conditions', agent({ conditions: [{ name: 'x', ok: false, detail: '', advisory: true }] }), 'warn'],
  [
    'agent-watches',
    agent({ watches: [{ name: 'nodes', connected: false, lastError: 'EPIPE' }] }),
    'warn',
    'EPIPE',
  ],
  [
    'agent-watches',
    agent({ watches: [{ name: 'policies', connected: false, unavailable: 'not-served' }] }),
    'ok',
  ],
  [
    'failing-writes',
    agent({ pending: [{ table: 't', kind: 'add', key: 'k', error: 'EINVAL' }] }),
    ...(['fail', 't k: EINVAL'] as const),
  ],
  ['failing-writes', agent({ pending: [{ table: 't', kind: 'add', key: 'k', error: '' }] }), 'ok'],
  ['agent-node', agent({ nodeName: 'z' }), 'fail', 'z'],
  ['agent-node', { nodeName: undefined }, 'unknown'],
  ['api-server', { cluster: { unknown: 'ECONNREFUSED' } }, 'unknown', 'ECONNREFUSED'],
  ['clock', skew(-20), 'warn', 'behind'],
  ['clock', skew(400), 'fail', 'ahead'],
  ['node-name', { nodeName: 'c' }, 'fail', 'no Node c'],
  ['pod-ranges', nodes(A, { ...B, podCIDRs: [] }), 'fail', 'b has no podCIDR'],
  ['pod-ranges-overlap', nodes(A, { ...B, podCIDRs: ['10.244.0.128/25'] }), 'fail', '10.244.0.128/25 (b)'],
  ['pod-and-service-ranges', nodes({ ...A, podCIDRs: ['10.96.1.0/24'] }), 'fail', '10.96.0.0/16'],
  ['pod-ranges-and-nodes', nodes(A, { ...B, addresses: ['10.244.0.9'] }), 'fail', '10.244.0.9 of b'],
  ['node-addresses', nodes(A, { ...B, addresses: A.addresses }), 'fail', '172.31.0.1 is of a and b'],
  ['node-families', nodes({ ...A, addresses: ['172.31.0.1'] }), 'fail', 'a has no IPv6 address'],
]

describe('podroute doctor', () => {
  it('finds nothing on a healthy node', () => {
    const wrong = examine(CHECKS, HEALTHY).filter(({ outcome }) => outcome.kind !== 'ok')
    expect(wrong).to.deep.equal([])
  })

  for (const [check, facts, kind, names = ''] of CASES)
    it(`${check}: ${kind} ${names}`.trim(), () => {
      const [found] = examine(CHECKS, { ...HEALTHY, ...facts }).filter((finding) => finding.check === check)
      expect(found?.outcome.kind).to.equal(kind)
      if (kind !== 'ok') expect(found?.outcome).to.have.property('problem').that.includes(names)
      if (kind === 'warn' || kind === 'fail')
        expect(found?.outcome).to.have.property('todo').that.is.not.empty
    })

  it('has a case for each check, some 40 of them by different names', () => {
    expect(new Set(CASES.map(([check]) => check))).to.have.all.keys(CHECKS.map(({ name }) => name))
    expect(CHECKS.length).to.be.at.least(40)
  })

  it('does not know what it could not find out, and says why', () => {
    const nothing = Object.fromEntries(Object.keys(HEALTHY).map((key) => [key, { unknown: 'not asked' }]))
    for (const { check, outcome } of examine(CHECKS, nothing as unknown as Facts))
      expect(outcome, check).to.deep.equal({ kind: 'unknown', problem: 'not asked' })
  })

  it('gathers the parameters that its checks look at', () => {
    expect([...PARAMETERS].sort()).to.deep.equal(Object.keys(SYSCTLS).sort())
  })

  it('is described in the documentation, check by check', () => {
    const page = readFileSync('docs/troubleshooting.md', 'utf8')
    const rows = [...page.matchAll(/^\| `([\w-]+)` +\| (.+?) +\|$/gm)].map(([, name, summary]) => [
      name,
      summary,
    ])
    expect(rows).to.deep.equal(CHECKS.map(({ name, summary }) => [name, summary]))
  })

  it('reads chains with their tables', () => {
    const listing =
      'table ip nat {\n\tchain KUBE-SERVICES {\n\t}\n}\ntable inet x {\n\tchain c {\n\t\ttype filter hook input priority 0;\n\t}\n}\n'
    expect(chainsIn(listing)).to.deep.equal(['ip nat KUBE-SERVICES', 'inet x c'])
  })
})
