// FRR's bgpd without zebra: configuration, and reading its tables by vtysh.
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
  const { over, theirAsn, ourAsn, announce } = scenario
  const us = ADDRESS.ours[over]
  const family = (of: 4 | 6) => `
 address-family ipv${of} unicast
${announce
  .filter((prefix) => prefix.includes(':') === (of === 6))
  .map((prefix) => `  network ${prefix}`)
  .join('\n')}
  neighbor ${us} activate
  neighbor ${us} route-map tag out
  ${scenario.maxPrefixes === undefined ? '' : `neighbor ${us} maximum-prefix ${scenario.maxPrefixes}`}
  ${scenario.addPath ? `neighbor ${us} addpath-tx-all-paths` : ''}
  ${scenario.reflector ? `neighbor ${us} route-reflector-client` : ''}
 exit-address-family`
  return `
frr defaults datacenter
route-map tag permit 10
 set community 65000:100
 set large-community 65000:1:2
 set metric 77
 set ip next-hop ${ADDRESS.theirs[4]}
 set ipv6 next-hop global ${ADDRESS.theirs[6]}
router bgp ${theirAsn}
 bgp router-id 10.99.0.2
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 no bgp network import-check
 ${scenario.gracefulRestart === undefined ? '' : `bgp graceful-restart\n bgp graceful-restart restart-time ${scenario.gracefulRestart}\n bgp graceful-restart preserve-fw-state\n bgp graceful-restart select-defer-time 5`}
 ${scenario.longLived === undefined ? '' : `bgp long-lived-graceful-restart stale-time ${scenario.longLived}`}
 neighbor ${us} remote-as ${ourAsn}
 neighbor ${us} timers connect 1
 neighbor ${us} advertisement-interval 0
 neighbor ${us} update-source ${ADDRESS.theirs[over]}
 ${theirAsn === ourAsn ? '' : `neighbor ${us} disable-connected-check`}
 ${scenario.password === undefined ? '' : `neighbor ${us} password ${scenario.password}`}
 ${scenario.ttlSecurity ? `neighbor ${us} ttl-security hops 1` : ''}
 ${scenario.extendedNextHop ? `neighbor ${us} capability extended-nexthop` : ''}
 ${family(4)}
 ${family(6)}
`
}

interface FrrPath {
  readonly peer?: { readonly peerId?: string }
  readonly aspath?: { readonly segments?: readonly { readonly list: readonly number[] }[] }
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[]
  readonly community?: { readonly list: readonly string[] }
  readonly largeCommunity?: { readonly list: readonly string[] }
  readonly stale?: boolean
}

export class Frr implements Daemon {
  readonly name = 'FRR'
  readonly #directory = temporaryDirectory('frr')
  #process: NamespaceProcess | undefined
  #us = ''

  async start(link: Link, scenario: Scenario): Promise<void> {
    this.#us = ADDRESS.ours[scenario.over]
    const config = join(this.#directory.path, 'bgpd.conf')
    writeFileSync(config, configuration(scenario))
    const files = ['-f', config, '-i', join(this.#directory.path, 'bgpd.pid'), '-P', '0']
    const vty = ['--vty_socket', this.#directory.path, '--log', 'stdout']
    this.#process = new NamespaceProcess(link.theirs, '/usr/lib/frr/bgpd', [
      '-Z',
      '-n',
      '-S',
      ...files,
      ...vty,
    ])
    await eventually(
      () => this.ask('show bgp summary json'),
      (text) => text.includes('{'),
    )
  }

  async routes(): Promise<readonly TheirRoute[]> {
    const families = await Promise.all(
      ['ipv4', 'ipv6'].map(async (family) => {
        const table = JSON.parse(await this.ask(`show bgp ${family} unicast json`)) as {
          routes?: Record<string, unknown>
        }
        return Promise.all(Object.keys(table.routes ?? {}).map((prefix) => this.#learned(family, prefix)))
      }),
    )
    return families.flat(2)
  }

  async refresh(): Promise<void> {
    await this.ask('clear bgp * in')
  }

  ask(...commands: readonly string[]): Promise<string> {
    const args = commands.flatMap((command) => ['-c', command])
    return output('vtysh', ['--vty_socket', this.#directory.path, '-d', 'bgpd', ...args])
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal)
    this.#directory.remove()
  }

  /** What it has from us of one prefix. */
  async #learned(family: string, prefix: string): Promise<readonly TheirRoute[]> {
    const text = await this.ask(`show bgp ${family} unicast ${prefix} json`)
    const { paths = [] } = JSON.parse(text) as { paths?: readonly FrrPath[] }
    return paths
      .filter(({ peer }) => peer?.peerId === this.#us)
      .map(({ nexthops, aspath, community, largeCommunity, stale }) => ({
        prefix,
        nextHop: nexthops?.find(({ scope }) => scope !== 'link-local')?.ip ?? '',
        asPath: (aspath?.segments ?? []).flatMap(({ list }) => list),
        communities: [...(community?.list ?? []).map(plain), ...(largeCommunity?.list ?? [])],
        stale: stale === true,
      }))
  }
}

/** Well-known communities have names there. */
function plain(community: string): string {
  return community === 'llgrStale' ? '65535:6' : community
}
