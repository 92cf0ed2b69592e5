/** Links, bridge ports, addresses, neighbours and sysctl on a real kernel. */
import { IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import { readSysctl, writeSysctl } from '@podroute/linux/sysctl.ts'
import { expect } from 'chai'
import { TestNetns, turnsDuring } from './linux-support.ts'

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  )

describe('links of the kernel', () => {
  let netns: TestNetns

  beforeEach(async () => {
    netns = await TestNetns.create('links')
  })

  afterEach(() => netns[Symbol.dispose]())

  it('finds the loopback by name and by index, and nothing where there is nothing', async () => {
    const loopback = await netns.links.get('lo')
    expect(loopback).to.include({ index: 1, name: 'lo', up: true, loopback: true, kind: '', master: 0 })
    expect(await netns.links.get(1)).to.deep.equal(loopback)
    expect(await netns.links.get('none')).to.equal(undefined)
    expect(await netns.links.get(77)).to.equal(undefined)
  })

  it('makes a bridge with a veth port, sets hairpin mode on it, and removes both', async () => {
    const bridge = await netns.links.add({
      kind: 'bridge',
      name: 'br0',
      up: true,
      mac: '02:00:00:00:00:01',
      mtu: 1400,
    })
    expect(bridge).to.include({ kind: 'bridge', mac: '02:00:00:00:00:01', mtu: 1400, up: true })
    const port = await netns.links.add({
      kind: 'veth',
      name: 'v0',
      up: true,
      master: bridge.index,
      peer: { name: 'v1', mac: '02:00:00:00:00:02' },
    })
    const peer = await netns.links.get('v1')
    expect(port).to.include({ kind: 'veth', master: bridge.index, parent: peer?.index })
    expect(peer).to.include({ mac: '02:00:00:00:00:02', up: false })
    await netns.links.setBridgePort(port.index, { hairpin: true, isolated: true })
    const ports = await netns.links.bridgePorts()
    expect(ports.get(port.index)).to.include({ hairpin: true, isolated: true, learning: true, flood: true })
    await netns.links.set(port.index, { master: 0 })
    expect((await netns.links.get(port.index))?.master).to.equal(0)
    await netns.links.remove(port.index)
    await netns.links.remove(bridge.index)
    expect((await netns.links.list()).map((link) => link.name)).to.deep.equal(['lo'])
  })

  it('says why not: a name that is taken, a link that is gone, a port of no bridge', async () => {
    await netns.links.add({ kind: 'bridge', name: 'br0' })
    expect(await code(netns.links.add({ kind: 'bridge', name: 'br0' }))).to.equal('EEXIST')
    expect(await code(netns.links.remove(4711))).to.equal('ENODEV')
    expect(await code(netns.links.setBridgePort(1, { hairpin: true }))).to.be.oneOf(['EINVAL', 'EOPNOTSUPP'])
  })

  it('adds and removes addresses and finds the interface that carries one', async () => {
    const index = await netns.veth('v0')
    const four = {
      interfaceIndex: index,
      family: 4,
      address: '10.0.0.1',
      prefixLength: 24,
      scope: 0,
    } as const
    const six = {
      interfaceIndex: index,
      family: 6,
      address: 'fd00::1',
      prefixLength: 64,
      scope: 0,
      flags: IFA_F_NODAD,
    } as const
    const ops = [four, four, six].map((address) => ({ kind: 'add' as const, address }))
    expect((await netns.addresses.apply(ops)).map((outcome) => outcome?.code ?? 'ok')).to.deep.equal([
      'ok',
      'EEXIST',
      'ok',
    ])
    expect(await netns.addresses.interfaceOf('fd00::1')).to.include({
      interfaceIndex: index,
      prefixLength: 64,
    })
    expect(await netns.addresses.interfaceOf('10.0.0.2')).to.equal(undefined)
    const listed = await netns.addresses.list({ family: 4, interfaceIndex: index })
    expect(listed.map((address) => address.address)).to.deep.equal(['10.0.0.1'])
    await netns.addresses.remove(four)
    expect(await code(netns.addresses.remove(four))).to.equal('EADDRNOTAVAIL')
  })

  it('writes kernel parameters of its namespace only when they differ', () => {
    const options = { netns: netns.path }
    // A new namespace may have what the host has.
    writeSysctl('net.ipv4.ip_forward', 0, options)
    expect(writeSysctl('net.ipv4.ip_forward', 1, options)).to.equal(true)
    expect(writeSysctl('net.ipv4.ip_forward', 1, options)).to.equal(false)
    expect(readSysctl('net.ipv4.ip_forward', options)).to.equal('1')
    expect(readSysctl('net.ipv4.no_such_thing', options)).to.equal(undefined)
    expect(() => writeSysctl('net.ipv4.no_such_thing', 1, options)).to.throw(/ENOENT/)
  })

  it('removes 20 veth pairs while timers keep their time', async () => {
    const indexes: number[] = []
    for (let i = 0; i < 20; i++) indexes.push(await netns.veth(`v${i}`))
    const removed = Promise.all(indexes.map((index) => netns.links.remove(index)))
    expect(await turnsDuring(removed), 'turns of the event loop meanwhile').to.be.above(20)
    expect((await netns.links.list()).map((link) => link.name)).to.deep.equal(['lo'])
  })
})
