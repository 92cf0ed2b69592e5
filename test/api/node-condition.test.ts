/** The Node's condition NetworkUnavailable, and the taint that Kubernetes makes of it. */
import { expect } from 'chai'
import { AgentCluster } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

const TAINT = 'node.kubernetes.io/network-unavailable'

interface Told {
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
}

describe('the condition NetworkUnavailable of a Node', function () {
  this.timeout(180_000)
  let cluster: AgentCluster
  let node: TestNode

  const nodeObject = async () => JSON.parse(await cluster.kubectl('get', 'node', node.name, '-o', 'json'))
  const condition = async (): Promise<Told | undefined> =>
    (await nodeObject()).status.conditions.find(({ type }: { type: string }) => type === 'NetworkUnavailable')
  const becomes = (status: string | undefined) =>
    eventually(async () => expect((await condition())?.status).to.equal(status), 90_000)
  const isTainted = async () =>
    ((await nodeObject()).spec.taints ?? []).some(({ key }: { key: string }) => key === TAINT)
  const configure = (podNetwork: string) =>
    cluster.configure(
      node,
      `podNetwork: ${podNetwork}\nserviceProxy: {enabled: false}\nbgp: {peerDeadlineSeconds: 1}\n`,
    )
  const asItShouldBe = () => configure(`{conflist: ${cluster.conflist(node)}}`)
  const start = async () => {
    await cluster.startAgent(node, '', { serviceProxy: 'as-configured' })
    await asItShouldBe()
    await eventually(async () => (await cluster.probe(node, '/readyz')) === 200, 60_000)
  }

  before(async () => {
    cluster = await AgentCluster.start('node-condition')
    node = await cluster.addNamespace()
    await cluster.registerNode(node, { ready: true })
    await start()
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('is False once the network works, and stays as it is while API server and agent come and go', async () => {
    await becomes('False')
    const told = await condition()
    expect(told).to.deep.include({ reason: 'PodRouteReady', message: 'the node has its pod network' })
    expect(Math.abs(Date.parse(told!.lastTransitionTime) - Date.now())).to.be.lessThan(120_000)
    await cluster.stopComponent('kube-apiserver')
    await cluster.startComponent('kube-apiserver')
    await cluster.killAgent(node)
    await start()
    expect(await condition()).to.deep.equal(told)
  })

  it('is True with what is missing while the network is not there, and then the Node is tainted', async () => {
    // No file can be written into what is no folder.
    await configure('{conflist: /dev/null/file}')
    await becomes('True')
    const told = await condition()
    expect(told?.reason).to.equal('PodRouteNotReady')
    expect(told?.message).to.match(/^conflist: /)
    await eventually(isTainted, 60_000)
    // The other conditions are others' to say.
    const ready = (await nodeObject()).status.conditions.find(
      ({ type }: { type: string }) => type === 'Ready',
    )
    expect(ready).to.include({ type: 'Ready' })
    await asItShouldBe()
    await becomes('False')
    await eventually(async () => !(await isTainted()), 60_000)
  })

  it('is nobody’s any more where it is switched off', async () => {
    await configure(`{conflist: ${cluster.conflist(node)}, nodeCondition: false}`)
    await becomes(undefined)
  })
})
