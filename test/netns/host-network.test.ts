/** Gateways and networks of a node, as the agent keeps them from Services, on a real kernel. */
import { execFileSync } from 'node:child_process'
import { HostNetwork, type HostNetworkState } from '@podroute/agent/reserved/host-network.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { expect } from 'chai'
import { eventually, TestNetns } from './linux-support.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

describe('the node’s own network', () => {
  let netns: TestNetns
  let kernel: ReturnType<typeof openKernel>
  let network: HostNetwork
  let told: HostNetworkState[]

  beforeEach(async () => {
    netns = await TestNetns.create('host-network')
    await netns.veth('v0', '10.0.0.1/24', 'fd00::1/64')
    await netns.veth('v1', '10.0.1.1/30', '192.0.2.1/31', '192.0.2.9/32')
    told = []
    kernel = openKernel({ netns: netns.path })
    network = HostNetwork.open(kernel, (state) => void told.push(state), silent)
    await eventually(() => told.length > 0)
  })
  afterEach(() => {
    network[Symbol.dispose]()
    kernel[Symbol.dispose]()
    netns[Symbol.dispose]()
  })

  const ip = (...args: string[]) => execFileSync('ip', ['-n', netns.name, ...args])
  const gateways = (...wanted: string[]) =>
    eventually(() => JSON.stringify(told.at(-1)?.gateways) === JSON.stringify(wanted))

  it('has the gateways of its routes, of both families, and forgets them', async () => {
    expect(told.at(-1)?.gateways).to.deep.equal([])
    ip('route', 'add', 'default', 'via', '10.0.0.2')
    ip('-6', 'route', 'add', 'default', 'via', 'fd00::2')
    ip('route', 'add', '198.51.100.0/24', 'via', '10.0.0.3', 'table', '1000')
    await gateways('10.0.0.2', '10.0.0.3', 'fd00::2')
    ip('route', 'del', 'default')
    await gateways('10.0.0.3', 'fd00::2')
  })

  it('has all next hops of routes over several, also those of the other family', async () => {
    const hops = ['nexthop', 'via', '10.0.0.4', 'nexthop', 'via', '10.0.1.2', 'weight', '3']
    ip('route', 'add', 'default', ...hops, 'nexthop', 'via', 'inet6', 'fd00::5', 'dev', 'v0')
    await gateways('10.0.0.4', '10.0.1.2', 'fd00::5')
  })

  it('leaves out podroute’s own routes, and does not even read for them', async () => {
    ip('route', 'add', 'default', 'via', '10.0.0.2')
    await gateways('10.0.0.2')
    const before = told.length
    ip('route', 'add', '10.244.1.0/24', 'via', '10.0.0.9', 'protocol', '179')
    ip('route', 'add', '10.9.0.0/16', 'via', '10.0.0.8')
    await gateways('10.0.0.2', '10.0.0.8')
    expect(told.length - before).to.be.at.most(2)
    expect(told.flatMap((state) => state.gateways)).to.not.include('10.0.0.9')
  })

  it('forgets the gateways of an interface that goes down', async () => {
    ip('route', 'add', 'default', 'via', '10.0.0.2')
    ip('route', 'add', '198.51.100.0/24', 'via', '10.0.1.2')
    await gateways('10.0.0.2', '10.0.1.2')
    ip('link', 'set', 'v0', 'down')
    await gateways('10.0.1.2')
  })

  it('has the first and the last address of its networks, as long as they are its networks', async () => {
    const broadcasts = ['10.0.0.0', '10.0.0.255', '10.0.1.0', '10.0.1.3', '127.0.0.0', '127.255.255.255']
    expect(told.at(-1)?.broadcasts).to.deep.equal(broadcasts)
    ip('address', 'del', '10.0.1.1/30', 'dev', 'v1')
    await eventually(() => told.at(-1)?.broadcasts.length === 4)
  })
})
