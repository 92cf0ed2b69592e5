// FRR and BIRD as neighbours without addresses of their own: FRR with zebra, which sends Router Advertisements and installs routes.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, NamespaceProcess, output, temporaryDirectory } from './daemon.ts'

const DAEMONS = '/usr/lib/frr'
const OUR_ASN = 64512

const ofFamily = (prefixes: readonly string[], family: 4 | 6) =>
  prefixes.filter((prefix) => prefix.includes(':') === (family === 6))

/** Its one link is `peer`; next hops are told as `fe80::1 peer`. */
export class LinkLocalFrr {
  readonly #netns: string
  readonly #announce: readonly string[]
  readonly #directory = temporaryDirectory('frr')
  #processes: NamespaceProcess[] = []

  readonly #bfd: boolean

  constructor(netns: string, announce: readonly string[], bfd = false) {
    this.#netns = netns
    this.#announce = announce
    this.#bfd = bfd
  }

  async start(): Promise<void> {
    const { path } = this.#directory
    // The daemons give up root.
    execFileSync('chown', ['frr:frr', path])
    writeFileSync(join(path, 'zebra.conf'), '')
    writeFileSync(join(path, 'bgpd.conf'), frrConfiguration(this.#announce, this.#bfd))
    writeFileSync(join(path, 'bfdd.conf'), '')
    for (const daemon of this.#bfd ? ['zebra', 'bfdd', 'bgpd'] : ['zebra', 'bgpd']) {
      const files = ['-f', join(path, `${daemon}.conf`), '-i', join(path, `${daemon}.pid`)]
      const control = daemon === 'bfdd' ? ['--bfdctl', join(path, 'bfdd.sock')] : []
      const sockets = ['-z', join(path, 'zserv.api'), '--vty_socket', path, '--log', 'stdout', ...control]
      this.#processes.push(new NamespaceProcess(this.#netns, join(DAEMONS, daemon), [...files, ...sockets]))
      await eventually(
        () => this.#ask(daemon, 'show version'),
        (text) => text.includes('FRR'),
      )
    }
  }

  /** Of what it has from us and has put into the kernel. */
  async nextHops(): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const family of ['ip', 'ipv6']) {
      const routes = JSON.parse(await this.#ask('zebra', `show ${family} route bgp json`)) as Record<
        string,
        readonly { nexthops: readonly { ip?: string; interfaceName?: string; fib?: boolean }[] }[]
      >
      for (const [prefix, [route]] of Object.entries(routes)) {
        const hop = route?.nexthops[0]
        if (hop?.fib) found[prefix] = `${hop.ip} ${hop.interfaceName}`
      }
    }
    return found
  }

  /** What it says of the path to us. */
  async bfdState(): Promise<string | undefined> {
    const peers = JSON.parse(await this.#ask('bfdd', 'show bfd peers json')) as readonly {
      readonly status?: string
    }[]
    return peers[0]?.status
  }

  async stop(): Promise<void> {
    for (const process of this.#processes.splice(0).reverse()) await process.stop()
    this.#directory.remove()
  }

  #ask(daemon: string, command: string): Promise<string> {
    return output('vtysh', ['--vty_socket', this.#directory.path, '-d', daemon, '-c', command])
  }
}

function frrConfiguration(announce: readonly string[], bfd: boolean): string {
  const family = (of: 4 | 6) => ` address-family ipv${of} unicast
${ofFamily(announce, of)
  .map((prefix) => `  network ${prefix}`)
  .join('\n')}
  neighbor peer activate
 exit-address-family`
  return `frr defaults datacenter
router bgp 65001
 bgp router-id 10.99.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor peer interface remote-as external
 neighbor peer timers connect 1
 ${bfd ? 'neighbor peer bfd 3 200 200' : ''}
${family(4)}
${family(6)}
`
}

export class LinkLocalBird {
  readonly #netns: string
  readonly #announce: readonly string[]
  readonly #directory = temporaryDirectory('bird')
  #process: NamespaceProcess | undefined

  constructor(netns: string, announce: readonly string[]) {
    this.#netns = netns
    this.#announce = announce
  }

  /** `passive`: it waits for us to connect. */
  async start(passive: boolean): Promise<void> {
    const config = join(this.#directory.path, 'bird.conf')
    writeFileSync(config, birdConfiguration(this.#announce, passive))
    this.#process = new NamespaceProcess(this.#netns, 'bird', ['-f', '-c', config, '-s', this.#socket()])
    await eventually(
      () => output('birdc', ['-s', this.#socket(), 'show', 'status']),
      (text) => text.includes('Daemon is up'),
    )
  }

  /** Of what it has from us and would put into the kernel. */
  async nextHops(): Promise<Record<string, string>> {
    const text = await output('birdc', ['-s', this.#socket(), 'show', 'route', 'protocol', 'speaker'])
    const routes = text.matchAll(/^(\S+\/\d+)\s+unicast \[speaker .*\n\s+via (\S+) on (\S+)/gm)
    return Object.fromEntries(Array.from(routes, ([, prefix, hop, link]) => [prefix, `${hop} ${link}`]))
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
    this.#directory.remove()
  }

  #socket(): string {
    return join(this.#directory.path, 'bird.ctl')
  }
}

function birdConfiguration(announce: readonly string[], passive: boolean): string {
  const routes = (family: 4 | 6) =>
    ofFamily(announce, family)
      .map((prefix) => ` route ${prefix} blackhole;`)
      .join('\n')
  const channel = 'import all; export where source = RTS_STATIC; next hop self;'
  return `
log stderr all;
router id 10.99.0.2;
protocol device {}
protocol static static4 { ipv4;
${routes(4)}
}
protocol static static6 { ipv6;
${routes(6)}
}
protocol bgp speaker {
  local fe80::2 as 65001;
  neighbor fe80::1%peer as ${OUR_ASN};
  connect delay time 1; connect retry time 2; error wait time 1, 2;
  ${passive ? 'passive;' : ''}
  ipv4 { ${channel} extended next hop; };
  ipv6 { ${channel} };
}
`
}
