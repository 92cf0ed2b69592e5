import type { BridgePortSettings } from '@podroute/kernel/links/bridge-port-resource.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import type { RouteHandlers } from '@podroute/linux/route/monitor.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { MemoryResource } from '@podroute/reconcile/testing/memory-resource.ts'
import { expect } from 'chai'
import { BridgePorts } from './ports.ts'

const BRIDGE = 'kube-bridge'
const PORT: BridgePortSettings = { hairpin: true }

const link = (index: number, name: string, master = 0, kind = 'veth'): Link => ({
  ...{ index, name, kind, master, mac: '', mtu: 1500, up: true, running: true },
  ...{ loopback: false, promiscuous: false, parent: 0 },
})
const bridge = (index: number) => link(index, BRIDGE, 0, 'bridge')

describe('ports of the bridge', () => {
  let kernel: MemoryResource<string, BridgePortSettings>
  let table: Table<string, BridgePortSettings>
  let ports: BridgePorts
  let tell: Partial<RouteHandlers>
  let waiting: (() => void)[]
  let made: number
  let plan: BridgePortSettings
  /** What a little later brings. */
  const soon = async () => {
    for (const action of waiting.splice(0)) action()
    await table.flush()
  }
  const on = () => [...kernel.state.keys()].sort()

  beforeEach(async () => {
    kernel = new MemoryResource('ports', new Map([['pod1', PORT]]))
    table = new Table(kernel)
    waiting = []
    made = 0
    const later = (action: () => void) => void waiting.push(action)
    plan = PORT
    ports = new BridgePorts({ table, bridge: BRIDGE, plan: () => plan, bridgeMade: () => made++, later })
    const subscribe = (handlers: Partial<RouteHandlers>) => {
      tell = handlers
      return { [Symbol.dispose]() {} }
    }
    ports.watch({ subscribe }, { list: async () => [] })
    await table.adopt()
    ports.update([bridge(2), link(3, 'pod1', 2), link(4, 'eth0', 0, '')])
    await soon()
  })

  it('are what is there at the start and what comes; nothing is written for that', async () => {
    kernel.state.set('pod2', PORT)
    tell.onLink?.('add', link(5, 'pod2', 2))
    await soon()
    expect([...table.desired().keys()]).to.deep.equal(['pod1', 'pod2'])
    expect(kernel.batches).to.deep.equal([])
  })

  it('are put back when they have left it, unless they hang on another one or are gone', async () => {
    for (const [n, name] of [
      [5, 'pod2'],
      [6, 'pod3'],
    ] as const) {
      kernel.state.set(name, PORT)
      tell.onLink?.('add', link(n, name, 2))
    }
    await soon()
    kernel.state.clear()
    tell.onLink?.('add', link(3, 'pod1'))
    tell.onLink?.('add', link(5, 'pod2', 99))
    tell.onLink?.('add', link(6, 'pod3'))
    tell.onLink?.('remove', link(6, 'pod3'))
    await soon()
    expect(on()).to.deep.equal(['pod1'])
    expect([...table.desired().keys()]).to.deep.equal(['pod1'])
  })

  it('are put back on a bridge that was made anew, though the first attempt found none', async () => {
    kernel.state.clear()
    kernel.fail = () => new Error('there is no bridge')
    tell.onLink?.('add', link(3, 'pod1'))
    tell.onLink?.('remove', bridge(2))
    await soon()
    expect(table.stats.failed).to.equal(1)
    kernel.fail = undefined
    tell.onLink?.('add', bridge(7))
    await soon()
    expect(on()).to.deep.equal(['pod1'])
    expect(made).to.equal(2)
  })

  it('that went unseen are forgotten when the links are read again', async () => {
    kernel.state.clear()
    ports.update([bridge(2)])
    await soon()
    expect(table.desired().size).to.equal(0)
    expect(on()).to.deep.equal([])
  })

  it('are set in another way when that is to be so', async () => {
    plan = { hairpin: false }
    ports.planChanged()
    await table.flush()
    expect(kernel.state.get('pod1')).to.deep.equal({ hairpin: false })
    plan = PORT
    ports.planChanged()
    await table.flush()
    expect(kernel.state.get('pod1')).to.deep.equal(PORT)
  })
})
