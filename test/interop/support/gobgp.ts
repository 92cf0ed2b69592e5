// GoBGP: configuration, and its tables by its own command line.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Daemon,
  eventually,
  NamespaceProcess,
  output,
  type Scenario,
  type TheirRoute,
  temporaryDirectory,
} from './daemon.ts'
import { ADDRESS, type Link } from './link.ts'

function configuration(scenario: Scenario): string {
  const { over, theirAsn, ourAsn, gracefulRestart, longLived, maxPrefixes } = scenario
  const family = (of: 4 | 6) => `
    [[neighbors.afi-safis]]
      [neighbors.afi-safis.config]
        afi-safi-name = "ipv${of}-unicast"
      ${gracefulRestart === undefined ? '' : '[neighbors.afi-safis.mp-graceful-restart.config]\n        enabled = true'}
      ${longLived === undefined ? '' : `[neighbors.afi-safis.long-lived-graceful-restart.config]\n        enabled = true\n        restart-time = ${longLived}`}
      ${maxPrefixes === undefined ? '' : `[neighbors.afi-safis.prefix-limit.config]\n        max-prefixes = ${maxPrefixes}`}`
  return `
[global.config]
  as = ${theirAsn}
  router-id = "10.99.0.2"
  local-address-list = ["${ADDRESS.theirs[over]}"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${ADDRESS.ours[over]}"
    peer-as = ${ourAsn}
    admin-down = true
    ${scenario.password === undefined ? '' : `auth-password = "${scenario.password}"`}
  [neighbors.transport.config]
    local-address = "${ADDRESS.theirs[over]}"
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  ${scenario.ttlSecurity ? '[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255' : ''}
  ${gracefulRestart === undefined ? '' : `[neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = ${gracefulRestart}\n    deferral-time = 5`}
    ${longLived === undefined ? '' : 'long-lived-enabled = true'}
  ${family(4)}
  ${family(6)}
`
}

interface Attribute {
  readonly type: number
  readonly nexthop?: string
  readonly communities?: readonly number[]
  readonly as_paths?: readonly { readonly asns: readonly number[] }[]
  readonly value?: readonly {
    readonly ASN: number
    readonly LocalData1: number
    readonly LocalData2: number
  }[]
}

interface GobgpPath {
  readonly nlri: { readonly prefix: string }
  readonly attrs: readonly Attribute[]
  readonly stale?: boolean
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
        const text = await this.ask('neighbor', this.#us, 'adj-in', '-a', family, '-j')
        const paths = Object.values(JSON.parse(text || '{}') as Record<string, GobgpPath[]>).flat()
        return paths.map(toRoute)
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
    const tags = ['community', '65000:100', 'large-community', '65000:1:2', 'med', '77']
    await this.ask('global', 'rib', 'add', prefix, 'nexthop', ADDRESS.theirs[v6 ? 6 : 4], ...tags, ...family)
  }
}

function toRoute({ nlri, attrs, stale }: GobgpPath): TheirRoute {
  const of = (type: number) => attrs.find((attribute) => attribute.type === type)
  const standard = (of(8)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`)
  const large = (of(32)?.value ?? []).map((value) => `${value.ASN}:${value.LocalData1}:${value.LocalData2}`)
  return {
    prefix: nlri.prefix,
    nextHop: of(3)?.nexthop ?? of(14)?.nexthop ?? '',
    asPath: (of(2)?.as_paths ?? []).flatMap(({ asns }) => asns),
    communities: [...standard, ...large],
    stale: stale === true,
  }
}
