import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import type { Address } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { HostInterfaces, interfaceState, mtuOf } from './host-interfaces.ts'

const link = (index: number, name: string, more: Partial<Link> = {}) =>
  ({ index, name, mtu: 1500, kind: '', master: 0, loopback: false, up: true, ...more }) as Link
const address = (interfaceIndex: number, text: string) => {
  const [host = '', length] = text.split('/')
  return { interfaceIndex, address: host, prefixLength: Number(length) } as Address
}

describe('interfaces of the host', () => {
  const around = interfaceState(
    [
      link(1, 'lo', { loopback: true, mtu: 65536 }),
      link(2, 'eth0', { mtu: 1450 }),
      link(3, 'eth1', { mtu: 9000 }),
      link(4, 'kube-bridge', { kind: 'bridge' }),
      link(5, 'veth1', { kind: 'veth', master: 4 }),
    ],
    [
      address(1, '127.0.0.1/8'),
      address(2, '172.30.0.11/24'),
      address(2, '172.30.0.12/24'),
      address(3, '192.168.7.2/16'),
      address(4, '10.244.1.1/24'),
    ],
    'kube-bridge',
    (name) => name === 'eth1',
  )

  it("are the node's own interfaces, not the loopback, the pods' bridge or its ports", () => {
    expect(around.interfaces.map((i) => i.name)).to.deep.equal(['eth0', 'eth1'])
    expect(around.connected.map((prefix) => prefix.text)).to.deep.equal(['172.30.0.0/24', '192.168.0.0/16'])
    expect(around.acceptRa).to.deep.equal(['eth1'])
    expect(around.addresses).to.include.members(['10.244.1.1', '127.0.0.1'])
  })

  it('have no address of an interface on which another service proxy left its Services', () => {
    const state = interfaceState(
      [link(2, 'eth0'), link(3, 'kube-ipvs0', { kind: 'dummy' }), link(4, 'dummy0', { kind: 'dummy' })],
      [address(2, '172.30.0.11/24'), address(3, '10.96.0.1/32'), address(4, '198.51.100.1/32')],
      'kube-bridge',
      () => true,
    )
    expect(state.addresses).to.deep.equal(['172.30.0.11', '198.51.100.1'])
    expect(state.connected.map((prefix) => prefix.text)).to.deep.equal(['172.30.0.0/24', '198.51.100.1/32'])
    expect(state.interfaces.map((i) => i.name)).to.deep.equal(['eth0', 'dummy0'])
  })

  it("give the pods the MTU of the interface with the node's address, unless one is set", () => {
    expect(mtuOf(testNode(1), {}, around)).to.equal(1450)
    expect(mtuOf(testNode(1, { internalIPs: ['192.168.7.2'] }), {}, around)).to.equal(9000)
    expect(mtuOf(testNode(2, { internalIPs: ['203.0.113.1'] }), {}, around)).to.equal(1500)
    expect(mtuOf(testNode(1), { mtu: 1280 }, around)).to.equal(1280)
  })
})

describe('following the interfaces of the host', () => {
  let kernel: FakeKernel
  let clock: ManualClock
  let interfaces: HostInterfaces
  let uplink: number
  let reads: number
  let changes: number
  let warnings: { readonly message: string; readonly fields: LogFields }[]

  beforeEach(async () => {
    kernel = new FakeKernel()
    clock = new ManualClock()
    reads = 0
    changes = 0
    warnings = []
    const warn = (message: string, fields: LogFields = {}) => void warnings.push({ message, fields })
    const log: Logger = { debug: warn, info: warn, warn, error: warn }
    uplink = (await kernel.links.add({ kind: 'veth', name: 'eth0', mtu: 1450, peer: { name: 'p' } })).index
    await addAddress('172.30.0.11/24')
    const { list } = kernel.links
    kernel.links.list = async () => {
      reads++
      return list.call(kernel.links)
    }
    interfaces = new HostInterfaces({
      ...{ ...pick(kernel), clock, log, bridge: 'kube-bridge' },
      isOurs: (text) => text === '10.244.1.1/24',
      changed: () => void changes++,
    })
  })
  afterEach(() => interfaces[Symbol.dispose]())

  const pick = ({ links, addresses, sysctls, changes: announced }: FakeKernel) => ({
    ...{ links, addresses, sysctls },
    changes: announced,
  })
  const addAddress = (text: string, scope = 0) => {
    const [host = '', length] = text.split('/')
    const family = host.includes(':') ? 6 : 4
    return kernel.addresses.add({
      ...{ interfaceIndex: uplink, family, address: host, prefixLength: Number(length), scope, flags: 0 },
    })
  }
  const connected = () => interfaces.state.connected.map(({ text }) => text)

  it('reads them at the start, with who takes router advertisements', async () => {
    await interfaces.start()
    expect(connected()).to.deep.equal(['172.30.0.0/24'])
    expect(interfaces.state.acceptRa).to.deep.equal(['eth0'])
    expect([reads, changes]).to.deep.equal([1, 0])
  })

  it('sees what changes while they are read for the first time', async () => {
    const { list } = kernel.addresses
    kernel.addresses.list = async () => {
      const found = await list.call(kernel.addresses)
      kernel.addresses.list = list
      await addAddress('192.168.7.2/16')
      return found
    }
    await interfaces.start()
    expect(connected()).to.deep.equal(['172.30.0.0/24'])
    await clock.advance(100)
    expect(connected()).to.deep.equal(['172.30.0.0/24', '192.168.0.0/16'])
    expect(changes).to.equal(1)
  })

  it('reads them once for many changes, a moment after the last', async () => {
    await interfaces.start()
    await addAddress('192.168.7.2/16')
    await clock.advance(99)
    await kernel.links.set(uplink, { mtu: 9000 })
    await clock.advance(99)
    expect([reads, changes]).to.deep.equal([1, 0])
    await clock.advance(1)
    expect([reads, changes]).to.deep.equal([2, 1])
    expect(interfaces.state.interfaces[0]).to.include({ mtu: 9000 })
    expect(connected()).to.include('192.168.0.0/16')
  })

  it("reads nothing for pods: links without addresses, the bridge's own addresses, link-local ones", async () => {
    await interfaces.start()
    const { index } = await kernel.links.add({ kind: 'veth', name: 'pod1', peer: { name: 'p' } })
    await kernel.links.remove(index)
    await addAddress('10.244.1.1/24')
    await addAddress('fe80::1/64', 253)
    await clock.advance(1000)
    expect([reads, changes]).to.deep.equal([1, 0])
  })

  it('reads them again when announcements were lost', async () => {
    await interfaces.start()
    await kernel.changes.overrun(() => addAddress('192.168.7.2/16'))
    expect(connected()).to.have.length(1)
    await clock.advance(100)
    expect([reads, changes, connected().length]).to.deep.equal([2, 1, 2])
  })

  it('says why they cannot be read, keeps what is known, and tries again each second', async () => {
    await interfaces.start()
    const { list } = kernel.links
    kernel.links.list = () => Promise.reject(new Error('RTM_GETLINK: EBUSY'))
    await addAddress('192.168.7.2/16')
    await clock.advance(1100)
    expect(warnings).to.deep.equal(
      Array(2).fill({
        message: 'the interfaces of the node cannot be read',
        fields: { error: 'RTM_GETLINK: EBUSY' },
      }),
    )
    expect([connected(), changes]).to.deep.equal([['172.30.0.0/24'], 0])
    kernel.links.list = list
    await clock.advance(1000)
    expect([connected().length, changes]).to.deep.equal([2, 1])
  })

  it('does nothing any more at the end, with a read under way or one to come', async () => {
    await interfaces.start()
    await addAddress('192.168.7.2/16')
    interfaces[Symbol.dispose]()
    await addAddress('192.168.7.3/16')
    await clock.advance(5000)
    expect([reads, changes, clock.timers]).to.deep.equal([1, 0, 0])
  })
})
