/** A pod network for tests: its kernel tables are in memory, its BGP speaker is a real one on a network in memory, its time is the test's. */

import type { Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import type { ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import type { InterfaceAddress } from '@podroute/kernel/addresses/bridge-address-resource.ts'
import type { BridgePortSettings } from '@podroute/kernel/links/bridge-port-resource.ts'
import type { BridgeSettings } from '@podroute/kernel/links/bridge-resource.ts'
import type { NftTable } from '@podroute/kernel/nft/definition.ts'
import type { SetElement } from '@podroute/kernel/nft/element.ts'
import type { TABLE } from '@podroute/kernel/nft/table-resource.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import type { RouteHandlers } from '@podroute/linux/route/monitor.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { FakeClock } from 'bgp-speaker-ts/testing/fake-clock.ts'
import { MemoryNetwork } from 'bgp-speaker-ts/testing/memory-network.ts'
import { PodNetwork } from '../pod-network.ts'
import type { PodNetworkSettings } from '../settings.ts'
import type { PodNetworkKernel } from '../tables.ts'
import { testNode, testSettings } from './fixtures.ts'

export const LOCAL = 'node-1'
export const LOCAL_ADDRESS = '172.30.0.11'
/** A session of two speakers is up, and both have told all they have. */
const SESSION_TIME = 3000

const memoryResources = () => ({
  bridge: new MemoryResource<string, BridgeSettings>('bridge'),
  ports: new MemoryResource<string, BridgePortSettings>('bridge-ports'),
  sysctls: new MemoryResource<string, string>('sysctls'),
  addresses: new MemoryResource<string, InterfaceAddress>('bridge-addresses'),
  rules: new MemoryResource<typeof TABLE, NftTable>('rules'),
  masquerade: new MemoryResource<string, SetElement>('masquerade'),
  routes: new MemoryResource<string, Route>('routes'),
  conflist: new MemoryResource<string, string>('conflist'),
  formerRules: new MemoryResource<string, string>('former-rules'),
})

/** Of the bridge, in the announcements of the kernel. */
const BRIDGE_INDEX = 10

/** A host without interfaces, whose announcements are the test's. */
function quietKernel(subscribers: Set<Partial<RouteHandlers>>): PodNetworkKernel {
  const kernel = {
    links: { list: async () => [] },
    addresses: { list: async () => [] },
    sysctls: { read: () => undefined },
    changes: {
      subscribe(handlers: Partial<RouteHandlers>) {
        subscribers.add(handlers)
        return { [Symbol.dispose]: () => void subscribers.delete(handlers) }
      },
    },
  }
  return kernel as unknown as PodNetworkKernel
}

export class World implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly bgpClock = new FakeClock()
  readonly memory = new MemoryNetwork(this.bgpClock)
  readonly kernel = memoryResources()
  readonly events: Statement[] = []
  readonly said: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = []
  /** Every speaker of this node that was made, the last one last. */
  readonly speakers: Speaker[] = []
  /** While it says why, pods must not start. */
  gate: string | undefined
  /** Whom the node needs, by address. */
  readonly reserved = new Map<string, ReservedHolder>()
  /** While true, another program has the BGP port. */
  portTaken = false
  network: PodNetwork
  /** As the pod network was made with them. */
  settings: PodNetworkSettings
  readonly #subscribers = new Set<Partial<RouteHandlers>>()
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
    await this.network[Symbol.asyncDispose]()
    this.settings = { ...testSettings, ...settings }
    this.network = this.#create(this.settings)
    await this.start(...nodes)
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
  addPort(name: string): void {
    const { bridge, hairpin } = this.settings
    this.kernel.ports.state.set(name, { hairpin })
    this.#announce({ index: BRIDGE_INDEX, name: bridge, kind: 'bridge', master: 0 })
    this.#announce({ index: 20, name, kind: 'veth', master: BRIDGE_INDEX })
  }

  /** What was written since this was asked last: `routes add 10.244.2.0/24`. */
  ops(): string[] {
    const all = Object.values(this.kernel) as readonly MemoryResource<string, unknown>[]
    return all.flatMap((resource) =>
      resource.batches
        .splice(0)
        .flat()
        .map(({ kind, key }) => `${resource.name} ${kind} ${key}`),
    )
  }

  /** `10.244.2.0/24 via 172.30.0.12` */
  routes(): string[] {
    return Array.from(this.kernel.routes.state.values(), (r) => `${r.destination} via ${r.gateway}`).sort()
  }

  /** The peers that the speaker of this node has, by address. */
  peers(): string[] {
    return Array.from(this.speaker?.configurations() ?? [], ({ address }) => address!).sort()
  }

  /** How often the session with each peer came up. */
  established(): Record<string, number> {
    const entries = this.network.peers().map((peer) => [peer.address, peer.counters.established])
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
    this.bgpClock.advance(5000)
    await Promise.all(ends)
  }

  #announce(link: Pick<Link, 'index' | 'name' | 'kind' | 'master'>): void {
    for (const handlers of this.#subscribers) handlers.onLink?.('add', link as Link)
  }

  #create(settings: PodNetworkSettings): PodNetwork {
    return new PodNetwork({
      ...{
        nodeName: LOCAL,
        settings,
        kernel: quietKernel(this.#subscribers),
        clock: this.clock,
        log: this.#log(),
      },
      createTables: (_kernel, _settings, options) => this.#tables(options),
      createSpeaker: (config) => this.#createSpeaker(config),
      events: { record: (statement) => void this.events.push(statement) },
      isVip: () => false,
      holderOf: (address) => this.reserved.get(address),
      podGate: () => this.gate,
    })
  }

  #createSpeaker(config: ConstructorParameters<typeof Speaker>[0]): Speaker {
    const transport = this.memory.transport(LOCAL_ADDRESS)
    const { connect, supports } = transport
    const taken = async () => {
      throw new Error('the port is taken')
    }
    const used = this.portTaken ? { supports, connect, listen: taken } : transport
    const speaker = new Speaker({ ...config, clock: this.bgpClock, transport: used })
    this.speakers.push(speaker)
    return speaker
  }

  #tables(options: { readonly clock: ManualClock | object; readonly log: Logger }) {
    const { kernel } = this
    const fixed = { ...(options as { clock: ManualClock; log: Logger }), random: () => 1 }
    return {
      bridge: new Table(kernel.bridge, fixed),
      ports: new Table(kernel.ports, fixed),
      sysctls: new Table(kernel.sysctls, fixed),
      addresses: new Table(kernel.addresses, fixed),
      rules: new Table(kernel.rules, fixed),
      masquerade: new Table(kernel.masquerade, fixed),
      routes: new Table(kernel.routes, fixed),
      conflist: new Table(kernel.conflist, fixed),
      formerRules: new Table(kernel.formerRules, fixed),
    }
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
