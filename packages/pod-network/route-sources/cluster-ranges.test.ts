import { type Cidr, cidr, contains } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import {
  type ClusterRange,
  ClusterRanges,
  hostRanges,
  nodeRanges,
  type RangeOwner,
} from './cluster-ranges.ts'

const SOURCES = {
  clusterCidrs: ['10.244.0.0/16', 'fd10:244::/56'].map(cidr),
  serviceCidrs: ['10.96.0.0/16', 'fd10:96::/112'].map(cidr),
  apiServers: ['192.168.9.1', 'fd99::1'],
}
const NODES = [testNode(1), testNode(2)]

type Owned = readonly [owner: RangeOwner, ranges: readonly ClusterRange[]]

function clusterRanges(
  nodes: readonly ClusterNode[],
  { clusterCidrs, serviceCidrs, apiServers }: typeof SOURCES,
): Owned[] {
  return [
    ...nodes.map((node): Owned => [`node/${node.name}`, nodeRanges(node)]),
    ['api-server', hostRanges(apiServers, 'api-server')],
    ['service-cidr', serviceCidrs.map((prefix) => ({ prefix, kind: 'service-cidr' }))],
    ['cluster-cidr', clusterCidrs.map((prefix) => ({ prefix, kind: 'cluster-cidr' }))],
  ]
}

describe('ranges of the cluster', () => {
  const ask = (owned: Iterable<Owned>, ...named: string[]) => {
    const all = new ClusterRanges()
    for (const [owner, ranges] of owned) all.replace(owner, ranges)
    return (prefix: string) => all.conflict(cidr(prefix), new Set(named))
  }

  it('are held by no prefix of a router, allocated or not, of either family', () => {
    const conflict = ask(clusterRanges(NODES, SOURCES))
    for (const prefix of [
      '10.244.1.0/24',
      '10.244.2.7/32',
      '10.244.77.0/24',
      'fd10:244:0:1::/64',
      'fd10:244:0:ee::/64',
    ])
      expect(conflict(prefix), prefix).to.equal('cluster-cidr')
    for (const prefix of ['10.96.0.0/16', '10.96.0.1/32', '10.96.200.200/32', 'fd10:96::ffff/128'])
      expect(conflict(prefix), prefix).to.equal('service-cidr')
    for (const prefix of ['172.30.0.11/32', '172.30.0.12/32', 'fd30::11/128', 'fd30::12/128'])
      expect(conflict(prefix), prefix).to.equal('node-address')
    for (const prefix of ['192.168.9.1/32', 'fd99::1/128'])
      expect(conflict(prefix), prefix).to.equal('api-server')
  })

  it('are known from the Nodes where the configuration does not say them', () => {
    const conflict = ask(clusterRanges(NODES, { ...SOURCES, clusterCidrs: [] }))
    expect(conflict('10.244.1.128/25')).to.equal('pod-cidr')
    expect(conflict('fd10:244:0:2::7/128')).to.equal('pod-cidr')
    expect(conflict('10.244.77.0/24')).to.equal(undefined)
    expect(conflict('10.244.0.0/16')).to.equal('covers-pod-cidr')
    expect(conflict('fd10:244::/32')).to.equal('covers-pod-cidr')
  })

  it('are covered by no prefix either', () => {
    const conflict = ask(clusterRanges(NODES, SOURCES))
    expect(conflict('10.0.0.0/8')).to.match(/^covers-/)
    expect(conflict('10.96.0.0/12')).to.equal('covers-service-cidr')
    expect(conflict('10.240.0.0/12')).to.equal('covers-cluster-cidr')
    expect(conflict('172.30.0.0/24')).to.equal('covers-node-address')
    expect(conflict('192.168.0.0/16')).to.equal('covers-api-server')
    expect(conflict('fd10::/16')).to.match(/^covers-/)
    expect(conflict('fd30::/64')).to.equal('covers-node-address')
    expect(conflict('fd99::/16')).to.equal('covers-api-server')
  })

  it('leave what lies beside them', () => {
    const conflict = ask(clusterRanges(NODES, SOURCES))
    for (const prefix of [
      '10.245.0.0/16',
      '10.97.0.0/16',
      '172.30.0.13/32',
      '192.168.8.0/24',
      '203.0.113.0/24',
    ])
      expect(conflict(prefix), prefix).to.equal(undefined)
    for (const prefix of ['fd10:245::/56', 'fd30::13/128', 'fd98::/32', '2001:db8::/32'])
      expect(conflict(prefix), prefix).to.equal(undefined)
  })

  it('may be covered by what the operator names, but not held', () => {
    const conflict = ask(clusterRanges(NODES, SOURCES), '0.0.0.0/0', '10.0.0.0/8', '10.96.0.0/16', '::/0')
    expect(conflict('0.0.0.0/0')).to.equal(undefined)
    expect(conflict('::/0')).to.equal(undefined)
    expect(conflict('10.0.0.0/8')).to.equal(undefined)
    expect(conflict('10.96.0.0/16')).to.equal('service-cidr')
    expect(conflict('10.0.0.0/9')).to.equal('covers-service-cidr')
    expect(conflict('10.64.0.0/10')).to.equal('covers-service-cidr')
  })

  it('are found as going through all of them finds them', () => {
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    const some = (): Cidr =>
      random(2) === 0
        ? cidr(`10.${random(2)}.${random(4) * 64}.${random(4) * 64}/${12 + random(21)}`)
        : cidr(`fd00:0:0:${random(4)}:${random(2) * 8000}::/${48 + random(40)}`)
    const all = new ClusterRanges()
    for (let round = 0; round < 300; round++) {
      const ranges = Array.from({ length: 1 + random(6) }, () => ({
        prefix: some(),
        kind: 'pod-cidr' as const,
      }))
      // Two owners take turns: what one had before is gone.
      all.replace('node/a', ranges.slice(0, 2))
      all.replace('node/b', ranges.slice(1))
      const prefix = some()
      const inside = ranges.some((range) => contains(range.prefix, prefix))
      const covers = ranges.some((range) => contains(prefix, range.prefix))
      const expected = inside ? 'pod-cidr' : covers ? 'covers-pod-cidr' : undefined
      const texts = ranges.map((range) => range.prefix.text).join()
      expect(all.conflict(prefix, new Set()), `seed 7, round ${round}: ${prefix.text} in ${texts}`).to.equal(
        expected,
      )
    }
  })
})
