import { hostCidr } from '@podroute/address/cidr.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { nodeObject } from '@podroute/cluster/testing/objects.ts'
import { expect } from 'chai'
import { PodRanges } from './pod-ranges.ts'

function make() {
  const cluster = new ClusterState()
  const wanted = new Set<string>()
  const table = {
    set: (key: string) => void wanted.add(key),
    delete: (key: string) => void wanted.delete(key),
  }
  const ranges = new PodRanges(table)
  const changed: string[] = []
  cluster.subscribe('nodes', {
    changed: (name, _before, after) =>
      void changed.push(...ranges.replace(name, after?.podCidrs ?? []).map(({ text }) => text)),
    synced() {},
  })
  const set = (name: string, ...podCIDRs: string[]) =>
    cluster.set('nodes', name, nodeObject(name, { podCIDRs }))
  return { ranges, wanted, changed, set, remove: (name: string) => cluster.delete('nodes', name) }
}

describe('ranges of pods', () => {
  it('are those of all Nodes, of both families, as they come, change and go', () => {
    const { wanted, changed, set, remove } = make()
    set('a', '10.244.1.0/24', 'fd10:244:1::/64')
    set('b', '10.244.2.0/24')
    expect([...wanted]).to.have.members([
      'service-pods-4 10.244.1.0/24',
      'service-pods-6 fd10:244:1::/64',
      'service-pods-4 10.244.2.0/24',
    ])
    changed.length = 0
    set('a', '10.244.9.0/24', 'fd10:244:1::/64')
    remove('b')
    expect(changed).to.deep.equal(['10.244.1.0/24', '10.244.9.0/24', '10.244.2.0/24'])
    expect([...wanted]).to.have.members(['service-pods-4 10.244.9.0/24', 'service-pods-6 fd10:244:1::/64'])
  })

  it('stay for as long as one of several Nodes has them', () => {
    const { ranges, wanted, set, remove } = make()
    set('a', '10.244.1.0/24')
    set('b', '10.244.1.0/24')
    remove('a')
    expect([...wanted]).to.deep.equal(['service-pods-4 10.244.1.0/24'])
    expect(ranges.hold(hostCidr('10.244.1.7')!)).to.equal(true)
    set('b')
    expect([...wanted]).to.deep.equal([])
    expect(ranges.hold(hostCidr('10.244.1.7')!)).to.equal(false)
  })

  it('are no prefixes that overlap, in whatever order Nodes come', () => {
    const { wanted, set, remove } = make()
    set('a', '10.244.1.0/24')
    set('greedy', '10.0.0.0/8')
    set('b', '10.244.2.0/24')
    expect([...wanted]).to.deep.equal(['service-pods-4 10.0.0.0/8'])
    remove('greedy')
    expect([...wanted]).to.have.members(['service-pods-4 10.244.1.0/24', 'service-pods-4 10.244.2.0/24'])
  })
})
