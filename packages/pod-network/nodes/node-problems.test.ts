import type { LogFields, Logger } from '@podroute/reconcile/log.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { ClusterNodes } from './cluster-nodes.ts'
import { NodeProblems } from './node-problems.ts'

describe('problems of Nodes', () => {
  let said: string[]
  let nodes: ClusterNodes
  let problems: NodeProblems
  const see = (node: ReturnType<typeof testNode>) => {
    problems.check(node, nodes)
    nodes.set(node)
  }

  beforeEach(() => {
    said = []
    nodes = new ClusterNodes()
    const warn = (_message: string, fields?: LogFields) =>
      said.push(`${fields?.node}: ${String(fields?.problems).replaceAll(',', ', ')}`)
    const log = { debug() {}, info() {}, error() {}, warn } as Logger
    problems = new NodeProblems({ log, localName: 'node-9', events: { record() {} } })
  })

  it('are said once, also when other fields change, and again when they are others or the Node is new', () => {
    const bad = (more = {}) => testNode(1, { internalIPs: ['name'], ...more })
    see(bad())
    see(bad({ ready: false }))
    see(bad({ podCIDRs: ['10.244.9.0/24'] }))
    expect(said).to.deep.equal(['node-1: status.addresses: not an address: name'])
    see(bad({ internalIPs: ['other'] }))
    problems.forget('node-1')
    nodes.delete('node-1')
    see(bad({ internalIPs: ['other'] }))
    expect(said).to.have.length(3)
  })

  it('are prefixes and addresses that another Node has', () => {
    see(testNode(1))
    see(testNode(2, { podCIDRs: ['10.244.1.0/24'], internalIPs: ['172.30.0.12', 'fd30::11'] }))
    // A heartbeat of the first.
    see(testNode(1))
    expect(said).to.deep.equal([
      "node-2: spec.podCIDRs: 10.244.1.0/24 is node-1's already, status.addresses: fd30::11 is node-1's already",
    ])
  })

  it('are none of good Nodes', () => {
    for (const n of [1, 2, 3]) see(testNode(n))
    see(testNode(2, { ready: false }))
    expect(said).to.deep.equal([])
  })
})
