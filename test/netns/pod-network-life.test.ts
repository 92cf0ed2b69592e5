import { execFileSync } from 'node:child_process'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { listTable } from '@podroute/kernel/nft/listing.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { TABLE_NAME } from '@podroute/pod-network/egress/masquerade.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { FakeClock } from 'bgp-speaker-ts/testing/fake-clock.ts'
import { MemoryNetwork } from 'bgp-speaker-ts/testing/memory-network.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { BRIDGE, NODE, OWN, TestNode } from './pod-network-node.ts'

describe("a node's life", function () {
  this.timeout(30_000)
  let node: TestNode
  const reports = (change: Partial<NodeObject>) => node.setNode({ ...OWN, ...change })
  const waitsFor = (detail: string) => eventually(() => node.condition('node') === detail)

  beforeEach(async () => {
    node = await TestNode.create()
    await node.start({}, OWN)
    await node.ready()
    const { index } = (await node.netns.links.get(BRIDGE))!
    await node.netns.links.add({
      kind: 'veth',
      name: 'pod1',
      up: true,
      master: index,
      peer: { name: 'pod1-in' },
    })
    await eventually(() => node.network.stats()['bridge-ports']?.applied === 1)
  })
  afterEach(() => node[Symbol.asyncDispose]())

  it('changes nothing under its pods while its Node is deleted, and back without prefixes or addresses', async () => {
    const before = await node.state()
    node.network.removeNode(NODE)
    await waitsFor(`there is no Node ${NODE}`)
    await node.settled()
    expect(await node.state()).to.deep.equal(before)
    reports({ podCIDRs: [], internalIPs: [] })
    await waitsFor(`Node ${NODE} has no podCIDR`)
    await node.settled()
    expect(await node.state()).to.deep.equal(before)
    reports({ internalIPs: [] })
    await waitsFor(`Node ${NODE} has no InternalIP or ExternalIP`)
    await node.settled()
    expect(node.condition('speaker')).to.equal('')
    reports({})
    await node.ready()
    expect(await node.state()).to.deep.equal(before)
  })

  it('changes nothing when the agent starts again while its Node lacks its fields', async () => {
    const before = await node.state()
    await node.network[Symbol.asyncDispose]()
    await node.start({ peerDeadline: 0 }, { ...OWN, podCIDRs: [], internalIPs: [] })
    await waitsFor(`Node ${NODE} has no podCIDR`)
    reports({ podCIDRs: [] })
    await eventually(() => node.network.stats()['set-elements']?.desired === 4)
    expect(await node.state()).to.deep.equal(before)
    reports({})
    await node.ready()
    expect(await node.state()).to.deep.equal(before)
  })

  it('has the CNI configuration of its new prefixes, though the addresses came a moment later', async () => {
    const podCIDRs = ['10.244.7.0/24', 'fd10:244:0:7::/64']
    node.network.removeNode(NODE)
    reports({ podCIDRs, internalIPs: [] })
    await eventually(async () =>
      expect((await node.state()).addresses).to.have.members(['10.244.7.1', 'fd10:244:0:7::1']),
    )
    reports({ podCIDRs })
    await eventually(async () =>
      expect((await node.state()).conflist)
        .to.include('10.244.7.0/24')
        .and.not.include('10.244.1.0/24'),
    )
    await node.ready()
  })

  it('makes a bridge anew that somebody deleted, with its addresses, its switches and its ports', async () => {
    const { bridge, ...before } = await node.state()
    // The switches of a bridge go with it: the next one has the kernel's own.
    node.sysctls.set(`net/ipv4/conf/${BRIDGE}/rp_filter`, '0')
    await node.netns.links.remove(bridge!)
    await eventually(async () => {
      const { bridge: made, ...after } = await node.state()
      expect(made).not.to.equal(bridge)
      return expect(after).to.deep.equal(before)
    })
    await eventually(() => node.sysctls.get(`net/ipv4/conf/${BRIDGE}/rp_filter`) === '2')
    const port = (await node.netns.links.get('pod1'))!
    expect((await node.netns.links.bridgePorts()).get(port.index)).to.include({ hairpin: true })
  })

  it('takes a port back that lost its bridge, and forgets one whose pod is gone', async () => {
    const before = await node.state()
    const port = (await node.netns.links.get('pod1'))!
    await node.netns.links.set(port.index, { master: 0 })
    await eventually(async () => expect(await node.state()).to.deep.equal(before))
    await node.netns.links.remove(port.index)
    const nothing = { desired: 0, applied: 0, pending: 0, failed: 0 }
    await eventually(() => expect(node.network.stats()['bridge-ports']).to.include(nothing))
  })

  it('puts masquerade rules back at once that somebody removed, with the elements that went with their table', async () => {
    const before = await listTable(node.nft, TABLE_NAME)
    const elements = () => node.nft.elements(TABLE_NAME, 'nodes-4', { key: ['ipv4_addr'] })
    for (const sabotage of [
      'flush chain inet podroute-pod-network pod-egress',
      'delete table inet podroute-pod-network',
    ]) {
      execFileSync('ip', ['netns', 'exec', node.netns.name, 'nft', sabotage])
      await eventually(async () => {
        expect(await listTable(node.nft, TABLE_NAME)).to.deep.equal(before)
        return expect(await elements()).to.deep.equal(['172.31.0.11'])
      })
    }
  })

  it('masquerades nothing any more when it starts with that switched off, and everything when it is on again', async () => {
    const rules = async () =>
      (await node.nft.show('list table inet podroute-pod-network')).match(/ masquerade$/gm)?.length
    expect(await rules()).to.equal(2)
    for (const [masquerade, count] of [
      [false, undefined],
      [true, 2],
    ] as const) {
      await node.network[Symbol.asyncDispose]()
      await node.start({ masquerade }, OWN)
      await node.ready()
      expect(await rules()).to.equal(count)
    }
  })
})

describe('nodes that are back with the addresses of each other', function () {
  this.timeout(30_000)
  const ADDRESSES = ['172.31.0.12', '172.31.0.13'] as const
  const PREFIXES = ['10.244.2.0/24', '10.244.3.0/24'] as const
  let node: TestNode
  let clock: FakeClock
  let memory: MemoryNetwork
  let speakers: Speaker[]

  /** Node 2 or 3, as the API server has it. */
  const report = (i: 0 | 1, address: string) =>
    node.setNode({
      name: `node-${i + 2}`,
      ready: true,
      podCIDRs: [PREFIXES[i]],
      internalIPs: [address],
    })
  /** The agent of that node, at an address. */
  const speak = async (i: 0 | 1, address: string) => {
    const listen = { addresses: [address], port: 179 }
    const transport = memory.transport(address)
    const speaker = new Speaker({ asn: 64512, routerId: address, listen, clock, transport })
    speakers.push(speaker)
    speaker.addPeer({ address: '172.31.0.11', asn: 64512, localAddress: address, families: ['ipv4-unicast'] })
    speaker.announce({ prefix: PREFIXES[i], nextHop: address })
    await speaker.start()
  }
  const silence = () => {
    for (const speaker of speakers.splice(0)) void speaker.close()
    clock.advance(2000)
  }
  const expectRoutes = (first: string, second: string) =>
    eventually(async () => {
      clock.advance(1000)
      const routes = await node.netns.routes.list({ table: 254, protocol: ROUTE_PROTOCOL })
      const found = routes.map(({ destination, gateway }) => `${destination} via ${gateway}`).sort()
      return expect(found).to.deep.equal([`${PREFIXES[0]} via ${first}`, `${PREFIXES[1]} via ${second}`])
    })

  beforeEach(async () => {
    clock = new FakeClock()
    memory = new MemoryNetwork(clock)
    speakers = []
    node = await TestNode.create()
    node.createSpeaker = (config) =>
      new Speaker({ ...config, clock, transport: memory.transport('172.31.0.11') })
    await node.start({ mesh: true }, { ...OWN, podCIDRs: ['10.244.1.0/24'], internalIPs: ['172.31.0.11'] })
    for (const i of [0, 1] as const) {
      report(i, ADDRESSES[i])
      await speak(i, ADDRESSES[i])
    }
    await expectRoutes(...ADDRESSES)
  })
  afterEach(async () => {
    const closing = node[Symbol.asyncDispose]()
    silence()
    await closing
  })

  it('are said to be out of reach, with what to do, where no network of this node holds their address', async () => {
    silence()
    const [, second] = ADDRESSES
    report(0, '172.39.0.12')
    await speak(0, '172.39.0.12')
    await speak(1, second)
    const detail = await eventually(async () => {
      clock.advance(1000)
      return node.condition('routes')
    })
    expect(detail).to.match(
      /^10\.244\.2\.0\/24 via 172\.39\.0\.12 cannot be installed: .*ENETUNREACH.*: no network of this node holds 172\.39\.0\.12; have nodes share one/,
    )
    report(0, ADDRESSES[0])
    await speak(0, ADDRESSES[0])
    await expectRoutes(...ADDRESSES)
    await eventually(() => {
      clock.advance(1000)
      return node.condition('routes') === ''
    })
  })

  for (const [order, name] of [
    [[0, 1], 'the first'],
    [[1, 0], 'the second'],
  ] as const)
    it(`have their sessions and routes, when ${name} is told first and planned before the other`, async () => {
      const [first, second] = ADDRESSES
      silence()
      for (const i of order) {
        report(i, i === 0 ? second : first)
        await node.settled()
      }
      await speak(0, second)
      await speak(1, first)
      await expectRoutes(second, first)
      const established = node.network.view.peers().filter(({ state }) => state === 'established')
      expect(established.map((peer) => `${peer.name} ${peer.address}`).sort()).to.deep.equal([
        `node-2 ${second}`,
        `node-3 ${first}`,
      ])
    })
})
