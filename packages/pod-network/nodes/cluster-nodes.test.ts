import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { ClusterNodes } from './cluster-nodes.ts'

describe('the Nodes of the cluster', () => {
  let nodes: ClusterNodes
  const fields = (name: string) => {
    const node = nodes.get(name)
    return node && [node.podCidrs, node.addresses].map((all) => all.map(({ text }) => text).join())
  }
  beforeEach(() => {
    nodes = new ClusterNodes('node-1')
  })

  it('have the fields that they last had while these are missing, and say what the API server has', () => {
    nodes.set(testNode(2))
    nodes.set(testNode(2, { podCIDRs: [], ready: false }))
    expect(fields('node-2')).to.deep.equal(['10.244.2.0/24,fd10:244:0:2::/64', '172.30.0.12,fd30::12'])
    expect(nodes.get('node-2')?.ready).to.equal(false)
    expect(nodes.reported('node-2')?.podCidrs).to.deep.equal([])
    expect(nodes.withPodCidr('10.244.2.0/24')?.name).to.equal('node-2')
    nodes.set(testNode(2, { podCIDRs: ['10.244.9.0/24'], internalIPs: [] }))
    expect(fields('node-2')).to.deep.equal(['10.244.9.0/24', '172.30.0.12,fd30::12'])
    expect(nodes.withAddress('172.30.0.12')?.name).to.equal('node-2')
    expect(nodes.withPodCidr('10.244.2.0/24')).to.equal(undefined)
  })

  it('stay as they were where an address and a prefix do not go together', () => {
    const one = (internalIP: string) => ({ podCIDRs: ['10.244.2.0/24'], internalIPs: [internalIP] })
    nodes.set(testNode(2, one('172.30.0.12')))
    nodes.set(testNode(2, one('10.244.2.7')))
    expect(fields('node-2')).to.deep.equal(['10.244.2.0/24', '172.30.0.12'])
    nodes.set(testNode(2, one('172.30.0.99')))
    expect(fields('node-2')).to.deep.equal(['10.244.2.0/24', '172.30.0.99'])
  })

  it('are forgotten when they are deleted, but for the one of this node', () => {
    for (const n of [1, 2]) nodes.set(testNode(n))
    for (const n of [1, 2]) nodes.delete(`node-${n}`)
    expect(fields('node-2')).to.equal(undefined)
    expect(nodes.withAddress('172.30.0.12')).to.equal(undefined)
    expect(fields('node-1')).to.deep.equal(['10.244.1.0/24,fd10:244:0:1::/64', '172.30.0.11,fd30::11'])
    expect(nodes.reported('node-1')).to.equal(undefined)
    nodes.set(testNode(2, { podCIDRs: [] }))
    expect(fields('node-2')).to.deep.equal(['', '172.30.0.12,fd30::12'])
  })

  it('have an address or a prefix as long as one of two that had it is there', () => {
    const shared = { podCIDRs: ['10.244.2.0/24'], internalIPs: ['172.30.0.12'] }
    for (const n of [2, 3]) nodes.set(testNode(n, shared))
    nodes.delete('node-3')
    expect(nodes.withAddress('172.30.0.12')?.name).to.equal('node-2')
    expect(nodes.withPodCidr('10.244.2.0/24')?.name).to.equal('node-2')
    nodes.delete('node-2')
    expect(nodes.withAddress('172.30.0.12')).to.equal(undefined)
  })

  it('give an address that two have to the one that is ready, whoever came first', () => {
    const host = (name: string, ready: boolean) => testNode(2, { name, ready })
    for (const order of [
      ['old', 'new'],
      ['new', 'old'],
    ]) {
      for (const name of order) nodes.set(host(name, name === 'new'))
      expect(nodes.withAddress('172.30.0.12')?.name).to.equal('new')
      nodes.set(host('new', false))
      nodes.set(host('old', true))
      expect(nodes.withPodCidr('10.244.2.0/24')?.name).to.equal('old')
      for (const name of order) nodes.delete(name)
    }
  })
})
