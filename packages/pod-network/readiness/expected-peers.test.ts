import type { PeerConfig } from 'bgp-speaker-ts/config.ts'
import { expect } from 'chai'
import { planMeshPeer } from '../bgp/mesh-peers.ts'
import { peerKey } from '../bgp/peer-key.ts'
import { ClusterNodes } from '../nodes/cluster-nodes.ts'
import { MESH_SESSION, testNode, testSettings } from '../testing/fixtures.ts'
import { blockingReadiness, missingEndOfRib, type Sessions } from './expected-peers.ts'

const ROUTER = '172.30.0.100'

describe('expected peers', () => {
  const nodes = new ClusterNodes()
  const planned = new Map<string, PeerConfig>()
  for (const node of [testNode(1), testNode(2), testNode(3, { ready: false })]) {
    nodes.set(node)
    const peer = planMeshPeer(testNode(1), node, testSettings, nodes, MESH_SESSION)
    if (peer) planned.set(peerKey(peer), peer)
  }
  planned.set(ROUTER, { ...planned.get('172.30.0.12')!, address: ROUTER, asn: 65000 })

  const expectedPeers = { planned, routers: new Set([ROUTER]) }
  const sessions = (established: readonly string[], told: readonly string[] = []): Sessions => ({
    isEstablished: (peer) => established.includes(peer),
    hasEndOfRib: (peer) => told.includes(peer),
  })
  const expected = (state: Sessions) => ({
    blocking: blockingReadiness(expectedPeers, nodes, state),
    missing: missingEndOfRib(expectedPeers, nodes, state),
  })

  it('are the nodes that are ready, and the routers', () => {
    const names = ['node-2', ROUTER]
    expect(expected(sessions([]))).to.deep.equal({ blocking: names, missing: names })
  })

  it('are heard when they have told all they have', () => {
    const all = ['172.30.0.12', ROUTER]
    expect(expected(sessions(all, all))).to.deep.equal({ blocking: [], missing: [] })
    expect(expected(sessions(['172.30.0.12'])).blocking).to.deep.equal(['node-2', ROUTER])
  })

  it('need but a session, if they are routers: many never say that they have told all', () => {
    expect(expected(sessions([ROUTER], ['172.30.0.12']))).to.deep.equal({ blocking: [], missing: [ROUTER] })
  })
})
