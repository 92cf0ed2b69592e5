/** A node for tests of the pod network: what the API server says is the test's, its kernel is a real one. */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { openBfd } from '@podroute/pod-network/bgp/bfd/open.ts'
import type { CreateSpeaker } from '@podroute/pod-network/bgp/instance.ts'
import { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import { FakeServices } from '@podroute/pod-network/testing/fake-services.ts'
import { testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { eventually } from '../support/eventually.ts'
import { loopbackTransport } from '../support/loopback-transport.ts'
import { TestNetns } from './linux-support.ts'

export const NODE = 'node-1'
export const BRIDGE = testSettings.bridge
export const OWN: NodeObject = {
  ...{ name: NODE, ready: true },
  podCIDRs: ['10.244.1.0/24', 'fd10:244:0:1::/64'],
  internalIPs: ['172.31.0.11', 'fd31::11'],
}

/** A node whose pod network is told of Nodes by the test; its kernel is a real one. */
export class TestNode {
  readonly netns: TestNetns
  readonly directory: string
  readonly sysctls = new Map<string, string>()
  readonly #kernel: ReturnType<typeof openKernel>
  network!: PodNetwork
  /** The process is in another namespace than the kernel that it works on. */
  createSpeaker: CreateSpeaker = (config) =>
    new Speaker({ ...config, transport: loopbackTransport('127.0.0.81') })

  private constructor(netns: TestNetns, directory: string) {
    this.netns = netns
    this.directory = directory
    this.#kernel = openKernel({ netns: netns.path })
  }

  get nft() {
    return this.#kernel.nft
  }

  static async create(): Promise<TestNode> {
    const netns = await TestNetns.create('node-life')
    await netns.veth('eth0', '172.31.0.11/24', 'fd31::11/64')
    return new TestNode(netns, await mkdtemp(join(tmpdir(), 'podroute-life-')))
  }

  /** Starts the pod network, or starts it again; it knows what these Nodes say. */
  async start(settings: Partial<PodNetworkSettings> = {}, ...nodes: readonly NodeObject[]): Promise<void> {
    const sysctls = {
      read: (name: string) => this.sysctls.get(name),
      write: (name: string, value: string) => void this.sysctls.set(name, value),
    }
    this.network = new PodNetwork({
      nodeName: NODE,
      settings: { ...testSettings, mesh: false, conflist: this.conflist, ...settings },
      kernel: { ...this.#kernel, sysctls },
      createSpeaker: this.createSpeaker,
      bfd: openBfd(silent),
      clock: systemClock,
      log: silent,
      services: new FakeServices(),
      podPrefixes: new PodPrefixes(),
      isVip: () => false,
      holderOf: () => undefined,
      events: { record() {} },
      keptAnnotations: { load: () => undefined, save() {} },
      keptPodCidrs: { load: () => undefined, save() {} },
      keptLeftNodes: { load: () => undefined, save() {} },
      podGate: () => undefined,
      pluginFields: () => ({}),
    })
    await this.network.start()
    for (const node of nodes) this.setNode(node)
    this.network.nodesSynced()
  }

  /** As the API server has it. */
  setNode(object: NodeObject): void {
    this.network.setNode(parseNode(object))
  }

  get conflist(): string {
    return join(this.directory, '10-podroute.conflist')
  }

  /** What pods stand on. */
  async state() {
    const links = await this.netns.links.list()
    const bridge = links.find(({ name }) => name === BRIDGE)
    const addresses = await this.netns.addresses.list({ interfaceIndex: bridge?.index ?? -1 })
    return {
      bridge: bridge?.index,
      mac: bridge?.mac,
      ports: links.filter(({ master }) => master !== 0 && master === bridge?.index).map(({ name }) => name),
      addresses: addresses.filter(({ scope }) => scope === 0).map(({ address }) => address),
      conflist: await readFile(this.conflist, 'utf8'),
      table: await this.nft.listJson('list table inet podroute-pod-network'),
    }
  }

  /** Resolves when what the test said before is planned and in the kernel: after it comes and goes another Node's address. */
  async settled(): Promise<void> {
    const other = { name: 'node-9', ready: false, podCIDRs: [], internalIPs: ['172.31.0.99'] }
    const seen = async () =>
      JSON.stringify(await this.nft.listJson('list set inet podroute-pod-network nodes-4'))
    this.setNode(other)
    await eventually(async () => (await seen()).includes('172.31.0.99'))
    this.network.removeNode(other.name)
    await eventually(async () => !(await seen()).includes('172.31.0.99'))
  }

  condition(name: string): string | undefined {
    return this.network.conditions().find((condition) => condition.name === name)?.detail
  }

  async ready(): Promise<void> {
    await eventually(() => this.network.ready)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network?.[Symbol.asyncDispose]()
    this.#kernel[Symbol.dispose]()
    this.netns[Symbol.dispose]()
    await rm(this.directory, { recursive: true })
  }
}
