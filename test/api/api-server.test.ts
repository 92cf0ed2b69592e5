import { readFile, stat } from 'node:fs/promises'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

describe('an API server that is away', function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  /** Those of the agent on node one; the socket answers a moment before it has any. */
  const watches = () =>
    eventually(async () => {
      const all = (await cluster.ask(one, '/status')).watches
      return all.length > 0 && all
    })
  const routeTo = async (node: TestNode) => {
    const [ipv4, ipv6] = await cluster.podCidrs(node)
    return [`${ipv4} via ${node.ipv4}`, `${ipv6} via ${node.ipv6}`].sort()
  }
  const peers = async () => (await cluster.ask(one, '/peers')).peers.map((peer) => peer.name).sort()

  before(async () => {
    cluster = await AgentCluster.start('away')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) {
      await cluster.registerNode(node)
      await cluster.allocated(node)
    }
    await cluster.startAgent(two)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  describe('when the agent starts', () => {
    before(async () => {
      await cluster.stopComponent('kube-apiserver')
      await cluster.startAgent(one)
    })

    it('is tried again and again, said once, and the agent is alive and not ready', async () => {
      await eventually(async () => (await watches()).every((watch) => watch.failures >= 3))
      const [line, ...more] = await cluster.said(one, 'no API server answers, trying again')
      expect(line, await cluster.agentLog(one)).to.match(/ WARN .*https:\/\/172\.31\.0\.1:6443.*ECONNREFUSED/)
      expect(more).to.deep.equal([])
      expect(await cluster.said(one, 'watch failed')).to.deep.equal([])
      expect(await cluster.probe(one, '/livez')).to.equal(200)
      expect(await cluster.probe(one, '/readyz')).to.equal(503)
      const { stdout } = await cluster.podroute(one, 'status')
      expect(stdout).to.match(/^API server: +not found yet$/m)
      expect(stdout).to.match(/^nodes +0 +no API server answers: .*ECONNREFUSED/m)
    })

    it('is used once it is there', async () => {
      await cluster.startComponent('kube-apiserver')
      const wanted = await routeTo(two)
      await eventually(async () => (await cluster.probe(one, '/readyz')) === 200, 30_000)
      await eventually(async () => expect(await cluster.routes(one)).to.deep.equal(wanted))
      expect(await cluster.said(one, 'API server found')).to.have.length(1)
    })
  })

  describe('later', () => {
    let conflist: { text: string; mtime: bigint }
    const readConflist = async () => ({
      text: await readFile(cluster.conflist(one), 'utf8'),
      mtime: (await stat(cluster.conflist(one), { bigint: true })).mtimeNs,
    })
    /** The agent of node one alone does not reach the API server. */
    const cutOff = () =>
      cluster.exec(
        one,
        'nft',
        'add table inet cut; add chain inet cut out { type filter hook output priority 0; };' +
          'add rule inet cut out tcp dport 6443 reject with tcp reset',
      )

    /** Of kinds that are asked for again and again: one that the API server does not have waits for minutes. */
    const failures = async () =>
      Math.min(...(await watches()).filter((watch) => !watch.unavailable).map((watch) => watch.failures))
    let failuresBefore: number

    before(async () => {
      conflist = await readConflist()
      failuresBefore = await failures()
      await cluster.stopComponent('kube-apiserver')
    })

    it('leaves routes, CNI configuration and readiness as they are', async () => {
      const before = await cluster.routes(one)
      expect(before).to.have.length(2)
      // The first failure is that of the broken connection.
      await eventually(async () => (await failures()) >= failuresBefore + 3)
      expect(await cluster.routes(one)).to.deep.equal(before)
      expect(await readConflist()).to.deep.equal(conflist)
      expect(await cluster.probe(one, '/readyz')).to.equal(200)
      expect(await cluster.said(one, 'no API server answers, trying again')).to.have.length(2)
    })

    it('is followed again, with what changed meanwhile', async () => {
      await cutOff()
      await cluster.startComponent('kube-apiserver')
      await cluster.kubectl('delete', 'node', two.name)
      const three = { ...two, name: 'node-3', ipv4: '172.31.0.13', ipv6: 'fd31::13' }
      await cluster.registerNode(three)
      expect(await peers()).to.deep.equal([two.name])
      await cluster.exec(one, 'nft', 'delete table inet cut')
      await eventually(async () => expect(await peers()).to.deep.equal([three.name]), 30_000)
      await eventually(async () => expect(await cluster.routes(one)).to.deep.equal([]))
      // Each kind is tried again at its own time.
      await eventually(
        async () =>
          (await watches()).every(({ name, connected, lastError, unavailable }) =>
            // Its CRD is not here, which is what the API server says again.
            name === 'clusternetworkpolicies'
              ? unavailable === 'not-served' && !/no API server|connect|hang up/i.test(lastError ?? '')
              : connected && lastError === undefined,
          ),
        30_000,
      )
      expect(await readConflist()).to.deep.equal(conflist)
      expect(await cluster.said(one, 'API server found')).to.have.length(2)
    })
  })
})
