import type { Address } from '@podroute/linux/route/addresses.ts'
import type { Link } from '@podroute/linux/route/links.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { interfaceState, mtuOf } from './host-interfaces.ts'

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
