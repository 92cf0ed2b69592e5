/** Which tables there are, from a pod network on a fake kernel; what they do to packets is tried in test/ipvs/handover.test.ts. */
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { expect } from 'chai'
import { NO_SERVICE_ADDRESSES } from '../service-addresses/settings.ts'
import type { PodNetworkSettings } from '../settings.ts'
import { allServed, testService } from '../testing/fake-services.ts'
import { testNode } from '../testing/fixtures.ts'
import { World } from '../testing/world.ts'
import { RETURNED_FOR } from './left-nodes.ts'
import { HANDOVER_TABLES } from './table.ts'

const LABEL = 'example.com/leave'
const LEFT = { labels: { [LABEL]: 'yes' } }
const ROUTER = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 10 }
const SETTINGS: Partial<PodNetworkSettings> = {
  serviceAddresses: { ...NO_SERVICE_ADDRESSES, kinds: ['external-ip'] },
  externalPeers: [ROUTER],
  drain: { taints: [], labels: [{ key: LABEL }] },
}

describe('connections that this node does not know', () => {
  let world: World
  const nodes = () => [testNode(1), testNode(2), testNode(3)]
  const network = async (address: string, prefixLength: number) => {
    const { index } = await world.kernel.links.add({ kind: 'dummy', name: `eth${prefixLength}`, up: true })
    const family = address.includes(':') ? 6 : 4
    await world.kernel.addresses.add({ interfaceIndex: index, address, prefixLength, family, scope: 0 })
  }
  const serve = (name: string, ...externalIPs: readonly string[]) => {
    const service = testService(name, { externalIPs })
    world.services.set(service, allServed(service, 'serving'))
    world.network.servicesChanged([service.key])
  }
  const start = async (settings: Partial<PodNetworkSettings> = {}) => {
    world = new World({ ...SETTINGS, ...settings })
    await network('172.30.0.11', 24)
    await network('fd30::11', 64)
    serve('web', '198.51.100.10', '2001:db8::10')
    await world.start(...nodes())
    await world.settle(1000)
  }
  const set = async (n: number, overrides: Partial<NodeObject> = {}) => {
    world.network.setNode(testNode(n, overrides))
    await world.settle(400)
  }
  /** `172.30.0.12: 198.51.100.10`, of each family. */
  const handedOn = () =>
    ([4, 6] as const).map((family) => {
      const { chains } = world.kernel.nft.tables.get(HANDOVER_TABLES[family]) ?? {}
      const [which = ''] = chains?.get('unknown')?.rules ?? []
      const [how = ''] = chains?.get('hand-on')?.rules ?? []
      return chains && `${/dup to (\S+)/.exec(how)?.[1]}: ${/daddr \{ (.*) \}/.exec(which)?.[1]}`
    })
  const NOTHING = [undefined, undefined]
  const TO_2 = ['172.30.0.12: 198.51.100.10', 'fd30::12: 2001:db8::10']
  afterEach(() => world[Symbol.asyncDispose]())

  it('are handed on to a node that is left, and to the next one when that is gone', async () => {
    await start()
    expect(handedOn()).to.deep.equal(NOTHING)
    await set(3, LEFT)
    await set(2, LEFT)
    expect(handedOn()).to.deep.equal(TO_2)
    expect(world.network.handsOnTo).to.deep.equal(['node-2'])
    await set(2, { ...LEFT, ready: false })
    expect(handedOn()).to.deep.equal(['172.30.0.13: 198.51.100.10', 'fd30::13: 2001:db8::10'])
    world.network.removeNode('node-3')
    await world.settle(400)
    expect(handedOn()).to.deep.equal(NOTHING)
    expect(world.network.handsOnTo).to.deep.equal([])
  })

  it('are kept by this node where it is the last one that is left', async () => {
    await start()
    await set(1, LEFT)
    expect(handedOn()).to.deep.equal(NOTHING)
    await set(2, LEFT)
    expect(handedOn(), 'the first one').to.deep.equal(TO_2)
    await world.settle(40_000)
    expect(handedOn(), 'when it has withdrawn').to.deep.equal(TO_2)
  })

  it('are handed on for an hour after the node is back, also by the next agent', async () => {
    await start()
    await set(2, LEFT)
    await set(2)
    world.ops()
    await world.restart(SETTINGS, ...nodes())
    await world.settle(1000)
    expect(world.ops().filter((op) => op.startsWith('handover'))).to.deep.equal([])
    expect(handedOn()).to.deep.equal(TO_2)
    await world.clock.advance(RETURNED_FOR)
    await world.settle(400)
    expect(handedOn()).to.deep.equal(NOTHING)
  })

  it('are those to addresses that this node serves and may announce', async () => {
    await start()
    await set(2, LEFT)
    serve('api', '198.51.100.7')
    await world.settle(400)
    expect(handedOn()[0]).to.equal('172.30.0.12: 198.51.100.10, 198.51.100.7')
    world.services.delete('shop/web')
    world.network.servicesChanged(['shop/web'])
    await world.settle(400)
    expect(handedOn()).to.deep.equal(['172.30.0.12: 198.51.100.7', undefined])
    const service = testService('api', { externalIPs: ['198.51.100.7'] })
    world.services.set(service, [])
    world.network.servicesChanged([service.key])
    await world.settle(400)
    expect(handedOn(), 'somebody else has the address').to.deep.equal(NOTHING)
  })

  it('are left alone where nothing is announced, and where another proxy serves', async () => {
    await start({ serviceAddresses: NO_SERVICE_ADDRESSES })
    await set(2, LEFT)
    expect(handedOn()).to.deep.equal(NOTHING)
    world.network.configure({ ...world.settings, ...SETTINGS })
    await world.settle(400)
    expect(handedOn()).to.deep.equal(TO_2)
    world.services.servedHere = false
    world.network.allServicesChanged()
    await world.settle(400)
    expect(handedOn()).to.deep.equal(NOTHING)
  })

  it('go to nodes on a network of this one alone, by addresses that are theirs', async () => {
    await start()
    await set(2, { ...LEFT, internalIPs: ['172.31.0.12', 'fd30::12'] })
    expect(handedOn()).to.deep.equal([undefined, TO_2[1]])
    await set(2, { ...LEFT, internalIPs: ['172.30.0.11'] })
    expect(handedOn(), 'an address of this node').to.deep.equal(NOTHING)
  })

  it('are handed on again after somebody took the rules away, and by none of those that an earlier run left', async () => {
    await start()
    await set(2, LEFT)
    world.kernel.nft.tables.delete(HANDOVER_TABLES[4])
    world.kernel.changes.tableChanged(HANDOVER_TABLES[4])
    await world.settle(2000)
    expect(handedOn()).to.deep.equal(TO_2)
    world.keptLeftNodes = undefined
    await world.restart(SETTINGS, ...nodes())
    await world.settle(1000)
    expect(handedOn()).to.deep.equal(NOTHING)
  })

  it('are as before while an agent that starts does not know all yet', async () => {
    await start()
    await set(2, LEFT)
    world.services.ready = false
    world.services.delete('shop/web')
    await world.restart(SETTINGS, testNode(1), testNode(2, LEFT))
    expect(handedOn()).to.deep.equal(TO_2)
  })

  it('have no rules any more once all is cleaned up', async () => {
    await start()
    await set(2, LEFT)
    const cleaned = world.network.cleanup()
    await world.settle(3000)
    await cleaned
    expect(handedOn()).to.deep.equal(NOTHING)
  })
})
