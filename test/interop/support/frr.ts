// FRR's bgpd without zebra: configuration, and reading its tables by vtysh.
import {
  type Daemon,
  eventually,
  type NamespaceProcess,
  type Neighbor,
  output,
  type Scenario,
  THEIR_ID,
  type TheirRoute,
  temporaryDirectory,
} from './daemon.ts'
import { frrProcess, startBfdd, startZebra, zebraSocket } from './frr-process.ts'
import { ADDRESS, type Link } from './link.ts'

const TAGS = ` set community 65000:100
 set large-community 65000:1:2
 set extcommunity rt 65000:5
 set metric 77`

/** What it tells has its own tags and next hop; where it tells of others too, its own is tagged where it comes from. */
function configuration(scenario: Scenario): string {
  const { theirAsn, announce, neighbors = [] } = scenario
  const us = ADDRESS.ours[scenario.over]
  const family = (of: 4 | 6) => `
 address-family ipv${of} unicast
${announce
  .filter((prefix) => prefix.includes(':') === (of === 6))
  .map((prefix) => `  network ${prefix}${scenario.addPath ? ' route-map tag' : ''}`)
  .join('\n')}
  ${scenario.maxPrefixes === undefined ? '' : `neighbor ${us} maximum-prefix ${scenario.maxPrefixes}`}
${[{ address: us, client: scenario.reflector === true }, ...neighbors].map((each) => activate(each, scenario)).join('')}
 exit-address-family`
  return `
frr defaults datacenter
route-map tag permit 10
${TAGS}
route-map out permit 10
${scenario.addPath ? '' : TAGS}
 set ip next-hop ${ADDRESS.theirs[4]}
 set ipv6 next-hop global ${ADDRESS.theirs[6]}
router bgp ${theirAsn}
 bgp router-id ${THEIR_ID}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 no bgp network import-check
 ${scenario.clusterId === undefined ? '' : `bgp cluster-id ${scenario.clusterId}`}
 ${scenario.gracefulRestart === undefined ? '' : `bgp graceful-restart\n bgp graceful-restart restart-time ${scenario.gracefulRestart}\n bgp graceful-restart preserve-fw-state\n bgp graceful-restart select-defer-time 20`}
 ${scenario.longLived === undefined ? '' : `bgp long-lived-graceful-restart stale-time ${scenario.longLived}`}
 ${ourSession(us, scenario)}
${neighbors.map(({ address, asn }) => ` neighbor ${address} remote-as ${asn}\n neighbor ${address} passive\n neighbor ${address} advertisement-interval 0`).join('\n')}
 ${family(4)}
 ${family(6)}
`
}

function ourSession(us: string, scenario: Scenario): string {
  const { over, theirAsn, ourAsn } = scenario
  return `neighbor ${us} remote-as ${ourAsn}
 ${scenario.bfd ? `neighbor ${us} bfd 3 100 100` : ''}
 neighbor ${us} timers connect 1
 neighbor ${us} advertisement-interval 0
 neighbor ${us} update-source ${ADDRESS.theirs[over]}
 ${theirAsn === ourAsn ? '' : `neighbor ${us} disable-connected-check`}
 ${scenario.password === undefined ? '' : `neighbor ${us} password ${scenario.password}`}
 ${scenario.ttlSecurity ? `neighbor ${us} ttl-security hops 1` : ''}
 ${scenario.role === undefined ? '' : `neighbor ${us} local-role ${scenario.role}${scenario.roleStrict ? ' strict-mode' : ''}`}
 ${scenario.extendedNextHop ? `neighbor ${us} capability extended-nexthop` : ''}`
}

/** A neighbor's lines within an address family. */
function activate({ address, client }: Omit<Neighbor, 'asn'>, scenario: Scenario): string {
  return `  neighbor ${address} activate
  ${scenario.extendedNextHop ? '' : `neighbor ${address} route-map out out`}
  ${scenario.addPath ? `neighbor ${address} addpath-tx-all-paths` : ''}
  ${client ? `neighbor ${address} route-reflector-client` : ''}
`
}

interface FrrPath {
  readonly peer?: { readonly peerId?: string }
  readonly aspath?: { readonly segments?: readonly { readonly list: readonly number[] }[] }
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[]
  readonly community?: { readonly list: readonly string[] }
  readonly largeCommunity?: { readonly list: readonly string[] }
  /** `RT:65000:5 RT:65000:6` */
  readonly extendedCommunity?: { readonly string: string }
  readonly originatorId?: string
  readonly clusterList?: { readonly list: readonly string[] }
  readonly stale?: boolean
}

export class Frr implements Daemon {
  readonly name = 'FRR'
  readonly #directory = temporaryDirectory('frr')
  readonly #helpers: NamespaceProcess[] = []
  #process: NamespaceProcess | undefined
  #us = ''

  async start(link: Link, scenario: Scenario): Promise<void> {
    this.#us = ADDRESS.ours[scenario.over]
    const directory = this.#directory.path
    if (scenario.bfd) this.#helpers.push(await startZebra(link, directory), startBfdd(link, directory, ''))
    const zebra = scenario.bfd ? zebraSocket(directory) : ['-Z']
    this.#process = frrProcess(link, directory, 'bgpd', configuration(scenario), '-n', '-S', ...zebra)
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
    await Promise.all(this.#helpers.map((helper) => helper.stop('SIGKILL')))
    this.#directory.remove()
  }

  /** What it has from us of one prefix. */
  async #learned(family: string, prefix: string): Promise<readonly TheirRoute[]> {
    const text = await this.ask(`show bgp ${family} unicast ${prefix} json`)
    const { paths = [] } = JSON.parse(text) as { paths?: readonly FrrPath[] }
    return paths
      .filter(({ peer }) => peer?.peerId === this.#us)
      .map((path) => ({
        prefix,
        nextHop: path.nexthops?.find(({ scope }) => scope !== 'link-local')?.ip ?? '',
        asPath: (path.aspath?.segments ?? []).flatMap(({ list }) => list),
        communities: communitiesOf(path),
        stale: path.stale === true,
        ...(path.originatorId === undefined ? {} : { originatorId: path.originatorId }),
        clusterList: path.clusterList?.list ?? [],
      }))
  }
}

function communitiesOf({ community, largeCommunity, extendedCommunity }: FrrPath): string[] {
  const extended = (extendedCommunity?.string ?? '').split(' ').filter(Boolean)
  return [
    // Well-known communities have names there.
    ...(community?.list ?? []).map((text) => (text === 'llgrStale' ? '65535:6' : text)),
    ...(largeCommunity?.list ?? []),
    ...extended.map((text) => text.replace(/^RT:/, 'rt ')),
  ]
}
