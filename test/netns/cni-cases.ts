// Configurations for the comparison with the reference plugins: every option alone, pairs that interact, and errors.

import type { NetnsWorld } from './cni-world.ts'

export interface Case {
  readonly name: string
  readonly plugin?: 'bridge' | 'host-local' | 'loopback' | 'portmap'
  readonly config?: object
  /** Changes to the host-local part; null: no IPAM at all. */
  readonly ipam?: object | null
  readonly args?: string
  readonly prepare?: (world: NetnsWorld, netns: string) => void
  /** Why our CHECK is content with what our ADD made, where the reference's fails on its own work. */
  readonly betterCheck?: string
  /** The reference's own words are not compared, its code is. */
  readonly fails?: true
  /** Containers that are added, one after the other. */
  readonly containers?: number
  readonly interfaceName?: string
  readonly version?: string
}

const V4 = { ranges: [[{ subnet: '10.50.0.0/24' }]] }
const V6 = { ranges: [[{ subnet: 'fd50::/64' }]] }
const DUAL = { ranges: [[{ subnet: '10.50.0.0/24' }], [{ subnet: 'fd50::/64' }]] }
const FAMILIES = { v4: V4, v6: V6, 'dual stack': DUAL }

const inEveryFamily = (name: string, config: object, ipam: object = {}): Case[] =>
  Object.entries(FAMILIES).map(([family, ranges]) => ({
    name: `${name}, ${family}`,
    config,
    ipam: { ...ranges, ...ipam },
  }))

const MAIN_TABLE_ONLY =
  'the reference looks for every route in the main table, whatever table its ADD put it in'

const MAC = '02:aa:00:00:00:07'
const DEFAULT_ROUTES = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]

const bridgeCases: Case[] = [
  ...inEveryFamily('plain', {}),
  ...inEveryFamily('isGateway', { isGateway: true }),
  ...inEveryFamily('isDefaultGateway', { isDefaultGateway: true }),
  ...inEveryFamily('ipMasq', { isDefaultGateway: true, ipMasq: true, ipMasqBackend: 'nftables' }),
  ...inEveryFamily('ipMasq by iptables', { isDefaultGateway: true, ipMasq: true, ipMasqBackend: 'iptables' }),
  ...inEveryFamily('enabledad', { isGateway: true, enabledad: true }),
  { name: 'mtu', config: { mtu: 1400 }, ipam: V4 },
  { name: 'hairpinMode', config: { hairpinMode: true }, ipam: V4 },
  { name: 'promiscMode', config: { promiscMode: true }, ipam: V4 },
  { name: 'portIsolation', config: { portIsolation: true }, ipam: V4 },
  { name: 'macspoofchk', config: { macspoofchk: true }, ipam: V4 },
  { name: 'layer 2', ipam: null },
  { name: 'disableContainerInterface', config: { disableContainerInterface: true }, ipam: null },
  { name: 'runtimeConfig.mac', config: { runtimeConfig: { mac: MAC } }, ipam: V4 },
  { name: 'args.cni.mac', config: { args: { cni: { mac: MAC } } }, ipam: V4 },
  { name: 'CNI_ARGS MAC', args: `IgnoreUnknown=1;MAC=${MAC}`, ipam: V4 },
  {
    name: 'runtimeConfig.mac before args and CNI_ARGS',
    args: 'IgnoreUnknown=1;MAC=02:aa:00:00:00:01',
    config: { runtimeConfig: { mac: MAC }, args: { cni: { mac: '02:aa:00:00:00:02' } } },
    ipam: V4,
  },
  {
    name: 'dns of the configuration',
    config: { dns: { nameservers: ['10.0.0.53'], search: ['a.b'] } },
    ipam: V4,
  },
  { name: 'another interface name', interfaceName: 'net1', config: { isGateway: true }, ipam: V4 },
  {
    name: 'three containers',
    containers: 3,
    config: { isDefaultGateway: true, hairpinMode: true },
    ipam: DUAL,
  },
  {
    name: 'bridge that exists',
    config: { isGateway: true },
    ipam: V4,
    prepare: (world) => world.addLink('host', 'side0', 'bridge'),
  },
  {
    name: 'bridge that has the address',
    config: { isGateway: true },
    ipam: V4,
    prepare(world) {
      world.addLink('host', 'side0', 'bridge')
      world.addAddress('host', 'side0', '10.50.0.1/24')
    },
  },
  {
    name: 'forceAddress',
    config: { isGateway: true, forceAddress: true },
    ipam: V4,
    prepare(world) {
      world.addLink('host', 'side0', 'bridge')
      world.addAddress('host', 'side0', '10.99.0.1/24')
    },
  },
  {
    name: 'another IPv6 prefix on the bridge',
    config: { isGateway: true },
    ipam: V6,
    prepare(world) {
      world.addLink('host', 'side0', 'bridge')
      world.addAddress('host', 'side0', 'fd99::1/64')
    },
  },
  {
    name: 'default routes of the IPAM',
    config: { isGateway: true },
    ipam: { ...DUAL, routes: DEFAULT_ROUTES },
  },
  {
    name: 'routes with a gateway',
    config: { isGateway: true },
    ipam: { ...V4, routes: [{ dst: '10.60.0.0/16', gw: '10.50.0.9' }, { dst: '10.61.0.0/16' }] },
  },
  {
    name: 'a destination by two gateways',
    config: { isGateway: true },
    ipam: {
      ...DUAL,
      routes: [
        { dst: '10.60.0.0/16', gw: '10.50.0.8' },
        { dst: '10.60.0.0/16', gw: '10.50.0.9' },
        { dst: 'fd60::/64', gw: 'fd50::8' },
        { dst: 'fd60::/64', gw: 'fd50::9' },
      ],
    },
  },
  {
    name: 'routes with priority, table and scope',
    betterCheck: MAIN_TABLE_ONLY,
    config: { isGateway: true },
    ipam: {
      ...V4,
      routes: [
        { dst: '10.60.0.0/16', priority: 7 },
        { dst: '10.61.0.0/16', table: 77 },
        { dst: '10.62.0.0/16', table: 5000, priority: 9 },
      ],
    },
  },
  {
    name: 'default route with another gateway beside isDefaultGateway',
    config: { isDefaultGateway: true },
    ipam: { ...V4, routes: [{ dst: '0.0.0.0/0', gw: '10.50.0.9' }] },
  },
  {
    name: 'gateway of the range',
    config: { isGateway: true },
    ipam: { ranges: [[{ subnet: '10.50.0.0/24', gateway: '10.50.0.77' }]] },
  },
  {
    name: 'two addresses of a family',
    config: { isDefaultGateway: true, forceAddress: false },
    ipam: { ranges: [[{ subnet: 'fd50::/64' }], [{ subnet: 'fd51::/64' }]] },
  },
  {
    name: 'IPv6 off in the container',
    config: { isGateway: true },
    ipam: V6,
    prepare: (world, netns) => world.setSetting(netns, 'ipv6/conf/lo/disable_ipv6', '1'),
  },
  ...['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.1.0'].map((version) => ({
    name: `version ${version}`,
    version,
    config: { isDefaultGateway: true },
    ipam: { ...DUAL, routes: [{ dst: '10.60.0.0/16' }] },
  })),
]

const hostLocalCases: Case[] = [
  { name: 'one range', ipam: V4 },
  {
    name: 'old form',
    ipam: {
      subnet: '10.50.0.0/24',
      rangeStart: '10.50.0.10',
      rangeEnd: '10.50.0.20',
      gateway: '10.50.0.254',
    },
  },
  { name: 'old form and ranges', ipam: { subnet: '10.51.0.0/24', ...DUAL } },
  { name: 'three containers', containers: 3, ipam: DUAL },
  {
    name: 'several ranges in a set',
    containers: 3,
    ipam: { ranges: [[{ subnet: '10.50.0.0/30' }, { subnet: '10.51.0.0/29' }]] },
  },
  {
    name: 'runtimeConfig.ipRanges',
    config: { runtimeConfig: { ipRanges: [[{ subnet: '10.70.0.0/24' }]] } },
    ipam: V4,
  },
  { name: 'runtimeConfig.ips', config: { runtimeConfig: { ips: ['10.50.0.40'] } }, ipam: V4 },
  { name: 'args.cni.ips', config: { args: { cni: { ips: ['10.50.0.41', 'fd50::41/64'] } } }, ipam: DUAL },
  { name: 'CNI_ARGS IP', args: 'IP=10.50.0.42', ipam: V4 },
  {
    name: 'routes',
    ipam: {
      ...DUAL,
      routes: [
        ...DEFAULT_ROUTES,
        { dst: '10.1.0.0/16', gw: '10.50.0.9', mtu: 1400, advmss: 1300, priority: 5, table: 3, scope: 0 },
      ],
    },
  },
  { name: 'resolvConf', ipam: { ...V4, resolvConf: '/etc/resolv.conf' } },
  { name: 'a small prefix', ipam: { ranges: [[{ subnet: '10.50.0.0/30' }]] } },
  { name: 'a large IPv6 prefix', ipam: { ranges: [[{ subnet: 'fd50::/16' }]] } },
  {
    name: 'addresses in other spellings',
    ipam: { ranges: [[{ subnet: 'FD50:0:0:0::/64', rangeStart: 'fd50::0010' }]] },
  },
  { name: 'version 0.2.0', version: '0.2.0', ipam: { ...DUAL, routes: DEFAULT_ROUTES } },
].map((c) => ({ ...c, plugin: 'host-local' as const }))

const loopbackCases: Case[] = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'].map((version) => ({
  name: `version ${version}`,
  plugin: 'loopback',
  version,
  ipam: null,
}))

const WEB = { hostPort: 8080, containerPort: 80, protocol: 'tcp' }
const MAPPED = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/var/run/netns/container' }],
  ips: [
    { address: '10.50.0.2/24', gateway: '10.50.0.1', interface: 0 },
    { address: 'fd50::2/64', gateway: 'fd50::1', interface: 0 },
  ],
}

const portmapCase = (name: string, portMappings: object[] | undefined, changes: object = {}): Case => ({
  name,
  plugin: 'portmap',
  config: {
    backend: 'nftables',
    prevResult: MAPPED,
    ...(portMappings === undefined ? {} : { runtimeConfig: { portMappings } }),
    ...changes,
  },
})

const portmapCases: Case[] = [
  portmapCase('one port', [WEB]),
  portmapCase('every protocol', [
    WEB,
    { hostPort: 53, containerPort: 5353, protocol: 'udp' },
    { hostPort: 99, containerPort: 98, protocol: 'sctp' },
  ]),
  portmapCase('hostIP', [
    { ...WEB, hostIP: '192.0.2.1' },
    { ...WEB, hostPort: 81, hostIP: '2001:db8::1' },
    { ...WEB, hostPort: 82, hostIP: '0.0.0.0' },
    { ...WEB, hostPort: 83, hostIP: '::' },
  ]),
  portmapCase(
    'a range of ports',
    [1, 2, 3].map((i) => ({ ...WEB, hostPort: 9000 + i, containerPort: 90 + i })),
  ),
  portmapCase('without snat', [WEB], { snat: false }),
  portmapCase('masqAll', [WEB], { masqAll: true }),
  portmapCase('conditions', [WEB], {
    conditionsV4: ['ip', 'saddr', '10.0.0.0/8'],
    conditionsV6: ['ip6', 'saddr', 'fd00::/8'],
  }),
  portmapCase('IPv4 only', [WEB], { prevResult: { ...MAPPED, ips: MAPPED.ips.slice(0, 1) } }),
  portmapCase('IPv6 only', [WEB], { prevResult: { ...MAPPED, ips: MAPPED.ips.slice(1) } }),
  portmapCase('no mappings', undefined),
]

const byIptables = (name: string, portMappings: object[], changes: object = {}): Case =>
  portmapCase(`${name}, by iptables`, portMappings, { backend: 'iptables', ...changes })

const portmapIptablesCases: Case[] = [
  byIptables('one port', [WEB]),
  { ...byIptables('two containers', [WEB, { ...WEB, hostPort: 82 }]), containers: 2 },
  byIptables('every protocol', [
    WEB,
    { hostPort: 53, containerPort: 5353, protocol: 'udp' },
    { hostPort: 99, containerPort: 98, protocol: 'sctp' },
  ]),
  byIptables('hostIP', [
    { ...WEB, hostIP: '192.0.2.1' },
    { ...WEB, hostPort: 81, hostIP: '2001:db8::1' },
    { ...WEB, hostPort: 82, hostIP: '0.0.0.0' },
    { ...WEB, hostPort: 83, hostIP: '::' },
  ]),
  byIptables(
    'more ports than a rule takes',
    Array.from({ length: 33 }, (_, i) => ({ ...WEB, hostPort: 9000 + i, containerPort: 90 + i })),
  ),
  byIptables('without snat', [WEB], { snat: false }),
  byIptables('masqAll', [WEB], { masqAll: true }),
  byIptables('markMasqBit', [WEB], { markMasqBit: 21 }),
  byIptables('IPv6 only', [WEB], { prevResult: { ...MAPPED, ips: MAPPED.ips.slice(1) } }),
  portmapCase('conditions in iptables’ words', [WEB], {
    backend: undefined,
    conditionsV4: ['!', '-d', '10.0.0.0/8'],
    conditionsV6: ['-s', 'fd00::/8', '-m', 'comment', '--comment', 'of "ours"'],
  }),
  {
    ...portmapCase('externalSetMarkChain', [WEB], { backend: undefined, externalSetMarkChain: 'MARKS' }),
    prepare: (world) => world.inHost('sh', '-c', 'iptables -t nat -N MARKS; ip6tables -t nat -N MARKS'),
  },
]

const portmapFailures: Case[] = [
  portmapCase('unknown backend', [WEB], { backend: 'pf' }),
  byIptables('conditions of nftables', [WEB], { conditionsV4: ['ip', 'saddr', '10.0.0.0/8'] }),
  portmapCase('externalSetMarkChain beside nftables', [WEB], { externalSetMarkChain: 'MARKS' }),
  portmapCase('externalSetMarkChain and markMasqBit', [WEB], {
    backend: undefined,
    externalSetMarkChain: 'MARKS',
    markMasqBit: 3,
  }),
  byIptables('a mark bit that is none', [WEB], { markMasqBit: 32 }),
  byIptables('a condition that is none', [WEB], { conditionsV4: ['--nothing'] }),
  portmapCase('no host port', [{ ...WEB, hostPort: 0 }]),
  portmapCase('host port too large', [{ ...WEB, hostPort: 65536 }]),
  portmapCase('no container port', [{ ...WEB, containerPort: 0 }]),
  portmapCase('hostIP that is none', [{ ...WEB, hostIP: 'x' }]),
  portmapCase('conditions of the other backend', [WEB], { conditionsV4: ['!', '-d', '10.0.0.0/8'] }),
  portmapCase('no previous result', [WEB], { prevResult: undefined }),
]

const range = (fields: object) => ({ ranges: [[{ subnet: '10.50.0.0/24', ...fields }]] })

const failures: Case[] = [
  { name: 'bridge that is none', config: { bridge: 'lo' }, ipam: V4 },
  {
    name: 'an address in the way',
    config: { isGateway: true },
    ipam: V4,
    prepare(world) {
      world.addLink('host', 'side0', 'bridge')
      world.addAddress('host', 'side0', '10.99.0.1/24')
    },
  },
  { name: 'hairpin and promiscuous', config: { hairpinMode: true, promiscMode: true }, ipam: V4 },
  { name: 'IPAM without container interface', config: { disableContainerInterface: true }, ipam: V4 },
  { name: 'vlan out of range', config: { vlan: 5000 }, ipam: V4 },
  { name: 'trunk without minID', config: { vlanTrunk: [{ maxID: 5 }] }, ipam: V4 },
  { name: 'trunk upside down', config: { vlanTrunk: [{ minID: 9, maxID: 5 }] }, ipam: V4 },
  { name: 'MAC that is none', config: { runtimeConfig: { mac: 'zz' } }, ipam: V4 },
  { name: 'IPAM that is not there', config: { ipam: { type: 'nothing' } } },
  { name: 'unknown masquerade backend', config: { ipMasq: true, ipMasqBackend: 'pf' }, ipam: V4 },
  { name: 'wrong type of a field', config: { mtu: 'big' }, ipam: V4 },
  {
    name: 'interface that exists',
    ipam: V4,
    prepare: (world, netns) => world.addLink(netns, 'eth0', 'vxlan'),
  },
  { name: 'route to nowhere', ipam: { ...V4, routes: [{ dst: '10.9.0.0/16', gw: '192.0.2.9' }] } },
  { name: 'unknown CNI_ARGS', args: 'FOO=bar', ipam: V4 },
  { name: 'broken CNI_ARGS', args: 'FOO', ipam: V4 },
  {
    name: 'two default gateways of IPv4',
    config: { isGateway: true },
    ipam: { ranges: [[{ subnet: '10.50.0.0/24' }], [{ subnet: '10.51.0.0/24' }]] },
  },
  { name: 'no ranges', plugin: 'host-local', ipam: { ranges: [] } },
  { name: 'no ipam', plugin: 'host-local', ipam: null },
  { name: 'too small', plugin: 'host-local', ipam: range({ subnet: '10.50.0.0/31' }) },
  { name: 'host bits', plugin: 'host-local', ipam: range({ subnet: '10.50.0.3/24' }) },
  { name: 'start outside', plugin: 'host-local', ipam: range({ rangeStart: '10.51.0.1' }) },
  { name: 'end outside', plugin: 'host-local', ipam: range({ rangeEnd: '10.51.0.1' }) },
  { name: 'start behind the last', plugin: 'host-local', ipam: range({ rangeStart: '10.50.0.255' }) },
  { name: 'gateway outside', plugin: 'host-local', ipam: range({ gateway: '10.51.0.1' }) },
  { name: 'gateway of the other family', plugin: 'host-local', ipam: range({ gateway: 'fd50::1' }) },
  {
    name: 'overlap',
    plugin: 'host-local',
    ipam: { ranges: [[{ subnet: '10.50.0.0/24' }], [{ subnet: '10.50.0.0/16' }]] },
  },
  {
    name: 'mixed families',
    plugin: 'host-local',
    ipam: { ranges: [[{ subnet: '10.50.0.0/24' }, { subnet: 'fd50::/64' }]] },
  },
  {
    name: 'request nobody serves',
    plugin: 'host-local',
    config: { runtimeConfig: { ips: ['192.0.2.1'] } },
    ipam: V4,
  },
  {
    name: 'request of the gateway',
    plugin: 'host-local',
    config: { runtimeConfig: { ips: ['10.50.0.1'] } },
    ipam: V4,
  },
  {
    name: 'exhausted',
    plugin: 'host-local',
    containers: 2,
    ipam: { ranges: [[{ subnet: '10.50.0.0/30' }]] },
  },
  { name: 'missing resolvConf', plugin: 'host-local', ipam: { ...V4, resolvConf: '/no/such/file' } },
  { name: 'version that nobody speaks', plugin: 'host-local', version: '7.0.0', ipam: V4 },
  { name: 'version that is none', plugin: 'host-local', version: 'x', ipam: V4 },
  {
    name: 'two of a family in 0.2.0',
    plugin: 'host-local',
    version: '0.2.0',
    ipam: { ranges: [[{ subnet: '10.50.0.0/24' }], [{ subnet: '10.51.0.0/24' }]] },
  },
  { name: 'no network name', plugin: 'host-local', config: { name: '' }, ipam: V4 },
  { name: 'network name with a slash', plugin: 'host-local', config: { name: 'a/b' }, ipam: V4 },
]

/** For kernels that have VLANs on bridges. Few: the machine that runs them is an emulated one. */
export const VLAN_CASES: readonly Case[] = [
  { name: 'vlan with gateways', config: { vlan: 100, isDefaultGateway: true, mtu: 1400 }, ipam: DUAL },
  { name: 'vlan beside the default one', config: { vlan: 100, preserveDefaultVlan: true }, ipam: V4 },
  { name: 'vlanTrunk', config: { vlanTrunk: [{ id: 7 }, { minID: 10, maxID: 12 }] }, ipam: V4 },
  { name: 'vlan and vlanTrunk', config: { vlan: 9, vlanTrunk: [{ minID: 10, maxID: 12 }] }, ipam: V4 },
]

export const CASES: readonly Case[] = [
  ...bridgeCases,
  ...hostLocalCases,
  ...loopbackCases,
  ...portmapCases,
  ...portmapIptablesCases,
  ...[...failures, ...portmapFailures].map((c) => ({ ...c, fails: true as const })),
]
