import { expect } from 'chai'
import { testNode } from './testing/fixtures.ts'
import { ipv4Node, World } from './testing/world.ts'

const CONFLIST = '/etc/cni/net.d/10-podroute.conflist'

describe('the pod network', () => {
  let world: World
  const create = (settings: ConstructorParameters<typeof World>[0] = {}) => {
    world = new World(settings)
  }
  beforeEach(() => create())
  afterEach(() => world[Symbol.asyncDispose]())

  it('writes nothing before all Nodes are known', async () => {
    await world.network.start()
    world.network.setNode(ipv4Node(1))
    await world.settle(5000)
    expect(world.ops()).to.deep.equal([])
    world.network.nodesSynced()
    await world.settle()
    expect(world.ops()).to.include('bridge add kube-bridge')
  })

  it('writes what a lone node needs, the CNI configuration last', async () => {
    await world.start(ipv4Node(1))
    const ops = world.ops()
    expect(ops.filter((op) => !op.startsWith('sysctls '))).to.deep.equal([
      'bridge add kube-bridge',
      'addresses add 10.244.1.1/24',
      'rules add table',
      'masquerade add pods-4 10.244.1.0/24',
      'masquerade add pods-local-4 10.244.1.0/24',
      'masquerade add nodes-4 172.30.0.11',
      'masquerade add speakers-4 172.30.0.11',
      'masquerade add speakers-4 10.244.1.1',
      'sourceRules add table',
      `conflist add ${CONFLIST}`,
    ])
    expect(world.speaker?.announced().map(({ prefix }) => prefix)).to.deep.equal(['10.244.1.0/24'])
    expect(world.network.ready).to.equal(true)
    await world.settle(10_000)
    expect(world.ops()).to.deep.equal([])
  })

  it('meets a node that was silent for long: when that connects, or at once when its Node is ready', async () => {
    const [two, three] = ['172.30.0.12', '172.30.0.13']
    for (const address of [two, three]) world.memory.silent.add(address)
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3, { ready: false }))
    world.bgpClock.advance(900_000)
    for (const address of [two, three]) world.memory.silent.delete(address)
    await world.speak(two, ['10.244.2.0/24'], { passive: false })
    await world.speak(three, ['10.244.3.0/24'])
    await world.settle(3000)
    expect(world.routes()).to.deep.equal([`10.244.2.0/24 via ${two}`])
    world.network.setNode(ipv4Node(3))
    await world.settle(3000)
    expect(world.routes()).to.deep.equal([`10.244.2.0/24 via ${two}`, `10.244.3.0/24 via ${three}`])
  })

  it('puts everything back at once that changed while announcements were lost', async () => {
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    await world.addPort('veth1')
    await world.settle()
    world.ops()
    const { kernel } = world
    const index = async () => (await kernel.links.get('kube-bridge'))!.index
    const before = { routes: world.routes(), elements: world.masqueraded() }
    await kernel.changes.overrun(async () => {
      const route = kernel.routes.of(254).get('10.244.2.0/24')!
      await kernel.routes.apply([{ kind: 'remove', route }])
      await kernel.nft.run('delete element inet podroute-pod-network nodes-4 { 172.30.0.12 }')
      await kernel.nft.run('flush chain inet podroute-pod-network pod-egress')
      const [address] = await kernel.addresses.list({ interfaceIndex: await index() })
      await kernel.addresses.remove(address!)
      await kernel.links.remove(await index())
    })
    await world.settle(500)
    expect(world.ops()).to.include.members([
      'bridge add kube-bridge',
      'ports add veth1',
      'addresses add 10.244.1.1/24',
      'rules replace table',
      'masquerade add nodes-4 172.30.0.12',
      'routes add 10.244.2.0/24',
    ])
    expect({ routes: world.routes(), elements: world.masqueraded() }).to.deep.equal(before)
    expect((await kernel.links.get('veth1'))?.master).to.equal(await index())
  })

  it('has the routes of a node that joins, and none of one that leaves', async () => {
    await world.start(ipv4Node(1))
    world.ops()
    world.network.setNode(ipv4Node(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.ops()).to.deep.equal([
      'masquerade add pods-4 10.244.2.0/24',
      'masquerade add nodes-4 172.30.0.12',
      'masquerade add speakers-4 172.30.0.12',
      'masquerade add speakers-4 10.244.2.1',
      'routes add 10.244.2.0/24',
    ])
    world.network.removeNode('node-2')
    await world.settle()
    expect(world.ops()).to.have.members([
      'masquerade remove pods-4 10.244.2.0/24',
      'masquerade remove nodes-4 172.30.0.12',
      'masquerade remove speakers-4 172.30.0.12',
      'masquerade remove speakers-4 10.244.2.1',
      'routes remove 10.244.2.0/24',
    ])
    expect(world.peers()).to.deep.equal([])
  })

  it('waits with the CNI configuration for the nodes that are ready, and not for ever', async () => {
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3, { ready: false }))
    expect(world.problems()).to.deep.equal(['peers: waiting for node-2', 'conflist: nothing planned yet'])
    await world.settle(30_000)
    expect(world.network.ready).to.equal(true)
    expect(world.kernel.files.paths()).to.deep.equal([CONFLIST])
  })

  it('sweeps nothing and takes no pods while a part of very many Nodes is still to be planned', async () => {
    const many = Array.from({ length: 600 }, (_, i) =>
      ipv4Node(1, {
        ...{ name: `idle-${i}`, ready: false, podCIDRs: [`10.${i >> 8}.${i & 255}.0/24`] },
        internalIPs: [`172.29.${i >> 8}.${i & 255}`],
      }),
    )
    const nodes = [ipv4Node(1), ...many, ipv4Node(2)]
    await world.start(...nodes)
    expect(world.problems()[0]).to.equal('peers: waiting for node-2')
    expect(world.kernel.files.paths()).to.deep.equal([])
    world.ops()
    await world.restart({}, ...nodes)
    expect(world.ops()).to.deep.equal([])
  })

  it('waits with the CNI configuration for what other features lack', async () => {
    world.gate = 'Services: first sync'
    await world.start(ipv4Node(1))
    expect(world.problems()).to.include('others: Services: first sync')
    expect(world.kernel.files.paths()).to.deep.equal([])
    world.gate = undefined
    world.network.recheck()
    await world.settle()
    expect(world.kernel.files.paths()).to.deep.equal([CONFLIST])
  })

  it('plans all the same while the speaker cannot listen, says why, and goes on when it can', async () => {
    world.portTaken = true
    await world.start(ipv4Node(1), ipv4Node(2))
    expect((await world.kernel.links.list()).map(({ name }) => name)).to.deep.equal(['kube-bridge'])
    expect(world.problems()).to.include(
      'speaker: cannot listen for BGP at 172.30.0.11 port 179: the port is taken',
    )
    // One line in the log, however many peers and announcements wait for it.
    await world.settle(5000)
    expect(
      world.said.filter(({ message }) => message === 'failed').map(({ fields }) => fields.key),
    ).to.deep.equal(['bgp'])
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    world.portTaken = false
    await world.settle(1000)
    await world.sessions()
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
    expect(world.network.ready).to.equal(true)
  })

  it('is back at once where it was when what it could not become is taken back', async () => {
    await world.start(ipv4Node(1))
    world.portTaken = true
    world.network.setNode(ipv4Node(1, { internalIPs: ['172.30.0.99'] }))
    await world.settle(2000)
    expect(world.problems().join()).to.include('cannot listen for BGP at 172.30.0.99')
    world.portTaken = false
    world.network.setNode(ipv4Node(1))
    await world.settle()
    expect(world.problems()).to.deep.equal([])
    expect(world.speaker?.listening()).to.deep.equal([{ address: '172.30.0.11', port: 179 }])
    expect(world.speaker?.announced()).to.have.length(1)
  })

  it('keeps the route of a node whose session is lost, for as long as it is told to', async () => {
    await world.start(ipv4Node(1), ipv4Node(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    world.ops()
    await world.silence('172.30.0.12', 'stops')
    await world.settle(119_000)
    expect(world.ops()).to.deep.equal([])
    await world.settle(2000)
    expect(world.ops()).to.deep.equal(['routes remove 10.244.2.0/24'])
  })

  it('drops what a peer that is back does not repeat, and touches nothing of what it does', async () => {
    await world.start(testNode(1), testNode(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24', 'fd10:244:0:2::/64'])
    await world.sessions()
    expect(world.routes()).to.have.length(2)
    world.ops()
    await world.silence('172.30.0.12', 'stops')
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.settle(10_000)
    expect(world.ops()).to.deep.equal(['routes remove fd10:244:0:2::/64'])
  })

  it('keeps over a restart what was there, and sweeps what nobody announces any more', async () => {
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.speak('172.30.0.13', ['10.244.3.0/24'])
    await world.sessions()
    for (const address of ['172.30.0.12', '172.30.0.13']) await world.silence(address)
    world.ops()
    await world.restart({}, ipv4Node(1), ipv4Node(2))
    expect(world.ops()).to.deep.equal([])
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    await world.settle(10_000)
    expect(world.ops()).to.have.members([
      'routes remove 10.244.3.0/24',
      'masquerade remove pods-4 10.244.3.0/24',
      'masquerade remove nodes-4 172.30.0.13',
      'masquerade remove speakers-4 172.30.0.13',
      'masquerade remove speakers-4 10.244.3.1',
    ])
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
  })

  it('takes away what makes the node part of the pod network, and leaves the bridge to the pods', async () => {
    await world.start(ipv4Node(1), ipv4Node(2))
    const other = await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect([...other.routes()].map(({ prefix }) => prefix)).to.include('10.244.1.0/24')
    world.ops()
    const cleaned = world.network.cleanup()
    await world.settle(3000)
    await cleaned
    const tables = new Set(world.ops().map((op) => op.split(' ').slice(0, 2).join(' ')))
    expect([...tables]).to.include.members(['conflist remove', 'routes remove', 'masquerade remove'])
    expect([...tables].filter((op) => /bridge|sysctls/.test(op))).to.deep.equal([])
    expect([...other.routes()].map(({ prefix }) => prefix)).to.deep.equal(['10.244.2.0/24'])
    expect(world.memory.between('172.30.0.11', '172.30.0.12')).to.deep.equal([])
  })

  const external = (n: number) => ipv4Node(n, { internalIPs: [], externalIPs: [`172.30.0.1${n}`] })

  it('reaches Nodes that have an ExternalIP only', async () => {
    await world.start(external(1), external(2))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
    expect(world.network.ready).to.equal(true)
  })

  it('waits for addresses of the types that are asked for, and takes others when it is told to', async () => {
    create({ nodeAddressTypes: ['InternalIP'] })
    await world.start(external(1))
    expect(world.problems()[0]).to.equal('node: Node node-1 has no InternalIP')
    world.network.configure({ ...world.settings, nodeAddressTypes: ['ExternalIP'] })
    await world.settle()
    expect(world.problems()).to.deep.equal([])
    world.network.setNode(ipv4Node(1, { internalIPs: ['172.30.0.99'], externalIPs: ['172.30.0.11'] }))
    await world.settle()
    expect(world.speaker?.listening()[0]?.address).to.equal('172.30.0.11')
    world.network.configure({ ...world.settings, nodeAddressTypes: ['InternalIP', 'ExternalIP'] })
    await world.settle()
    expect(world.speaker?.listening()[0]?.address).to.equal('172.30.0.99')
  })

  it('says of each Node and router whether it is reached, since when, and why not', async () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: false, maxPrefixes: 10 }
    create({ externalPeers: [router] })
    await world.start(ipv4Node(1), ipv4Node(2), ipv4Node(3))
    await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    await world.settle(4000)
    const found = world.network.view.report().map((r) => [r.name, r.kind, r.state, r.reasons.join()])
    expect(found).to.deep.equal([
      ['node-1', 'this node', 'in-place', ''],
      ['node-2', 'node', 'in-place', ''],
      ['node-3', 'node', 'pending', 'no BGP session with 172.30.0.13'],
      ['172.30.0.100', 'router', 'in-place', 'no BGP session with 172.30.0.100'],
    ])
    const node2 = world.network.view.report().find(({ name }) => name === 'node-2')
    expect(node2?.for).to.be.within(4000, 7000)
  })

  it('says of a route that cannot be installed why, and what to do', async () => {
    await world.start(ipv4Node(1), ipv4Node(2, { internalIPs: ['172.31.0.12'] }))
    world.kernel.routes.unreachable.add('172.31.0.12')
    await world.speak('172.31.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.problems()).to.deep.equal([
      'routes: 10.244.2.0/24 via 172.31.0.12 cannot be installed: RTM_NEWROUTE: ENETUNREACH: no network of this node holds 172.31.0.12; have nodes share one, or give this node a route to it',
    ])
    expect(world.network.ready).to.equal(true)
    world.kernel.routes.unreachable.clear()
    await world.settle(60_000)
    expect(world.problems()).to.deep.equal([])
  })
})
