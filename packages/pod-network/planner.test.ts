import { cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { RESERVED_HOLDERS, type ReservedHolder } from '@podroute/feature/reserved-addresses.ts'
import { expect } from 'chai'
import type { PodNetworkSettings } from './settings.ts'
import { testNode, testPath } from './testing/fixtures.ts'
import { World } from './testing/world.ts'

describe('planner', () => {
  let world: World
  const podsOf = (family: 4 | 6) => world.masqueraded().filter((key) => key.startsWith(`pods-${family} `))
  const addresses = async () => {
    const all = await world.kernel.addresses.list()
    return all.map(({ address, prefixLength }) => `${address}/${prefixLength}`)
  }
  const announced = () => world.speaker?.announced().map(({ prefix }) => prefix)
  const see = async (...nodes: readonly ClusterNode[]) => {
    for (const node of nodes) world.network.setNode(node)
    await world.settle()
  }
  const remove = async (name: string) => {
    world.network.removeNode(name)
    await world.settle()
  }
  const start = async (settings: Partial<PodNetworkSettings> = {}) => {
    world = new World(settings)
    await world.start(testNode(1))
    world.ops()
  }
  beforeEach(() => start())
  afterEach(() => world[Symbol.asyncDispose]())

  it('plans bridge, addresses and announcements of this node', async () => {
    const links = await world.kernel.links.list()
    expect(links.map(({ name, kind, up }) => [name, kind, up])).to.deep.equal([
      ['kube-bridge', 'bridge', true],
    ])
    expect(await addresses()).to.deep.equal(['10.244.1.1/24', 'fd10:244:0:1::1/64'])
    expect(announced()).to.deep.equal(['10.244.1.0/24', 'fd10:244:0:1::/64'])
    expect(world.peers()).to.deep.equal([])
  })

  it('takes in a node that joins, and forgets one that leaves', async () => {
    await see(testNode(2))
    expect(world.peers()).to.deep.equal(['172.30.0.12'])
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24', 'pods-4 10.244.2.0/24'])
    await remove('node-2')
    expect(world.peers()).to.deep.equal([])
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24'])
  })

  it('has both sessions after two nodes have swapped their addresses, one event after the other', async () => {
    const swapped = [testNode(2), testNode(3)].map((node, i, both) => ({
      ...node,
      addresses: both[1 - i]!.addresses,
      addressesByType: both[1 - i]!.addressesByType,
    }))
    for (const order of [swapped, swapped.toReversed()]) {
      await see(testNode(2), testNode(3))
      for (const node of order) await see(node)
      const believed = (address: string) =>
        world.speaker
          ?.configuration(address)
          ?.importPolicy?.rules[0]?.match?.prefixes?.map(({ prefix }) => prefix)
      expect(believed('172.30.0.12')).to.deep.equal(['10.244.3.0/24', 'fd10:244:0:3::/64'])
      expect(believed('172.30.0.13')).to.deep.equal(['10.244.2.0/24', 'fd10:244:0:2::/64'])
    }
  })

  it('does nothing for a heartbeat', async () => {
    await see(testNode(2))
    world.ops()
    const before = world.speaker?.configuration('172.30.0.12')
    await see(testNode(2), testNode(2, { ready: false }))
    expect(world.ops()).to.deep.equal([])
    expect(world.speaker?.configuration('172.30.0.12')).to.equal(before)
  })

  it('moves everything when the prefixes of this node are others', async () => {
    await see(testNode(1, { podCIDRs: ['10.244.9.0/24'] }))
    expect(await addresses()).to.deep.equal(['10.244.9.1/24'])
    expect(announced()).to.deep.equal(['10.244.9.0/24'])
    expect(world.masqueraded().filter((key) => key.startsWith('pods'))).to.deep.equal([
      'pods-4 10.244.9.0/24',
      'pods-local-4 10.244.9.0/24',
    ])
    expect(await world.kernel.files.read(world.settings.conflist)).to.include('10.244.9.0/24')
  })

  it('keeps all that pods need while a Node lacks its prefixes or its addresses, or this Node is deleted', async () => {
    await see(testNode(2))
    world.ops()
    const before = [...world.speaker!.configurations()]
    for (const n of [1, 2]) {
      await see(testNode(n, { podCIDRs: [] }))
      await see(testNode(n, { internalIPs: [] }))
      await see(testNode(n, { podCIDRs: [], internalIPs: [] }))
    }
    await remove('node-1')
    await see(testNode(1, { podCIDRs: [] }))
    world.network.configure({ ...world.settings })
    await world.settle()
    expect(world.ops()).to.deep.equal([])
    expect([...world.speaker!.configurations()]).to.deep.equal(before)
    expect(announced()).to.deep.equal(['10.244.1.0/24', 'fd10:244:0:1::/64'])
  })

  it('keeps a prefix that two nodes have until both are without it', async () => {
    await see(testNode(2), testNode(3, { podCIDRs: ['10.244.2.0/24'] }))
    await remove('node-2')
    expect(podsOf(4)).to.include('pods-4 10.244.2.0/24')
    await remove('node-3')
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24'])
  })

  it('asks for no two prefixes that overlap, whoever comes first and whoever leaves', async () => {
    await see(testNode(2), testNode(3, { podCIDRs: ['10.0.0.0/8'] }))
    expect(podsOf(4)).to.deep.equal(['pods-4 10.0.0.0/8'])
    await see(testNode(4))
    expect(podsOf(4)).to.deep.equal(['pods-4 10.0.0.0/8'])
    await remove('node-3')
    expect(podsOf(4)).to.deep.equal([1, 2, 4].map((n) => `pods-4 10.244.${n}.0/24`))
    expect(podsOf(6)).to.deep.equal([1, 2, 4].map((n) => `pods-6 fd10:244:0:${n}::/64`))
  })

  it('writes the elements alone that a change concerns', async () => {
    await see(testNode(2))
    world.ops()
    await see(testNode(2, { internalIPs: ['172.30.0.99'] }))
    expect(world.ops()).to.have.members([
      ...['nodes-4', 'speakers-4'].map((set) => `masquerade add ${set} 172.30.0.99`),
      ...['nodes-4', 'speakers-4'].map((set) => `masquerade remove ${set} 172.30.0.12`),
      ...['nodes-6', 'speakers-6'].map((set) => `masquerade remove ${set} fd30::12`),
    ])
  })

  describe('takes for a node’s, so that pods reach it without masquerading,', () => {
    const nodes = () => world.masqueraded().filter((key) => key.startsWith('nodes-'))
    const claimed = (...internalIPs: string[]) => see(testNode(2, { internalIPs }))
    const own = ['nodes-4 172.30.0.11', 'nodes-6 fd30::11']
    const reserve = async (address: string, holder: ReservedHolder | undefined) => {
      if (holder === undefined) world.reserved.delete(address)
      else world.reserved.set(address, holder)
      world.network.reservedChanged([address])
      await world.settle()
    }

    it('nothing that a Node claims of others, whoever comes first', async () => {
      await claimed('172.30.0.12', 'fd30::12')
      expect(nodes()).to.have.members([...own, 'nodes-4 172.30.0.12', 'nodes-6 fd30::12'])
      for (const claims of [['8.8.8.8'], ['169.254.1.1'], ['172.30.0.12', '172.30.0.200'], ['2001:db8::1']]) {
        await claimed(...claims)
        expect(nodes(), claims.join()).to.not.include.members([`nodes-4 ${claims.at(-1)}`])
      }
      await claimed('172.30.0.1')
      expect(nodes()).to.include('nodes-4 172.30.0.1')
      for (const holder of RESERVED_HOLDERS) {
        await reserve('172.30.0.1', holder)
        expect(nodes(), holder).to.deep.equal(own)
        await reserve('172.30.0.1', undefined)
        expect(nodes()).to.include('nodes-4 172.30.0.1')
      }
      world.network.setServiceRanges([cidr('172.30.0.0/28')])
      await world.settle()
      expect(nodes()).to.deep.equal(own)
    })

    it('what lies in the ranges that are configured, and that alone', async () => {
      await claimed('172.30.0.12', '172.30.7.12', '8.8.8.8')
      world.network.configure({ ...world.settings, nodeCidrs: ['172.30.7.0/24', '8.8.8.0/24'].map(cidr) })
      await world.settle()
      expect(nodes()).to.deep.equal([own[0], 'nodes-4 172.30.7.12', 'nodes-4 8.8.8.8', own[1]])
      await reserve('8.8.8.8', 'resolver')
      expect(nodes()).to.not.include('nodes-4 8.8.8.8')
    })

    it('and says so once, to whom it concerns, by one node', async () => {
      const told = () =>
        world.events.map(({ regarding, reason, note }) => `${regarding.name} ${reason} ${note}`)
      await claimed('8.8.8.8')
      await claimed('8.8.8.8')
      expect(told()).to.have.length(1)
      expect(told()[0]).to.match(/^node-2 NodeAddressRefused .*masqueraded: 8\.8\.8\.8: public, /)
      await see(testNode(0))
      await see(testNode(3, { internalIPs: ['169.254.1.1'] }))
      expect(told()).to.have.length(1)
    })

    it('not that of a node of the control plane, without a word', async () => {
      world.reserved.set('172.30.0.12', 'api-server')
      await claimed('172.30.0.12')
      expect(nodes()).to.deep.equal(own)
      expect(world.peers()).to.deep.equal(['172.30.0.12'])
      expect(world.events).to.deep.equal([])
    })
  })

  it('takes destinations without masquerading that overlap', async () => {
    await start({ noMasquerade: ['10.0.0.0/8', '10.1.0.0/16'].map(cidr) })
    expect(world.masqueraded().filter((key) => key.startsWith('no-'))).to.deep.equal([
      'no-masquerade-4 10.0.0.0/8',
    ])
  })

  describe('guards against routers outside', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: true, maxPrefixes: 10 }
    /** What becomes of a route that the router announces. */
    const conflict = (prefix: string) => {
      world.speaker?.emit('best', [
        { prefix, best: testPath(prefix, { peer: router.address, source: 'ebgp', nextHop: router.address }) },
      ])
      const found = world.network.view.snapshot().routes.find(({ destination }) => destination === prefix)
      return found?.state === 'refused' ? found.detail : undefined
    }

    it('the ranges of Nodes that come and go, of Services, and the API server', async () => {
      await start({ externalPeers: [router], serviceCidrs: [cidr('10.96.0.0/16')] })
      expect(conflict('10.244.2.0/25')).to.equal(undefined)
      await see(testNode(2))
      expect(conflict('10.244.2.0/25')).to.equal('pod-cidr')
      await remove('node-2')
      expect(conflict('10.244.2.0/25')).to.equal(undefined)
      expect(conflict('10.96.7.7/32')).to.equal('service-cidr')
      expect(conflict('10.97.7.7/32')).to.equal(undefined)
      world.network.configure({ ...world.settings, serviceCidrs: [cidr('10.97.0.0/16')] })
      await world.settle()
      expect(conflict('10.97.7.7/32')).to.equal('service-cidr')
      expect(conflict('10.96.7.7/32')).to.equal(undefined)
      world.network.setServiceRanges(['10.98.0.0/16', 'fd10:98::/112'].map(cidr))
      await world.settle()
      expect(conflict('10.98.7.7/32')).to.equal('service-cidr')
      expect(conflict('fd10:98::7/128')).to.equal('service-cidr')
      expect(conflict('10.97.7.7/32')).to.equal('service-cidr')
      world.network.setServiceRanges([])
      await world.settle()
      expect(conflict('10.98.7.7/32')).to.equal(undefined)
      world.network.setApiServers(['192.0.2.1', 'fd99::1'])
      await world.settle()
      expect(conflict('192.0.2.1/32')).to.equal('api-server')
      expect(conflict('fd99::/64')).to.equal('covers-api-server')
      world.network.setApiServers([])
      await world.settle()
      expect(conflict('192.0.2.1/32')).to.equal(undefined)
    })

    it('and gives their sessions nothing new when a Node comes or goes', async () => {
      await start({ externalPeers: [router] })
      const before = world.speaker?.configuration(router.address)
      await see(testNode(2), testNode(3))
      await remove('node-2')
      expect(world.speaker?.configuration(router.address)).to.equal(before)
      expect(before?.importPolicy?.rules.length).to.be.above(3)
    })
  })

  describe('with two Nodes of one machine', () => {
    const old = testNode(2, { name: 'old', ready: false })
    const renamed = testNode(2, { name: 'new', podCIDRs: ['10.244.9.0/24'] })

    it('takes the routes of both, whoever comes first, and those of one when the other is deleted', async () => {
      for (const order of [
        [old, renamed],
        [renamed, old],
      ]) {
        await start()
        await see(...order)
        await world.speak('172.30.0.12', ['10.244.2.0/24', '10.244.9.0/24', '10.244.7.0/24'])
        await world.sessions()
        expect(world.routes()).to.deep.equal([
          '10.244.2.0/24 via 172.30.0.12',
          '10.244.9.0/24 via 172.30.0.12',
        ])
        expect(world.network.view.peers().map(({ name }) => name)).to.deep.equal(['new'])
        await remove('new')
        expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
        await world[Symbol.asyncDispose]()
      }
      await start()
    })

    it('keeps both families of the session when a Node of one family lists the address, too', async () => {
      const rogue = testNode(2, { name: 'a-rogue', internalIPs: ['172.30.0.12'], podCIDRs: [] })
      await see(testNode(2), rogue)
      expect(world.speaker?.configuration('172.30.0.12')?.families).to.deep.equal([
        'ipv4-unicast',
        'ipv6-unicast',
      ])
    })

    it('says so once, as an Event on the Node of the agent that runs there', async () => {
      await see(renamed, old, testNode(2, { name: 'old', ready: false }))
      expect(world.events).to.deep.equal([])
      const here = testNode(1, { name: 'was-node-1', podCIDRs: ['10.244.8.0/24'], ready: false })
      await see(here, { ...here, ready: true })
      expect(world.events.map(({ regarding, reason, note }) => [regarding.name, reason, note])).to.deep.equal(
        [
          [
            'node-1',
            'NodeConflict',
            'status.addresses: 172.30.0.11 is also of Node was-node-1, status.addresses: fd30::11 is also of Node was-node-1. Where that is this machine under an older name, delete that Node.',
          ],
        ],
      )
    })
  })
})
