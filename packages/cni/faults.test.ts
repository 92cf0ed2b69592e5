import { expect } from 'chai'
import { bridgeConfig, dualStack, leasedAddresses, leases } from './testing/configurations.ts'
import { Killed } from './testing/fake-system.ts'
import { FakeWorld } from './testing/fake-world.ts'
import type { Call } from './testing/world.ts'

const MOST_CALLS = 400

const callOf = (world: FakeWorld, command: string, netns: string, containerId = 'c1'): Call => ({
  command,
  netns,
  containerId,
  config: bridgeConfig(world, { cniVersion: '1.1.0', isDefaultGateway: true }, dualStack),
})

const vethsOf = (world: FakeWorld) => world.links('host').filter((link) => link.kind === 'veth')

function expectClean(world: FakeWorld, at: number): void {
  expect(leasedAddresses(world), `leases after call ${at}`).to.deep.equal([])
  expect(vethsOf(world), `links after call ${at}`).to.deep.equal([])
}

/** Runs `attempt` for the fault at each call in turn, until one run is through without meeting it. */
function atEveryCall(attempt: (world: FakeWorld, netns: string, at: number) => boolean): number {
  for (let at = 0; at < MOST_CALLS; at++) {
    const world = new FakeWorld()
    if (!attempt(world, world.addContainer('one'), at)) return at
  }
  throw new Error('the plugin never ends')
}

describe('bridge and host-local under faults', () => {
  it('an ADD whose n-th system call fails leaves neither link nor lease, or succeeds', () => {
    let failures = 0
    const calls = atEveryCall((world, netns, at) => {
      const answer = world.run('bridge', callOf(world, 'ADD', netns), { kind: 'fail', at, code: 'EIO' })
      if (answer.status !== 0) {
        failures++
        expect(answer.json?.code, answer.output).to.be.a('number')
        expectClean(world, at)
      } else expect(answer.json?.ips).to.have.length(2)
      return world.lastCalls > at
    })
    expect(calls).to.be.greaterThan(50)
    expect(failures).to.be.greaterThan(30)
  })

  it('after an ADD killed at any system call, DEL leaves neither link nor lease', () => {
    const calls = atEveryCall((world, netns, at) => {
      const killed = kill(world, callOf(world, 'ADD', netns), at)
      expect(world.run('bridge', callOf(world, 'DEL', netns)).status).to.equal(0)
      expectClean(world, at)
      return killed
    })
    expect(calls).to.be.greaterThan(50)
  })

  it('after the first ADD of a boot was killed at any system call, the next one frees what earlier boots have left', () => {
    const config = (world: FakeWorld) => bridgeConfig(world, {}, { ...dualStack, reclaimStale: true })
    atEveryCall((world, netns, at) => {
      const call = (containerId: string): Call => ({
        command: 'ADD',
        netns,
        containerId,
        config: config(world),
      })
      const former = world.addContainer('former')
      expect(world.run('bridge', { ...call('former'), netns: former }).status).to.equal(0)
      world.reboot()
      world.removeContainer(former)
      const killed = kill(world, call('c1'), at)
      expect(world.run('bridge', { ...call('c1'), command: 'DEL' }).status).to.equal(0)
      expect(world.run('bridge', call('c2')).status, `call ${at}`).to.equal(0)
      const owners = leasedAddresses(world).map((name) => world.read(`${leases(world)}/${name}`))
      expect(owners, `after call ${at}`).to.deep.equal(['c2\r\neth0', 'c2\r\neth0'])
      return killed
    })
  })

  it('after an ADD killed at any system call, GC leaves neither link nor lease', () => {
    atEveryCall((world, netns, at) => {
      const killed = kill(world, callOf(world, 'ADD', netns), at)
      const answer = world.run('bridge', { command: 'GC', config: callOf(world, 'GC', netns).config })
      expect(answer.status, answer.output).to.equal(0)
      expectClean(world, at)
      return killed
    })
  })

  it('after a DEL killed at any system call, another DEL finishes it', () => {
    atEveryCall((world, netns, at) => {
      world.run('bridge', callOf(world, 'ADD', netns))
      const killed = kill(world, callOf(world, 'DEL', netns), at)
      expect(world.run('bridge', callOf(world, 'DEL', netns)).status).to.equal(0)
      expectClean(world, at)
      return killed
    })
  })

  it('never gives an address twice, wherever another ADD or DEL was killed', () => {
    atEveryCall((world, netns, at) => {
      const [second, third] = [world.addContainer('two'), world.addContainer('three')]
      world.run('bridge', callOf(world, 'ADD', second, 'c2'))
      const killed = kill(world, callOf(world, 'ADD', netns), at)
      const answer = world.run('bridge', callOf(world, 'ADD', third, 'c3'))
      expect(answer.status, answer.output).to.equal(0)
      const used = [second, netns, third].flatMap((place) =>
        world.links(place).flatMap((link) => link.addresses),
      )
      expect(used.length).to.equal(new Set(used).size)
      world.run('bridge', callOf(world, 'DEL', netns))
      expect(leasedAddresses(world)).to.have.length(4)
      return killed
    })
  })

  it('a full disk and a read-only one are errors that leave nothing', () => {
    for (const code of ['ENOSPC', 'EROFS']) {
      const world = new FakeWorld()
      const netns = world.addContainer('one')
      world.machine.files.refuse = { path: world.data, code }
      const answer = world.run('bridge', callOf(world, 'ADD', netns))
      expect(answer.json?.code).to.equal(999)
      expect(answer.json?.msg).to.match(new RegExp(code))
      world.machine.files.refuse = undefined
      expectClean(world, 0)
    }
  })

  it('an index that cannot be written costs time, not addresses', () => {
    const world = new FakeWorld()
    const netns = world.addContainer('one')
    world.write(`${world.data}/.podroute`, 'in the way')
    expect(world.run('bridge', callOf(world, 'ADD', netns)).status).to.equal(0)
    expect(world.run('bridge', callOf(world, 'ADD', world.addContainer('two'))).json?.msg).to.match(
      /allocated/,
    )
    expect(world.run('bridge', callOf(world, 'DEL', netns)).status).to.equal(0)
    expectClean(world, 0)
  })
})

/** Whether the process was killed before its end. */
function kill(world: FakeWorld, call: Call, at: number): boolean {
  try {
    world.run('bridge', call, { kind: 'kill', at })
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    return true
  }
  return world.lastCalls >= at
}
