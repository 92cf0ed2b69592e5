/** Pods that start under network policies: the real plugin asks the real feature, and the first packet is judged. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ClusterState } from '@podroute/cluster/state.ts'
import type { FeatureContext } from '@podroute/feature/feature.ts'
import { PodPrefixes } from '@podroute/feature/pod-prefixes.ts'
import { ReservedAddresses } from '@podroute/feature/reserved-addresses.ts'
import { ServedAddresses } from '@podroute/feature/served-addresses.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { NetworkPolicyFeature } from '@podroute/network-policy/feature.ts'
import type { NetworkPolicySettings } from '@podroute/network-policy/section.ts'
import { systemClock } from '@podroute/reconcile/clock.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { environmentOf, inputOf } from '../../packages/cni/testing/fake-world.ts'
import type { Answer, Call } from '../../packages/cni/testing/world.ts'
import { Prober } from '../support/packet-probe.ts'
import { connectOutside } from './cni-outside.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const NODE = 'node-1'
/** POLICY_STARTS=200 for as many as the issue asks for. */
const ROUNDS = Number(process.env.POLICY_STARTS ?? 30)
const OUTSIDE = ['192.0.2.2', '2001:db8::2'] as const
const PORT = 7777
const SOURCE_PORT = 40_000
const DENY = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }
const SETTINGS: NetworkPolicySettings = { podStart: 'selected', podStartTimeout: 2, endConnections: true }

/** The kernel lets nothing out of an interface that was not up for a moment. */
function attempt(send: () => void): void {
  try {
    send()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error
  }
}

const milliseconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count))

/** The feature on a node's kernel, with a cluster that the test tells it of. */
class Node implements AsyncDisposable {
  readonly cluster = new ClusterState()
  readonly feature: NetworkPolicyFeature
  readonly #kernel: ReturnType<typeof openKernel>

  constructor(netns: string, stateDirectory: string, settings: NetworkPolicySettings) {
    this.#kernel = openKernel({ netns })
    const context: FeatureContext = {
      ...{ nodeName: NODE, stateDirectory, cluster: this.cluster, log: silent, clock: systemClock },
      ...{ random: Math.random, reserved: new ReservedAddresses(), events: { record() {} } },
      writer: () => Promise.reject(new Error('unused')),
      served: new ServedAddresses(),
      podPrefixes: new PodPrefixes(),
      kernel: async () => this.#kernel,
      ...{ podGate: () => undefined, pluginFields: () => ({}), gateChanged() {} },
      firstSync: { large() {}, done() {} },
      store: () => ({ load: () => undefined, save() {} }),
    }
    this.feature = new NetworkPolicyFeature(context, settings, this.#kernel)
  }

  async start(...namespaces: string[]): Promise<void> {
    await this.feature.start()
    for (const namespace of namespaces)
      this.cluster.set('networkpolicies', `${namespace}/deny`, { spec: DENY })
    this.sync()
  }

  sync(): void {
    for (const kind of ['networkpolicies', 'clusternetworkpolicies', 'namespaces', 'pods'] as const)
      this.cluster.synced(kind)
  }

  pod(key: string, addresses: readonly string[] = []): void {
    this.cluster.set('pods', key, { uid: `uid-${key}`, labels: {}, node: NODE, addresses })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feature[Symbol.asyncDispose]()
    this.#kernel[Symbol.dispose]()
  }
}

describe('pods that start under network policies', function () {
  this.timeout(120_000)
  let plugins = ''
  let world: NetnsWorld
  let folder = ''
  let outside: Prober
  let containers = 0
  const probers: Prober[] = []

  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
    folder = join(world.data, 'run')
    const away = connectOutside(world)
    for (const family of ['-4', '-6'])
      command(
        'ip',
        '-n',
        away,
        family,
        'route',
        'add',
        'default',
        'via',
        family === '-4' ? '192.0.2.1' : '2001:db8::1',
      )
    world.inHost('sysctl', '-qw', 'net.netfilter.nf_conntrack_checksum=0', 'net.ipv4.ip_forward=1')
    world.inHost('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    outside = new Prober(away)
    probers.push(outside)
  })
  afterEach(() => {
    for (const prober of probers.splice(0)) prober[Symbol.dispose]()
    world.dispose()
  })

  /** While this process goes on: it is the agent too. */
  async function run(call: Call): Promise<Answer> {
    const child = spawn('ip', ['netns', 'exec', world.host, join(plugins, 'bridge')], {
      env: { PATH: process.env.PATH ?? '', ...environmentOf(call, plugins) },
    })
    child.stdin.end(inputOf(call))
    const output = text(child.stdout)
    const error = text(child.stderr)
    const [status] = (await once(child, 'close')) as [number]
    return { status, output: await output, error: await error, json: JSON.parse((await output) || '{}') }
  }

  async function add(key: string, networkPolicy: object | undefined): Promise<Answer & { netns: string }> {
    const [namespace, name] = key.split('/')
    const netns = world.addContainer(`c${containers++}`)
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=uid-${key}`
    const answer = await run({
      command: 'ADD',
      ...{ containerId: `${namespace}-${name}`, netns, args },
      config: {
        ...{ cniVersion: '1.0.0', name: 'starts', type: 'bridge', bridge: 'starts0', isDefaultGateway: true },
        ...(networkPolicy === undefined ? {} : { networkPolicy }),
        ipam: {
          ...{ type: 'host-local', dataDir: world.data },
          ranges: [[{ subnet: '10.66.0.0/23' }], [{ subnet: 'fd66::/64' }]],
        },
      },
    })
    return { ...answer, netns }
  }

  /** One pod that sends from its first moment on while the outside sends to it from before there is one; what passed, either way. */
  async function startOne(node: Node, number: number, wait: object | undefined): Promise<number> {
    const key = `shop/p${number}`
    const own = [
      `10.66.${number + 2 > 255 ? 1 : 0}.${(number + 2) & 255}`,
      `fd66::${(number + 2).toString(16)}`,
    ]
    using stack = new DisposableStack()
    const hammer = setInterval(() => {
      for (const [family, to] of own.entries())
        for (const protocol of ['TCP', 'UDP'] as const)
          outside.send({ from: OUTSIDE[family]!, to, protocol, port: PORT }, SOURCE_PORT)
    }, 1)
    stack.defer(() => clearInterval(hammer))
    // The watch may be earlier than the plugin, or later.
    if (number % 2 === 0) node.pod(key)
    else setTimeout(() => node.pod(key), number % 5)
    const started = await add(key, wait)
    expect(started.status, started.output + started.error).to.equal(0)
    const addresses = started.json!.ips!.map(({ address }) => address.split('/')[0]!)
    expect(addresses).to.have.members(own)
    const prober = stack.use(new Prober(started.netns.split('/').at(-1)!))
    let passed = 0
    for (let burst = 0; burst < 5; burst++) {
      for (const [family, from] of addresses.entries())
        for (const protocol of ['TCP', 'UDP'] as const)
          attempt(() => prober.send({ from, to: OUTSIDE[family]!, protocol, port: PORT }, SOURCE_PORT))
      await milliseconds(2)
      passed += outside.received(SOURCE_PORT).length + prober.received(SOURCE_PORT).length
    }
    node.pod(key, addresses)
    await milliseconds(5)
    passed += outside.received(SOURCE_PORT).length + prober.received(SOURCE_PORT).length
    return passed
  }

  const fieldsOf = (node: Node) => node.feature.pluginFields().networkPolicy as object

  it(`A5: lets no packet pass, in either direction, of ${ROUNDS} that nothing allows`, async () => {
    await using node = new Node(world.host, folder, SETTINGS)
    await node.start('shop')
    let passed = 0
    for (let number = 0; number < ROUNDS; number++) passed += await startOne(node, number, fieldsOf(node))
    expect(passed).to.equal(0)
  })

  it('would let packets pass without the wait', async () => {
    await using node = new Node(world.host, folder, SETTINGS)
    await node.start('shop')
    let passed = 0
    for (let number = 0; number < 5; number++) passed += await startOne(node, number, undefined)
    expect(passed).to.be.greaterThan(0)
  })

  it('says why a pod does not start: nobody has shown it, and its time is over', async () => {
    await using node = new Node(world.host, folder, { ...SETTINGS, podStartTimeout: 1 })
    await node.start('shop')
    const { status, json } = await add('shop/unknown', fieldsOf(node))
    expect(status).to.equal(1)
    expect(json).to.deep.include({
      code: 11,
      msg: 'the network policies of pod shop/unknown are not in place: the API server has not shown the pod yet',
    })
    expect((await add('free/unknown', fieldsOf(node))).status, 'no policy there').to.equal(0)
  })

  it('starts pods of namespaces without policies while the agent is away, and no others', async () => {
    let fields: object
    {
      await using node = new Node(world.host, folder, SETTINGS)
      fields = fieldsOf(node)
      const { json } = await add('free/early', fields)
      expect(json!.msg, 'before any agent').to.match(
        /no podroute agent answers \(.*\), nor has any said since the node started which namespaces have policies$/,
      )
      await node.start('shop', 'bank')
    }
    expect((await add('free/one', fields)).status).to.equal(0)
    const { status, json } = await add('shop/one', fields)
    expect([status, json!.code], json!.msg).to.deep.equal([1, 11])
    expect((await add('free/two', { ...fields, podStart: 'always' })).status).to.equal(1)
    expect((await add('shop/two', undefined)).status, 'never').to.equal(0)
    expect(
      world.links('host').filter(({ name }) => name.startsWith('veth')),
      'left of those',
    ).to.have.length(2)
  })

  it('judges a pod still whose address only the agent before knew', async () => {
    {
      await using node = new Node(world.host, folder, SETTINGS)
      await node.start('shop')
      expect(
        await startOne({ ...node, pod: (key: string) => node.pod(key) } as Node, 0, fieldsOf(node)),
      ).to.equal(0)
    }
    await using node = new Node(world.host, folder, SETTINGS)
    await node.feature.start()
    node.cluster.set('networkpolicies', 'shop/deny', { spec: DENY })
    node.pod('shop/p0')
    node.sync()
    const inPlace = () => node.feature.conditions()[0]!.detail === ''
    for (let turn = 0; turn < 200 && !inPlace(); turn++) await milliseconds(10)
    const isolated = world.inHost('nft', 'list', 'map', 'inet', 'podroute-network-policy', 'egress-4')
    expect(isolated).to.include('10.66.0.2 : goto')
  })
})
