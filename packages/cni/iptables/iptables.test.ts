import { expect } from 'chai'
import { bridgeConfig, dualStack, NETWORK } from '../testing/configurations.ts'
import { FakeIptables } from '../testing/fake-iptables.ts'
import { FakeWorld } from '../testing/fake-world.ts'
import type { Answer } from '../testing/world.ts'
import { quote } from './nat-table.ts'

const LEGACY = ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names']

/** A host with iptables; the kernel says that its nat tables are in use, as it does for the older iptables. */
function hostWithIptables(): { world: FakeWorld; tables: FakeIptables[] } {
  const world = new FakeWorld()
  const { machine } = world
  for (const directory of ['/usr/sbin', '/proc/net']) machine.files.makeDirectories(directory)
  for (const path of LEGACY) machine.files.write(path, 'nat\n', 0o444)
  return { world, tables: [new FakeIptables(machine, 'iptables'), new FakeIptables(machine, 'ip6tables')] }
}

describe('the iptables backend', () => {
  const masquerading = (
    world: FakeWorld,
    command: string,
    changes: object = {},
    containerId = 'c1',
  ): Answer =>
    world.run('bridge', {
      command,
      containerId,
      netns: command === 'GC' ? '' : world.addContainer(containerId),
      config: bridgeConfig(
        world,
        { cniVersion: '1.1.0', isGateway: true, ipMasq: true, ...changes },
        dualStack,
      ),
    })
  const portmap = (world: FakeWorld, command: string, changes: object = {}, containerId = 'c1'): Answer =>
    world.run('portmap', {
      command,
      containerId,
      netns: '/dev/null',
      config: {
        cniVersion: '1.1.0',
        name: NETWORK,
        type: 'portmap',
        runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
        prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.77.0.2/24' }, { address: 'fd77::2/64' }] },
        ...changes,
      },
    })

  it('is taken by itself only where the kernel has no nftables', () => {
    const { world, tables } = hostWithIptables()
    expect(masquerading(world, 'ADD').status).to.equal(0)
    expect(tables.flatMap((table) => table.list())).to.deep.equal([])
    world.machine.network.host.hasNftables = false
    const answer = masquerading(world, 'ADD', {}, 'c2')
    expect(answer.status, answer.output).to.equal(0)
    expect(tables.map((table) => table.list().length)).to.deep.equal([4, 4])
    expect(masquerading(world, 'DEL', {}, 'c2').status).to.equal(0)
    expect(tables.flatMap((table) => table.list())).to.deep.equal([])
  })

  it('portmap takes it where there is nothing else, and says when there is nothing at all', () => {
    const { world, tables } = hostWithIptables()
    world.machine.network.host.hasNftables = false
    expect(portmap(world, 'ADD').status).to.equal(0)
    expect(portmap(world, 'CHECK').status).to.equal(0)
    expect(portmap(world, 'STATUS').status).to.equal(0)
    expect(tables.map((table) => table.list().some((line) => line.includes(' -j DNAT ')))).to.deep.equal([
      true,
      true,
    ])
    const bare = new FakeWorld()
    bare.machine.network.host.hasNftables = false
    expect(portmap(bare, 'STATUS').json?.code).to.equal(50)
    expect(portmap(bare, 'ADD').json?.code).to.equal(999)
  })

  it('names the program that the host does not have', () => {
    const answer = masquerading(new FakeWorld(), 'ADD', { ipMasqBackend: 'iptables' })
    expect(answer.json?.msg).to.match(/failed to locate iptables/)
  })

  it('an ADD again makes the same rules once', () => {
    const { world, tables } = hostWithIptables()
    portmap(world, 'ADD', { backend: 'iptables' })
    const first = tables.map((table) => table.list())
    portmap(world, 'ADD', { backend: 'iptables' })
    expect(tables.map((table) => table.list())).to.deep.equal(first)
  })

  it('CHECK misses a rule', () => {
    const { world } = hostWithIptables()
    portmap(world, 'ADD', { backend: 'iptables' })
    expect(portmap(world, 'CHECK', { backend: 'iptables' }).status).to.equal(0)
    portmap(world, 'DEL', { backend: 'iptables' })
    expect(portmap(world, 'CHECK', { backend: 'iptables' }).json?.msg).to.match(/missing hostport rules/)
  })

  it('GC removes this network’s chains that nobody vouches for', () => {
    const { world, tables } = hostWithIptables()
    const changes = { backend: 'iptables', ipMasqBackend: 'iptables' }
    for (const id of ['c1', 'c2']) {
      masquerading(world, 'ADD', changes, id)
      portmap(world, 'ADD', changes, id)
    }
    portmap(world, 'ADD', { ...changes, name: 'another' }, 'c3')
    const valid = { ...changes, 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }] }
    expect(portmap(world, 'GC', valid).status).to.equal(0)
    expect(masquerading(world, 'GC', valid).status).to.equal(0)
    for (const table of tables) {
      const text = table.list().join('\n')
      expect(text).not.to.match(/id: \\"c1/)
      expect(text)
        .to.match(/-A POSTROUTING .*id: \\"c2/)
        .and.to.match(/dnat name: \\"testnet\\" id: \\"c2/)
      expect(text).to.match(/dnat name: \\"another\\" id: \\"c3/)
    }
  })

  it('quotes words as iptables-restore reads them', () => {
    expect(quote('a "b" \\c')).to.equal('"a \\"b\\" \\\\c"')
  })
})
