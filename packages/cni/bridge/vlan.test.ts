import { expect } from 'chai'
import { BRIDGE, bridgeConfig } from '../testing/configurations.ts'
import { FakeWorld } from '../testing/fake-world.ts'
import type { Answer } from '../testing/world.ts'

describe('VLANs of bridge ports', () => {
  const world = new FakeWorld()
  let containers = 0
  const add = (changes: object): Answer => {
    const containerId = `c${containers++}`
    const netns = world.addContainer(containerId)
    return world.run('bridge', { command: 'ADD', containerId, netns, config: bridgeConfig(world, changes) })
  }
  /** 'vlan', with * when untagged, of the port that an ADD made or of a port by name. */
  const vlansOf = (name: string) =>
    [...world.machine.network.host.links.get(name)!.vlans]
      .map(([vlan, { pvid, untagged }]) => `${vlan}${pvid && untagged ? '*' : ''}`)
      .sort()
  const portOf = (answer: Answer) => {
    expect(answer.status, answer.output).to.equal(0)
    return answer.json!.interfaces![1]!.name
  }

  it('vlan is untagged on the port, in place of the default one or beside it', () => {
    expect(vlansOf(portOf(add({ vlan: 100 })))).to.deep.equal(['100*'])
    expect(vlansOf(portOf(add({ vlan: 100, preserveDefaultVlan: true })))).to.deep.equal(['1*', '100*'])
    expect(world.machine.network.host.links.get(BRIDGE)!.vlanFiltering).to.equal(true)
  })

  it('vlanTrunk is tagged on the port, 1 or vlan untagged', () => {
    const vlanTrunk = [{ id: 7 }, { minID: 10, maxID: 12 }]
    expect(vlansOf(portOf(add({ vlanTrunk })))).to.deep.equal(['1*', '10', '11', '12', '7'])
    expect(vlansOf(portOf(add({ vlanTrunk, vlan: 11 })))).to.deep.equal(['10', '11*', '12', '7'])
  })

  it('the gateway is an interface of the host in the VLAN, made once, and named in the result', () => {
    const results = [1, 2].map(() => add({ vlan: 200, isGateway: true }).json!)
    const gateway = world.links('host').find((link) => link.name === `${BRIDGE}.200`)!
    expect(gateway).to.deep.include({ kind: 'veth', up: true, addresses: ['10.77.0.1/24'] })
    for (const result of results)
      expect(result.interfaces![3]).to.deep.equal({ name: gateway.name, mac: gateway.mac })
    const ports = world.machine.network.host.links.get(gateway.name)!.peer!
    expect(vlansOf(ports.name)).to.deep.equal(['200*'])
    expect(world.links('host').find((link) => link.name === BRIDGE)!.addresses).to.deep.equal([])
  })

  it('an ADD without VLANs leaves the port as the bridge made it', () => {
    expect(vlansOf(portOf(add({})))).to.deep.equal(['1*'])
  })
})
