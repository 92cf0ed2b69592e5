import { expect } from 'chai'
import { FakeKubectl } from '../testing/fake-kubectl.ts'
import { clusterSource } from './ui.ts'

const pod = (node: string) => ({
  kind: 'Pod',
  metadata: { name: `podroute-${node}` },
  spec: { nodeName: node },
  status: { phase: 'Running', containerStatuses: [{ name: 'agent', state: { running: {} } }] },
})

describe('kubectl podroute ui', function () {
  // Each question is a process.
  this.timeout(60_000)
  const WHOLE = { agent: { node: 'node-1' }, cluster: { nodes: [] } }

  it('asks each agent by kubectl for all that the page shows, and for its tables', async () => {
    using kubectl = new FakeKubectl([
      { to: 'get pods ', stdout: { items: [pod('node-1'), pod('node-2')] } },
      { to: 'exec podroute-node-1 --container agent -- podroute ui --ask /whole', stdout: WHOLE },
      {
        to: 'exec podroute-node-2 --container agent -- podroute ui --ask /peers/tables',
        stdout: { tables: [] },
      },
    ])
    const at = { program: kubectl.program, flags: [], namespace: 'kube-system' }
    const source = clusterSource(at, undefined)
    expect((await source.agents()).map(({ node }) => node)).to.deep.equal(['node-1', 'node-2'])
    expect(await source.whole('node-1')).to.deep.equal(WHOLE)
    expect(await source.ask('node-2', '/peers/tables')).to.deep.equal({ tables: [] })
    expect(await clusterSource(at, 'node-2').agents()).to.have.length(1)
  })

  it('follows an agent by one process, and says why it goes on no longer', async () => {
    const next = { ...WHOLE, cluster: { nodes: [1] } }
    const stdout = `${JSON.stringify(WHOLE)}\n\n${JSON.stringify(next)}\n{"unfinished`
    using kubectl = new FakeKubectl([
      { to: 'get pods ', stdout: { items: [pod('node-1')] } },
      {
        ...{ to: 'exec podroute-node-1 --container agent -- podroute ui --ask /whole --follow', stdout },
        ...{ stderr: 'error: the container is gone', status: 1 },
      },
    ])
    const source = clusterSource({ program: kubectl.program, flags: [], namespace: 'n' }, undefined)
    await source.agents()
    const told: unknown[] = []
    const why = await source.follow!('node-1', new AbortController().signal, (report) =>
      told.push(report),
    ).catch((error: Error) => error.message)
    expect(told).to.deep.equal([WHOLE, next])
    expect(why).to.equal('kubectl: error: the container is gone')
  })

  it('hands on nothing but pages of agents that are there', async () => {
    using kubectl = new FakeKubectl([{ to: 'get pods ', stdout: { items: [pod('node-1')] } }])
    const source = clusterSource({ program: kubectl.program, flags: [], namespace: 'n' }, undefined)
    await source.agents()
    const refused = (node: string, path: string) =>
      source.ask(node, path).catch((error: Error) => error.message)
    expect(await refused('node-9', '/status')).to.equal('no agent is on node node-9')
    for (const path of ['--socket', 'x', '/a b', '/../x', '/status\n/plan'])
      expect(await refused('node-1', path), path).to.equal(`not a page: ${path}`)
    expect(kubectl.calls).to.have.length(1)
  })
})
