// BIRD 2: configuration, and reading its tables by birdc.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Daemon,
  eventually,
  NamespaceProcess,
  type Neighbor,
  output,
  type Scenario,
  type TheirRoute,
  temporaryDirectory,
} from './daemon.ts'
import { ADDRESS, type Link } from './link.ts'

function configuration(scenario: Scenario): string {
  const { over, theirAsn, ourAsn } = scenario
  const routes = (family: 4 | 6) =>
    scenario.announce
      .filter((prefix) => prefix.includes(':') === (family === 6))
      .map(
        (prefix) =>
          `  route ${prefix} blackhole { bgp_community.add((65000,100)); bgp_large_community.add((65000,1,2)); bgp_ext_community.add((rt,65000,5)); bgp_med = 77; };`,
      )
      .join('\n')
  // Next hops of others are not reachable here, and are not to be looked at.
  const nextHop = scenario.neighbors === undefined ? 'next hop self;' : 'gateway direct; next hop self ebgp;'
  const channel = (family: 4 | 6) => `
  ipv${family} {
    import all; export where ${scenario.neighbors === undefined ? 'source = RTS_STATIC' : 'source ~ [RTS_STATIC, RTS_BGP]'};
    ${nextHop}
    ${family === over || scenario.extendedNextHop ? '' : `next hop address ${ADDRESS.theirs[family]};`}
    ${scenario.extendedNextHop && family === 4 ? 'extended next hop on;' : ''}
    ${scenario.maxPrefixes === undefined ? '' : `import limit ${scenario.maxPrefixes} action restart;`}
    ${scenario.addPath ? 'add paths on;' : ''}
  };`
  return `
log stderr all;
router id 10.99.0.2;
protocol device {}
${scenario.bfd ? 'protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }' : ''}
protocol static static4 { ipv4;
${routes(4)}
}
protocol static static6 { ipv6;
${routes(6)}
}
protocol bgp speaker {
  local ${ADDRESS.theirs[over]} as ${theirAsn};
  neighbor ${ADDRESS.ours[over]} as ${ourAsn};
  connect delay time 1; connect retry time 2; error wait time 1, 2; startup hold time 20;
  ${theirAsn === ourAsn ? 'direct;' : ''}
  ${scenario.password === undefined ? '' : `password "${scenario.password}";`}
  ${scenario.ttlSecurity ? 'ttl security on;' : ''}
  ${scenario.reflector ? 'rr client;' : ''}
  ${scenario.clusterId === undefined ? '' : `rr cluster id ${scenario.clusterId};`}
  ${scenario.bfd ? 'bfd on;' : ''}
  ${scenario.role === undefined ? '' : `local role ${scenario.role}; require roles ${scenario.roleStrict ? 'on' : 'off'};`}
  ${scenario.gracefulRestart === undefined ? '' : `graceful restart on; graceful restart time ${scenario.gracefulRestart};`}
  ${scenario.longLived === undefined ? '' : `long lived graceful restart on; long lived stale time ${scenario.longLived};`}
  ${channel(4)}
  ${channel(6)}
}
${(scenario.neighbors ?? []).map(another).join('')}
`

  function another({ address, asn, client }: Neighbor, i: number): string {
    return `
protocol bgp another${i} {
  local ${ADDRESS.theirs[4]} as ${theirAsn};
  neighbor ${address} as ${asn};
  passive on; error wait time 1, 2;
  ${asn === theirAsn ? 'direct;' : ''}
  ${client ? 'rr client;' : ''}
  ${scenario.clusterId === undefined ? '' : `rr cluster id ${scenario.clusterId};`}
  ${channel(4)}
  ${channel(6)}
}`
  }
}

export class Bird implements Daemon {
  readonly name = 'BIRD'
  readonly #directory = temporaryDirectory('bird')
  #process: NamespaceProcess | undefined

  async start(link: Link, scenario: Scenario): Promise<void> {
    const config = join(this.#directory.path, 'bird.conf')
    writeFileSync(config, configuration(scenario))
    const recover = scenario.restarting ? ['-R'] : []
    this.#process = new NamespaceProcess(link.theirs, 'bird', [
      '-f',
      ...recover,
      '-c',
      config,
      '-s',
      this.#socket(),
    ])
    await eventually(
      () => this.ask('show', 'status'),
      (text) => text.includes('Daemon is up'),
    )
  }

  async routes(): Promise<readonly TheirRoute[]> {
    return parseRoutes(await this.ask('show', 'route', 'protocol', 'speaker', 'all'))
  }

  async refresh(): Promise<void> {
    await this.ask('reload', 'in', 'speaker')
  }

  ask(...command: readonly string[]): Promise<string> {
    return output('birdc', ['-s', this.#socket(), ...command])
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal)
    this.#directory.remove()
  }

  #socket(): string {
    return join(this.#directory.path, 'bird.ctl')
  }
}

/** `show route all`: a line with the prefix (absent where it is the same as before), then indented attributes. */
function parseRoutes(text: string): TheirRoute[] {
  const routes: {
    prefix: string
    nextHop: string
    asPath: number[]
    communities: string[]
    stale: boolean
    originatorId?: string
    clusterList?: string[]
  }[] = []
  let prefix = ''
  for (const line of text.split('\n')) {
    const head = /^(\S+\/\d+)?\s+unicast \[speaker [^\]]*\](.*)$/.exec(line)
    if (head) {
      prefix = head[1] ?? prefix
      routes.push({ prefix, nextHop: '', asPath: [], communities: [], stale: /\(.*s\)/.test(head[2] ?? '') })
    }
    const [, name, value = ''] = /^\s+BGP\.(\w+): (.*)$/.exec(line) ?? []
    const route = routes.at(-1)
    if (route === undefined || name === undefined) continue
    if (name === 'next_hop') route.nextHop = value.split(' ')[0]!
    else if (name === 'as_path') route.asPath = value.split(' ').filter(Boolean).map(Number)
    else if (name === 'originator_id') route.originatorId = value
    else if (name === 'cluster_list') route.clusterList = value.split(' ').filter(Boolean)
    else if (name === 'community' || name === 'large_community' || name === 'ext_community')
      route.communities.push(...[...value.matchAll(/\(([^)]*)\)/g)].map((match) => communityOf(match[1]!)))
  }
  return routes
}

/** `65000, 1, 2` and `rt, 65000, 5`. */
function communityOf(text: string): string {
  return text.replace(/,\s*/g, ':').replace(/^([a-z]+):/, '$1 ')
}
