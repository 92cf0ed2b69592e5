// OpenBGPD (portable): configuration, and its tables by bgpctl. On Linux it leaves the kernel's routes alone.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
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
import { ADDRESS, ip, type Link } from './link.ts'

/** The home of Debian's user _openbgpd, in which its processes lock themselves; it must be root's. */
const CHROOT = '/run/openbgpd'

function configuration(scenario: Scenario, socket: string): string {
  const { theirAsn, ourAsn, over, announce, neighbors = [] } = scenario
  const tags = 'community 65000:100 large-community 65000:1:2 ext-community rt 65000:5 metric 77'
  const us = { address: ADDRESS.ours[over], asn: ourAsn, client: scenario.reflector === true }
  return `
AS ${theirAsn}
router-id ${THEIR_ID}
fib-update no
connect-retry 1
socket "${socket}"
listen on ${ADDRESS.theirs[over]}
${announce.map((prefix) => `network ${prefix} set { ${tags} }`).join('\n')}
${neighborOf(scenario, us)}
${neighbors.map((neighbor) => neighborOf(scenario, neighbor)).join('')}
allow from any
allow to any
`
}

function neighborOf(scenario: Scenario, { address, asn, client }: Neighbor): string {
  const { over, password, maxPrefixes, clusterId = '' } = scenario
  return `
neighbor ${address} {
  remote-as ${asn}
  local-address ${ADDRESS.theirs[over]}
  announce IPv4 unicast
  announce IPv6 unicast
  announce enhanced refresh yes
  announce restart ${scenario.gracefulRestart === undefined ? 'no' : 'yes'}
  ${address === ADDRESS.ours[over] ? '' : 'passive'}
  ${scenario.addPath ? 'announce add-path recv yes\n  announce add-path send all' : ''}
  ${password === undefined ? '' : `tcp md5sig password "${password}"`}
  ${scenario.ttlSecurity ? 'ttl-security yes' : ''}
  ${maxPrefixes === undefined ? '' : `max-prefix ${maxPrefixes} restart 1`}
  ${scenario.role === undefined ? '' : `announce policy ${scenario.role}${scenario.roleStrict ? ' enforce' : ''}`}
  ${client ? `route-reflector ${clusterId}` : ''}
}`
}

/** As `show rib detail` tells it. */
interface Path {
  readonly prefix: string
  readonly aspath: string
  readonly exit_nexthop: string
  readonly stale?: boolean
  /** Not so: a loop, for one. */
  readonly valid: boolean
  readonly communities?: readonly string[]
  readonly large_communities?: readonly string[]
  readonly extended_communities?: readonly string[]
  readonly attributes?: readonly Attribute[]
}

interface Attribute {
  readonly originator?: string
  readonly cluster_list?: readonly string[]
}

export class OpenBgpd implements Daemon {
  readonly name = 'OpenBGPD'
  readonly #directory = temporaryDirectory('openbgpd')
  #process: NamespaceProcess | undefined
  #us = ''

  async start(link: Link, scenario: Scenario): Promise<void> {
    this.#us = ADDRESS.ours[scenario.over]
    // As the next hop of the family that is not the session's it takes the first address of that family that the
    // machine has, which is the loopback's.
    ip('-n', link.theirs, 'address', 'flush', 'dev', 'lo')
    for (const family of [4, 6] as const)
      ip('-n', link.theirs, 'address', 'add', ADDRESS.theirs[family], 'dev', 'lo')
    mkdirSync(CHROOT, { recursive: true, mode: 0o755 })
    const config = join(this.#directory.path, 'bgpd.conf')
    writeFileSync(config, configuration(scenario, this.#socket()))
    // It refuses a file with keys in it that others may read.
    chmodSync(config, 0o600)
    this.#process = new NamespaceProcess(link.theirs, '/usr/sbin/bgpd', ['-d', '-v', '-f', config])
    await eventually(
      () => this.ask('show'),
      (text) => text.includes('neighbors'),
    )
  }

  async routes(): Promise<readonly TheirRoute[]> {
    const { rib = [] } = JSON.parse(await this.ask('show', 'rib', 'detail', 'neighbor', this.#us)) as {
      rib?: readonly Path[]
    }
    return rib.filter(({ valid }) => valid).map(toRoute)
  }

  async refresh(): Promise<void> {
    await this.ask('neighbor', this.#us, 'refresh')
  }

  ask(...command: readonly string[]): Promise<string> {
    return output('bgpctl', ['-s', this.#socket(), '-j', '-n', ...command])
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal)
    this.#directory.remove()
  }

  #socket(): string {
    return join(this.#directory.path, 'bgpd.sock')
  }
}

function toRoute(path: Path): TheirRoute {
  const attributes: Attribute = Object.assign({}, ...(path.attributes ?? []))
  return {
    prefix: path.prefix,
    nextHop: path.exit_nexthop,
    asPath: path.aspath.split(' ').filter(Boolean).map(Number),
    communities: [
      ...(path.communities ?? []),
      ...(path.large_communities ?? []),
      ...(path.extended_communities ?? []),
    ],
    stale: path.stale === true,
    ...(attributes.originator === undefined ? {} : { originatorId: attributes.originator }),
    clusterList: attributes.cluster_list ?? [],
  }
}
