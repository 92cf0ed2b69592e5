import { cidr } from '@podroute/address/cidr.ts'
import type { ClusterNode } from '@podroute/cluster/objects/node.ts'
import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { expect } from 'chai'
import { NOWHERE } from './bridge/host-interfaces.ts'
import { ClusterNodes } from './nodes/cluster-nodes.ts'
import { Planner } from './planner.ts'
import { testNode, testSettings } from './testing/fixtures.ts'

/** What is used of a table: what is wanted, and how often it was written. */
class FakeTable<K extends string, V> {
  readonly #wanted = new Map<K, V>()
  writes = 0
  set(key: K, value: V): void {
    this.writes++
    this.#wanted.set(key, value)
  }
  delete(key: K): void {
    this.writes++
    this.#wanted.delete(key)
  }
  desired(): ReadonlyMap<K, V> {
    return this.#wanted
  }
  get keys(): K[] {
    return [...this.#wanted.keys()].sort()
  }
}

function fakeTables() {
  const table = () => new FakeTable<string, unknown>()
  return {
    bridge: table(),
    sysctls: table(),
    addresses: table(),
    masquerade: table(),
    masqueradeChain: table(),
    announcements: table(),
    peers: table(),
  }
}

describe('planner', () => {
  let nodes: ClusterNodes
  let tables: ReturnType<typeof fakeTables>
  let planner: Planner
  const local = testNode(1)
  const plan = () => planner.plan(nodes.get('node-1') ?? local, NOWHERE)
  const see = (node: ClusterNode) => planner.markNode(node.name, nodes.set(node))
  const podsOf = (family: 4 | 6) => tables.masquerade.keys.filter((key) => key.startsWith(`pods-${family} `))

  const start = (settings = testSettings) => {
    nodes = new ClusterNodes('node-1')
    tables = fakeTables()
    const planned = tables as unknown as ConstructorParameters<typeof Planner>[2]
    planner = new Planner(
      { nodeName: 'node-1', settings: () => settings, isVip: () => false },
      nodes,
      planned,
    )
    see(local)
    plan()
  }
  beforeEach(() => start())

  it('plans bridge, addresses and announcements of this node', () => {
    expect(tables.bridge.keys).to.deep.equal(['kube-bridge'])
    expect(tables.addresses.keys).to.deep.equal(['10.244.1.1/24', 'fd10:244:0:1::1/64'])
    expect(tables.announcements.keys).to.deep.equal(['10.244.1.0/24', 'fd10:244:0:1::/64'])
    expect(tables.peers.keys).to.deep.equal([])
  })

  it('takes in a node that joins, and forgets one that leaves', () => {
    see(testNode(2))
    plan()
    expect(tables.peers.keys).to.deep.equal(['172.30.0.12'])
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24', 'pods-4 10.244.2.0/24'])
    planner.markNode('node-2', nodes.delete('node-2'))
    plan()
    expect(tables.peers.keys).to.deep.equal([])
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24'])
  })

  it('has both sessions after two nodes have swapped their addresses, one event after the other', () => {
    const swapped = [testNode(2), testNode(3)].map((node, i, both) => ({
      ...node,
      addresses: both[1 - i]!.addresses,
    }))
    for (const order of [swapped, swapped.toReversed()]) {
      start()
      see(testNode(2))
      see(testNode(3))
      plan()
      for (const node of order) {
        see(node)
        plan()
      }
      const believed = (address: string) => {
        const peer = tables.peers.desired().get(address) as PeerConfig
        return peer.importPolicy?.rules[0]?.match?.prefixes?.map(({ prefix }) => prefix)
      }
      expect(believed('172.30.0.12')).to.deep.equal(['10.244.3.0/24', 'fd10:244:0:3::/64'])
      expect(believed('172.30.0.13')).to.deep.equal(['10.244.2.0/24', 'fd10:244:0:2::/64'])
    }
  })

  it('peers with the ready one of two nodes that have one address, and with the other one after that', () => {
    see(testNode(2, { name: 'old', ready: false }))
    see(testNode(2, { name: 'new', podCIDRs: ['10.244.9.0/24'] }))
    plan()
    const rules = () => JSON.stringify(tables.peers.desired().get('172.30.0.12'))
    expect(rules()).to.include('10.244.9.0/24').and.not.include('10.244.2.0/24')
    planner.markNode('new', nodes.delete('new'))
    plan()
    expect(rules()).to.include('10.244.2.0/24')
  })

  it('does nothing for a heartbeat', () => {
    see(testNode(2))
    plan()
    const before = tables.peers.writes
    see(testNode(2, { ready: false }))
    expect(plan()).to.equal(false)
    expect(tables.peers.writes).to.equal(before)
  })

  it('moves everything when the prefixes of this node are others', () => {
    see(testNode(1, { podCIDRs: ['10.244.9.0/24'] }))
    expect(plan()).to.equal(true)
    expect(tables.addresses.keys).to.deep.equal(['10.244.9.1/24'])
    expect(tables.announcements.keys).to.deep.equal(['10.244.9.0/24'])
    expect(tables.masquerade.keys.filter((key) => key.startsWith('pods'))).to.deep.equal([
      'pods-4 10.244.9.0/24',
      'pods-local-4 10.244.9.0/24',
    ])
  })

  const everything = () => Object.values(tables).map((table) => [...table.desired()])

  it('keeps all that pods need while a Node lacks its prefixes or its addresses, or this Node is deleted', () => {
    see(testNode(2))
    plan()
    const before = everything()
    for (const n of [1, 2]) {
      see(testNode(n, { podCIDRs: [] }))
      see(testNode(n, { internalIPs: [] }))
      see(testNode(n, { podCIDRs: [], internalIPs: [] }))
    }
    planner.markAll()
    plan()
    expect(everything()).to.deep.equal(before)
    planner.markNode('node-1', nodes.delete('node-1'))
    planner.markAll()
    plan()
    expect(everything()).to.deep.equal(before)
    see(testNode(1, { podCIDRs: [] }))
    planner.markAll()
    plan()
    expect(everything()).to.deep.equal(before)
  })

  it('keeps a prefix that two nodes have until both are without it', () => {
    see(testNode(2))
    see(testNode(3, { podCIDRs: ['10.244.2.0/24'] }))
    plan()
    planner.markNode('node-2', nodes.delete('node-2'))
    plan()
    expect(podsOf(4)).to.include('pods-4 10.244.2.0/24')
    planner.markNode('node-3', nodes.delete('node-3'))
    plan()
    expect(podsOf(4)).to.deep.equal(['pods-4 10.244.1.0/24'])
  })

  it('asks for no two prefixes that overlap, whoever comes first and whoever leaves', () => {
    see(testNode(2))
    see(testNode(3, { podCIDRs: ['10.0.0.0/8'] }))
    plan()
    expect(podsOf(4)).to.deep.equal(['pods-4 10.0.0.0/8'])
    see(testNode(4))
    plan()
    expect(podsOf(4)).to.deep.equal(['pods-4 10.0.0.0/8'])
    planner.markNode('node-3', nodes.delete('node-3'))
    plan()
    expect(podsOf(4)).to.deep.equal([1, 2, 4].map((n) => `pods-4 10.244.${n}.0/24`))
    expect(podsOf(6)).to.deep.equal([1, 2, 4].map((n) => `pods-6 fd10:244:0:${n}::/64`))
  })

  it('writes the elements alone that a change concerns', () => {
    see(testNode(2))
    plan()
    const before = tables.masquerade.writes
    see(testNode(2, { internalIPs: ['172.30.0.99'] }))
    plan()
    // One address comes, two go.
    expect(tables.masquerade.writes - before).to.equal(3)
    expect(tables.masquerade.keys.filter((key) => key.startsWith('nodes-'))).to.deep.equal([
      'nodes-4 172.30.0.11',
      'nodes-4 172.30.0.99',
      'nodes-6 fd30::11',
    ])
  })

  it('takes destinations without masquerading that overlap', () => {
    start({ ...testSettings, noMasquerade: ['10.0.0.0/8', '10.1.0.0/16'].map(cidr) })
    expect(tables.masquerade.keys.filter((key) => key.startsWith('no-'))).to.deep.equal([
      'no-masquerade-4 10.0.0.0/8',
    ])
  })

  describe('guards against routers outside', () => {
    const router = { address: '172.30.0.100', asn: 65000, acceptRoutes: true, maxPrefixes: 10 }
    const conflict = (prefix: string) => planner.guard(local, NOWHERE).clusterConflict(cidr(prefix))

    it('the ranges of Nodes that come and go, of Services, and the API server', () => {
      start({ ...testSettings, externalPeers: [router], serviceCidrs: [cidr('10.96.0.0/16')] })
      expect(conflict('10.244.2.0/24')).to.equal(undefined)
      see(testNode(2))
      expect(planner.nodesChanged).to.equal(true)
      plan()
      expect(planner.nodesChanged).to.equal(false)
      expect(conflict('10.244.2.0/24')).to.equal('pod-cidr')
      planner.markNode('node-2', nodes.delete('node-2'))
      expect(conflict('10.244.2.0/24')).to.equal(undefined)
      expect(conflict('10.96.7.7/32')).to.equal('service-cidr')
      expect(conflict('10.97.7.7/32')).to.equal(undefined)
      planner.setServiceCidrs([cidr('10.97.0.0/16')])
      expect(conflict('10.97.7.7/32')).to.equal('service-cidr')
      expect(conflict('10.96.7.7/32')).to.equal('service-cidr')
      planner.setApiServers(['192.0.2.1', 'fd99::1'])
      expect(plan()).to.equal(true)
      expect(conflict('192.0.2.1/32')).to.equal('api-server')
      expect(conflict('fd99::/64')).to.equal('covers-api-server')
      planner.setServiceCidrs([])
      planner.setApiServers([])
      expect(conflict('10.97.7.7/32')).to.equal(undefined)
      expect(conflict('192.0.2.1/32')).to.equal(undefined)
    })

    it('and knows who they are', () => {
      start({ ...testSettings, externalPeers: [router] })
      const guard = planner.guard(local, NOWHERE)
      expect(guard.isExternal('172.30.0.100')).to.equal(true)
      expect(guard.isExternal('172.30.0.12')).to.equal(false)
    })
  })
})
