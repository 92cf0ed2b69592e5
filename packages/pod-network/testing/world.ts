/** A pod network for tests: it writes to a fake kernel, its BGP speaker is a real one on a network in memory, its time is the test's. */

import type { Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import type { Op } from '@podroute/reconcile/resource.ts'
import type { Table } from '@podroute/reconcile/table.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { FakeClock } from 'bgp-speaker-ts/testing/fake-clock.ts'
import { MemoryNetwork } from 'bgp-speaker-ts/testing/memory-network.ts'
import { BfdMonitor } from '../bgp/bfd/monitor.ts'
import { TABLE_NAME } from '../egress/masquerade.ts'
import type { KeptLeftNodes } from '../handover/left-nodes.ts'
import type { KeptAnnotations } from '../node-annotations/node-annotations.ts'
import type { KeptPodCidrs } from '../node-annotations/pod-cidr-overrides.ts'
import { PodNetwork } from '../pod-network.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { createTables } from '../tables.ts'
import { FakeBfd } from './fake-bfd.ts'
import { FakeServices } from './fake-services.ts'
import { testNode, testSettings } from './fixtures.ts'

export const LOCAL = 'node-1'
export const LOCAL_ADDRESS = '172.30.0.11'
/** A session of two speakers is up, and both have told all they have. */
const SESSION_TIME = 3000

export class World implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly podPrefixes = new PodPrefixes()
  readonly bgpClock = new FakeClock()
  readonly memory = new MemoryNetwork(this.bgpClock)
  readonly kernel = new FakeKernel()
  readonly paths = new FakeBfd()
  readonly bfd = new BfdMonitor(() => this.paths)
  readonly events: Statement[] = []
  readonly said: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = []
  /** Every speaker of this node that was made, the last one last. */
  readonly speakers: Speaker[] = []
  /** While it says why, pods must not start. */
  gate: string | undefined
  /** Whom the node needs, by address. */
  readonly reserved = new Map<string, ReservedHolder>()
  /** The Services of the cluster, as far as this node knows them. */
  readonly services = new FakeServices()
  /** While true, another program has the BGP port. */
  portTaken = false
  /** What an agent leaves for the next one of its annotations. */
  keptAnnotations: KeptAnnotations | undefined
  /** And of pod prefixes by annotation. */
  keptPodCidrs: KeptPodCidrs | undefined
  /** And of nodes that were left. */
  keptLeftNodes: KeptLeftNodes | undefined
  network: PodNetwork
  /** As the pod network was made with them. */
  settings: PodNetworkSettings
  readonly #ops: string[] = []
  readonly #others = new Map<string, Speaker>()

  constructor(settings: Partial<PodNetworkSettings> = {}) {
    this.settings = { ...testSettings, ...settings }
    this.network = this.#create(this.settings)
  }

  /** Starts the pod network; the API server has these Nodes. */
  async start(...nodes: readonly ClusterNode[]): Promise<void> {
    await this.network.start()
    for (const node of nodes) this.network.setNode(node)
    this.network.nodesSynced()
    await this.settle()
  }

  /** The agent ends, and another one starts on what it leaves. */
  async restart(settings: Partial<PodNetworkSettings>, ...nodes: readonly ClusterNode[]): Promise<void> {
    await this.#end()
    this.settings = { ...testSettings, ...settings }
    this.network = this.#create(this.settings)
    await this.start(...nodes)
  }

  /** The same, and the next one has not been told anything. */
  async startOver(): Promise<void> {
    await this.#end()
    this.network = this.#create(this.settings)
    await this.network.start()
  }

  async #end(): Promise<void> {
    const ended = this.network[Symbol.asyncDispose]()
    await this.settle(300)
    await ended
  }

  /** Everything that is ready happens, and so much time passes. */
  async settle(milliseconds = 200): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      this.bgpClock.advance(50)
      await this.clock.advance(50)
    }
  }

  /** Sessions come up, and their peers tell all they have. */
  async sessions(): Promise<void> {
    await this.settle(SESSION_TIME)
  }

  /** The agent of a node, or a router, at an address: it has a session with this node and announces the prefixes. */
  async speak(
    address: string,
    prefixes: readonly string[],
    config: Partial<PeerConfig> = {},
  ): Promise<Speaker> {
    const asn = config.asn === undefined ? 64512 : Number(config.asn)
    const { clock, transport } = { clock: this.bgpClock, transport: this.memory.transport(address) }
    const listen = { addresses: [address], port: 179 }
    const speaker = new Speaker({ asn, routerId: address, listen, clock, transport })
    this.#others.set(address, speaker)
    const families = ['ipv4-unicast', 'ipv6-unicast'] as const
    const gracefulRestart = { time: 90, forwarding: true }
    const peer = { address: LOCAL_ADDRESS, localAddress: address, families, gracefulRestart, passive: true }
    speaker.addPeer({ ...peer, ...config, asn: 64512 })
    for (const prefix of prefixes)
      speaker.announce({ prefix, nextHop: prefix.includes(':') ? 'fd30::12' : address })
    await speaker.start()
    return speaker
  }

  /** Its sessions end, with a NOTIFICATION where `reason` is given, else as if its machine had lost power. */
  async silence(address: string, reason?: string): Promise<void> {
    const speaker = this.#others.get(address)
    this.#others.delete(address)
    if (reason !== undefined) void speaker?.close(reason)
    else void speaker?.abandon()
    await this.settle()
  }

  /** The CNI plugin hangs a pod's interface on the bridge. */
  async addPort(name: string): Promise<void> {
    const { bridge, hairpin } = this.settings
    const { links } = this.kernel
    const master = (await links.get(bridge))!.index
    const { index } = await links.add({ kind: 'veth', name, up: true, master, peer: { name: 'eth0' } })
    await links.setBridgePort(index, { hairpin })
  }

  /** What was written since this was asked last, also what failed: `routes add 10.244.2.0/24`. */
  ops(): string[] {
    return this.#ops.splice(0)
  }

  /** `10.244.2.0/24 via 172.30.0.12` */
  routes(): string[] {
    const routes = this.kernel.routes.of(TABLE_MAIN).values()
    return Array.from(routes, ({ destination, gateway }) => `${destination} via ${gateway}`).sort()
  }

  /** Elements of the sets for masquerading: `pods-4 10.244.2.0/24`. */
  masqueraded(): string[] {
    const sets = this.kernel.nft.tables.get(`inet ${TABLE_NAME}`)?.sets ?? new Map()
    return [...sets].flatMap(([set, { elements }]) => Array.from(elements, (text) => `${set} ${text}`)).sort()
  }

  /** The peers that the speaker of this node has, by address. */
  peers(): string[] {
    return Array.from(this.speaker?.configurations() ?? [], ({ address }) => address!).sort()
  }

  /** How often the session with each peer came up. */
  established(): Record<string, number> {
    const entries = this.network.view.peers().map((peer) => [peer.address, peer.counters.established])
    return Object.fromEntries(entries)
  }

  /** The speaker of this node. */
  get speaker(): Speaker | undefined {
    return this.speakers.at(-1)
  }

  /** What is missing, as `speaker: cannot listen …`. */
  problems(): string[] {
    return this.network
      .conditions()
      .filter(({ ok }) => !ok)
      .map(({ name, detail }) => `${name}: ${detail}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = [this.network[Symbol.asyncDispose](), ...Array.from(this.#others.values(), (s) => s.close())]
    await this.settle(5000)
    await Promise.all(ends)
  }

  #create(settings: PodNetworkSettings): PodNetwork {
    return new PodNetwork({
      ...{
        nodeName: LOCAL,
        settings,
        kernel: this.kernel,
        clock: this.clock,
        log: this.#log(),
        podPrefixes: this.podPrefixes,
      },
      createTables: (kernel, current, options) => {
        const tables = createTables(kernel, current, { ...options, random: () => 1 })
        const all = Object.entries(tables) as [string, Table<string, unknown>][]
        for (const [name, table] of all) this.#record(name, table)
        return tables
      },
      bfd: this.bfd,
      createSpeaker: (config) => this.#createSpeaker(config),
      keptAnnotations: {
        load: () => this.keptAnnotations,
        save: (kept) => {
          this.keptAnnotations = kept
        },
      },
      keptPodCidrs: {
        load: () => this.keptPodCidrs,
        save: (kept) => {
          this.keptPodCidrs = kept
        },
      },
      keptLeftNodes: {
        load: () => this.keptLeftNodes,
        save: (kept) => {
          this.keptLeftNodes = kept
        },
      },
      events: { record: (statement) => void this.events.push(statement) },
      services: this.services,
      isVip: () => false,
      holderOf: (address) => this.reserved.get(address),
      podGate: () => this.gate,
      pluginFields: () => ({}),
    })
  }

  #createSpeaker(config: ConstructorParameters<typeof Speaker>[0]): Speaker {
    const transport = this.memory.transport(LOCAL_ADDRESS)
    const listen: typeof transport.listen = async (options, accept) => {
      if (this.portTaken) throw new Error('the port is taken')
      return transport.listen(options, accept)
    }
    const used = { ...transport, listen }
    const speaker = new Speaker({
      ...config,
      clock: this.bgpClock,
      random: () => 0.5,
      transport: used,
      bfd: this.bfd,
      // Nobody is at the other end of a link.
      discovery: { watch: () => ({ close() {} }) },
    })
    this.speakers.push(speaker)
    return speaker
  }

  #record(name: string, { resource }: Table<string, unknown>): void {
    const apply = resource.apply.bind(resource)
    resource.apply = (ops) => {
      this.#ops.push(
        ...ops.filter((op) => !this.#isSet(name, op)).map(({ kind, key }) => `${name} ${kind} ${key}`),
      )
      return apply(ops)
    }
  }

  /** Whether it is a sysctl that has the value: it is not written then. */
  #isSet(name: string, op: Op<string, unknown>): boolean {
    return name === 'sysctls' && op.kind !== 'remove' && this.kernel.sysctls.read(op.key) === op.value
  }

  #log(): Logger {
    const say =
      (level: string) =>
      (message: string, fields: LogFields = {}) =>
        void this.said.push({ level, message, fields })
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}

/** Node `n` as `testNode` has it, of IPv4 alone: sessions in memory have one address at each end. */
export function ipv4Node(n: number, overrides: Partial<NodeObject> = {}): ClusterNode {
  return testNode(n, { podCIDRs: [`10.244.${n}.0/24`], internalIPs: [`172.30.0.1${n}`], ...overrides })
}
