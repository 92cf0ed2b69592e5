import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import type { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { NOTICE } from '../../handover/notice.ts'
import { ipv4Node, World } from '../../testing/world.ts'

const [NODE, ROUTER] = ['172.30.0.12', '172.30.0.100']
const OWN = '10.244.1.0/24'
const router = { address: ROUTER, asn: 65000, acceptRoutes: false, maxPrefixes: 10 } as const
/** GRACEFUL_SHUTDOWN (RFC 8326). */
const SHUTDOWN = '65535:0'
const TAINT = { key: 'ToBeDeletedByClusterAutoscaler', value: '1700000000', effect: 'NoSchedule' }

describe('the end of an agent', () => {
  let world: World
  let node: Speaker
  let outside: Speaker

  beforeEach(async () => {
    world = new World({ externalPeers: [router] })
    await world.start(ipv4Node(1), ipv4Node(2))
    node = await world.speak(NODE, ['10.244.2.0/24'])
    outside = await world.speak(ROUTER, [], { asn: 65000 })
    await world.sessions()
    expect(known(outside)).to.deep.equal([])
  })
  afterEach(() => world[Symbol.asyncDispose]())

  /** Communities of this node's route there; undefined: it is not there. */
  const known = (speaker: Speaker) => speaker.paths(OWN)[0]?.communities
  const told = async (overrides: Partial<NodeObject>) => {
    world.network.setNode(ipv4Node(1, overrides))
    await world.settle()
  }
  const end = async () => {
    const ended = world.network[Symbol.asyncDispose]()
    await world.settle(3000)
    await ended
  }

  it('is no end of the node: peers keep its routes', async () => {
    await end()
    expect([known(node), known(outside)]).to.deep.equal([[], []])
    expect(outside.peers()[0]?.stale).to.include('ipv4-unicast')
  })

  it('is none either where the node is cordoned, or not ready', async () => {
    await told({
      unschedulable: true,
      ready: false,
      taints: [{ ...TAINT, key: 'node.kubernetes.io/not-ready' }],
    })
    await end()
    expect([known(node), known(outside)]).to.deep.equal([[], []])
  })

  it('takes the routes with it on a node that is to be left, which routers were told of before', async () => {
    await told({ taints: [TAINT] })
    await world.settle(NOTICE)
    expect([known(node), known(outside)]).to.deep.equal([[], [SHUTDOWN]])
    const ended = world.network[Symbol.asyncDispose]()
    await world.settle(150)
    expect([known(node), known(outside)]).to.deep.equal([undefined, undefined])
    await world.settle(1000)
    await ended
    for (const peer of [node, outside]) {
      expect(peer.peers()[0]).to.not.have.property('stale')
      expect(peer.peers()[0]?.lastDown).to.include({
        text: 'Cease/Hard Reset: Cease/Administrative Shutdown',
        communication: 'the node leaves',
      })
    }
  })

  it('gives routers a second to move where nobody told them before: the Node is gone', async () => {
    world.network.removeNode('node-1')
    await world.settle()
    expect(known(outside)).to.deep.equal([])
    const ended = world.network[Symbol.asyncDispose]()
    await world.settle(900)
    expect(known(outside)).to.deep.equal([SHUTDOWN])
    await world.settle(500)
    expect(known(outside)).to.equal(undefined)
    await ended
  })

  it('is taken back: a node that stays after all is as before', async () => {
    await told({ taints: [TAINT] })
    await told({})
    expect(known(outside)).to.deep.equal([])
    expect(Object.values(world.established())).to.deep.equal([1, 1])
  })
})
