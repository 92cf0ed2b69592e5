import { expect } from 'chai'
import { leftBehind } from './left-behind/left-behind.ts'
import { testNode } from './testing/fixtures.ts'
import { World } from './testing/world.ts'

const CONFLIST = '/etc/cni/net.d/10-podroute.conflist'
const FOREIGN = '/etc/cni/net.d/10-other.conflist'

describe('the pod network beside another CNI plugin', () => {
  let world: World
  afterEach(() => world[Symbol.asyncDispose]())

  const ops = () => world.ops().filter((op) => /^(bridge|addresses|ports|conflist|sources) /.test(op))

  it('routes, announces and masquerades as ever, and writes nothing of the pods’ own', async () => {
    world = new World({ cni: false, mesh: true })
    await world.kernel.files.write(FOREIGN, '{}', 0o644)
    await world.start(testNode(1), testNode(2))
    const other = await world.speak('172.30.0.12', ['10.244.2.0/24'])
    await world.sessions()
    expect(world.routes()).to.deep.equal(['10.244.2.0/24 via 172.30.0.12'])
    expect(Array.from(other.routes(), ({ prefix }) => prefix)).to.include('10.244.1.0/24')
    expect(world.masqueraded()).to.include('pods-4 10.244.1.0/24')
    expect(world.kernel.sysctls.read('net/ipv4/ip_forward')).to.equal('1')
    await world.settle(40_000)
    expect(ops()).to.deep.equal([])
    expect(await world.kernel.links.list()).to.deep.equal([])
    expect(world.kernel.files.paths()).to.deep.equal([FOREIGN])
    expect(world.problems()).to.deep.equal([])
    expect(world.network.ready).to.equal(true)
  })

  it('takes its own CNI configuration back, and leaves a bridge alone that has its name, with what it has', async () => {
    world = new World()
    await world.start(testNode(1))
    await world.addPort('pod1')
    await world.settle()
    const bridge = await world.kernel.links.get('kube-bridge')
    world.ops()
    await world.restart({ cni: false, hairpin: false }, testNode(1))
    await world.settle(40_000)
    expect(ops()).to.deep.equal([`conflist remove ${CONFLIST}`])
    expect(world.kernel.files.paths()).to.deep.equal([])
    expect(await world.kernel.links.get('kube-bridge')).to.deep.equal(bridge)
    expect(await world.kernel.addresses.list()).to.have.length.above(0)
    const { tables, inUse } = await leftBehind(world.kernel, world.settings)
    expect(tables.map(({ name }) => name)).to.not.include('bridge')
    expect(inUse).to.equal(undefined)
  })
})
