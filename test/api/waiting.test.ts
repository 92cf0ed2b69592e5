import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

describe('an agent whose Node has no podCIDR yet', function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let node: TestNode
  const nodeCondition = async () =>
    (await cluster.ask(node, '/status')).conditions.find((condition) => condition.name === 'node')

  before(async () => {
    cluster = await AgentCluster.start('waiting')
    // Nobody allocates prefixes.
    await cluster.stopComponent('kube-controller-manager')
    node = await cluster.addNamespace()
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('is told plainly by the command line that no agent runs', async () => {
    const { code, stdout, stderr } = await cluster.podroute(node, 'status')
    expect(stdout).to.equal('')
    const [what, ...todo] = stderr.split('\n')
    expect(what).to.equal(`podroute: no agent is running here (nothing answers at ${cluster.socket(node)})`)
    expect(todo.join('\n')).to.match(/kubectl -n kube-system get pods -l app=podroute/)
    expect(code).to.equal(1)
  })

  it('waits while the Node itself is missing, alive and not ready', async () => {
    await cluster.startAgent(node)
    await eventually(async () => (await nodeCondition())?.detail === `there is no Node ${node.name}`)
    expect(await cluster.probe(node, '/livez')).to.equal(200)
    expect(await cluster.probe(node, '/readyz')).to.equal(503)
    expect(await cluster.said(node, `"for":"there is no Node ${node.name}"`)).to.have.length(1)
  })

  it('says once that it waits for the podCIDR, however often the Node changes', async () => {
    await cluster.registerNode(node)
    await eventually(async () => (await nodeCondition())?.detail === `Node ${node.name} has no podCIDR`)
    // Heartbeats and changes of the Node that bring no podCIDR.
    for (const beat of ['1', '2', '3'])
      await cluster.kubectl('label', '--overwrite', 'node', node.name, `b=${beat}`)
    const events = async () =>
      (await cluster.ask(node, '/status')).watches.find((w) => w.name === 'nodes')!.events
    await eventually(async () => (await events()) >= 4)
    expect(await cluster.said(node, `"for":"Node ${node.name} has no podCIDR"`)).to.have.length(1)
    expect(await cluster.probe(node, '/readyz')).to.equal(503)
    expect(await cluster.probe(node, '/livez')).to.equal(200)
  })

  it('makes no bridge and writes no CNI configuration meanwhile', async () => {
    expect(existsSync(cluster.conflist(node))).to.equal(false)
    expect(await cluster.exec(node, 'ip', '-o', 'link', 'show', 'type', 'bridge')).to.equal('')
  })

  it('shows what it waits for with `podroute status`', async () => {
    const { code, stdout } = await cluster.podroute(node, 'status')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^ready: +no$/m)
    expect(stdout).to.match(new RegExp(`^node +missing +Node ${node.name} has no podCIDR$`, 'm'))
  })

  it('is ready soon after the controller manager gave the Node its prefixes', async () => {
    await cluster.startComponent('kube-controller-manager')
    const prefixes = await cluster.allocated(node)
    await eventually(async () => (await cluster.probe(node, '/readyz')) === 200)
    expect(existsSync(cluster.conflist(node))).to.equal(true)
    expect(await cluster.said(node, 'waiting')).to.have.length(2)
    const { stdout } = await cluster.podroute(node, 'status')
    expect(stdout).to.match(/^ready: +yes$/m)
    for (const prefix of prefixes) expect(stdout).to.include(prefix)
  })
})
