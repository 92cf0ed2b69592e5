import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { elementKey, type SetElement } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import { IFA_F_NODAD } from '@podroute/linux/route/addresses.ts'
import type { Route } from '@podroute/linux/route/routes.ts'
import type { BridgeAddress } from '@podroute/pod-network/bridge/bridge.ts'
import { MASQUERADE_SETS, masqueradeTable, TABLE_NAME } from '@podroute/pod-network/egress/masquerade.ts'
import { BridgeResource } from '@podroute/pod-network/resources/bridge.ts'
import { BridgeAddressResource } from '@podroute/pod-network/resources/bridge-addresses.ts'
import { BridgePortResource } from '@podroute/pod-network/resources/bridge-ports.ts'
import { ConflistResource } from '@podroute/pod-network/resources/conflist.ts'
import { RouteResource } from '@podroute/pod-network/resources/routes.ts'
import { ROUTE_PROTOCOL } from '@podroute/pod-network/settings.ts'
import type { Resource } from '@podroute/reconcile/resource.ts'
import { Table } from '@podroute/reconcile/table.ts'
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { TestNetns } from './linux-support.ts'

const BRIDGE = 'kube-bridge'
const PLAN = { mtu: 1400, mac: '0a:58:0a:f4:01:01' }

/** A namespace with an uplink to 172.31.0.0/24 and fd31::/64, and what follows it. */
async function node(name: string) {
  const netns = await TestNetns.create(`pods-${name}`)
  await netns.veth('eth0', '172.31.0.11/24', 'fd31::11/64')
  const kernel = openKernel({ netns: netns.path })
  const { changes, nft } = kernel
  const close = async () => {
    kernel[Symbol.dispose]()
    netns[Symbol.dispose]()
  }
  return { ...netns, netns, changes, nft, [Symbol.asyncDispose]: close }
}

type TestedNode = Awaited<ReturnType<typeof node>>

/** The resource, which takes its namespace with it. */
function inside<T extends object>(owner: AsyncDisposable, resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => owner[Symbol.asyncDispose]() })
}

function route(destination: string, gateway: string): Route {
  const family = destination.includes(':') ? 6 : 4
  return { family, destination, gateway, table: 254, protocol: ROUTE_PROTOCOL, scope: 0, type: 'unicast' }
}

const routes = [
  route('10.244.2.0/24', '172.31.0.12'),
  route('10.244.3.0/24', '172.31.0.13'),
  route('fd10:244:0:2::/64', 'fd31::12'),
]

describeResource(
  'learned routes',
  async () => {
    const test = await node('routes')
    return inside(test, new RouteResource(test.routes, test.changes))
  },
  {
    entries: routes.map((r) => [r.destination, r] as const),
    replacement: route('10.244.2.0/24', '172.31.0.99'),
    // Nobody has that next hop.
    refused: ['10.244.9.0/24', route('10.244.9.0/24', '192.0.2.1')],
  },
)

const addresses: readonly BridgeAddress[] = [
  { address: '10.244.1.1', prefixLength: 24 },
  { address: 'fd10:244:0:1::1', prefixLength: 64 },
]

describeResource(
  "the bridge's addresses",
  async () => {
    const test = await node('addresses')
    await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    return inside(test, new BridgeAddressResource(test.links, test.addresses, BRIDGE, test.changes))
  },
  {
    entries: addresses.map((a) => [`${a.address}/${a.prefixLength}`, a] as const),
    replacement: addresses[0]!,
  },
)

describeResource(
  "the bridge's ports",
  async () => {
    const test = await node('ports')
    await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    for (const name of ['pod1', 'pod2'])
      await test.links.add({ kind: 'veth', name, up: true, peer: { name: `${name}-in` } })
    return inside(test, new BridgePortResource(test.links, BRIDGE))
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

const elements: readonly SetElement[] = [
  { set: 'pods-4', element: '10.244.0.0/24' },
  { set: 'pods-6', element: 'fd10:244::/64' },
  { set: 'pods-local-4', element: '10.244.0.0/24' },
  { set: 'nodes-6', element: 'fd31::11' },
  { set: 'no-masquerade-4', element: '192.0.2.1/32' },
]

describeResource(
  'masquerade sets',
  async () => {
    const test = await node('sets')
    await test.nft.run(tableScript(masqueradeTable(true)))
    return inside(test, new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS))
  },
  {
    entries: elements.map((element) => [elementKey(element), element] as const),
    replacement: elements[0]!,
    refused: ['pods-4 nonsense', { set: 'pods-4', element: '300.1.1.1' }],
  },
)

describe('resources of the pod network', () => {
  let test: TestedNode
  beforeEach(async () => {
    test = await node('others')
  })
  afterEach(() => test[Symbol.asyncDispose]())

  const apply = async <V>(resource: Resource<string, V>, key: string, value: V) => {
    const [outcome] = await resource.apply([{ kind: 'add', key, value }])
    return outcome!.ok ? 'done' : outcome!.error.message
  }

  it('make the bridge, put it right when it is not as planned, and find it down', async () => {
    const bridge = new BridgeResource(test.links, BRIDGE)
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('done')
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, PLAN]])
    const { index } = (await test.links.get(BRIDGE))!
    await test.links.set(index, { up: false, mtu: 1300 })
    expect(bridge.equal((await listed(bridge)).get(BRIDGE)!, PLAN)).to.equal(false)
    expect(await apply(bridge, BRIDGE, PLAN)).to.equal('done')
    expect([...(await listed(bridge))]).to.deep.equal([[BRIDGE, PLAN]])
    expect((await test.links.get(BRIDGE))!.index).to.equal(index)
  })

  it("leave a device alone that has the bridge's name and is none", async () => {
    await test.netns.veth(BRIDGE, '198.51.100.1/24')
    const bridge = new BridgeResource(test.links, BRIDGE)
    const onBridge = new BridgeAddressResource(test.links, test.addresses, BRIDGE)
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
    const ports = new BridgePortResource(test.links, BRIDGE)
    for (const name of ['pod1', 'pod2']) expect(await apply(ports, name, { hairpin: true })).to.equal('done')
    const [one, two] = [await test.links.get('pod1'), await test.links.get('pod2')]
    expect([one?.master, two?.master]).to.deep.equal([made.index, other.index])
    expect((await test.links.bridgePorts()).get(one!.index)).to.include({ hairpin: true })
    await ports.apply([{ kind: 'remove', key: 'pod2', previous: { hairpin: true } }])
    expect((await test.links.get('pod2'))?.master).to.equal(other.index)
  })

  it('see no route of another protocol, and no address that the kernel made', async () => {
    await test.routes.apply([{ kind: 'add', route: { ...routes[0]!, protocol: 4 } }])
    expect([...(await listed(new RouteResource(test.routes)))]).to.deep.equal([])
    const { index } = await test.links.add({ kind: 'bridge', name: BRIDGE, up: true })
    await test.addresses.add({
      interfaceIndex: index,
      family: 6,
      address: 'fe80::1',
      prefixLength: 64,
      scope: 253,
      flags: IFA_F_NODAD,
    })
    const onBridge = new BridgeAddressResource(test.links, test.addresses, BRIDGE)
    expect([...(await listed(onBridge))]).to.deep.equal([])
  })

  describe('the masquerade rules', () => {
    /** What an agent does that has just started: the changes that it makes. */
    const started = async (enabled: boolean) => {
      const table = new Table(new NftTableResource(test.nft, TABLE_NAME))
      table.set(TABLE, masqueradeTable(enabled))
      await table.adopt()
      const changes = table.pending().map(({ kind }) => kind)
      await table.flush()
      return { table, changes }
    }
    const rules = async () =>
      (await test.nft.show(`list table inet ${TABLE_NAME}`)).match(/ masquerade$/gm)?.length

    it('are written once, found as they were planned by the next agent, and left alone', async () => {
      expect((await started(true)).changes).to.deep.equal(['add'])
      expect(await rules()).to.equal(2)
      const sets = new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS)
      await apply(sets, elementKey(elements[0]!), elements[0]!)
      expect((await started(true)).changes).to.deep.equal([])
    })

    it('are put back by an audit when somebody changed them', async () => {
      const { table } = await started(true)
      const chain = `inet ${TABLE_NAME} pod-egress`
      for (const sabotage of [
        `flush chain ${chain}`,
        `insert rule ${chain} accept`,
        `flush chain ${chain}; delete chain ${chain}`,
        `flush chain ${chain}; delete chain ${chain}; add chain ${chain}`,
        `delete table inet ${TABLE_NAME}`,
      ]) {
        await test.nft.run(`${sabotage}\n`)
        expect(await table.audit(), sabotage).to.have.length(1)
        expect(await table.flush(), sabotage).to.deep.equal({ applied: 1, failed: 0 })
        expect(await rules(), sabotage).to.equal(2)
        expect(await table.audit(), sabotage).to.deep.equal([])
      }
    })

    it('are none any more when an agent starts with masquerade off; elements stay', async () => {
      await started(true)
      const sets = new SetElementResource(test.nft, TABLE_NAME, MASQUERADE_SETS)
      await apply(sets, elementKey(elements[0]!), elements[0]!)
      expect((await started(false)).changes).to.deep.equal(['replace'])
      expect(await rules()).to.equal(undefined)
      expect([...(await listed(sets)).keys()]).to.deep.equal([elementKey(elements[0]!)])
      expect((await started(false)).changes).to.deep.equal([])
      const { table } = await started(true)
      expect(await rules()).to.equal(2)
      await table.clear()
      expect([...(await listed(table.resource))]).to.deep.equal([])
    })
  })
})

describe('the CNI configuration', () => {
  let directory: string
  let path: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podroute-'))
    path = join(directory, 'net.d', '10-podroute.conflist')
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('is written whole, read by all, with nothing left beside it, and never to another path', async () => {
    const conflist = new ConflistResource(() => path)
    expect([...(await listed(conflist))]).to.deep.equal([])
    const umask = process.umask(0o077)
    for (const value of ['a long first text\n', 'short\n']) {
      expect(await conflist.apply([{ kind: 'add', key: path, value }])).to.deep.equal([{ ok: true }])
      expect(await readFile(path, 'utf8')).to.equal(value)
      expect([...(await listed(conflist))]).to.deep.equal([[path, value]])
    }
    process.umask(umask)
    expect(await readdir(join(directory, 'net.d'))).to.deep.equal(['10-podroute.conflist'])
    expect((await stat(path)).mode & 0o777).to.equal(0o644)
    await conflist.apply([{ kind: 'remove', key: path, previous: 'short\n' }])
    expect(await readdir(join(directory, 'net.d'))).to.deep.equal([])
  })

  it('fails where it cannot be written, and says why', async () => {
    await writeFile(join(directory, 'net.d'), '')
    const [outcome] = await new ConflistResource(() => path).apply([{ kind: 'add', key: path, value: 'x' }])
    expect(outcome).to.deep.include({ ok: false })
    expect((outcome as { error: NodeJS.ErrnoException }).error.code).to.be.oneOf(['EEXIST', 'ENOTDIR'])
  })
})
