/**
 * A router that announces what the node has itself, or another program has put there (cloudnativelabs/kube-router#1810, #584, #586: the
 * node's own subnet and default route were gone with the router's withdrawal).
 */
import { execFileSync } from 'node:child_process'
import { cidr } from '@podroute/address/cidr.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { acceptedPrefix } from '@podroute/pod-network/bgp/external-policy.ts'
import { kernelTransport } from '@podroute/pod-network/bgp/transport.ts'
import type { ExternalPeer } from '@podroute/pod-network/settings.ts'
import { Speaker } from 'bgp-speaker-ts/speaker.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { OWN, TestNode } from './pod-network-node.ts'

const ROUTER = 'pr-foreign-r'
const ADDRESSES = { ipv4: '172.31.0.100', ipv6: 'fd31::100' }
/** All of it is accepted by the configuration. */
const ACCEPTED = '198.51.100.0/24'
const ANNOUNCED = [
  ...['172.31.0.0/24', '172.31.0.0/25', '0.0.0.0/0', 'fd31::/64', '::/0'],
  ...['10.244.1.0/24', '10.244.2.0/24', '203.0.113.0/24', '2001:db8:113::/64', ACCEPTED],
]

describe('a router that announces what is not its own', function () {
  this.timeout(30_000)
  let node: TestNode
  let speaker: Speaker
  const ip = (...args: string[]) => execFileSync('ip', ['-n', node.netns.name, ...args], { encoding: 'utf8' })
  /** All routes of the node, but for what is accepted. */
  const table = () =>
    ['-4', '-6']
      .flatMap((family) => ip(family, 'route').split('\n'))
      .filter((line) => line !== '' && !line.startsWith(ACCEPTED) && !line.includes('kube-bridge'))
      .sort()
  const refusals = () =>
    node.network.view
      .routes()
      .filter(({ state }) => state === 'refused')
      .map(({ destination, detail }) => `${destination} ${detail}`)
  const installed = () => ip('route', 'show', ACCEPTED) !== ''

  before(async () => {
    node = await TestNode.create()
    removeNetns(ROUTER)
    createNetns(ROUTER)
    ip('link', 'set', 'eth0-p', 'netns', ROUTER, 'name', 'eth0')
    const inside = (...args: string[]) => execFileSync('ip', ['-n', ROUTER, ...args])
    inside('address', 'add', `${ADDRESSES.ipv4}/24`, 'dev', 'eth0')
    inside('address', 'add', `${ADDRESSES.ipv6}/64`, 'dev', 'eth0', 'nodad')
    inside('link', 'set', 'eth0', 'up')
    ip('route', 'add', 'default', 'via', '172.31.0.1')
    ip('-6', 'route', 'add', 'default', 'via', 'fd31::1')
    ip('route', 'add', '203.0.113.0/24', 'via', '172.31.0.2')
    ip('-6', 'route', 'add', '2001:db8:113::/64', 'via', 'fd31::2')
    node.createSpeaker = (config) => new Speaker({ ...config, transport: kernelTransport(node.netns.path) })
  })
  beforeEach(async () => {
    const { ipv4 } = ADDRESSES
    const acceptRoutes = ANNOUNCED.map((prefix) => acceptedPrefix(cidr(prefix), {}))
    const router: ExternalPeer = { address: ipv4, asn: 65000, acceptRoutes, maxPrefixes: 100 }
    speaker = new Speaker({
      ...{ asn: 65000, routerId: ipv4, listen: { addresses: [ipv4], port: 179 } },
      transport: kernelTransport(ROUTER),
    })
    const families = ['ipv4-unicast', 'ipv6-unicast'] as const
    speaker.addPeer({ address: '172.31.0.11', asn: 64512, families, nextHop: ADDRESSES, connectRetryTime: 1 })
    for (const prefix of ANNOUNCED)
      speaker.announce({ prefix, nextHop: prefix.includes(':') ? ADDRESSES.ipv6 : ADDRESSES.ipv4 })
    await speaker.start()
    await node.start({ externalPeers: [router] }, OWN, {
      ...{ name: 'node-2', ready: true, podCIDRs: ['10.244.2.0/24'], internalIPs: ['172.31.0.12'] },
    })
  })
  afterEach(async () => {
    await speaker.close()
    await node.network[Symbol.asyncDispose]()
  })
  after(async () => {
    await node?.[Symbol.asyncDispose]()
    removeNetns(ROUTER)
  })

  it('changes none of the routes that the node has, neither while it announces nor when it withdraws (A11)', async () => {
    const before = table()
    await eventually(installed)
    await eventually(
      () =>
        expect(refusals()).to.include.members([
          ...['172.31.0.0/24 connected', '172.31.0.0/25 connected', 'fd31::/64 connected'],
          ...['10.244.2.0/24 pod-cidr'],
          ...['203.0.113.0/24 foreign-route', '2001:db8:113::/64 foreign-route', '0.0.0.0/0 foreign-route'],
        ]) !== undefined,
    )
    expect(table()).to.deep.equal(before)
    expect(node.condition('routes')).to.include('another program has a route there, which stays')
    for (const prefix of ANNOUNCED) speaker.withdraw(prefix)
    await eventually(() => !installed())
    expect(table()).to.deep.equal(before)
  })

  it('changes none when its session is cut, and the interface was down meanwhile (A11)', async () => {
    await eventually(installed)
    ip('link', 'set', 'eth0', 'down')
    ip('link', 'set', 'eth0', 'up')
    // Whoever configures the node puts its own back.
    ip('route', 'add', 'default', 'via', '172.31.0.1')
    ip('route', 'add', '203.0.113.0/24', 'via', '172.31.0.2')
    ip('-6', 'address', 'replace', 'fd31::11/64', 'dev', 'eth0', 'nodad')
    ip('-6', 'route', 'replace', 'default', 'via', 'fd31::1')
    ip('-6', 'route', 'replace', '2001:db8:113::/64', 'via', 'fd31::2')
    const own = table().filter((line) => !line.includes('proto 179'))
    await speaker.close('maintenance')
    await eventually(() => !installed())
    expect(table().filter((line) => !line.includes('proto 179'))).to.deep.equal(own)
  })

  it('takes no route from another program that put its own where ours went with the interface (A11)', async () => {
    await eventually(installed)
    ip('route', 'delete', ACCEPTED)
    ip('route', 'add', ACCEPTED, 'via', '172.31.0.3')
    await eventually(() => refusals().includes(`${ACCEPTED} foreign-route`))
    expect(ip('route', 'show', ACCEPTED)).to.include('via 172.31.0.3')
    await speaker.close('maintenance')
    await eventually(() => node.network.view.peers()[0]?.state !== 'established')
    expect(ip('route', 'show', ACCEPTED)).to.include('via 172.31.0.3')
    ip('route', 'delete', ACCEPTED)
  })
})
