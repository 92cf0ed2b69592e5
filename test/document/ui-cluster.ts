/** A cluster for the page to look at, without one: what agents would answer, in the words in which they do. */
import type { AgentReport, ClusterReport, Session } from '@podroute/ui/model/report.ts'
import type { WholeReport } from '@podroute/ui/model/summary.ts'
import type { Source } from '@podroute/ui/server/feed.ts'

const ROUTER = { name: '172.30.0.100', kind: 'external', address: '172.30.0.100', asn: '65000' } as const
const SERVICES: readonly (readonly [key: string, addresses: readonly string[], endpoints: number])[] = [
  ['default/kubernetes', ['tcp 10.96.0.1:443'], 1],
  ['kube-system/kube-dns', ['udp 10.96.0.10:53', 'tcp 10.96.0.10:53'], 2],
  ['shop/web', ['tcp 10.96.41.7:80', 'tcp 203.0.113.10:80'], 5],
  ['shop/cart', ['tcp 10.96.12.80:8080'], 3],
  ['shop/search', ['tcp 10.96.99.3:9200'], 0],
  ['monitoring/prometheus', ['tcp 10.96.7.90:9090'], 1],
]

export class SimulatedCluster implements Source {
  readonly scope = 'cluster'
  readonly names: readonly string[]
  /** Pairs of nodes, the lesser number first: `2 4`. */
  readonly down = new Set<string>()
  readonly problems = new Map<string, string>()
  /** Nodes that do not answer, and that nobody has a session with. */
  readonly lost = new Set<string>()
  endpoints = 5
  /** No sessions between nodes: a reflector tells them all routes. */
  reflected = false
  /** Destinations of routes that are not in the kernel. */
  readonly failed = new Set<string>()

  constructor(count: number) {
    this.names = Array.from({ length: count }, (_, i) => `node-${i + 1}`)
  }

  async agents() {
    return this.names.map((node) => ({ node }))
  }

  async whole(node: string): Promise<WholeReport> {
    if (this.lost.has(node)) throw new Error('the node does not answer')
    return { agent: this.#agent(node), cluster: this.#cluster() }
  }

  async ask(node: string, path: string): Promise<unknown> {
    const [, page = '', view] = path.split(/[/?]/)
    if (page === 'pages')
      return { pages: ['nodes', 'peers', 'routes', 'services'].map((name) => ({ name, summary: name })) }
    if (page === 'explain') return this.#explain(new URLSearchParams(path.split('?')[1]).get('to') ?? '')
    if (page === 'peers' && view === undefined) return { peers: this.#sessions(node) }
    if (page === 'routes' && view === undefined) return { routes: this.#learned(node) }
    if (view === 'tables') return { tables: [this.#table(node, page)] }
    throw new Error(`the agent has no page "${page}"`)
  }

  #agent(node: string): AgentReport {
    const sessions = this.#sessions(node)
    const established = sessions.filter(({ state }) => state === 'established').length
    const problem = this.problems.get(node)
    const conditions = [
      'node',
      'speaker',
      'bridge',
      'masquerade',
      'peers',
      'conflist',
      'services',
      'network policies',
    ]
    const shown =
      sessions.length > 40
        ? sessions.filter(({ kind, state }) => kind === 'external' || state !== 'established')
        : sessions
    return {
      ...{ node, version: '0.1.0', ready: problem === undefined },
      conditions: conditions.map((name) => {
        const ok = name !== 'conflist' || problem === undefined
        return { name, ok, detail: ok ? '' : problem! }
      }),
      summary: [
        ['pod prefixes', this.#prefixes(node).join(', ')],
        ['addresses', this.#addresses(node).join(', ')],
        ['AS number', '64512'],
        ['peers', `${established} of ${sessions.length} up`],
        ['routes', String(2 * (established - 1))],
      ],
      sessions: shown,
      counts: { sessions: sessions.length, established, routes: 2 * established, installed: 2 * established },
    }
  }

  #cluster(): ClusterReport {
    return {
      nodes: this.names.map((name) => ({
        ...{ name, podCIDRs: this.#prefixes(name), addresses: this.#addresses(name) },
        ...{ state: 'in-place', reasons: [] },
      })),
      services: SERVICES.map(([key, addresses, endpoints]) => ({
        ...{ key, state: 'in-place', addresses },
        endpoints: key === 'shop/web' ? this.endpoints : endpoints,
      })),
      announced: [{ prefix: '203.0.113.10/32', kind: 'externalIP', owner: 'shop/web', state: 'announced' }],
    }
  }

  #sessions(node: string): Session[] {
    const own = this.#number(node)
    const others = this.reflected ? [] : this.names.filter((name) => name !== node)
    return [
      { ...ROUTER, state: 'established', description: 'tor-1' },
      ...others.map((name): Session => {
        const pair = [own, this.#number(name)].sort((a, b) => a - b).join(' ')
        const state = this.down.has(pair) || this.lost.has(name) ? 'active' : 'established'
        return { name, kind: 'node', address: this.#addresses(name)[0]!, asn: '64512', state }
      }),
    ]
  }

  #table(node: string, page: string) {
    if (page !== 'peers')
      return {
        columns: ['DESTINATION', 'VIA', 'NODE', 'STATE'],
        rows: this.#routes(node),
        empty: 'no routes',
      }
    const rows = this.#sessions(node).map(({ name, address, asn, state }) => {
      const up = state === 'established'
      return [name, address, asn, state, up ? '3h12m' : '', up ? '2' : '0', up ? '120s' : '']
    })
    return {
      columns: ['NAME', 'ADDRESS', 'AS', 'STATE', 'UP', 'RECEIVED', 'RESTART'],
      rows,
      empty: 'no peers',
    }
  }

  #routes(node: string): string[][] {
    return this.names
      .filter((name) => name !== node)
      .flatMap((name) =>
        this.#prefixes(name).map((prefix, i) => [prefix, this.#addresses(name)[i]!, name, 'installed']),
      )
  }

  #learned(node: string) {
    return this.#routes(node).map(([destination = '', gateway = '', name = '']) => ({
      ...{ destination, gateway, node: name },
      ...(this.failed.has(destination)
        ? { state: 'failed', detail: 'network is unreachable' }
        : { state: 'installed', detail: '' }),
    }))
  }

  #explain(to: string) {
    const hop = (step: string, detail: string, depth: number, problem = '') => ({
      ...{ feature: 'agent', step, detail, depth, problem },
    })
    if (to.startsWith('shop/search'))
      return {
        ...{ to, from: '', passes: false, verdicts: [] },
        hops: [
          hop(
            'virtual server',
            'tcp 10.96.99.3:9200 of shop/search',
            0,
            'it has no endpoint: are its pods ready?',
          ),
        ],
      }
    return {
      ...{ to, from: '', passes: true, verdicts: [] },
      hops: [
        hop('virtual server', 'tcp 10.96.41.7:80 of shop/web, scheduler rr', 0),
        ...[2, 3].flatMap((n) => [
          hop('endpoint', `10.244.${n}.17:8080`, 1),
          hop('route', `10.244.${n}.0/24 via 172.30.0.${10 + n}, learned from node-${n}`, 1),
          hop('pod', `shop/web-${n}f8c9 on node-${n}`, 1),
        ]),
      ],
    }
  }

  #number(node: string): number {
    return Number(node.slice('node-'.length))
  }

  #prefixes(node: string): string[] {
    const n = this.#number(node)
    return [`10.${244 + (n >> 8)}.${n & 255}.0/24`, `fd10:244:0:${n.toString(16)}::/64`]
  }

  #addresses(node: string): string[] {
    const n = this.#number(node) + 10
    return [`172.30.${n >> 8}.${n & 255}`, `fd30::${n.toString(16)}`]
  }
}
