import { readFile, stat } from 'node:fs/promises'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { watchRoutes } from '../support/watched-routes.ts'

describe('agents of three nodes', function () {
  this.timeout(120_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  let three: TestNode

  /** `10.244.1.0/24 via 172.31.0.12` and its IPv6 sibling, for each of these nodes. */
  const routesTo = async (...nodes: TestNode[]) => {
    const routes = await Promise.all(
      nodes.map(async (node) =>
        (await cluster.allocated(node)).map((p) => `${p} via ${p.includes(':') ? node.ipv6 : node.ipv4}`),
      ),
    )
    return routes.flat().sort()
  }
  const expectRoutes = async (node: TestNode, ...to: TestNode[]) => {
    const wanted = await routesTo(...to)
    await eventually(async () => expect(await cluster.routes(node)).to.deep.equal(wanted), 30_000)
  }
  const isReady = async (node: TestNode) => (await cluster.ask(node, '/status')).ready
  const runs = async (node: TestNode) => (await cluster.ask(node, '/status')).runs

  before(async () => {
    cluster = await AgentCluster.start('routes')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    three = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node)
      await cluster.startAgent(node)
    }
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it("put each other's pod prefixes of both families into the kernel, under the own protocol number", async () => {
    await expectRoutes(one, two)
    await expectRoutes(two, one)
  })

  it('give the bridge the first address of each pod prefix, with the connected routes', async () => {
    const prefixes = await cluster.allocated(one)
    await eventually(() => isReady(one))
    for (const [family, prefix] of [
      ['-4', prefixes[0]!],
      ['-6', prefixes[1]!],
    ] as const) {
      const route = JSON.parse(await cluster.exec(one, 'ip', '-j', family, 'route', 'show', prefix))
      expect(route[0]).to.include({ dst: prefix, dev: 'kube-bridge', protocol: 'kernel' })
    }
    const [bridge] = JSON.parse(await cluster.exec(one, 'ip', '-j', 'address', 'show', 'kube-bridge'))
    const addresses = bridge.addr_info.filter((a: { scope: string }) => a.scope === 'global')
    expect(addresses.map((a: { local: string }) => a.local)).to.deep.equal(
      prefixes.map((p) => p.replace(/0?\/.*/, '1')),
    )
    expect(await cluster.exec(one, 'cat', '/proc/sys/net/ipv4/ip_forward')).to.equal('1\n')
  })

  it('write the CNI configuration with the pod prefixes, once all else works', async () => {
    await eventually(() => isReady(one))
    const conflist = JSON.parse(await readFile(cluster.conflist(one), 'utf8'))
    const { ranges } = conflist.plugins[0].ipam
    expect(ranges.flat().map((r: { subnet: string }) => r.subnet)).to.deep.equal(await cluster.allocated(one))
    expect((await stat(cluster.conflist(one))).mode & 0o777).to.equal(0o644)
  })

  it('say of each node whether its pods are reached, and since when', async () => {
    const { nodes } = await cluster.ask(one, '/nodes')
    expect(nodes.map(({ name, kind, state }) => [name, kind, state])).to.deep.equal([
      [one.name, 'this node', 'in-place'],
      [two.name, 'node', 'in-place'],
    ])
    for (const node of nodes) expect(node.for, node.name).to.be.above(0)
  })

  it('take no more memory than an agent may', async () => {
    for (const node of [one, two]) expect((await cluster.ask(node, '/status')).rss).to.be.below(110e6)
  })

  it('take in a node that joins, and forget one that leaves', async () => {
    await cluster.registerNode(three)
    await cluster.startAgent(three)
    await expectRoutes(three, one, two)
    await expectRoutes(one, two, three)
    await cluster.killAgent(three)
    await cluster.kubectl('delete', 'node', three.name)
    await expectRoutes(one, two)
    const peers = async () => (await cluster.ask(one, '/peers')).peers.map((peer) => peer.name)
    await eventually(async () => expect(await peers()).to.deep.equal([two.name]))
  })

  it('put a route back that somebody deleted', async () => {
    const wanted = await routesTo(two)
    const [prefix] = await cluster.allocated(two)
    await cluster.exec(one, 'ip', 'route', 'delete', prefix!)
    await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(wanted), 5000)
    const repaired = async () => (await cluster.ask(one, '/status')).tables['pod-network/routes']?.repaired
    expect(await eventually(repaired)).to.be.greaterThan(0)
  })

  it('put routes back that went with the interface, which the kernel does not announce', async () => {
    const wanted = await routesTo(two)
    await cluster.exec(one, 'ip', 'link', 'set', 'eth0', 'down')
    await cluster.exec(one, 'ip', 'link', 'set', 'eth0', 'up')
    await cluster.exec(one, 'ip', 'address', 'replace', `${one.ipv6}/64`, 'dev', 'eth0', 'nodad')
    await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(wanted), 5000)
  })

  it('keep every route while an agent is killed and started again, here and at its peer', async () => {
    const watch = await watchRoutes(cluster, one)
    const watchPeer = await watchRoutes(cluster, two)
    await cluster.killAgent(one)
    await eventually(async () => (await cluster.ask(two, '/peers')).peers[0]?.state !== 'established')
    await cluster.startAgent(one)
    await eventually(() => isReady(one), 30_000)
    await eventually(async () =>
      (await cluster.ask(two, '/routes')).routes.every((r) => r.state === 'installed'),
    )
    expect(await watch.stop()).to.deep.equal([])
    expect(await watchPeer.stop(), 'at the peer').to.deep.equal([])
    const { starts, previous } = await runs(one)
    expect([starts, previous?.ended]).to.deep.equal([2, undefined])
    expect(previous?.reason).to.match(/^it was killed, or out of memory/)
  })

  it('leave the routes in place on SIGTERM', async () => {
    const wanted = await routesTo(two)
    process.kill(cluster.agentPid(one), 'SIGTERM')
    await eventually(async () =>
      (await cluster.ask(one, '/status').catch((e: Error) => e.message))
        .toString()
        .includes('no agent is running'),
    )
    expect(await cluster.routes(one)).to.deep.equal(wanted)
    await cluster.startAgent(one)
    await eventually(() => isReady(one), 30_000)
    expect((await cluster.podroute(one, 'status')).stdout).to.match(
      /^starts: +3 since the node booted; the last run ended at 20\S+Z: SIGTERM$/m,
    )
  })

  it('sweep what an earlier run left and nobody announces, and nothing that is not theirs', async () => {
    await cluster.killAgent(one)
    await cluster.exec(one, 'ip', 'route', 'add', '10.99.0.0/24', 'via', two.ipv4, 'protocol', '179')
    await cluster.exec(one, 'ip', 'route', 'add', '10.98.0.0/24', 'via', two.ipv4, 'protocol', 'static')
    await cluster.startAgent(one)
    const wanted = await routesTo(two)
    await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(wanted), 30_000)
    expect(await cluster.exec(one, 'ip', 'route', 'show', '10.98.0.0/24')).to.include(two.ipv4)
  })

  it('translate what pods send out of the cluster, and nothing else', async () => {
    const rules = await cluster.exec(
      one,
      'nft',
      'list',
      'chain',
      'inet',
      'podroute-pod-network',
      'pod-egress',
    )
    // The word stands in the name of a set as well.
    expect(rules.match(/ masquerade$/gm)).to.have.length(2)
    const sets = await cluster.exec(one, 'nft', 'list', 'set', 'inet', 'podroute-pod-network', 'pods-4')
    for (const node of [one, two]) expect(sets).to.include((await cluster.allocated(node))[0])
  })

  it('end with one line that says why, when a port of theirs is taken', async () => {
    await cluster.killAgent(two)
    await occupy(20244)
    await cluster.startAgent(two)
    await eventually(() => !cluster.processes.isRunning(`agent-${two.name}`))
    await cluster.processes.stop((name) => name === 'occupant')
    expect((await cluster.agentLog(two)).trimEnd().split('\n').at(-1)).to.match(
      / ERROR the agent cannot start .*\\"health\\".*EADDRINUSE: address already in use :::20244/,
    )
  })

  it('wait for the BGP port, say so once, and go on when it is free (A17, N)', async () => {
    await occupy(179)
    await cluster.startAgent(two)
    const detail = async () =>
      (await cluster.ask(two, '/status')).conditions.find(({ name }) => name === 'speaker')?.detail
    await eventually(async () =>
      (await detail())?.startsWith('cannot listen for BGP at 172.31.0.12 port 179'),
    )
    const failed = () => cluster.said(two, '"resource":"bgp-instance"')
    // More than one attempt: they are a second apart.
    const { uptime } = await cluster.ask(two, '/status')
    await eventually(async () => (await cluster.ask(two, '/status')).uptime > uptime + 1.5)
    expect(await failed()).to.have.length(1)
    // What is refused is no work that is done: the plan and the status name it.
    const { stdout: plan } = await cluster.podroute(two, 'plan')
    expect(plan).to.match(/bgp-instance.*cannot listen for BGP at 172\.31\.0\.12 port 179/)
    expect((await cluster.podroute(two, 'status')).stdout).to.include('cannot listen for BGP')
    expect((await runs(two)).previous?.reason).to.match(/^it could not start: .*"health"/)
    await cluster.processes.stop((name) => name === 'occupant')
    await eventually(() => isReady(two))
  })

  /** Another program of node two listens on this port. */
  const occupy = async (port: number) => {
    const program = `require('net').createServer().listen(${port}, '0.0.0.0')`
    await cluster.processes.start('occupant', [process.execPath, '-e', program], { netns: two.netns })
    await eventually(async () => (await cluster.exec(two, 'ss', '-Hlnt', `sport = :${port}`)) !== '')
  }
})
