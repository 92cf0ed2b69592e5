import { expect } from 'chai'
import { testNode } from '../../testing/fixtures.ts'
import { PodOrigins } from './pod-origins.ts'

describe('origins of pod routes', () => {
  const origins = new PodOrigins()
  before(() => {
    origins.replace('node-1', testNode(1))
    origins.replace('node-2', testNode(2))
  })

  it('are the Nodes whose podCIDRs hold the prefix, at their own addresses', () => {
    expect(origins.refuse('10.244.2.0/24', '172.30.0.12')).to.equal(undefined)
    expect(origins.refuse('10.244.2.7/32', '172.30.0.12')).to.equal(undefined)
    expect(origins.refuse('fd10:244:0:2::/64', 'fd30::12')).to.equal(undefined)
    expect(origins.refuse('10.244.2.0/24', '172.30.0.11')).to.equal('foreign-next-hop')
    expect(origins.refuse('10.244.3.0/24', '172.30.0.12')).to.equal('outside-pod-cidrs')
    expect(origins.refuse('10.244.0.0/16', '172.30.0.12')).to.equal('outside-pod-cidrs')
    expect(origins.refuse('0.0.0.0/0', '172.30.0.12')).to.equal('outside-pod-cidrs')
  })

  it('may have podCIDRs of several lengths, one in another', () => {
    const nested = new PodOrigins()
    nested.replace('node-1', testNode(1, { podCIDRs: ['10.244.0.0/16', 'fd10:244::/48'] }))
    nested.replace('node-2', testNode(2))
    for (const hop of ['172.30.0.11', '172.30.0.12'])
      expect(nested.refuse('10.244.2.7/32', hop)).to.equal(undefined)
    expect(nested.refuse('fd10:244:0:2::7/128', 'fd30::11')).to.equal(undefined)
    expect(nested.refuse('10.244.3.0/24', '172.30.0.11')).to.equal(undefined)
    expect(nested.refuse('10.244.3.0/24', '172.30.0.12')).to.equal('foreign-next-hop')
    expect(nested.refuse('10.0.0.0/8', '172.30.0.11')).to.equal('outside-pod-cidrs')
    nested.replace('node-1', undefined)
    expect(nested.refuse('10.244.3.0/24', '172.30.0.11')).to.equal('outside-pod-cidrs')
    expect(nested.refuse('10.244.2.7/32', '172.30.0.12')).to.equal(undefined)
  })

  it('name the prefixes that may be judged otherwise when a Node changes, and none when it stays as it is', () => {
    expect(origins.replace('node-2', testNode(2, { ready: false }))).to.deep.equal([])
    const moved = testNode(2, { podCIDRs: ['10.244.3.0/24'] })
    expect(origins.replace('node-2', moved)).to.have.members([
      '10.244.3.0/24',
      '10.244.2.0/24',
      'fd10:244:0:2::/64',
    ])
    expect(origins.refuse('10.244.2.0/24', '172.30.0.12')).to.equal('outside-pod-cidrs')
    expect(origins.refuse('10.244.3.0/24', '172.30.0.12')).to.equal(undefined)
  })

  it('are either of two Nodes that claim one prefix, and the other when one is gone', () => {
    origins.replace('node-4', testNode(4, { podCIDRs: ['10.244.1.0/24'] }))
    expect(origins.refuse('10.244.1.0/24', '172.30.0.11')).to.equal(undefined)
    expect(origins.refuse('10.244.1.0/24', '172.30.0.14')).to.equal(undefined)
    expect(origins.replace('node-1', undefined)).to.include('10.244.1.0/24')
    expect(origins.refuse('10.244.1.0/24', '172.30.0.11')).to.equal('foreign-next-hop')
    expect(origins.refuse('10.244.1.0/24', '172.30.0.14')).to.equal(undefined)
  })
})
