import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import { expect } from 'chai'
import type { PodNetworkSettings } from '../settings.ts'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { ConflistWriter } from './conflist-writer.ts'
import { EMPTY, type InterfaceState } from './host-interfaces.ts'

const PATH = testSettings.conflist
const local = testNode(1)
const uplink = { index: 2, name: 'eth0', mtu: 1400, addresses: ['172.30.0.11'] }

describe('the writer of the CNI configuration', () => {
  let settings: PodNetworkSettings
  let interfaces: InterfaceState
  let resource: MemoryResource<string, string>
  let table: Table<string, string>
  let writer: ConflistWriter
  let logged: LogFields[]

  beforeEach(() => {
    settings = testSettings
    interfaces = EMPTY
    logged = []
    resource = new MemoryResource('conflist')
    table = new Table(resource)
    const say = (_message: string, fields: LogFields = {}) => void logged.push(fields)
    const log: Logger = { debug: say, info: say, warn: say, error: say }
    writer = new ConflistWriter({
      table,
      log,
      settings: () => settings,
      interfaces: () => interfaces,
      pluginFields: () => ({}),
    })
  })

  const bridgePlugin = () => {
    const [plugin] = JSON.parse(table.get(settings.conflist)!).plugins
    return plugin
  }

  it('wants no file before it is told to, and then the one file, said once', () => {
    expect(writer.differs(local)).to.equal(true)
    expect([...table.desired()]).to.deep.equal([])
    writer.plan(local)
    expect([...table.desired().keys()]).to.deep.equal([PATH])
    expect(writer.differs(local)).to.equal(false)
    expect(logged).to.deep.equal([{ path: PATH }])
  })

  it('has what decides the pods of this node: its prefixes, its bridge, the MTU of its uplink', () => {
    interfaces = { ...EMPTY, interfaces: [uplink] }
    writer.plan(local)
    expect(bridgePlugin()).to.include({ bridge: 'kube-bridge', mtu: 1400, hairpinMode: true })
    expect(table.get(PATH)).to.include('10.244.1.0/24').and.include('fd10:244:0:1::/64')
  })

  for (const [what, change] of [
    ['the prefixes of the Node are others', () => ({ node: testNode(1, { podCIDRs: ['10.244.9.0/24'] }) })],
    ['the uplink has another MTU', () => ({ interfaces: { ...EMPTY, interfaces: [uplink] } })],
    ['the MTU is set', () => ({ settings: { ...testSettings, mtu: 1280 } })],
    ['hairpins are switched off', () => ({ settings: { ...testSettings, hairpin: false } })],
  ] as const)
    it(`wants another text when ${what}, and none when it is as before`, async () => {
      writer.plan(local)
      await table.flush()
      const before = resource.state.get(PATH)
      const changed: { node?: typeof local; interfaces?: InterfaceState; settings?: PodNetworkSettings } =
        change()
      interfaces = changed.interfaces ?? interfaces
      settings = changed.settings ?? settings
      const node = changed.node ?? local
      expect(writer.differs(node)).to.equal(true)
      writer.plan(node)
      await table.flush()
      expect(resource.state.get(PATH)).to.not.equal(before)
      expect(writer.differs(node)).to.equal(false)
      interfaces = EMPTY
      settings = testSettings
      writer.plan(local)
      await table.flush()
      expect(resource.state.get(PATH)).to.equal(before)
    })

  it('does not differ for what pods do not depend on', () => {
    writer.plan(local)
    settings = { ...testSettings, holdTime: 30, masquerade: false }
    interfaces = { ...EMPTY, interfaces: [{ ...uplink, addresses: ['192.168.7.2'] }], acceptRa: ['eth0'] }
    expect(writer.differs(testNode(1, { ready: false }))).to.equal(false)
  })

  it('moves to another path: the file there is no longer wanted, whoever wrote it', async () => {
    writer.plan(local)
    await table.flush()
    settings = { ...testSettings, conflist: '/etc/cni/other.conflist' }
    expect(writer.differs(local)).to.equal(true)
    writer.plan(local)
    await table.flush()
    expect([...resource.state.keys()]).to.deep.equal(['/etc/cni/other.conflist'])
    table.set('/etc/cni/third', 'text')
    expect(writer.differs(local)).to.equal(true)
  })
})
