/** The paths that are tried, by name: from each of the nodes to itself and to the next one, in each family. */
import type { Family } from '@podroute/address/address.ts'
import type { Trial, TrialWay } from '@podroute/feature/trial.ts'
import type { Expectation, Probe } from './probe.ts'
import {
  AFFINITY,
  ALL,
  clientOf,
  guardedOf,
  HEADLESS,
  localOf,
  oneOf,
  POD_PORT,
  type Stand,
  type StandPod,
  type StandService,
  serverOf,
} from './stand.ts'

/** Who connects: a pod, or the agent of a node, which is the node itself. */
export interface Source {
  readonly node: string
  /** Absent: the node. */
  readonly pod?: StandPod
}

export interface Path {
  readonly name: string
  readonly family: Family
  readonly from: Source
  /** For people. */
  readonly to: string
  readonly probe: Omit<Probe, 'id'>
  /** Pods that the packets end in; of a guarded one its neighbour, which everybody may reach. */
  readonly pods: readonly StandPod[]
  /** The node whose NodePort is asked. */
  readonly through?: string
  /** It leads through a Service. */
  readonly service?: StandService
  /** What of the agents decides about it when all parts work. */
  readonly decides?: string
}

export interface External {
  readonly host: string
  readonly port: number
}

/** In bytes: more than a packet holds, on any network. */
const LARGE = 60_000
const LARGE_DATAGRAM = 4000

/** @param external where pods shall get to outside of the cluster */
export function pathsOf(stand: Stand, external: readonly External[]): readonly Path[] {
  return stand.families.flatMap((family) =>
    stand.nodes.flatMap((_, here) => {
      const there = (here + 1) % stand.nodes.length
      const from = new Paths(stand, family, here)
      return [
        ...from.ownNode(),
        ...(there === here ? [] : from.otherNode(there)),
        ...from.services(),
        ...from.outside(external),
        ...from.trials(there),
      ]
    }),
  )
}

class Paths {
  readonly #stand: Stand
  readonly #family: Family
  readonly #here: number
  readonly #client: Source
  readonly #node: Source

  constructor(stand: Stand, family: Family, here: number) {
    this.#stand = stand
    this.#family = family
    this.#here = here
    const node = stand.nodes[here]!.name
    this.#client = { node, pod: stand.pods.get(clientOf(here))! }
    this.#node = { node }
  }

  ownNode(): readonly Path[] {
    const here = this.#here
    return [
      this.#toPod('pod to pod, same node', this.#client, here),
      this.#toPod('node to pod, same node', this.#node, here),
      ...this.#toNode('pod to its node', here),
      this.#hairpin(),
      this.#toService('pod to NodePort of its node', this.#client, ALL, { through: here }),
    ]
  }

  otherNode(there: number): readonly Path[] {
    const here = this.#here
    return [
      this.#toPod('pod to pod, other node', this.#client, there),
      this.#toPod('pod to pod, other node, large', this.#client, there, { bytes: LARGE }),
      this.#toPod('pod to pod, other node, UDP', this.#client, there, { kind: 'udp', bytes: 1000 }),
      this.#toPod('pod to pod, other node, UDP in fragments', this.#client, there, {
        ...{ kind: 'udp', bytes: LARGE_DATAGRAM },
      }),
      this.#toPod('node to pod, other node', this.#node, there),
      ...this.#toNode('pod to other node', there),
      this.#toService('pod to NodePort of other node', this.#client, ALL, { through: there }),
      this.#toService('node to NodePort of other node', this.#node, ALL, { through: there }),
      this.#toService('pod to ClusterIP of a pod, other node', this.#client, oneOf(there)),
      this.#toService('externalTrafficPolicy Local, node with endpoint', this.#node, localOf(there), {
        ...{ through: there },
      }),
      this.#toService('externalTrafficPolicy Local, node without', this.#node, localOf(here), {
        ...{ through: there, silent: true },
      }),
      this.#toService('internalTrafficPolicy Local, node without', this.#client, localOf(there), {
        silent: true,
      }),
    ]
  }

  services(): readonly Path[] {
    return [
      this.#toService('pod to ClusterIP', this.#client, ALL),
      this.#toService('pod to ClusterIP, UDP', this.#client, ALL, { kind: 'udp' }),
      this.#toService('node to ClusterIP', this.#node, ALL),
      this.#toService('session affinity', this.#client, AFFINITY, { same: true }),
      this.#toService('internalTrafficPolicy Local, node with endpoint', this.#client, localOf(this.#here)),
      ...this.#toApi(),
      ...(this.#stand.dns ? this.#names() : []),
    ]
  }

  /** To those whose address is of this family, or is a name. */
  outside(external: readonly External[]): readonly Path[] {
    const isOfFamily = ({ host }: External) =>
      /^[\d.]+$/.test(host) ? this.#family === 4 : !host.includes(':') || this.#family === 6
    return external
      .filter(isOfFamily)
      .map(({ host, port }) =>
        this.#path('pod to outside', this.#client, host, host, { port, expect: { kind: 'open' } }),
      )
  }

  /** Pods of one role may reach the guarded ones, those of another may not. */
  trials(there: number): readonly Path[] {
    const nodes = there === this.#here ? [this.#here] : [this.#here, there]
    return this.#stand.trials.flatMap(({ hop, ways }) =>
      ways.flatMap((way) => nodes.map((at) => this.#toGuarded(hop, way, at))),
    )
  }

  #toGuarded(decides: Trial['hop'], { name, from, open }: TrialWay, at: number): Path {
    const { node, name: to, addresses } = this.#stand.pods.get(guardedOf(at))!
    const pod = this.#stand.pods.get((from === 'server' ? serverOf : clientOf)(this.#here))!
    const expect: Expectation = open ? { kind: 'answer', names: [to] } : { kind: 'silence' }
    const where = at === this.#here ? 'same node' : 'other node'
    const probe = { port: POD_PORT, expect }
    return {
      ...this.#path(`${name}, ${where}`, { node: pod.node, pod }, addresses[this.#family], to, probe),
      ...{ pods: [this.#stand.pods.get(serverOf(at))!], decides: `${decides} on ${node}` },
    }
  }

  #toPod(
    name: string,
    from: Source,
    at: number,
    { kind, bytes }: { kind?: 'udp'; bytes?: number } = {},
  ): Path {
    const pod = this.#stand.pods.get(serverOf(at))!
    const client = from.pod?.addresses[this.#family]
    const expect: Expectation = {
      ...{ kind: 'answer', names: [pod.name], ...(bytes === undefined ? {} : { bytes }) },
      ...(client === undefined ? {} : { client }),
    }
    const probe = { port: POD_PORT, expect, ...(kind ? { kind } : {}) }
    return { ...this.#path(name, from, pod.addresses[this.#family], pod.name, probe), pods: [pod] }
  }

  #toNode(name: string, at: number): readonly Path[] {
    const { name: node, addresses } = this.#stand.nodes[at]!
    const address = addresses[this.#family]
    if (address === undefined) return []
    const probe = { port: this.#stand.nodeServer, expect: { kind: 'reached' } as const }
    return [{ ...this.#path(name, this.#client, address, node, probe), through: node }]
  }

  #hairpin(): Path {
    const server = this.#stand.pods.get(serverOf(this.#here))!
    const from = { node: server.node, pod: server }
    return this.#toService('pod to itself through its Service', from, oneOf(this.#here))
  }

  #toService(
    name: string,
    from: Source,
    to: string,
    how: { kind?: 'udp'; through?: number; silent?: boolean; same?: boolean } = {},
  ): Path {
    const service = this.#stand.services.get(to)!
    const index = /-(\d+)$/.exec(to)?.[1]
    const servers = index === undefined ? this.#stand.nodes.map((_, i) => i) : [Number(index)]
    const pods = servers.map((i) => this.#stand.pods.get(serverOf(i))!)
    const names = pods.map((pod) => pod.name)
    const expect: Expectation = how.silent
      ? { kind: 'silence' }
      : { kind: 'answer', names, ...(how.same ? { same: true } : { each: true }) }
    const node = how.through === undefined ? undefined : this.#stand.nodes[how.through]!
    const host = (node ?? service).addresses[this.#family]
    const port = node ? service.nodePort : service.port
    const probe = { port, expect, ...(how.kind ? { kind: how.kind } : {}) }
    return {
      ...this.#path(name, from, host, node ? `${to} by NodePort of ${node.name}` : to, probe),
      ...{ pods, service, ...(node ? { through: node.name } : {}) },
    }
  }

  #toApi(): readonly Path[] {
    const { api } = this.#stand
    const address = api.addresses[this.#family]
    if (address === undefined) return []
    const probe = { port: api.port, expect: { kind: 'open' } as const }
    return [{ ...this.#path('pod to API server', this.#client, address, api.name, probe), service: api }]
  }

  #names(): readonly Path[] {
    const { pods, services, nodes } = this.#stand
    const servers = nodes.flatMap((_, i) => pods.get(serverOf(i))?.addresses[this.#family] ?? [])
    const own = services.get(ALL)!.addresses[this.#family]
    return [
      this.#name('name of a Service', ALL, own === undefined ? [] : [own]),
      this.#name('name of a headless Service', HEADLESS, servers),
    ]
  }

  #name(name: string, service: string, addresses: readonly string[]): Path {
    const host = `${service}.${this.#stand.namespace}`
    const expect = { kind: 'addresses' as const, addresses: addresses.toSorted() }
    return this.#path(name, this.#client, host, `name ${service}`, { port: 53, kind: 'lookup', expect })
  }

  #path(
    name: string,
    from: Source,
    host: string | undefined,
    to: string,
    probe: { port: number; expect: Expectation; kind?: Probe['kind'] },
  ): Path {
    const family = this.#family
    return { name, family, from, to, pods: [], probe: { kind: 'tcp', host: host ?? '', family, ...probe } }
  }
}
