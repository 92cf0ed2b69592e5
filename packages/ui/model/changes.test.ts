import { expect } from 'chai'
import { agentChanges, clusterChanges } from './changes.ts'
import type { AgentReport, ClusterReport, Session } from './report.ts'

const session = (name: string, state = 'established'): Session => ({
  ...{ name, kind: 'node', address: '', asn: '64512', state },
})
const report = (change: Partial<AgentReport> = {}): AgentReport => {
  const sessions = change.sessions ?? [session('node-2')]
  return {
    ...{ node: 'node-1', version: '1', ready: true, summary: [], sessions },
    conditions: [{ name: 'bridge', ok: true, detail: '' }],
    counts: { sessions: sessions.length, established: 1, routes: 2, installed: 2 },
    ...change,
  }
}
const texts = (before: Partial<AgentReport>, after: Partial<AgentReport>) =>
  agentChanges(report(before), report(after)).map(({ kind, text }) => `${kind} ${text}`)

describe('changes of an agent', () => {
  it('are none where nothing changed', () => {
    expect(texts({}, {})).to.deep.equal([])
  })

  it('are sessions that go down and come up, also where only those that are down are told', () => {
    expect(texts({}, { sessions: [session('node-2', 'idle')] })).to.deep.equal([
      'bad session with node-2 is down: idle',
    ])
    expect(texts({ sessions: [session('node-2', 'idle')] }, {})).to.deep.equal([
      'good session with node-2 is up',
    ])
    // On the way from one state of trying to another nothing has changed.
    expect(texts({ sessions: [session('a', 'idle')] }, { sessions: [session('a', 'active')] })).to.deep.equal(
      [],
    )
    const counts = { sessions: 99, established: 98, routes: 2, installed: 2 }
    const many = { sessions: [session('node-7', 'active')], counts }
    expect(texts({ sessions: [], counts }, many)).to.deep.equal(['bad session with node-7 is down: active'])
    expect(texts(many, { sessions: [], counts })).to.deep.equal(['good session with node-7 is up'])
    expect(texts({}, { sessions: [] })).to.deep.equal(['news no session with node-2 any more'])
  })

  it('are conditions, readiness, routes, versions, and agents that do not answer', () => {
    const conditions = [{ name: 'bridge', ok: false, detail: 'is a veth' }]
    const counts = { sessions: 1, established: 1, routes: 2, installed: 1 }
    expect(texts({}, { conditions, counts, ready: false, version: '2' })).to.deep.equal([
      'news the agent is version 2 now',
      'bad bridge: is a veth',
      'news routes in the kernel: 2 → 1',
      'bad the node does not have its network',
    ])
    expect(texts({}, { error: 'gone', ready: false })).to.deep.equal(['bad the agent cannot be asked: gone'])
    expect(texts({ error: 'gone', ready: false }, {})).to.deep.equal(['good the agent answers'])
  })
})

describe('changes of a cluster', () => {
  const cluster = (nodes: readonly string[], endpoints: Readonly<Record<string, number>>): ClusterReport => ({
    nodes: nodes.map((name) => ({ name, podCIDRs: [], addresses: [], state: 'in-place', reasons: [] })),
    services: Object.entries(endpoints).map(([key, count]) => ({
      ...{ key, state: 'in-place', addresses: [], endpoints: count },
    })),
    announced: [],
  })

  it('are Nodes and Services that come and go, and endpoints', () => {
    const lines = clusterChanges(
      cluster(['a', 'b'], { x: 2, y: 1, z: 1 }),
      cluster(['b', 'c'], { x: 0, y: 3, w: 1 }),
    )
    expect(lines.map(({ kind, text }) => `${kind} ${text}`)).to.deep.equal([
      ...['news Node c is new', 'news Node a is gone', 'bad Service x: endpoints 2 → 0'],
      ...['news Service y: endpoints 1 → 3', 'news Service w is new', 'news Service z is gone'],
    ])
  })
})
