import { expect } from 'chai'
import { Family } from '../netlink/nftables.ts'
import { bridgeConfig, dualStack, NETWORK } from '../testing/configurations.ts'
import { type Fault, Killed } from '../testing/fake-system.ts'
import { FakeWorld } from '../testing/fake-world.ts'
import type { Answer, Call } from '../testing/world.ts'
import { MOST_GONE } from './source-check.ts'

const SETS = ['checked-links', 'link-macs', 'link-sources-4', 'link-sources-6', 'link-targets-6']
const MOST_CALLS = 150
const MAC = '02:00:5e:00:53:07'

describe('sourceCheck of the bridge plugin', () => {
  let world: FakeWorld
  beforeEach(() => {
    world = new FakeWorld()
  })

  const withTable = () => world.machine.network.host.nftables.addSets(Family.bridge, 'podroute-ports', SETS)
  const elements = () =>
    Object.fromEntries(
      SETS.map((set) => [
        set,
        world.machine.network.host.nftables.elements(Family.bridge, 'podroute-ports', set),
      ]),
    )
  const call = (command: string, containerId: string, changes: object, netns: string): Answer =>
    world.run('bridge', {
      command,
      containerId,
      netns,
      config: bridgeConfig(world, changes, dualStack),
    })
  const add = (changes: object, containerId = 'c1') =>
    call('ADD', containerId, changes, world.addContainer(containerId))
  const ports = () => world.links('host').filter(({ name }) => name.startsWith('veth'))
  const hex = (name: string) => {
    const index = Buffer.alloc(4)
    index.writeUInt32LE(world.machine.network.host.links.get(name)!.index)
    return index.toString('hex')
  }

  it('an ADD says what the port may send from, in the table and in the alias', () => {
    withTable()
    const answer = add({ sourceCheck: true, runtimeConfig: { mac: MAC } })
    expect(answer.status, answer.output).to.equal(0)
    const port = hex(ports()[0]!.name)
    const from = `${port}02005e0053070000`
    const v6 = ['fe8000000000000000005efffe005307', 'fd770000000000000000000000000002']
    expect(elements()).to.deep.equal({
      'checked-links': [port],
      'link-macs': [from],
      'link-sources-4': [`${from}0a4d0002`],
      'link-sources-6': v6.map((address) => from + address),
      'link-targets-6': v6.map((address) => port + address),
    })
    expect(ports()[0]!.alias).to.equal(`podroute/${NETWORK}/c1/eth0 ${MAC},10.77.0.2,fd77::2`)
  })

  it('the hardware address of the result is the one that the port may send from', () => {
    withTable()
    const answer = add({ sourceCheck: true })
    const mac = answer.json!.interfaces![2]!.mac!
    expect(ports()[0]!.alias).to.contain(` ${mac},10.77.0.2`)
    expect(elements()['link-macs']![0]).to.contain(mac.replaceAll(':', ''))
  })

  it('a DEL removes the elements of ports that are gone, whichever way they went, once they are many', () => {
    withTable()
    const ids = Array.from({ length: MOST_GONE + 2 }, (_, i) => `c${i}`)
    const netns = ids.map((id) => world.addContainer(id))
    for (const [i, id] of ids.entries())
      expect(call('ADD', id, { sourceCheck: true }, netns[i]!).status).to.equal(0)
    for (const path of netns.slice(1, MOST_GONE)) world.removeContainer(path)
    expect(call('DEL', 'c0', { sourceCheck: true }, netns[0]!).status).to.equal(0)
    expect(elements()['checked-links'], 'few are left to the agent').to.have.length(ids.length)
    expect(call('DEL', 'c16', { sourceCheck: true }, netns[MOST_GONE]!).status).to.equal(0)
    expect(elements()['checked-links']).to.deep.equal([hex(ports()[0]!.name)])
    expect(elements()['link-sources-6']).to.have.length(2)
  })

  it('GC removes the port of an attachment that nobody vouches for, its alias said so before its addresses', () => {
    withTable()
    add({ sourceCheck: true }, 'c1')
    add({ sourceCheck: true }, 'c2')
    const valid = [{ containerID: 'c2', ifname: 'eth0' }]
    const answer = world.run('bridge', {
      command: 'GC',
      config: {
        ...bridgeConfig(world, { sourceCheck: true, cniVersion: '1.1.0' }, dualStack),
        'cni.dev/valid-attachments': valid,
      },
    })
    expect(answer.status, answer.output).to.equal(0)
    expect(ports().map(({ alias }) => alias.split(' ')[0])).to.deep.equal([`podroute/${NETWORK}/c2/eth0`])
    expect(elements()['link-macs']).to.have.length(1)
  })

  it('a container is a host: it forwards nothing and takes no router advertisement', () => {
    const netns = world.addContainer('c1')
    world.setSetting(netns, 'ipv4/ip_forward', '1')
    world.setSetting(netns, 'ipv6/conf/all/forwarding', '1')
    world.setSetting(netns, 'ipv6/conf/default/addr_gen_mode', '1')
    expect(call('ADD', 'c1', { sourceCheck: true }, netns).status).to.equal(0)
    expect(world.setting(netns, 'ipv4/ip_forward')).to.equal('0')
    expect(world.setting(netns, 'ipv6/conf/all/forwarding')).to.equal('0')
    expect(world.setting(netns, 'ipv6/conf/eth0/accept_ra')).to.equal('0')
    expect(world.setting(netns, 'ipv6/conf/eth0/addr_gen_mode'), 'its link-local address').to.equal('0')
  })

  it('without the table of the agent a container starts and says what it may send from, but not in strict mode', () => {
    expect(add({ sourceCheck: true }, 'c1').status).to.equal(0)
    expect(ports()[0]!.alias).to.contain('10.77.0.2')
    const refused = add({ sourceCheck: 'strict' }, 'c2')
    expect(refused.json).to.include({ code: 11 })
    expect(refused.json!.msg).to.match(/strict.*the podroute agent makes it/)
    expect(ports(), 'taken back').to.have.length(1)
    expect(world.machine.network.host.nftables.refused, 'transactions that it had to take back').to.equal(0)
    withTable()
    expect(add({ sourceCheck: 'strict' }, 'c3').status).to.equal(0)
  })

  it('switched off, the port still says what it may send from, so that the check may begin while it runs', () => {
    withTable()
    expect(add({ sourceCheck: false }).status).to.equal(0)
    expect(elements()['checked-links']).to.deep.equal([])
    expect(ports()[0]!.alias).to.contain(',10.77.0.2,')
  })

  for (const [name, changes] of [
    ['runtimeConfig', { runtimeConfig: { sourceCheck: false } }],
    ['args.cni', { args: { cni: { sourceCheck: false } } }],
  ] as const)
    it(`who sends from other addresses says so in ${name}, but not in strict mode`, () => {
      withTable()
      expect(add({ sourceCheck: true, ...changes }, 'c1').status).to.equal(0)
      expect(elements()['checked-links']).to.deep.equal([])
      expect(ports()[0]!.alias, 'nor does the agent check it').to.equal(`podroute/${NETWORK}/c1/eth0`)
      expect(add({ sourceCheck: 'strict', ...changes }, 'c2').status).to.equal(0)
      expect(elements()['checked-links']).to.have.length(1)
    })

  it('an ADD whose n-th system call fails takes its elements back; of one that is killed GC does', () => {
    const left: number[] = []
    for (let at = 0; at < MOST_CALLS; at++)
      for (const kind of ['fail', 'kill'] as const) {
        world = new FakeWorld()
        withTable()
        const config = bridgeConfig(world, { sourceCheck: true }, dualStack)
        const of = { containerId: 'c1', netns: world.addContainer('c1'), config }
        const answer = addWith(of, kind === 'fail' ? { kind, at, code: 'EIO' } : { kind, at })
        if (answer?.status === 0) continue
        const all = () => SETS.flatMap((set) => elements()[set]!)
        if (kind === 'fail' && all().length > 0) left.push(at)
        expect(world.run('bridge', { command: 'DEL', ...of }).status).to.equal(0)
        collect()
        expect(all(), `${kind} at call ${at}`).to.deep.equal([])
      }
    // Where the way back from the container's namespace fails, nothing more can be done in the host's.
    expect(left).to.have.length(1)
  })

  function collect(): void {
    const config = bridgeConfig(world, { sourceCheck: true, cniVersion: '1.1.0' }, dualStack)
    world.run('bridge', { command: 'GC', config: { ...config, 'cni.dev/valid-attachments': [] } })
  }

  /** Undefined when it was killed. */
  function addWith(call: Omit<Call, 'command'>, fault: Fault): Answer | undefined {
    try {
      return world.run('bridge', { command: 'ADD', ...call }, fault)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      return undefined
    }
  }
})
