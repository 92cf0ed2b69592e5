// What a world's kernel looks like, without what differs from run to run: names of veths, hardware addresses, indexes.

import type { Place } from '../../packages/cni/testing/world.ts'
import type { NetnsWorld } from './cni-world.ts'
import { command } from './cni-world.ts'

interface RawLink {
  readonly [field: string]: unknown
  readonly ifname: string
  readonly linkinfo?: {
    info_kind?: string
    info_slave_data?: Record<string, unknown>
    info_data?: Record<string, unknown>
  }
  readonly addr_info: readonly Record<string, unknown>[]
}

const LINK_FIELDS = [
  'ifname',
  'mtu',
  'flags',
  'operstate',
  'master',
  'promiscuity',
  'group',
  'txqlen',
  'linkmode',
]
/** What is not compared: kind of link and field, and why. */
export const NOT_COMPARED: Readonly<Record<string, string>> = {
  'veth txqlen': 'the reference sets the host end to 0 without meaning to; we keep the kernel’s default',
  'bridge operstate': 'the kernel sets it up to a second later',
}

/** Flags that follow a bridge's carrier, which the kernel updates up to a second later. */
const LATE_FLAGS = ['NO-CARRIER', 'LOWER_UP', 'linkdown']

const settledFlags = (from: Record<string, unknown>) =>
  Array.isArray(from.flags) ? { flags: from.flags.filter((flag) => !LATE_FLAGS.includes(flag)) } : {}

const PORT_FIELDS = [
  'state',
  'hairpin',
  'guard',
  'root_block',
  'fastleave',
  'learning',
  'flood',
  'mcast_flood',
  'isolated',
  'vlan_tunnel',
  'proxy_arp',
]
const BRIDGE_FIELDS = [
  'stp_state',
  'vlan_filtering',
  'vlan_default_pvid',
  'ageing_time',
  'forward_delay',
  'mcast_snooping',
]
const ADDRESS_FIELDS = [
  'family',
  'local',
  'prefixlen',
  'broadcast',
  'scope',
  'label',
  'nodad',
  'deprecated',
  'noprefixroute',
  'protocol',
]
const ROUTE_FIELDS = [
  'type',
  'dst',
  'gateway',
  'dev',
  'table',
  'protocol',
  'scope',
  'metric',
  'prefsrc',
  'metrics',
  'flags',
  'nexthops',
]

const pick = (from: Record<string, unknown> | undefined, fields: readonly string[]) =>
  Object.fromEntries(
    fields.filter((field) => from?.[field] !== undefined).map((field) => [field, from![field]]),
  )

const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** Names that are drawn at random, in their order of appearance, become the same names everywhere. */
export function normalize(value: unknown, world: NetnsWorld): unknown {
  const text = JSON.stringify(value)
    .replaceAll(world.host, 'HOST')
    .replaceAll(world.data, 'DATA')
    .replace(/veth[0-9a-f]{8}/g, 'vethX')
    .replace(/(?<![0-9a-f:])(?!00:00|02:aa:00:00)([0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])/g, 'MAC')
  return JSON.parse(text) as unknown
}

/**
 * The rules as nft prints them, without iptables' tables, which come from iptables itself; the reference leaves empty ones
 * behind where it has looked for old rules.
 */
const viewFilters = (text: string | undefined) =>
  text
    ?.replace(/^table ip6? nat \{\n(?:[^}].*\n|\n)*\}$/gm, '')
    .trim()
    .split('\n')
    .map((line) => line.trim())

/** iptables' rules by chain, in their order; chains in no order. */
const viewIptables = (text: string | undefined) =>
  text
    ?.split('\n')
    .filter((line) => line.startsWith('-A ') || line.startsWith(':CNI'))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .map((line, index) => ({ line, index, chain: line.split(' ')[line.startsWith(':') ? 0 : 1]! }))
    .sort((a, b) => (a.chain === b.chain ? a.index - b.index : a.chain < b.chain ? -1 : 1))
    .map(({ line }) => line)

function viewLinks(raw: readonly RawLink[]): unknown[] {
  return raw
    .map((link) => ({
      ...pick(
        link,
        LINK_FIELDS.filter((field) => !NOT_COMPARED[`${link.linkinfo?.info_kind} ${field}`]),
      ),
      ...settledFlags(link),
      kind: link.linkinfo?.info_kind,
      port: pick(link.linkinfo?.info_slave_data, PORT_FIELDS),
      bridge: pick(link.linkinfo?.info_data, BRIDGE_FIELDS),
      addresses: link.addr_info
        // The kernel's own link-local addresses follow the hardware address.
        .filter((address) => address.scope !== 'link')
        .map((address) => pick(address, ADDRESS_FIELDS))
        .sort(byText),
    }))
    .sort(byText)
}

const viewRoutes = (raw: readonly Record<string, unknown>[]): unknown[] =>
  raw
    .filter((route) => !String(route.dst).startsWith('fe80:') && route.dst !== 'ff00::/8')
    .map((route) => ({ ...pick(route, ROUTE_FIELDS), ...settledFlags(route) }))
    .sort(byText)

const SETTINGS: Readonly<Record<'host' | 'container', readonly string[]>> = {
  host: ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'],
  container: [
    'ipv6/conf/eth0/accept_dad',
    'ipv6/conf/eth0/enhanced_dad',
    'ipv6/conf/eth0/disable_ipv6',
    'ipv6/conf/eth0/keep_addr_on_down',
    'ipv4/conf/eth0/arp_notify',
  ],
}

/** Both families' nat tables, where there are any. */
const IPTABLES = `nft list tables | grep -q ' nat$' && (iptables-save -t nat; ip6tables-save -t nat)`

/** One place, by one execution: links, routes of both families, settings, and the host's rules as nft prints them. */
function placeState(world: NetnsWorld, place: Place): unknown {
  const settings = SETTINGS[place === 'host' ? 'host' : 'container']
  const parts = [
    'ip -d -j addr',
    'ip -4 -j route show table all',
    'ip -6 -j route show table all',
    ...settings.map((name) => `cat /proc/sys/net/${name} 2>/dev/null`),
    place === 'host' ? 'nft list ruleset' : 'true',
    place === 'host' ? IPTABLES : 'true',
    // Nothing where the kernel has no VLANs on bridges.
    place === 'host' ? 'bridge -j vlan show 2>/dev/null' : 'true',
  ]
  const output = world.inPlace(place, 'sh', '-c', parts.map((part) => `${part}; echo ----`).join('; '))
  const [links, v4, v6, ...rest] = output.split('----\n').map((part) => part.trim())
  return {
    links: viewLinks(JSON.parse(links || '[]') as RawLink[]),
    routes: [v4, v6].map((text) => viewRoutes(JSON.parse(text || '[]') as Record<string, unknown>[])),
    settings: Object.fromEntries(settings.map((name, i) => [name, rest[i]])),
    filters: viewFilters(rest[settings.length]),
    iptables: viewIptables(rest[settings.length + 1]),
    vlans: (JSON.parse(rest[settings.length + 2] || '[]') as unknown[]).sort(byText),
  }
}

/** Lease files and what is in them. */
function leases(world: NetnsWorld, network: string): Record<string, string> {
  const directory = `${world.data}/${network}`
  return Object.fromEntries(
    world
      .list(directory)
      .sort()
      .map((name) => [name, world.read(`${directory}/${name}`)]),
  )
}

const isUnsettled = (address: Record<string, unknown>) =>
  address.tentative === true && address.scope !== 'link'

/** Waits until duplicate address detection is done, but for the kernel's own addresses, which nobody compares. */
export function settle(world: NetnsWorld, places: readonly Place[]): void {
  for (const place of places)
    for (let i = 0; i < 500; i++) {
      if (!world.ip<RawLink[]>(place, '-6', 'addr').some((link) => link.addr_info.some(isUnsettled))) break
      command('sleep', '0.01')
    }
}

/** Everything that a plugin may have changed. */
export function stateOf(world: NetnsWorld, containers: readonly string[], network: string): unknown {
  const state = {
    host: placeState(world, 'host'),
    containers: containers.map((container) => placeState(world, container)),
    leases: leases(world, network),
  }
  return normalize(state, world)
}
