import { cidr } from '@podroute/address/cidr.ts'
import { expect } from 'chai'
import type { ExternalPeer } from '../settings.ts'
import { ipv4Node, World } from '../testing/world.ts'

const NODE = '172.30.0.12'
const CONFIGURED = '172.30.0.100'
const ANNOTATED = '172.30.0.101'
const router: ExternalPeer = { address: CONFIGURED, asn: 65000, acceptRoutes: true, maxPrefixes: 1000 }
const PEERS = { 'kube-router.io/peers': `[{address: ${ANNOTATED}, asn: 65001, acceptRoutes: true}]` }

describe('annotations that change while the pod network runs', () => {
  let world: World
  const annotate = async (annotations: Record<string, string>) => {
    world.network.setNode(ipv4Node(1, { annotations }))
    await world.sessions()
  }
  /** Sessions that came up: none of them for a second time. */
  const expectSessions = (...peers: string[]) =>
    expect(world.established()).to.deep.equal(Object.fromEntries(peers.map((peer) => [peer, 1])))
  const policyOf = (address: string) => world.speaker!.configuration(address)!

  beforeEach(async () => {
    world = new World({ externalPeers: [router] })
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.speak(NODE, ['10.244.2.0/24'])
    await world.speak(CONFIGURED, ['198.51.100.0/24', '203.0.113.0/24'], { asn: 65000 })
    await world.speak(ANNOTATED, ['198.18.1.0/24'], { asn: 65001 })
    await world.sessions()
    expectSessions(NODE, CONFIGURED)
  })
  afterEach(() => world[Symbol.asyncDispose]())

  it('bring up a session with a router and take it away again, and touch no other', async () => {
    await annotate(PEERS)
    expectSessions(NODE, CONFIGURED, ANNOTATED)
    await annotate({})
    expectSessions(NODE, CONFIGURED)
  })

  it('take effect within a second', async () => {
    world.network.setNode(ipv4Node(1, { annotations: PEERS }))
    await world.settle(1000)
    expect(world.peers()).to.include(ANNOTATED)
  })

  it('keep the session while they are wrong, with an Event on the Node', async () => {
    await annotate(PEERS)
    await annotate({ 'kube-router.io/peers': '[{address: nowhere, asn: 65001}]' })
    expectSessions(NODE, CONFIGURED, ANNOTATED)
    expect(world.events.map(({ reason }) => reason)).to.include('NodeAnnotationRefused')
    expect(world.problems()).to.deep.include(
      'annotations: kube-router.io/peers[0].address: not an IP address',
    )
  })

  it('keep it in the next agent, too', async () => {
    await annotate(PEERS)
    const wrong = { annotations: { 'kube-router.io/peers': 'nonsense' } }
    await world.restart({ externalPeers: [router] }, ipv4Node(1, wrong), ipv4Node(2))
    await world.sessions()
    expect(world.peers()).to.include(ANNOTATED)
  })

  it('stay when the configuration changes, and win over it about the same router', async () => {
    await annotate(PEERS)
    world.network.configure({ ...world.settings, keepRoutes: 60 })
    await world.sessions()
    expectSessions(NODE, CONFIGURED, ANNOTATED)
    world.network.configure({ ...world.settings, externalPeers: [router, { ...router, address: ANNOTATED }] })
    await world.sessions()
    expectSessions(NODE, CONFIGURED, ANNOTATED)
    expect(policyOf(ANNOTATED).asn).to.equal(65001)
  })

  it('prepend and mark what routers are told, and not what nodes are, on the sessions that there are', async () => {
    await annotate({
      'kube-router.io/path-prepend.as': '65000',
      'kube-router.io/path-prepend.repeat-n': '3',
      'kube-router.io/node.bgp.communities': 'no-export',
    })
    expectSessions(NODE, CONFIGURED)
    expect(policyOf(CONFIGURED).exportPolicy?.rules[0]?.set).to.deep.equal({
      prepend: { asn: 65000, times: 3 },
      addCommunities: ['no-export'],
    })
    expect(policyOf(NODE).exportPolicy?.rules.some((rule) => rule.set)).to.equal(false)
  })

  it('give Nodes other pod prefixes than their spec, which are announced, believed and routed', async () => {
    const node = (n: number) => ipv4Node(n, { annotations: { 'kube-router.io/pod-cidrs': `10.9.${n}.0/24` } })
    await using other = new World({ clusterCidrs: [cidr('10.9.0.0/16')] })
    await other.start(node(1), node(2))
    await other.speak(NODE, ['10.9.2.0/24', '10.244.2.0/24'])
    await other.sessions()
    expect(other.routes()).to.deep.equal([`10.9.2.0/24 via ${NODE}`])
    expect(other.speaker!.announced().map(({ prefix }) => prefix)).to.deep.equal(['10.9.1.0/24'])
    other.network.setNode(ipv4Node(2))
    await other.settle()
    expect(other.routes()).to.deep.equal([`10.244.2.0/24 via ${NODE}`])
    expect(other.established()).to.deep.equal({ [NODE]: 1 })
  })

  it('say which prefixes pods have to others, of both names, and keep saying it over their own end', async () => {
    await using other = new World({ clusterCidrs: [cidr('10.9.0.0/16')] })
    const said = () =>
      ['node-1', 'node-2', 'node-3'].map((node) =>
        other.podPrefixes
          .of(node)
          ?.map(({ text }) => text)
          .join(),
      )
    await other.start(
      ipv4Node(1),
      ipv4Node(2, { annotations: { 'kube-router.io/pod-cidrs': '10.9.2.0/24' } }),
      ipv4Node(3, { annotations: { 'podroute.io/pod-cidrs': '10.9.3.0/24' } }),
    )
    expect(said()).to.deep.equal(['10.244.1.0/24', '10.9.2.0/24', '10.9.3.0/24'])
    other.network.setNode(ipv4Node(2))
    // Somebody else's by its spec: refused, and what was good stays.
    other.network.setNode(ipv4Node(3, { annotations: { 'podroute.io/pod-cidrs': '10.244.1.0/24' } }))
    expect(said()).to.deep.equal(['10.244.1.0/24', '10.244.2.0/24', '10.9.3.0/24'])
    other.network.removeNode('node-2')
    expect(said()).to.deep.equal(['10.244.1.0/24', undefined, '10.9.3.0/24'])
    await other.network[Symbol.asyncDispose]()
    expect(said()).to.deep.equal(['10.244.1.0/24', undefined, '10.9.3.0/24'])
  })

  it('keep out what routers announce of a range, whatever is accepted of them', async () => {
    expect(world.routes()).to.include(`203.0.113.0/24 via ${CONFIGURED}`)
    await annotate({ 'kube-router.io/node.bgp.customimportreject': '203.0.0.0/16' })
    expect(world.routes()).to.deep.equal([`10.244.2.0/24 via ${NODE}`, `198.51.100.0/24 via ${CONFIGURED}`])
    expectSessions(NODE, CONFIGURED)
    await annotate({})
    expect(world.routes()).to.include(`203.0.113.0/24 via ${CONFIGURED}`)
  })
})
