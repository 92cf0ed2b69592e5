// GoBGP: configuration, and its tables by its own command line.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Daemon,
  eventually,
  NamespaceProcess,
  type Neighbor,
  output,
  type Scenario,
  THEIR_ID,
  type TheirRoute,
  temporaryDirectory,
} from './daemon.ts'
import { ADDRESS, type Link } from './link.ts'

function configuration(scenario: Scenario): string {
  const { over, theirAsn, ourAsn, neighbors = [] } = scenario
  const us = { address: ADDRESS.ours[over], asn: ourAsn, client: scenario.reflector === true }
  return `
[global.config]
  as = ${theirAsn}
  router-id = "${THEIR_ID}"
  local-address-list = ["${ADDRESS.theirs[over]}"]
${neighborOf(scenario, us, over)}
${neighbors.map((neighbor) => neighborOf(scenario, neighbor, 4)).join('')}
`
}

function neighborOf(scenario: Scenario, { address, asn, client }: Neighbor, over: 4 | 6): string {
  const { gracefulRestart, clusterId = THEIR_ID } = scenario
  const ours = address === ADDRESS.ours[over]
  return `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asn}
    ${ours ? 'admin-down = true' : ''}
    ${scenario.password === undefined ? '' : `auth-password = "${scenario.password}"`}
  [neighbors.transport.config]
    local-address = "${ADDRESS.theirs[over]}"
    ${ours ? '' : 'passive-mode = true'}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  ${client ? `[neighbors.route-reflector.config]\n    route-reflector-client = true\n    route-reflector-cluster-id = "${clusterId}"` : ''}
  ${scenario.ttlSecurity ? '[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255' : ''}
  ${gracefulRestart === undefined ? '' : `[neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = ${gracefulRestart}\n    deferral-time = 5`}
    ${scenario.longLived === undefined ? '' : 'long-lived-enabled = true'}
  ${familyOf(scenario, 4)}
  ${familyOf(scenario, 6)}
`
}

function familyOf({ gracefulRestart, longLived, maxPrefixes, addPath }: Scenario, family: 4 | 6): string {
  return `
    [[neighbors.afi-safis]]
      [neighbors.afi-safis.config]
        afi-safi-name = "ipv${family}-unicast"
      ${gracefulRestart === undefined ? '' : '[neighbors.afi-safis.mp-graceful-restart.config]\n        enabled = true'}
      ${longLived === undefined ? '' : `[neighbors.afi-safis.long-lived-graceful-restart.config]\n        enabled = true\n        restart-time = ${longLived}`}
      ${maxPrefixes === undefined ? '' : `[neighbors.afi-safis.prefix-limit.config]\n        max-prefixes = ${maxPrefixes}`}
      ${addPath ? '[neighbors.afi-safis.add-paths.config]\n        receive = true\n        send-max = 8' : ''}`
}

interface LargeCommunity {
  readonly ASN: number
  readonly LocalData1: number
  readonly LocalData2: number
}

interface ExtendedCommunity {
  readonly subtype: number
  readonly value: string
}

interface Attribute {
  readonly type: number
  readonly nexthop?: string
  readonly communities?: readonly number[]
  readonly as_paths?: readonly { readonly asns: readonly number[] }[]
  /** A string in ORIGINATOR_ID, a list in CLUSTER_LIST and the communities. */
  readonly value?: string | readonly (string | LargeCommunity | ExtendedCommunity)[]
}

interface GobgpPath {
  readonly nlri: { readonly prefix: string }
  readonly attrs: readonly Attribute[]
  readonly stale?: boolean
  readonly 'neighbor-ip'?: string
}

export class Gobgp implements Daemon {
  readonly name = 'GoBGP'
  readonly #directory = temporaryDirectory('gobgp')
  #process: NamespaceProcess | undefined
  #link: Link | undefined
  #us = ''

  async start(link: Link, scenario: Scenario): Promise<void> {
    this.#link = link
    this.#us = ADDRESS.ours[scenario.over]
    const config = join(this.#directory.path, 'gobgpd.toml')
    writeFileSync(config, configuration(scenario))
    this.#process = new NamespaceProcess(link.theirs, 'gobgpd', [
      '-f',
      config,
      '--pprof-disable',
      '--api-hosts=127.0.0.1:50051',
      ...(scenario.restarting ? ['-r'] : []),
    ])
    await eventually(
      () => this.ask('global'),
      (text) => text.includes('AS:'),
    )
    // Its routes cannot stand in its configuration: it must not have a session before it has been told of them.
    for (const prefix of scenario.announce) await this.#announce(prefix)
    await this.ask('neighbor', this.#us, 'enable')
  }

  async routes(): Promise<readonly TheirRoute[]> {
    const families = await Promise.all(
      ['ipv4', 'ipv6'].map(async (family) => {
        const text = await this.ask('global', 'rib', '-a', family, '-j')
        const paths = Object.values(JSON.parse(text || '{}') as Record<string, GobgpPath[]>).flat()
        return paths.filter((path) => path['neighbor-ip'] === this.#us).map(toRoute)
      }),
    )
    return families.flat()
  }

  ask(...command: readonly string[]): Promise<string> {
    return output('ip', ['netns', 'exec', this.#link!.theirs, 'gobgp', ...command])
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal)
    this.#directory.remove()
  }

  async #announce(prefix: string): Promise<void> {
    const v6 = prefix.includes(':')
    const family = ['-a', v6 ? 'ipv6' : 'ipv4']
    const tags = ['community', '65000:100', 'large-community', '65000:1:2', 'rt', '65000:5', 'med', '77']
    await this.ask('global', 'rib', 'add', prefix, 'nexthop', ADDRESS.theirs[v6 ? 6 : 4], ...tags, ...family)
  }
}

function toRoute({ nlri, attrs, stale }: GobgpPath): TheirRoute {
  const of = (type: number) => attrs.find((attribute) => attribute.type === type)
  const list = <T>(type: number) => (of(type)?.value ?? []) as readonly T[]
  const standard = (of(8)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`)
  const large = list<LargeCommunity>(32).map(
    ({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`,
  )
  const extended = list<ExtendedCommunity>(16).map(({ value }) => `rt ${value}`)
  const originatorId = of(9)?.value
  return {
    prefix: nlri.prefix,
    nextHop: of(3)?.nexthop ?? of(14)?.nexthop ?? '',
    asPath: (of(2)?.as_paths ?? []).flatMap(({ asns }) => asns),
    communities: [...standard, ...large, ...extended],
    stale: stale === true,
    ...(typeof originatorId === 'string' ? { originatorId } : {}),
    clusterList: list<string>(10),
  }
}
