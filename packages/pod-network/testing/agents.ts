/** The pod networks of several nodes: each writes to a fake kernel of its own, their speakers meet on a network in memory. */

import type { Statement } from '@podroute/cluster/events/event.ts'
import type { ClusterNode, NodeObject } from '@podroute/cluster/objects/node.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { FakeClock } from 'bgp-speaker-ts/testing/fake-clock.ts'
import { MemoryNetwork } from 'bgp-speaker-ts/testing/memory-network.ts'
import { BfdMonitor } from '../bgp/bfd/monitor.ts'
import { PodNetwork } from '../pod-network.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { createTables } from '../tables.ts'
import { FakeBfd } from './fake-bfd.ts'
import { FakeServices } from './fake-services.ts'
import { testSettings } from './fixtures.ts'
import { ipv4Node } from './world.ts'

const STEP = 100

interface Agent {
  readonly network: PodNetwork
  readonly kernel: FakeKernel
}

export class Agents implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly bgpClock = new FakeClock()
  readonly memory = new MemoryNetwork(this.bgpClock)
  /** `node-1 10.244.2.0/24`: a route that a node took away, unless its Node was gone. */
  readonly lost: string[] = []
  /** By the node that said it. */
  readonly events: (readonly [string, Statement])[] = []
  readonly #settings: PodNetworkSettings
  readonly #agents = new Map<number, Agent>()
  /** As the API server has them. */
  readonly #nodes = new Map<number, ClusterNode>()

  constructor(settings: Partial<PodNetworkSettings> = {}, defaults: PodNetworkSettings = testSettings) {
    this.#settings = { ...defaults, ...settings }
  }

  /** Starts agents of these nodes, which know all Nodes of before as well. */
  async start(...numbers: readonly number[]): Promise<void> {
    for (const n of numbers) this.#nodes.set(n, ipv4Node(n))
    for (const n of numbers) await this.#start(n)
    for (const n of numbers)
      for (const [other, agent] of this.#agents)
        if (!numbers.includes(other)) agent.network.setNode(this.#nodes.get(n)!)
    await this.settle(3000)
  }

  /** The Node is so from now on; each agent sees it after so many milliseconds. */
  change(n: number, parts: Partial<NodeObject>, delay: (agent: number) => number = () => 0): void {
    const node = ipv4Node(n, parts)
    this.#nodes.set(n, node)
    for (const [other, { network }] of this.#agents)
      this.clock.after(delay(other), () => {
        // What came later has been told already.
        if (this.#nodes.get(n) === node) network.setNode(node)
      })
  }

  /** The Node is deleted and its machine is off. */
  remove(n: number): void {
    this.#nodes.delete(n)
    const gone = this.#agents.get(n)
    this.#agents.delete(n)
    void gone?.network[Symbol.asyncDispose]()
    for (const { network } of this.#agents.values()) network.removeNode(`node-${n}`)
  }

  /** The agent ends as by SIGKILL, and starts again on what it has left in the kernel. */
  async restart(n: number): Promise<void> {
    const { network, kernel } = this.#agents.get(n)!
    await this.#end(network)
    await this.#start(n, kernel)
  }

  /** Everything that is ready happens, and so much time passes. */
  async settle(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += STEP) {
      this.bgpClock.advance(STEP)
      await this.clock.advance(STEP)
    }
  }

  /** What is missing: `node-1 has no route to node-2`. */
  missing(): string[] {
    return [...this.#agents].flatMap(([n, { kernel }]) => {
      const routes = kernel.routes.of(TABLE_MAIN)
      const has = new Set(
        Array.from(routes.values(), ({ destination, gateway }) => `${destination} ${gateway}`),
      )
      return [...this.#nodes.keys()]
        .filter((other) => other !== n && !has.has(`10.244.${other}.0/24 172.30.0.1${other}`))
        .map((other) => `node-${n} has no route to node-${other}`)
    })
  }

  /** Established sessions: `1-2` of both ends, or `1>2` where only the first has it. */
  sessions(): string[] {
    const ends = new Set(
      [...this.#agents].flatMap(([n, { network }]) =>
        network.view
          .peers()
          .filter(({ state }) => state === 'established')
          .map(({ address }) => `${n} ${address.slice('172.30.0.1'.length)}`),
      ),
    )
    return [...ends]
      .flatMap((end) => {
        const [a, b] = end.split(' ') as [string, string]
        if (!ends.has(`${b} ${a}`)) return [`${a}>${b}`]
        return Number(a) < Number(b) ? [`${a}-${b}`] : []
      })
      .sort()
  }

  /** Peers that an agent has and that have no session. */
  idle(): string[] {
    return [...this.#agents].flatMap(([n, { network }]) =>
      network.view
        .peers()
        .filter(({ state }) => state !== 'established')
        .map(({ address }) => `${n} ${address}`),
    )
  }

  network(n: number): PodNetwork {
    return this.#agents.get(n)!.network
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { network } of this.#agents.values()) await this.#end(network)
  }

  async #end(network: PodNetwork): Promise<void> {
    let over = false
    const ended = network[Symbol.asyncDispose]().then(() => {
      over = true
    })
    // Closing sessions may wait for their timers.
    while (!over) {
      this.bgpClock.advance(STEP)
      await new Promise(setImmediate)
    }
    await ended
  }

  async #start(n: number, kernel = new FakeKernel()): Promise<void> {
    const network = this.#create(n, kernel)
    this.#agents.set(n, { network, kernel })
    await network.start()
    for (const node of this.#nodes.values()) network.setNode(node)
    network.nodesSynced()
  }

  #create(n: number, kernel: FakeKernel): PodNetwork {
    const nodeName = `node-${n}`
    const address = `172.30.0.1${n}`
    return new PodNetwork({
      ...{ nodeName, kernel, settings: this.#settings, clock: this.clock, log: silent },
      podPrefixes: new PodPrefixes(),
      createTables: (of, current, options) => {
        const tables = createTables(of, current, { ...options, random: () => 1 })
        const { resource } = tables.routes
        const apply = resource.apply.bind(resource)
        resource.apply = (ops) => {
          for (const { kind, key } of ops) if (kind === 'remove') this.#removed(nodeName, key)
          return apply(ops)
        }
        return tables
      },
      createSpeaker: (config) =>
        new Speaker({ ...config, clock: this.bgpClock, transport: this.memory.transport(address) }),
      bfd: new BfdMonitor(() => new FakeBfd()),
      events: { record: (statement) => void this.events.push([nodeName, statement]) },
      services: new FakeServices(),
      isVip: () => false,
      holderOf: () => undefined,
      podGate: () => undefined,
      pluginFields: () => ({}),
      keptAnnotations: { load: () => undefined, save() {} },
      keptPodCidrs: { load: () => undefined, save() {} },
      keptLeftNodes: { load: () => undefined, save() {} },
    })
  }

  #removed(nodeName: string, prefix: string): void {
    const owned = [...this.#nodes.values()].some(({ podCidrs }) =>
      podCidrs.some(({ text }) => text === prefix),
    )
    if (owned) this.lost.push(`${nodeName} ${prefix}`)
  }
}
