import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { masqueradeTable, TABLE_NAME } from '../egress/masquerade.ts'
import { createTables, type PodNetworkTables } from '../tables.ts'
import { testSettings } from '../testing/fixtures.ts'
import { HostMonitor } from './host-monitor.ts'

const BRIDGE = 'kube-bridge'
const SETTINGS = { mtu: 1500, mac: '0a:58:0a:f4:01:01' }
const FILTER = `net/ipv4/conf/${BRIDGE}/rp_filter`

describe('the host monitor', () => {
  let kernel: FakeKernel
  let clock: ManualClock
  let tables: PodNetworkTables
  let monitor: HostMonitor
  let hairpin: boolean
  let changes: number

  beforeEach(async () => {
    kernel = new FakeKernel()
    clock = new ManualClock()
    changes = 0
    hairpin = true
    const log = silent
    tables = createTables(kernel, () => testSettings, { clock, log, random: () => 1 })
    monitor = new HostMonitor({
      cni: true,
      ...{ kernel, tables, clock, log, bridge: BRIDGE },
      hairpin: () => hairpin,
      changed: () => void changes++,
    })
    tables.bridge.set(BRIDGE, SETTINGS)
    tables.sysctls.set(FILTER, '2')
    tables.sysctls.set('net/ipv4/ip_forward', '1')
    await flush()
  })
  afterEach(() => monitor[Symbol.dispose]())

  const flush = async () => {
    for (const table of [tables.bridge, tables.ports, tables.sysctls, tables.addresses]) await table.flush()
  }
  const start = async () => {
    await monitor.start()
    await monitor.updatePorts()
    await flush()
  }
  const bridgeIndex = async () => (await kernel.links.get(BRIDGE))!.index
  const addPort = async (name: string) => {
    const master = await bridgeIndex()
    return (await kernel.links.add({ kind: 'veth', name, master, peer: { name: 'eth0' } })).index
  }
  const masterOf = async (name: string) => (await kernel.links.get(name))?.master

  it('takes the ports that are there, and those that come, for what must be there', async () => {
    const first = await addPort('pod1')
    await start()
    await addPort('pod2')
    await kernel.links.add({ kind: 'veth', name: 'eth0', peer: { name: 'p' } })
    expect([...tables.ports.desired()]).to.deep.equal([
      ['pod1', { hairpin: true }],
      ['pod2', { hairpin: true }],
    ])
    await kernel.links.remove(first)
    expect([...tables.ports.desired().keys()]).to.deep.equal(['pod2'])
  })

  it('asks for what is to be set of each port when that is another', async () => {
    await addPort('pod1')
    await start()
    hairpin = false
    monitor.portsChanged()
    expect(tables.ports.get('pod1')).to.deep.equal({ hairpin: false })
  })

  it('puts a port back a moment after it left, and not one whose pod went meanwhile', async () => {
    const [first, second] = [await addPort('pod1'), await addPort('pod2')]
    await start()
    for (const index of [first, second]) await kernel.links.set(index, { master: 0 })
    await clock.advance(99)
    await flush()
    expect(await masterOf('pod1')).to.equal(0)
    await kernel.links.remove(second)
    await clock.advance(1)
    await flush()
    expect(await masterOf('pod1')).to.equal(await bridgeIndex())
    expect([...tables.ports.desired().keys()]).to.deep.equal(['pod1'])
    expect([...tables.ports.failures()]).to.deep.equal([])
  })

  it('has the switches of a bridge written again that somebody deleted, and no other ones', async () => {
    await start()
    await addPort('pod1')
    await kernel.links.remove(await bridgeIndex())
    kernel.messages.length = 0
    await flush()
    await flush()
    expect(kernel.sysctls.read(FILTER)).to.equal('2')
    expect(kernel.messages).to.deep.equal([`${FILTER}=2`])
    await clock.advance(100)
    await flush()
    expect(await masterOf('pod1')).to.equal(await bridgeIndex())
  })

  it('finds the routes that went with an interface without a word, and says that the interfaces are others', async () => {
    const route = {
      family: 4,
      destination: '10.244.2.0/24',
      gateway: '172.30.0.12',
      type: 'unicast',
    } as const
    const key = route.destination
    tables.routes.set(key, { ...route, table: TABLE_MAIN, protocol: 0, scope: 0 })
    await tables.routes.flush()
    await start()
    kernel.changes.routeChanged = () => {}
    kernel.routes.lose(TABLE_MAIN, key)
    await clock.advance(60_000)
    await tables.routes.flush()
    expect([changes, kernel.routes.of(TABLE_MAIN).size]).to.deep.equal([0, 0])
    kernel.setAddresses('192.0.2.1')
    await clock.advance(100)
    await tables.routes.flush()
    expect([changes, kernel.routes.of(TABLE_MAIN).size]).to.deep.equal([1, 1])
  })

  it('has rules looked at that somebody else changed, of its own table alone', async () => {
    tables.rules.set('table', masqueradeTable(true))
    await tables.rules.flush()
    await start()
    const rules = () => kernel.nft.tables.get(`inet ${TABLE_NAME}`)?.chains.get('pod-egress')?.rules.length
    await kernel.nft.run(`flush chain inet ${TABLE_NAME} pod-egress`)
    for (const [table, expected] of [
      ['podroute-toys', 0],
      [TABLE_NAME, 2],
    ] as const) {
      kernel.changes.tableChanged(`inet ${table}`)
      await clock.advance(0)
      await tables.rules.flush()
      expect(rules(), table).to.equal(expected)
    }
  })

  it('follows nothing any more at the end', async () => {
    await addPort('pod1')
    await start()
    await kernel.links.set((await kernel.links.get('pod1'))!.index, { master: 0 })
    monitor[Symbol.dispose]()
    kernel.setAddresses('192.0.2.1')
    await addPort('pod2')
    await clock.advance(5000)
    expect([changes, clock.timers]).to.deep.equal([0, 0])
    expect([...tables.ports.desired().keys()]).to.deep.equal(['pod1'])
    expect(tables.ports.pending()).to.deep.equal([])
  })
})
