/** A node with real pods: their CNI plugin, the pod network of an agent on the kernel of a namespace, and a router outside. */

import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { openBfd } from '@podroute/pod-network/bgp/bfd/open.ts'
import { PodNetwork } from '@podroute/pod-network/pod-network.ts'
import type { PodNetworkSettings } from '@podroute/pod-network/settings.ts'
import { SOURCES_TABLE } from '@podroute/pod-network/sources/table.ts'
import { FakeServices } from '@podroute/pod-network/testing/fake-services.ts'
import { testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { eventually } from '../support/eventually.ts'
import { loopbackTransport } from '../support/loopback-transport.ts'
import { connectOutside } from './cni-outside.ts'
import { command, NetnsWorld } from './cni-world.ts'

export const NODE = 'node-1'
export const NODE_ADDRESSES = ['192.0.2.1', '2001:db8::1']
/** The first address of each pod prefix. */
export const GATEWAYS = ['10.244.1.1', 'fd10:244:0:1::1']

/** A running pod. */
export interface Pod {
  readonly id: string
  /** Path and name of its namespace. */
  readonly path: string
  readonly netns: string
  /** Its interface on the node. */
  readonly port: string
  /** Its index. */
  readonly link: number
  readonly mac: string
  readonly v4: string
  readonly v6: string
}

export class PodWorld implements AsyncDisposable {
  readonly cni: NetnsWorld
  /** Namespace of the router. */
  readonly outside: string
  readonly #kernel: ReturnType<typeof openKernel>
  readonly #directory: string
  readonly #sysctls = new Map<string, string>()
  #settings: PodNetworkSettings
  #runs = false
  network!: PodNetwork

  private constructor(plugins: string, directory: string) {
    this.cni = new NetnsWorld(plugins)
    command('ip', '-n', this.cni.host, 'link', 'set', 'lo', 'up')
    this.cni.setSetting('host', 'ipv4/ip_forward', '1')
    this.cni.setSetting('host', 'ipv6/conf/all/forwarding', '1')
    this.outside = connectOutside(this.cni)
    this.#kernel = openKernel({ netns: `/run/netns/${this.cni.host}` })
    this.#directory = directory
    this.#settings = { ...testSettings, mesh: false, conflist: join(directory, 'podroute.conflist') }
  }

  static async create(plugins: string): Promise<PodWorld> {
    return new PodWorld(plugins, await mkdtemp(join(tmpdir(), 'podroute-pods-')))
  }

  get nft() {
    return this.#kernel.nft
  }

  get ipvs() {
    return this.#kernel.ipvs
  }

  /** An agent starts, and takes over what it finds. */
  async start(change: Partial<PodNetworkSettings> = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...change }
    // Those of bridges are the machine's and not the namespace's.
    const sysctls = {
      read: (name: string) => this.#sysctls.get(name),
      write: (name: string, value: string) => void this.#sysctls.set(name, value),
    }
    this.#runs = true
    this.network = new PodNetwork({
      ...{ nodeName: NODE, settings: this.#settings, kernel: { ...this.#kernel, sysctls } },
      // The process is in another namespace than the kernel that it works on.
      createSpeaker: (config) => new Speaker({ ...config, transport: loopbackTransport('127.0.0.82') }),
      ...{
        clock: systemClock,
        log: silent,
        services: new FakeServices(),
        podPrefixes: new PodPrefixes(),
        isVip: () => false,
        holderOf: () => undefined,
        podGate: () => undefined,
        pluginFields: () => ({}),
      },
      events: { record() {} },
      bfd: openBfd(silent),
      keptAnnotations: { load: () => undefined, save() {} },
      keptPodCidrs: { load: () => undefined, save() {} },
      keptLeftNodes: { load: () => undefined, save() {} },
    })
    await this.network.start()
    this.network.setNode(
      parseNode({
        ...{ name: NODE, ready: true, internalIPs: NODE_ADDRESSES },
        podCIDRs: ['10.244.1.0/24', 'fd10:244:0:1::/64'],
      }),
    )
    this.network.setNode(
      parseNode({ name: 'node-2', ready: true, internalIPs: ['192.0.2.22', '2001:db8::22'], podCIDRs: [] }),
    )
    this.network.nodesSynced()
    await eventually(() => this.network.ready && existsSync(this.#settings.conflist))
  }

  async stop(): Promise<void> {
    this.#runs = false
    await this.network[Symbol.asyncDispose]()
  }

  /** The settings change while the agent runs. */
  async configure(change: Partial<PodNetworkSettings>): Promise<void> {
    this.#settings = { ...this.#settings, ...change }
    this.network.configure(this.#settings)
    const wanted = this.#settings.sourceCheck !== false
    const chains = async () => (await listTable(this.nft, SOURCES_TABLE)).chains
    await eventually(async () => (await chains()).has('from-ports') === wanted)
    await this.settled()
  }

  /** Resolves when the kernel holds all that is wanted; at once while no agent runs. */
  async settled(): Promise<void> {
    await eventually(() => !this.#runs || [...this.network.pending()].length === 0)
  }

  /** What the runtime reads now, for one pod. */
  async #config(change: object): Promise<object> {
    const { name, cniVersion, plugins } = JSON.parse(await readFile(this.#settings.conflist, 'utf8'))
    const [bridge] = plugins
    return { name, cniVersion, ...bridge, ipam: { ...bridge.ipam, dataDir: this.cni.data }, ...change }
  }

  async addPod(id: string, change: object = {}): Promise<Pod> {
    const path = this.cni.addContainer(id)
    // No link-local address, unless the plugin says otherwise.
    this.cni.setSetting(path, 'ipv6/conf/default/addr_gen_mode', '1')
    command('ip', '-n', path.split('/').at(-1)!, 'link', 'set', 'lo', 'up')
    const config = await this.#config(change)
    const { status, json, output } = this.cni.run('bridge', {
      command: 'ADD',
      containerId: id,
      netns: path,
      config,
    })
    if (status !== 0 || !json) throw new Error(output)
    const [v4 = '', v6 = ''] = json.ips!.map(({ address }) => address.split('/')[0]!)
    const [, port, inside] = json.interfaces!
    await this.settled()
    const link = JSON.parse(command('ip', '-n', this.cni.host, '-j', 'link', 'show', port!.name))[0].ifindex
    return { id, path, netns: path.split('/').at(-1)!, port: port!.name, link, mac: inside!.mac!, v4, v6 }
  }

  async removePod(pod: Pod): Promise<void> {
    const config = await this.#config({})
    const call = { command: 'DEL', containerId: pod.id, netns: pod.path, config }
    const { status, output } = this.cni.run('bridge', call)
    if (status !== 0) throw new Error(output)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network?.[Symbol.asyncDispose]()
    this.#kernel[Symbol.dispose]()
    this.cni.dispose()
    await rm(this.#directory, { recursive: true })
  }
}
