/** The bridge's MAC, which every pod has in its neighbour entries: the same whoever makes the bridge, and never changed under pods. */
import { rmSync } from 'node:fs'
import { BridgeResource, type BridgeSettings } from '@podroute/kernel/links/bridge-resource.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { isExplicitMac, planBridge } from '@podroute/pod-network/bridge/bridge.ts'
import { planConflist } from '@podroute/pod-network/bridge/conflist.ts'
import { testNode, testSettings } from '@podroute/pod-network/testing/fixtures.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { buildPlugins, command, NetnsWorld } from './cni-world.ts'

const BRIDGE = testSettings.bridge
const PLAN = planBridge(testNode(1), 1450)!
const FOREIGN_MAC = '06:11:22:33:44:55'

describe("the bridge's MAC", () => {
  let plugins = ''
  let world: NetnsWorld
  const open: Disposable[] = []
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    world = new NetnsWorld(plugins)
  })
  afterEach(() => {
    for (const one of open.splice(0)) one[Symbol.dispose]()
    world.dispose()
  })

  /** An agent's table of the bridge, as after a start. */
  async function startAgent(plan: BridgeSettings = PLAN): Promise<Table<string, BridgeSettings>> {
    const netns = `/var/run/netns/${world.host}`
    const kernel = openKernel({ netns })
    const { changes } = kernel
    const table = new Table(new BridgeResource(kernel.links, { name: BRIDGE, isExplicitMac, changes }))
    await table.adopt()
    open.push(table.watch(), kernel)
    table.set(BRIDGE, plan)
    await table.flush()
    return table
  }

  /** A pod by the conflist that an agent of node-1 has written. */
  function startPod(name: string): string {
    const { cniVersion, plugins: list } = JSON.parse(planConflist(testNode(1), 1450, testSettings))
    const config = { ...list[0], cniVersion, name: 'podroute' }
    config.ipam = { ...config.ipam, dataDir: world.data }
    const netns = world.addContainer(name)
    const answer = world.run('bridge', { command: 'ADD', containerId: name, netns, config })
    expect(answer.status, answer.output + answer.error).to.equal(0)
    return netns
  }

  const mac = () => world.links('host').find((link) => link.name === BRIDGE)?.mac
  const removePorts = () => {
    for (const link of world.links('host')) if (link.kind === 'veth') world.removeLink('host', link.name)
  }
  /** The gateway refuses the pod's connection, so packets go both ways; the pod believes its neighbour entries for half a minute. */
  const reachGateway = (pod: string) => {
    for (const gateway of ['10.244.1.1', 'fd10:244:0:1::1']) {
      const script = `timeout 2 bash -c 'exec 3<>/dev/tcp/${gateway}/9' 2>&1 || true`
      expect(world.inPlace(pod, 'sh', '-c', script), gateway).to.include('refused')
    }
  }
  const makeForeign = (...options: string[]) => {
    command('ip', '-n', world.host, 'link', 'add', BRIDGE, ...options, 'type', 'bridge')
    command('ip', '-n', world.host, 'link', 'set', BRIDGE, 'up')
  }

  const addPort = (name: string, ...options: string[]) => {
    command(
      'ip',
      '-n',
      world.host,
      'link',
      'add',
      name,
      ...options,
      'type',
      'veth',
      'peer',
      'name',
      `${name}-p`,
    )
    command('ip', '-n', world.host, 'link', 'set', name, 'master', BRIDGE)
  }

  it('is the same from the CNI plugin as from the agent', async () => {
    startPod('one')
    expect(mac()).to.equal(PLAN.mac)
    world.removeLink('host', BRIDGE)
    await startAgent()
    expect(mac()).to.equal(PLAN.mac)
  })

  it('is the same from many pods that start at once, before the agent', async () => {
    const pods = ['one', 'two', 'three'].map(startPod)
    expect(mac()).to.equal(PLAN.mac)
    await startAgent()
    for (const pod of pods) reachGateway(pod)
    expect(mac()).to.equal(PLAN.mac)
  })

  it('stays when the agent finds a bridge that another one made, and pods reach their gateway throughout', async () => {
    makeForeign('address', FOREIGN_MAC)
    const pod = startPod('one')
    reachGateway(pod)
    const table = await startAgent()
    expect(mac()).to.equal(FOREIGN_MAC)
    reachGateway(pod)
    expect(await table.audit({ repair: false })).to.deep.equal([])
  })

  it('stays when the pod range of the node changes under pods', async () => {
    startPod('one')
    const table = await startAgent()
    table.set(BRIDGE, planBridge(testNode(2), 1400)!)
    await table.flush()
    expect(world.links('host').find((link) => link.name === BRIDGE)).to.include({ mac: PLAN.mac, mtu: 1400 })
  })

  it('is fixed by the agent where it follows the ports', async () => {
    makeForeign()
    addPort('port0')
    const first = mac()
    await startAgent()
    addPort('port1', 'address', '02:00:00:00:00:01')
    world.removeLink('host', 'port0')
    expect(mac()).to.equal(first)
  })

  it('is the planned one where a bridge has lost it with its last port', async () => {
    makeForeign()
    addPort('port0')
    world.removeLink('host', 'port0')
    expect(mac()).to.equal('00:00:00:00:00:00')
    await startAgent()
    expect(mac()).to.equal(PLAN.mac)
  })

  it('is put back when somebody changes it, and comes back with a bridge that somebody removed', async () => {
    makeForeign('address', FOREIGN_MAC)
    const table = await startAgent()
    command('ip', '-n', world.host, 'link', 'set', BRIDGE, 'address', '06:00:00:00:00:99')
    await eventually(() => table.stats.pending > 0)
    await table.flush()
    expect(mac()).to.equal(FOREIGN_MAC)
    world.removeLink('host', BRIDGE)
    // What was announced of the bridge before may be heard only now.
    await eventually(async () => {
      await table.audit()
      await table.flush()
      return mac() === FOREIGN_MAC
    })
  })

  it('stays with an ADD on a foreign bridge that has the gateway’s address already', () => {
    makeForeign()
    world.addAddress('host', BRIDGE, '10.244.1.1/24')
    world.addAddress('host', BRIDGE, 'fd10:244:0:1::1/64')
    const first = mac()
    const pods = Array.from({ length: 8 }, (_, i) => startPod(`pod${i}`))
    expect(mac()).to.equal(first)
    for (const pod of pods) reachGateway(pod)
    removePorts()
    expect(mac()).to.equal(first)
  })

  it('is a real one with an ADD on a foreign bridge whose last port is gone', () => {
    makeForeign()
    addPort('port0')
    world.removeLink('host', 'port0')
    const pod = startPod('one')
    expect(mac()).to.equal(PLAN.mac)
    reachGateway(pod)
  })

  it('stays when the last pod of a bridge goes', () => {
    startPod('one')
    removePorts()
    expect(mac()).to.equal(PLAN.mac)
  })
})
