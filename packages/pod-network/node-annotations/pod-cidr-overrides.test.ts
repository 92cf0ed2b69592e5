import { cidr } from '@podroute/address/cidr.ts'
import type { NodeObject } from '@podroute/cluster/objects/node.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { type KeptPodCidrs, PodCidrOverrides } from './pod-cidr-overrides.ts'

const SUFFIX = 'kube-router.io/pod-cidrs'

describe('pod prefixes by annotation', () => {
  let ranges: string[]
  let overrides: PodCidrOverrides
  let said: string[]
  let prefixes: Map<string, string>
  const take = (nodes: ReturnType<PodCidrOverrides['set']>) => {
    for (const { name, podCidrs } of nodes) prefixes.set(name, podCidrs.map(({ text }) => text).join())
  }
  /** Node `n` with this annotation. */
  const set = (n: number, text?: string, more: Partial<NodeObject> = {}) =>
    take(
      overrides.set(
        testNode(n, {
          created: n,
          ...(text === undefined ? {} : { annotations: { [SUFFIX]: text } }),
          ...more,
        }),
      ),
    )
  const BARE = { podCIDRs: [] }

  let kept: KeptPodCidrs | undefined
  const start = () => {
    overrides = new PodCidrOverrides({
      clusterCidrs: () => ranges.map(cidr),
      refused: (node, problems) => void said.push(`${node}: ${problems.join()}`),
      store: {
        load: () => kept,
        save(next) {
          kept = next
        },
      },
    })
  }

  beforeEach(() => {
    ranges = ['10.0.0.0/8', 'fd10::/16']
    said = []
    prefixes = new Map()
    kept = undefined
    start()
  })

  it('are those of the last agent where a value cannot be read any more, and only as long as they are nobody else’s', () => {
    set(1, '10.9.1.0/24,fd10:9:0:1::/64')
    set(2, '10.9.2.0/24')
    set(3, '10.9.3.0/24')
    expect(kept).to.deep.equal({
      'node-1': ['10.9.1.0/24', 'fd10:9:0:1::/64'],
      'node-2': ['10.9.2.0/24'],
      'node-3': ['10.9.3.0/24'],
    })
    start()
    prefixes.clear()
    set(4, undefined, { podCIDRs: ['10.9.2.0/25'] })
    set(1, 'no prefix')
    set(2, 'no prefix', BARE)
    set(3)
    expect([prefixes.get('node-1'), prefixes.get('node-2')]).to.deep.equal([
      '10.9.1.0/24,fd10:9:0:1::/64',
      '',
    ])
    expect(prefixes.get('node-3')).to.equal('10.244.3.0/24,fd10:244:0:3::/64')
    set(3, 'no prefix')
    expect(kept).to.have.all.keys('node-1', 'node-3')
  })

  it('stand in place of those of the spec, of one family or of both', () => {
    set(1, '10.9.1.0/24,fd10:9:0:1::/64')
    set(2, '10.9.2.0/24', BARE)
    set(3)
    expect(Object.fromEntries(prefixes)).to.deep.equal({
      'node-1': '10.9.1.0/24,fd10:9:0:1::/64',
      'node-2': '10.9.2.0/24',
      'node-3': '10.244.3.0/24,fd10:244:0:3::/64',
    })
    expect(said).to.deep.equal([])
  })

  it('go with the annotation, and prefer the older name as kube-router does', () => {
    set(1, undefined, { annotations: { [SUFFIX]: '10.9.1.0/24', 'kube-router.io/pod-cidr': '10.8.1.0/24' } })
    expect(prefixes.get('node-1')).to.equal('10.8.1.0/24')
    set(1)
    expect(prefixes.get('node-1')).to.equal('10.244.1.0/24,fd10:244:0:1::/64')
  })

  it('are believed inside podNetwork.clusterCIDRs alone', () => {
    set(1, '192.0.2.0/24')
    expect(prefixes.get('node-1')).to.equal('10.244.1.0/24,fd10:244:0:1::/64')
    expect(said).to.deep.equal([
      'node-1: kube-router.io/pod-cidrs[0]: 192.0.2.0/24 is not in podNetwork.clusterCIDRs',
    ])
    ranges = []
    set(2, '10.9.2.0/24')
    expect(said.at(-1)).to.include('which the configuration does not name')
    ranges = ['10.0.0.0/8', '192.0.2.0/24']
    take(overrides.rangesChanged())
    expect([prefixes.get('node-1'), prefixes.get('node-2')]).to.deep.equal(['192.0.2.0/24', '10.9.2.0/24'])
    expect(said.slice(-2)).to.deep.equal(['node-1: ', 'node-2: '])
  })

  it('take nothing from another Node that has it by its spec, whoever came first', () => {
    for (const stolen of ['10.244.2.0/24', '10.244.2.128/25', '10.244.0.0/16']) {
      set(1, stolen, BARE)
      set(2)
      expect(prefixes.get('node-1')).to.equal('')
      expect(said.at(-1)).to.include('in part Node node-2’s')
      take(overrides.delete('node-2'))
      expect(prefixes.get('node-1')).to.equal(stolen)
    }
  })

  it('are the older Node’s where two name the same, in whatever order they come', () => {
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      for (const n of order) set(n, '10.9.0.0/24', BARE)
      expect([prefixes.get('node-1'), prefixes.get('node-2')]).to.deep.equal(['10.9.0.0/24', ''])
      take(overrides.delete('node-1'))
      expect(prefixes.get('node-2')).to.equal('10.9.0.0/24')
      take(overrides.delete('node-2'))
      prefixes.clear()
    }
  })

  it('stay as they were while the annotation cannot be read', () => {
    set(1, '10.9.1.0/24', BARE)
    set(1, 'nonsense', BARE)
    expect(prefixes.get('node-1')).to.equal('10.9.1.0/24')
    expect(said).to.deep.equal([
      'node-1: kube-router.io/pod-cidrs[0]: nonsense is no prefix such as 10.244.1.0/24',
    ])
    // Unless somebody else has them now.
    set(2, undefined, { podCIDRs: ['10.9.1.0/24'] })
    expect(prefixes.get('node-1')).to.equal('')
  })

  it('may not hold the Node’s own address, nor be two of a family', () => {
    ranges.push('172.30.0.0/16')
    set(1, '172.30.0.0/24,10.9.1.0/24,10.9.2.0/24', BARE)
    expect(said.join()).to.include('172.30.0.0/24 is holds').and.to.include('10.9.2.0/24 is a second prefix')
  })
})
