/** Nodes that have addresses of one family alone, in a cluster of that family. */
import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import { addressesOf, type Family, type TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

for (const family of [4, 6] as const satisfies readonly Family[]) {
  describe(`agents on nodes of IPv${family} alone`, function () {
    this.timeout(90_000)
    let cluster: AgentCluster
    let one: TestNode
    let two: TestNode
    const other = family === 4 ? 6 : 4

    const address = (node: TestNode) => addressesOf(node)[0]!
    /** As a kubelet asks: at the node's address. */
    const page = (node: TestNode, port: number, path: string) => {
      const host = family === 6 ? `[${address(node)}]` : address(node)
      const format = ['-s', '-g', '-o', '/dev/null', '-w', '%{http_code}']
      return cluster.exec(node, 'curl', ...format, `http://${host}:${port}${path}`)
    }

    before(async () => {
      cluster = await AgentCluster.start(`family-${family}`, { family })
      one = await cluster.addNamespace()
      two = await cluster.addNamespace()
      for (const node of [one, two]) await cluster.registerNode(node, { ready: true })
      await cluster.startAgent(one)
      await cluster.startAgent(two, '', { serviceProxy: true })
    })
    after(() => cluster?.[Symbol.asyncDispose]())

    it('are ready, and answer probes, scrapes and load balancers at that address', async () => {
      await eventually(async () => (await page(one, 20244, '/readyz')) === '200', 30_000)
      expect(await page(one, 20244, '/livez')).to.equal('200')
      expect(await page(one, 20245, '/metrics')).to.equal('200')
      await eventually(async () => ['200', '503'].includes(await page(two, 10256, '/healthz')))
    })

    it("put each other's pod prefixes into the kernel, and nothing of the other family", async () => {
      for (const [node, peer] of [
        [one, two],
        [two, one],
      ] as const) {
        const wanted = (await cluster.allocated(peer)).map((prefix) => `${prefix} via ${address(peer)}`)
        await eventually(async () => expect(await cluster.routes(node)).to.deep.equal(wanted), 30_000)
      }
    })

    it('give pods addresses of that family alone, and translate what leaves the cluster', async () => {
      const prefixes = await cluster.allocated(one)
      const conflist = JSON.parse(await readFile(cluster.conflist(one), 'utf8'))
      expect(conflist.plugins[0].ipam.ranges.flat()).to.deep.equal(prefixes.map((subnet) => ({ subnet })))
      const set = (of: Family) =>
        cluster.exec(one, 'nft', 'list', 'set', 'inet', 'podroute-pod-network', `pods-local-${of}`)
      expect(await set(family)).to.include(prefixes[0])
      expect(await set(other)).to.not.include('elements')
    })

    it('lack nothing, and leave nothing undone, because the other family is not there', async () => {
      const { conditions } = await cluster.ask(one, '/status')
      expect(conditions.filter(({ ok }) => !ok)).to.deep.equal([])
      expect((await cluster.ask(one, '/plan')).pending).to.deep.equal([])
      expect(await cluster.said(one, ' ERROR ')).to.deep.equal([])
    })
  })
}
