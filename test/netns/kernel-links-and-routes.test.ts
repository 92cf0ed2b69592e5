/** The Resources of links, addresses and routes, in a kernel of their own. */
import {
  BridgeAddressResource,
  type InterfaceAddress,
} from '@podroute/kernel/addresses/bridge-address-resource.ts'
import { BridgePortResource } from '@podroute/kernel/links/bridge-port-resource.ts'
import { BridgeResource } from '@podroute/kernel/links/bridge-resource.ts'
import { ROUTE_PROTOCOL } from '@podroute/kernel/route-protocol.ts'
import { RouteResource } from '@podroute/kernel/routes/route-resource.ts'
import { IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import { TABLE_MAIN } from '@podroute/linux/route/rtnetlink.ts'
import type { Resource } from '@podroute/reconcile/resource.ts'
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { inside, type TestedNode, testNode } from './kernel-support.ts'

const BRIDGE = 'kube-bridge'
const PLAN = { mtu: 1400, mac: '0a:58:0a:f4:01:01' }
/** Of routes that are ours. */
const OURS = { table: TABLE_MAIN, protocol: ROUTE_PROTOCOL }
const isExplicitMac = (mac: string) => mac.startsWith('0a:58:')

function route(destination: string, gateway: string): Route {
  const family = destination.includes(':') ? 6 : 4
  return { family, destination, gateway, ...OURS, scope: 0, type: 'unicast' }
}

const routes = [
  route('10.244.2.0/24', '172.31.0.12'),
  route('10.244.3.0/24', '172.31.0.13'),
  route('fd10:244:0:2::/64', 'fd31::12'),
]

describeResource(
  'learned routes',
  async () => {
    const test = await testNode('routes')
    return inside(test, new RouteResource(test.routes, { ...OURS, changes: test.changes }))
  },
  {
    entries: routes.map((r) => [r.destination, r] as const),
    replacement: route('10.244.2.0/24', '172.31.0.99'),
    // Nobody has that next hop.
    refused: ['10.244.9.0/24', route('10.244.9.0/24', '192.0.2.1')],
  },
)

const discards = (destination: string): Route => {
  const { gateway, ...rest } = route(destination, '')
  return { ...rest, type: 'blackhole', priority: 1_000_000 }
}

describeResource(
  'routes that discard, beside one that leads to a node',
  async () => {
    const test = await testNode('discards')
    await test.routes.apply([{ kind: 'add', route: route('10.244.0.0/16', '172.31.0.12') }])
    return inside(
      test,
      new RouteResource(test.routes, { ...OURS, type: 'blackhole', changes: test.changes }, 'discards'),
    )
  },
  {
    entries: [discards('10.244.0.0/16'), discards('fd10:244::/56')].map((r) => [r.destination, r] as const),
    replacement: discards('10.244.0.0/16'),
  },
)

const ways = (destination: string, ...gateways: readonly string[]): Route => {
  const { gateway, ...rest } = route(destination, '')
  return { ...rest, nextHops: gateways.map((text) => ({ gateway: text })) }
}

const severalWays = [
  ways('10.244.2.0/24', '172.31.0.12', '172.31.0.13'),
  ways('10.244.3.0/24', '172.31.0.13', '172.31.0.12', '172.31.0.14'),
  ways('fd10:244:0:2::/64', 'fd31::12', 'fd31::13'),
  ways('fd10:244:0:3::/64', 'fd31::13', 'fd31::12', 'fd31::14'),
]

async function routesByWays(name: string, grouped: boolean) {
  const test = await testNode(name)
  const { changes, nextHops } = test
  return inside(test, new RouteResource(test.routes, { ...OURS, changes, ...(grouped && { nextHops }) }))
}

for (const [kind, grouped] of [
  ['', false],
  [', in groups', true],
] as const) {
  describeResource(`learned routes by several next hops${kind}`, () => routesByWays('ways', grouped), {
    entries: severalWays.map((r) => [r.destination, r] as const),
    replacement: ways('10.244.2.0/24', '172.31.0.13', '172.31.0.14', '172.31.0.15'),
    refused: ['10.244.9.0/24', ways('10.244.9.0/24', '172.31.0.12', '192.0.2.1')],
  })

  describeResource(`learned IPv6 routes by several next hops${kind}`, () => routesByWays('ways6', grouped), {
    entries: severalWays.slice(2).map((r) => [r.destination, r] as const),
    replacement: route('fd10:244:0:2::/64', 'fd31::15'),
    refused: ['fd10:244:0:9::/64', ways('fd10:244:0:9::/64', 'fd31::12', '2001:db8::1')],
  })
}

const addresses: readonly InterfaceAddress[] = [
  { address: '10.244.1.1', prefixLength: 24 },
  { address: 'fd10:244:0:1::1', prefixLength: 64 },
]

const addressesOf = ({ links, addresses, changes }: TestedNode) =>
  new BridgeAddressResource(links, addresses, { bridge: BRIDGE, changes })

describeResource(
  "the bridge's addresses",
  async () => {
    const test = await testNode('addresses')
    await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    return inside(test, addressesOf(test))
  },
  {
    entries: addresses.map((a) => [`${a.address}/${a.prefixLength}`, a] as const),
    replacement: addresses[0]!,
  },
)

describeResource(
  "the bridge's ports",
  async () => {
    const test = await testNode('ports')
    await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    for (const name of ['pod1', 'pod2'])
      await test.links.add({ kind: 'veth', name, up: true, peer: { name: `${name}-in` } })
    return inside(test, new BridgePortResource(test.links, { bridge: BRIDGE, kind: 'veth' }))
  },
  {
    entries: [
      ['pod1', { hairpin: true }],
      ['pod2', { hairpin: false }],
    ],
    replacement: { hairpin: false },
    refused: ['nobody', { hairpin: true }],
  },
)

describe('resources of links, addresses and routes', () => {
  let test: TestedNode
  beforeEach(async () => {
    test = await testNode('others')
  })
  afterEach(() => test[Symbol.asyncDispose]())

  const apply = async <V>(resource: Resource<string, V>, key: string, value: V) => {
    const [outcome] = await resource.apply([{ kind: 'add', key, value }])
    return outcome!.ok ? 'done' : outcome!.error.message
  }

  it('make the bridge, put it right when it is not as planned, and find it down', async () => {
    const bridge = new BridgeResource(test.links, { name: BRIDGE, isExplicitMac })
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('done')
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, PLAN]])
    const { index } = (await test.links.get(BRIDGE))!
    await test.links.set(index, { up: false, mtu: 1300 })
    expect(bridge.equal((await listed(bridge)).get(BRIDGE)!, PLAN)).to.equal(false)
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('done')
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, PLAN]])
    expect((await test.links.get(BRIDGE))!.index).to.equal(index)
  })

  it('let no bridge learn from link-local frames, one of an earlier version neither', async () => {
    const { index } = await test.links.add({
      kind: 'bridge',
      name: BRIDGE,
      mac: PLAN.mac,
      mtu: PLAN.mtu,
      up: true,
    })
    expect((await test.links.get(BRIDGE))!.linkLocalLearning).to.equal(true)
    const bridge = new BridgeResource(test.links, { name: BRIDGE, isExplicitMac })
    expect(bridge.equal((await listed(bridge)).get(BRIDGE)!, PLAN)).to.equal(false)
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('done')
    expect(await test.links.get(BRIDGE)).to.include({ index, mac: PLAN.mac, linkLocalLearning: false })
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, PLAN]])
  })

  it("leave a device alone that has the bridge's name and is none", async () => {
    await test.netns.veth(BRIDGE, '198.51.100.1/24')
    const bridge = new BridgeResource(test.links, { name: BRIDGE, isExplicitMac })
    const onBridge = addressesOf(test)
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('kube-bridge is a veth, not a bridge')
    expect(await apply(onBridge, '10.244.1.1/24', addresses[0]!)).to.equal(
      'there is no bridge kube-bridge yet',
    )
    expect([...(await listed(bridge)), ...(await listed(onBridge))]).to.deep.equal([])
    await bridge.apply([{ kind: 'remove', key: BRIDGE, previous: PLAN }])
    await onBridge.apply([
      { kind: 'remove', key: '198.51.100.1/24', previous: { address: '198.51.100.1', prefixLength: 24 } },
    ])
    const { index } = (await test.links.get(BRIDGE))!
    const left = await test.addresses.list({ interfaceIndex: index })
    expect(left.map((a) => a.address)).to.include('198.51.100.1')
  })

  it('let a frame go back out of a port, and leave one alone that hangs elsewhere', async () => {
    const made = await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    const other = await test.links.add({ kind: 'bridge', name: 'other', up: true })
    for (const [name, master] of [
      ['pod1', 0],
      ['pod2', other.index],
    ] as const)
      await test.links.add({ kind: 'veth', name, up: true, peer: { name: `${name}-in` }, master })
    const ports = new BridgePortResource(test.links, { bridge: BRIDGE, kind: 'veth' })
    for (const name of ['pod1', 'pod2']) expect(await apply(ports, name, { hairpin: true })).to.equal('done')
    const [one, two] = [await test.links.get('pod1'), await test.links.get('pod2')]
    expect([one?.master, two?.master]).to.deep.equal([made.index, other.index])
    expect((await test.links.bridgePorts()).get(one!.index)).to.include({ hairpin: true })
    await ports.apply([{ kind: 'remove', key: 'pod2', previous: { hairpin: true } }])
    expect((await test.links.get('pod2'))?.master).to.equal(other.index)
  })

  it('see no route of another protocol, and no address that the kernel made', async () => {
    await test.routes.apply([{ kind: 'add', route: { ...routes[0]!, protocol: 4 } }])
    expect([...(await listed(new RouteResource(test.routes, OURS)))]).to.deep.equal([])
    const { index } = await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    await test.addresses.add({
      interfaceIndex: index,
      family: 6,
      address: 'fe80::1',
      prefixLength: 64,
      scope: 253,
      flags: IFA_F_NODAD,
    })
    const onBridge = addressesOf(test)
    expect([...(await listed(onBridge))]).to.deep.equal([])
  })
})
