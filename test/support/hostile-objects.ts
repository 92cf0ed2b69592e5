/** Random objects as tenants and nodes may write them to hurt others: a seed makes the same ones each time. Pure. */
import { pick } from '@podroute/reconcile/testing/random.ts'

export interface Victims {
  /** Addresses that belong to somebody: API server, nodes, routers, Services. */
  readonly addresses: readonly string[]
  /** Pod prefixes of nodes. */
  readonly prefixes: readonly string[]
}

/** An object to create, or a patch of a status. */
export type HostileWrite =
  | { readonly kind: 'create'; readonly path: string; readonly body: Created }
  | { readonly kind: 'patch'; readonly path: string; readonly body: Readonly<Record<string, unknown>> }

interface Created {
  readonly metadata: { readonly name: string }
}

export const TENANT = 'hostile'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces'
const SERVICES = `/api/v1/namespaces/${TENANT}/services`
const NODES = '/api/v1/nodes'
/** More Nodes than this are no more of an attack. */
const MOST_NODES = 20

const ODD_ADDRESSES = [
  ...['8.8.8.8', '169.254.169.254', '169.254.1.1', '127.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1'],
  ...[
    '240.0.0.1',
    '10.244.0.1',
    '10.244.0.5',
    '203.0.113.9',
    '::1',
    '::',
    'fe80::1',
    'ff02::1',
    '2001:db8::9',
  ],
  ...['::ffff:1.2.3.4', '010.0.0.1', 'db-server', ''],
]
const ODD_PREFIXES = [
  ...[
    '10.244.0.0/16',
    '0.0.0.0/0',
    '0.0.0.0/1',
    '10.96.0.0/16',
    '172.31.0.0/24',
    '224.0.0.0/4',
    '127.0.0.0/8',
  ],
  ...[
    '10.0.0.0/8',
    '169.254.0.0/16',
    '10.244.200.0/24',
    '10.244.201.7/32',
    'fd10:244::/56',
    '::/0',
    'fe80::/64',
  ],
]
const ODD_TEXTS = [
  ...[
    '',
    'x',
    'rr',
    'mh',
    'no-such',
    '-1',
    '1e9',
    '65536',
    'NaN',
    'true',
    '0x10',
    'rr;wlc',
    'sh-port,flag-1',
  ],
  ...['; flush ruleset', '} ; add rule inet x y drop', '$(reboot)', '../../etc', '"', '\n', 'a'.repeat(300)],
]
const ANNOTATIONS = [
  'scheduler',
  'schedflags',
  'hairpin',
  'local',
  'drain-seconds',
  'dsr',
  'no-such',
].flatMap((name) => [`podroute.io/service.${name}`, `kube-router.io/service.${name}`])
const PORTS = [1, 22, 53, 80, 179, 443, 6443, 10250, 10256, 20244, 20245, 65535]
const PROTOCOLS = ['TCP', 'UDP', 'SCTP']

export class HostileObjects {
  readonly #random: () => number
  readonly #victims: Victims
  #services = 0
  #slices = 0
  #nodes = 0

  constructor(random: () => number, victims: Victims) {
    this.#random = random
    this.#victims = victims
  }

  next(): HostileWrite {
    const kind = this.#random()
    if (kind < 0.3 || this.#services === 0) return this.#service()
    if (kind < 0.5) return this.#serviceStatus()
    if (kind < 0.8) return this.#slice()
    return kind < 0.85 && this.#nodes < MOST_NODES ? this.#node() : this.#nodeStatus()
  }

  #service(): HostileWrite {
    const type = this.#pick(['ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer'])
    const outside = type !== 'ClusterIP'
    const spec = {
      ...{ type, ports: this.#several(3, (i) => ({ name: `p${i}`, ...this.#port() })) },
      ...(this.#chance(0.5) && { externalIPs: this.#some(3) }),
      ...(this.#chance(0.1) && { clusterIP: this.#address() }),
      ...(this.#chance(0.2) && { sessionAffinity: 'ClientIP' }),
      ...(this.#chance(0.4) && { ipFamilyPolicy: 'PreferDualStack' }),
      ...(this.#chance(0.2) && { internalTrafficPolicy: 'Local' }),
      ...(outside && this.#chance(0.3) && { externalTrafficPolicy: 'Local' }),
      ...(type === 'LoadBalancer' && this.#chance(0.3) && { loadBalancerSourceRanges: [this.#prefix()] }),
    }
    const body = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: this.#metadata(`s-${++this.#services}`),
      spec,
    }
    return { kind: 'create', path: SERVICES, body }
  }

  #serviceStatus(): HostileWrite {
    const ingress = this.#some(5).map((ip) => ({ ip, ...(this.#chance(0.2) && { ipMode: 'Proxy' }) }))
    const body = { status: { loadBalancer: { ingress } } }
    return { kind: 'patch', path: `${SERVICES}/s-${this.#below(this.#services)}/status`, body }
  }

  #slice(): HostileWrite {
    // Some would have a say in where the API server is.
    const ofApiServer = this.#chance(0.1)
    const namespace = ofApiServer ? 'default' : TENANT
    const service = ofApiServer ? 'kubernetes' : `s-${this.#below(this.#services)}`
    const ipv6 = this.#chance(0.3)
    const address = () => this.#address((text) => text.includes(':') === ipv6)
    const endpoint = () => ({ addresses: [address()], conditions: { ready: this.#chance(0.8) } })
    const body = {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: ipv6 ? 'IPv6' : 'IPv4' },
      metadata: {
        ...{ name: `hostile-${++this.#slices}`, namespace },
        labels: { 'kubernetes.io/service-name': service },
      },
      ports: this.#several(3, (i) => ({ ...this.#port(), name: `p${i}` })),
      endpoints: this.#several(6, endpoint),
    }
    return { kind: 'create', path: `${SLICES}/${namespace}/endpointslices`, body }
  }

  #node(): HostileWrite {
    const podCIDRs = [this.#prefix(), this.#prefix()].slice(0, this.#chance(0.5) ? 1 : 2)
    const body = {
      ...{ apiVersion: 'v1', kind: 'Node', spec: { podCIDR: podCIDRs[0], podCIDRs } },
      metadata: { ...this.#metadata(`mallory-${++this.#nodes}`), namespace: undefined },
    }
    return { kind: 'create', path: NODES, body }
  }

  #nodeStatus(): HostileWrite {
    const addresses = this.#some(5).map((address) => ({
      type: this.#pick(['InternalIP', 'ExternalIP', 'Hostname']),
      address,
    }))
    const conditions = [{ type: 'Ready', status: this.#pick(['True', 'False', 'Unknown']) }]
    const path = `${NODES}/mallory-${this.#below(this.#nodes)}/status`
    return { kind: 'patch', path, body: { status: { addresses, conditions } } }
  }

  #metadata(name: string) {
    const annotations = Object.fromEntries(
      this.#several(3, () => [this.#pick(ANNOTATIONS), this.#pick(ODD_TEXTS)]),
    )
    return { name, namespace: TENANT, annotations }
  }

  #port() {
    return { port: this.#pick(PORTS), protocol: this.#pick(PROTOCOLS) }
  }

  #prefix(): string {
    return this.#pick([...this.#victims.prefixes, ...ODD_PREFIXES])
  }

  #address(which: (text: string) => boolean = () => true): string {
    return this.#pick(
      [...this.#victims.addresses, ...this.#victims.addresses, ...ODD_ADDRESSES].filter(which),
    )
  }

  /** Addresses, each once. */
  #some(most: number): string[] {
    return [...new Set(this.#several(most, () => this.#address()))]
  }

  #several<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.#below(most) }, (_, index) => make(index))
  }

  #pick<T>(values: readonly T[]): T {
    return pick(this.#random, values)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  /** 1 to `most`; 1 where that is 0. */
  #below(most: number): number {
    return 1 + Math.floor(this.#random() * Math.max(1, most))
  }
}
