/** Speakers of a whole cluster in one process, with the sessions and policies that the pod network plans for their nodes. */
import { isDeepStrictEqual } from 'node:util'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { planMeshPeer } from '@podroute/pod-network/bgp/mesh-peers.ts'
import { HeldRelations } from '@podroute/pod-network/bgp/roles/held-relations.ts'
import { PodOrigins } from '@podroute/pod-network/bgp/roles/pod-origins.ts'
import { type ReflectorSettings, Topology } from '@podroute/pod-network/bgp/roles/topology.ts'
import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import { testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { ProcessNetwork } from './reflectors-network.ts'

const ZONES = 3
const ASN = 64512
/** Milliseconds between two ticks of a speaker. */
const TICK = 1000
/** Speakers that start at once. */
const EACH = 4

export function benchNodes(count: number): ClusterNode[] {
  return Array.from({ length: count }, (_, n) =>
    parseNode({
      name: `node-${n}`,
      ready: true,
      zone: `zone-${n % ZONES}`,
      podCIDRs: [`10.${64 + (n >> 8)}.${n & 255}.0/24`],
      internalIPs: [`172.16.${n >> 8}.${n & 255}`],
    }),
  )
}

export class BenchCluster {
  readonly network = new ProcessNetwork()
  readonly #nodes = new Map<string, ClusterNode>()
  readonly #speakers = new Map<string, Speaker>()
  readonly #held = new Map<string, HeldRelations>()
  /** Peers that a node has a session with, by their addresses. */
  readonly #established = new Map<string, Set<string>>()
  /** How many nodes have a path to a prefix. */
  readonly #knowing = new Map<string, number>()
  /** Ends of sessions that are up, and that are wanted. */
  #up = 0
  #wanted = 0
  readonly #origins = new PodOrigins()
  readonly #settings: PodNetworkSettings
  readonly #reflectors: ReflectorSettings | undefined
  #topology = new Topology([], undefined)
  /** Paths to nodes that are there which a node was without for a moment. */
  gaps = 0

  /** @param reflectors undefined: the full mesh */
  constructor(reflectors: ReflectorSettings | undefined) {
    this.#reflectors = reflectors
    this.#settings = testSettings
  }

  get reflectors(): string[] {
    return [...this.#nodes.keys()].filter((name) => this.#topology.roleOf(name).kind === 'server')
  }

  async start(nodes: readonly ClusterNode[]): Promise<void> {
    for (const node of nodes) {
      this.#nodes.set(node.name, node)
      this.#origins.replace(node.name, node)
    }
    for (const node of nodes) this.#speakers.set(node.name, this.#speaker(node))
    // Nodes do not start in the same millisecond: their ticks, of which there is one a second, would be at once for ever, and both ends of a session would always try again at the same time.
    const spread = TICK / this.#speakers.size
    for (const [n, speaker] of [...this.#speakers.values()].entries()) {
      const started = performance.now()
      await speaker.start()
      const rest = spread - (performance.now() - started)
      if (n % EACH === 0 && rest > 0) await new Promise((resolve) => setTimeout(resolve, rest * EACH))
    }
    this.plan()
  }

  /** Gives each speaker the sessions that its node is to have now; what it is to have no more it keeps until `release`. */
  plan(): void {
    const members = Array.from(this.#nodes.values(), ({ name, zone }) => ({
      ...{ name, zone, asn: ASN, able: true, complete: true },
      role: { kind: 'none' } as const,
    }))
    this.#topology = new Topology(members, this.#reflectors)
    this.#wanted = 0
    for (const local of this.#nodes.values()) this.#planNode(local)
  }

  /** All is there that is wanted: what has been kept until then goes. */
  release(): void {
    for (const held of this.#held.values())
      held.release(
        Number.POSITIVE_INFINITY,
        () => true,
        () => false,
      )
    this.plan()
  }

  /** The node loses its power, and its Node is not ready any more. */
  fail(name: string): void {
    const node = this.#nodes.get(name)!
    const speaker = this.#speakers.get(name)!
    this.#nodes.delete(name)
    this.#speakers.delete(name)
    this.#origins.replace(name, undefined)
    speaker.removeAllListeners()
    for (const { prefix, peer } of speaker.routes()) if (peer !== undefined) this.#count(prefix, -1)
    this.#up -= this.#established.get(name)!.size
    for (const held of this.#held.values()) held.forget(name)
    this.network.fail(node.addresses[0]!.text)
    void speaker.abandon()
    for (const other of this.#speakers.values()) other.revalidate([node.podCidrs[0]!.text])
  }

  /** The node announces one more prefix inside its own, or withdraws it. */
  announce(name: string): string {
    const prefix = `${this.#nodes.get(name)!.podCidrs[0]!.network}/32`
    this.#speakers.get(name)!.announce({ prefix, tags: ['pod-cidr'] })
    return prefix
  }

  sessionsOf(name: string): number {
    return [...this.#speakers.get(name)!.configurations()].length
  }

  /** Whether all nodes have a path to the prefix, or it is their own. */
  isKnown(prefix: string): boolean {
    return (this.#knowing.get(prefix) ?? 0) === this.#nodes.size - 1
  }

  isConverged(): boolean {
    for (const { podCidrs } of this.#nodes.values()) if (!this.isKnown(podCidrs[0]!.text)) return false
    return true
  }

  /** Whether all sessions that are wanted are up. */
  isSettled(): boolean {
    return this.#up === this.#wanted
  }

  async close(): Promise<void> {
    await Promise.all([...this.#speakers.values()].map((speaker) => speaker.abandon()))
  }

  #planNode(local: ClusterNode): void {
    const speaker = this.#speakers.get(local.name)!
    const held = this.#held.get(local.name)!
    const established = this.#established.get(local.name)!
    const reflects = this.#topology.roleOf(local.name).kind === 'server' || held.reflects
    const nodes = { claimantsOfAddress: (address: string) => this.#at(address) }
    const before = new Set(Array.from(speaker.configurations(), ({ address }) => address!))
    for (const other of this.#nodes.values()) {
      if (other === local) continue
      const wanted = this.#topology.relation(local.name, other.name)
      const isUp = established.has(other.addresses[0]!.text)
      const { session, ...relation } = held.update(other.name, wanted, { time: 0, established: isUp })
      if (!session) continue
      this.#wanted++
      const peer = planMeshPeer(local, other, this.#settings, nodes, { ...relation, reflects, asn: ASN })!
      if (!before.delete(peer.address!)) speaker.addPeer(peer)
      else if (!isDeepStrictEqual(speaker.configuration(peer.address!), peer)) speaker.updatePeer(peer)
    }
    for (const address of before) void speaker.removePeer(address)
  }

  #at(address: string): ClusterNode[] {
    const [, , third, fourth] = address.split('.').map(Number)
    const node = this.#nodes.get(`node-${third! * 256 + fourth!}`)
    return node ? [node] : []
  }

  #speaker(node: ClusterNode): Speaker {
    const address = node.addresses[0]!.text
    const speaker = new Speaker({
      ...{ asn: ASN, routerId: address, validator: this.#origins },
      listen: { addresses: [address], port: 179 },
      transport: this.network.transport(address),
    })
    const own = node.podCidrs[0]!.text
    const reached = new Set<string>()
    speaker.on('best', (changes) => {
      for (const { prefix, best } of changes) {
        // Its own has no peer.
        const has = best?.peer !== undefined
        if (has === reached.has(prefix)) continue
        if (has) reached.add(prefix)
        else reached.delete(prefix)
        this.#count(prefix, has ? 1 : -1)
        if (has) continue
        if (this.#origins.refuse(prefix, address) === 'foreign-next-hop') this.gaps++
      }
    })
    const established = new Set<string>()
    this.#established.set(node.name, established)
    this.#held.set(node.name, new HeldRelations())
    speaker.on('peer', ({ kind, peer }) => {
      if (kind === 'established' && established.add(peer)) this.#up++
      if (kind === 'down' && established.delete(peer)) this.#up--
    })
    speaker.announce({ prefix: own, tags: ['pod-cidr'] })
    return speaker
  }

  #count(prefix: string, step: 1 | -1): void {
    this.#knowing.set(prefix, (this.#knowing.get(prefix) ?? 0) + step)
  }
}
