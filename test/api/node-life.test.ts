import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import { CONTROL_PLANE_ADDRESS, type TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

interface ShownLink {
  readonly ifname: string
  readonly ifindex: number
  readonly master?: string
}

describe("a node's life, told by the API server", function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode

  const prefixesOf = (n: number) => [`10.244.${n}.0/24`, `fd10:244:0:${n}::/64`]
  const condition = async (node: TestNode, name: string) =>
    (await cluster.ask(node, '/status')).conditions.find((one) => one.name === name)
  const becomesReady = (node: TestNode) =>
    eventually(async () => (await cluster.probe(node, '/readyz')) === 200, 30_000)
  const waitsFor = (node: TestNode, detail: string) =>
    eventually(async () => (await condition(node, 'node'))?.detail === `Node ${node.name} has no ${detail}`)
  const links = async (node: TestNode): Promise<ShownLink[]> =>
    (JSON.parse(await cluster.exec(node, 'ip', '-j', 'link', 'show')) as ShownLink[]).map(
      ({ ifname, ifindex, master }) => ({ ifname, ifindex, ...(master === undefined ? {} : { master }) }),
    )
  const bridgeAddresses = async (node: TestNode): Promise<string[]> => {
    const [bridge] = JSON.parse(await cluster.exec(node, 'ip', '-j', 'address', 'show', 'kube-bridge'))
    const global = bridge.addr_info.filter((a: { scope: string }) => a.scope === 'global')
    return global.map((a: { local: string; prefixlen: number }) => `${a.local}/${a.prefixlen}`)
  }
  const tellAddresses = (node: TestNode, ...addresses: readonly string[]) => {
    const status = { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) }
    const patch = JSON.stringify({ status })
    return cluster.kubectl('patch', 'node', node.name, '--subresource=status', '--type=merge', '-p', patch)
  }
  const tellPrefixes = (node: TestNode, podCIDRs: readonly string[]) => {
    const spec = { podCIDR: podCIDRs[0], podCIDRs }
    return cluster.kubectl('patch', 'node', node.name, '-p', JSON.stringify({ spec }))
  }
  /** What the agent that has heard least has heard of Nodes. */
  const seen = async () => {
    const all = await Promise.all(cluster.nodes.map((node) => cluster.ask(node, '/status')))
    return Math.min(...all.map(({ watches }) => watches.find(({ name }) => name === 'nodes')!.events))
  }
  const conflist = (node: TestNode) => readFile(cluster.conflist(node), 'utf8')
  /** What node one has routes to: the prefixes of these numbers, by the addresses of these nodes. */
  const expectRoutes = async (...wanted: readonly (readonly [n: number, by: TestNode])[]) => {
    const routes = wanted.flatMap(([n, by]) =>
      prefixesOf(n).map((prefix, i) => `${prefix} via ${[by.ipv4, by.ipv6][i]}`),
    )
    await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(routes.sort()), 30_000)
  }

  before(async () => {
    cluster = await AgentCluster.start('node-life')
    // The test says which prefixes a Node has, and when.
    await cluster.stopComponent('kube-controller-manager')
    for (const n of [1, 2, 3]) {
      const node = await cluster.addNamespace()
      await cluster.registerNode(node, { ready: true, podCIDRs: prefixesOf(n) })
      await cluster.startAgent(node)
    }
    ;[one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode]
    for (const node of cluster.nodes) await becomesReady(node)
    await expectRoutes([2, two], [3, three])
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  /** Of all agents: who with whom, and how often it came up. */
  const sessions = async () => {
    const asked = await Promise.all(cluster.nodes.map((node) => cluster.ask(node, '/peers')))
    return asked.flatMap(({ peers }, i) =>
      peers.map(({ name, state, counters }) => `${i + 1} ${name} ${state} ${counters.established}`),
    )
  }

  const allSessions = () =>
    eventually(async () => {
      const found = await sessions()
      return found.length === 6 && found.every((line) => line.includes(' established ')) && found
    }, 30_000)

  it('loses no session where a Node claims the addresses of another one beside its own, and takes that back (L)', async () => {
    /** All agents have been told what was written, and of something after it. */
    const told = async (mark: string) => {
      const before = await seen()
      await cluster.kubectl('label', 'node', one.name, '--overwrite', `mark=${mark}`)
      await eventually(async () => (await seen()) > before)
    }
    const before = await allSessions()
    await tellAddresses(three, three.ipv4, three.ipv6, two.ipv4, two.ipv6)
    await told('beside')
    expect(await sessions()).to.deep.equal(before)
    await tellAddresses(three, three.ipv4, three.ipv6)
    await told('own')
    expect(await sessions()).to.deep.equal(before)
  })

  it('leaves bridge, pods and CNI configuration alone while the Node is deleted, and back without prefixes', async () => {
    await cluster.exec(two, 'ip', 'link', 'add', 'pod0', 'type', 'veth', 'peer', 'name', 'pod0-inside')
    await cluster.exec(two, 'ip', 'link', 'set', 'pod0', 'master', 'kube-bridge', 'up')
    const before = [await links(two), await bridgeAddresses(two), await conflist(two)]
    await cluster.kubectl('delete', 'node', two.name)
    await eventually(async () => (await condition(two, 'node'))?.detail === `there is no Node ${two.name}`)
    await cluster.registerNode(two, { ready: true })
    await waitsFor(two, 'podCIDR')
    expect([await links(two), await bridgeAddresses(two), await conflist(two)]).to.deep.equal(before)
    await tellPrefixes(two, prefixesOf(2))
    await becomesReady(two)
    expect([await links(two), await bridgeAddresses(two), await conflist(two)]).to.deep.equal(before)
    await expectRoutes([2, two], [3, three])
  })

  it('makes a bridge anew that somebody deleted, with its addresses, its switches and its ports', async () => {
    const addresses = await bridgeAddresses(two)
    await cluster.exec(two, 'ip', 'link', 'delete', 'kube-bridge')
    const port = () => links(two).then((all) => all.find(({ ifname }) => ifname === 'pod0'))
    await eventually(async () => expect((await port())?.master).to.equal('kube-bridge'))
    await eventually(async () => expect(await bridgeAddresses(two)).to.deep.equal(addresses))
    const hairpin = '/sys/class/net/pod0/brport/hairpin_mode'
    expect(await cluster.exec(two, 'cat', hairpin)).to.equal('1\n')
    const filter = '/proc/sys/net/ipv4/conf/kube-bridge/rp_filter'
    await eventually(async () => expect(await cluster.exec(two, 'cat', filter)).to.equal('2\n'))
    await cluster.exec(two, 'ip', 'link', 'set', 'pod0', 'nomaster')
    await eventually(async () => expect((await port())?.master).to.equal('kube-bridge'))
    await cluster.exec(two, 'ip', 'link', 'delete', 'pod0')
    await becomesReady(two)
    expect(
      await cluster.said(two, '"resource":"bridge-ports","key":"pod0","op":"add","error":"there is no link'),
    ).to.deep.equal([])
  })

  it('says that the Node has no address only as long as it has none, and goes on with its sessions', async () => {
    await tellAddresses(two)
    await waitsFor(two, 'InternalIP or ExternalIP')
    expect(await cluster.probe(two, '/readyz')).to.equal(503)
    await tellAddresses(two, two.ipv4, two.ipv6)
    await becomesReady(two)
    expect(await cluster.said(two, 'sessions start anew')).to.deep.equal([])
  })

  it('is reached at its ExternalIP where its Node has no InternalIP', async () => {
    const addresses = [two.ipv4, two.ipv6].map((address) => ({ type: 'ExternalIP', address }))
    const patch = JSON.stringify({ status: { addresses } })
    await cluster.kubectl('patch', 'node', two.name, '--subresource=status', '--type=merge', '-p', patch)
    await cluster.killAgent(two)
    await cluster.startAgent(two)
    await becomesReady(two)
    await tellAddresses(two, two.ipv4, two.ipv6)
    await becomesReady(two)
  })

  it('says on its Node that another Node has its address; that one, which has nothing else, changes nothing for the others', async () => {
    const before = [await allSessions(), await cluster.routes(one), await cluster.routes(three)]
    const spec = { podCIDR: '10.244.99.0/24', podCIDRs: ['10.244.99.0/24'] }
    await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'old' }, spec })
    const status = { addresses: [{ type: 'InternalIP', address: two.ipv4 }] }
    const patch = JSON.stringify({ status })
    await cluster.kubectl('patch', 'node', 'old', '--subresource=status', '--type=merge', '-p', patch)
    const selector = `involvedObject.name=${two.name},reason=NodeConflict`
    const note = await eventually(() =>
      cluster.kubectl('get', 'events', '--field-selector', selector, '-o', 'jsonpath={.items[*].message}'),
    )
    expect(note).to.include(`${two.ipv4} is also of Node old`)
    const { peers } = await cluster.ask(one, '/peers')
    expect(peers.find(({ name }) => name === two.name)?.state).to.equal('established')
    expect([await sessions(), await cluster.routes(one), await cluster.routes(three)]).to.deep.equal(before)
    await cluster.kubectl('delete', 'node', 'old')
  })

  it('writes the CNI configuration of a Node that is back with other prefixes, and a moment later has its addresses', async () => {
    await cluster.kubectl('delete', 'node', two.name)
    const spec = { podCIDR: prefixesOf(7)[0], podCIDRs: prefixesOf(7) }
    await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: two.name }, spec })
    await waitsFor(two, 'InternalIP or ExternalIP')
    await eventually(async () =>
      expect(await bridgeAddresses(two)).to.deep.equal(['10.244.7.1/24', 'fd10:244:0:7::1/64']),
    )
    await cluster.registerNode(two, { ready: true, podCIDRs: prefixesOf(7) })
    await becomesReady(two)
    const text = await eventually(async () => {
      const written = await conflist(two)
      return written.includes('10.244.7.0/24') && written
    })
    expect(text).to.include('fd10:244:0:7::/64').and.not.include('10.244.2.0/24')
    await expectRoutes([7, two], [3, three])
  })

  it('takes the masquerade rules away when it starts with masquerade switched off', async () => {
    const rules = () =>
      cluster.exec(two, 'nft', 'list', 'chain', 'inet', 'podroute-pod-network', 'pod-egress')
    expect(await rules()).to.match(/ masquerade$/m)
    await cluster.killAgent(two)
    await cluster.startAgent(two, `podNetwork: { conflist: ${cluster.conflist(two)}, masquerade: false }`)
    await becomesReady(two)
    expect(await rules()).not.to.match(/ masquerade$/m)
    await cluster.killAgent(two)
    await cluster.startAgent(two)
    await becomesReady(two)
    expect(await rules()).to.match(/ masquerade$/m)
  })

  /** Two nodes get each other's addresses while their agents are away; the API server tells of them in this order. */
  const swap = async (first: TestNode, second: TestNode) => {
    const [before, after] = [{ ...first }, { ...second }]
    for (const node of [first, second]) await cluster.killAgent(node)
    for (const node of [first, second])
      await cluster.exec(node, 'ip', 'address', 'flush', 'dev', 'eth0', 'scope', 'global')
    for (const [node, to] of [
      [first, after],
      [second, before],
    ] as const) {
      Object.assign(node, { ipv4: to.ipv4, ipv6: to.ipv6 })
      await cluster.exec(node, 'ip', 'address', 'add', `${to.ipv4}/24`, 'dev', 'eth0')
      await cluster.exec(node, 'ip', 'address', 'add', `${to.ipv6}/64`, 'dev', 'eth0', 'nodad')
      await cluster.exec(node, 'ip', 'route', 'replace', 'default', 'via', CONTROL_PLANE_ADDRESS)
      await tellAddresses(node, to.ipv4, to.ipv6)
    }
    await cluster.exec(one, 'ip', 'neighbour', 'flush', 'dev', 'eth0')
    for (const node of [first, second]) await cluster.startAgent(node)
  }

  it('follows two nodes that are back with the addresses of each other, whichever is told first', async () => {
    await swap(two, three)
    await expectRoutes([7, two], [3, three])
    await swap(three, two)
    await expectRoutes([7, two], [3, three])
    const { peers } = await cluster.ask(one, '/peers')
    expect(peers.map(({ name, state }) => `${name} ${state}`).sort()).to.deep.equal([
      'node-2 established',
      'node-3 established',
    ])
  })
})
