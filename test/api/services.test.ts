/** What an agent does about Services: its health pages, none at all where it is told so, and a kernel that has no IPVS. */
import { existsSync } from 'node:fs'
import { loadModule } from '@podroute/linux/modules.ts'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'
import { twiceTold } from '../support/twice-told.ts'

/** What a kernel with IPVS does is seen in a virtual machine; where this one has none, that is seen here. */
const { ok: hasIpvs } = await loadModule('ip_vs')

describe('Services in an agent', function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let one: TestNode
  let two: TestNode
  const reason = /the kernel has no IPVS, run "modprobe ip_vs": /
  /** Status and body of one of kube-proxy's health pages. */
  const healthPage = (page: string) =>
    cluster.exec(one, 'curl', '-s', '-w', ' %{http_code}', `http://127.0.0.1:10256${page}`)
  const events = async () => {
    const selector = `involvedObject.kind=Node,involvedObject.name=${one.name},reason=ServicesUnavailable`
    const json = await cluster.kubectl('get', 'events', '--field-selector', selector, '-o', 'json')
    return (JSON.parse(json) as { items: { message: string }[] }).items
  }

  before(async () => {
    cluster = await AgentCluster.start('no-ipvs')
    one = await cluster.addNamespace()
    two = await cluster.addNamespace()
    for (const node of [one, two]) await cluster.registerNode(node, { ready: true })
    await cluster.startAgent(one, '', { serviceProxy: true })
    await cluster.startAgent(two)
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  if (!hasIpvs) withoutIpvs()

  describe('whatever the kernel has', () => {
    it('tells load balancers on port 10256', async () => {
      await eventually(() => healthPage('/livez'))
      for (const page of ['/healthz', '/livez']) {
        expect(await healthPage(page)).to.match(
          /^\{"lastUpdated":"20..-.*","currentTime":"20..-.*\} (200|503)$/,
        )
      }
      expect(await healthPage('/healthz')).to.include('"nodeEligible":true')
      await cluster.kubectl('taint', 'node', one.name, 'ToBeDeletedByClusterAutoscaler=1:NoSchedule')
      await eventually(async () => (await healthPage('/healthz')).includes('"nodeEligible":false'))
      expect(await healthPage('/healthz')).to.match(/ 503$/)
      const metrics = await cluster.exec(one, 'curl', '-s', 'http://127.0.0.1:20245/metrics')
      expect(metrics).to.match(/^kubeproxy_proxy_healthz_total\{code="503"\} [1-9]/m)
    })

    it('leaves everything of Services alone with --run-service-proxy=false', async () => {
      await eventually(async () => (await cluster.probe(two, '/readyz')) === 200, 30_000)
      expect(await cluster.said(two, 'Services')).to.deep.equal([])
      const { watches } = await cluster.ask(two, '/status')
      expect(watches.map(({ name }) => name)).to.have.members([
        'nodes',
        'servicecidrs',
        'networkpolicies',
        'clusternetworkpolicies',
      ])
      expect(await cluster.exec(two, 'ss', '-Hlnt', 'sport = :10256')).to.equal('')
      const tables = await cluster.exec(two, 'nft', 'list', 'tables', 'inet')
      expect(tables).to.equal('table inet podroute-pod-network\n')
    })

    it('are told of once each', async () => {
      for (const node of [one, two])
        expect(twiceTold(await cluster.agentLog(node)), node.name).to.deep.equal([])
    })

    it('serves those pages where its configuration says', async () => {
      await cluster.killAgent(one)
      const more = 'serviceProxy: { health: { address: 127.0.0.1, port: 10999 } }'
      await cluster.startAgent(one, agentConfig(cluster.conflist(one), more), { serviceProxy: true })
      await eventually(async () => (await cluster.exec(one, 'ss', '-Hlnt')).includes('127.0.0.1:10999 '))
      expect(await cluster.exec(one, 'ss', '-Hlnt', 'sport = :10256')).to.equal('')
    })
  })

  function withoutIpvs() {
    describe('whose kernel has no IPVS', () => {
      it('says what to do: in the log, in readiness and in an Event about the Node, once', async () => {
        await eventually(async () => (await cluster.probe(one, '/readyz')) === 503)
        await eventually(async () => (await events()).length > 0)
        const page = await cluster.exec(one, 'curl', '-s', 'http://127.0.0.1:20244/readyz')
        expect(page).to.match(/^\[-\]services the kernel has no IPVS, run "modprobe ip_vs": /m)
        // Several attempts: the first pauses are a second and two.
        const { uptime } = await cluster.ask(one, '/status')
        await eventually(async () => (await cluster.ask(one, '/status')).uptime > uptime + 4)
        const [line, ...more] = await cluster.said(one, 'Services do not work on this node')
        expect(line).to.match(/ ERROR .*the kernel has no IPVS, run \\"modprobe ip_vs\\": /)
        expect(more).to.deep.equal([])
        expect((await events()).map(({ message }) => reason.test(message))).to.deep.equal([true])
        expect(await cluster.kubectl('describe', 'node', one.name)).to.match(
          /Warning +ServicesUnavailable .*modprobe ip_vs/,
        )
      })

      it('gives the node its pod network all the same', async () => {
        await eventually(() => existsSync(cluster.conflist(one)), 30_000)
        await eventually(async () => (await cluster.routes(one)).length === 2, 30_000)
        expect(await cluster.probe(one, '/livez')).to.equal(200)
        expect(await cluster.podroute(one, 'status').then(({ stdout }) => stdout)).to.match(
          /^services .*modprobe/m,
        )
      })

      it('tells load balancers to go elsewhere', async () => {
        for (const page of ['/healthz', '/livez']) expect(await healthPage(page)).to.match(/ 503$/)
      })
    })
  }
})
