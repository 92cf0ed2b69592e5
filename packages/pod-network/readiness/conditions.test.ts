import { expect } from 'chai'
import { testNode } from '../testing/fixtures.ts'
import { allConditions, type Facts } from './conditions.ts'

const settled = { desired: 1, applied: 1, pending: 0, repaired: 0, failed: 0 }
const good: Facts = {
  nodeName: 'node-1',
  routing: 'bgp',
  nodeAddressTypes: ['InternalIP', 'ExternalIP'],
  nodesSynced: true,
  cni: true,
  local: testNode(1),
  instance: settled,
  bridge: settled,
  addresses: settled,
  masquerade: settled,
  rules: settled,
  sourceRules: settled,
  sources: settled,
  blockingPeers: [],
  podGate: undefined,
  failingRoutes: [],
  conflist: settled,
}
const problems = (facts: Partial<Facts>) =>
  allConditions({ ...good, ...facts })
    .filter((c) => !c.ok)
    .map((c) => `${c.name}: ${c.detail}`)

describe('conditions', () => {
  it('all hold when everything is in place', () => {
    expect(problems({})).to.deep.equal([])
  })

  it('name what is missing', () => {
    expect(problems({ nodesSynced: false })).to.deep.equal(['node: the Nodes are not known yet'])
    expect(problems({ local: undefined })).to.deep.equal(['node: there is no Node node-1'])
    expect(problems({ local: testNode(1, { podCIDRs: [] }) })).to.deep.equal([
      'node: Node node-1 has no podCIDR',
    ])
    expect(problems({ local: testNode(1, { internalIPs: [] }) })).to.deep.equal([
      'node: Node node-1 has no InternalIP or ExternalIP',
    ])
    expect(problems({ bridge: { ...settled, desired: 0 } })).to.deep.equal(['bridge: nothing planned yet'])
    expect(problems({ rules: { ...settled, pending: 1 } })).to.deep.equal(['masquerade: 1 pending'])
    expect(problems({ addresses: { ...settled, failed: 1 } })).to.deep.equal(['bridge: 1 failing'])
    expect(problems({ bridge: { ...settled, failed: 1, error: 'kube-bridge is a veth' } })).to.deep.equal([
      'bridge: 1 failing: kube-bridge is a veth',
    ])
    expect(problems({ local: testNode(1, { podCIDRs: ['10.0.0.0/32'] }) })).to.deep.equal([
      'node: Node node-1 has no podCIDR that can be used: spec.podCIDRs[0]: too small for pods: 10.0.0.0/32',
    ])
    expect(problems({ masquerade: { ...settled, pending: 2 } })).to.deep.equal(['masquerade: 2 pending'])
    expect(problems({ blockingPeers: ['node-2'] })).to.deep.equal(['peers: waiting for node-2'])
    expect(problems({ podGate: 'not synced' })).to.deep.equal(['others: not synced'])
    expect(problems({ sources: { ...settled, desired: 0 } }), 'no pod runs').to.deep.equal([])
    expect(problems({ sourceRules: { ...settled, failed: 1, error: 'not supported' } })).to.deep.equal([
      'source-check: 1 failing: not supported: pods are not kept from sending with the addresses of others; the kernel needs CONFIG_NF_TABLES_BRIDGE, or set podNetwork.sourceCheck to false',
    ])
    expect(problems({ conflist: { ...settled, pending: 1 } })).to.deep.equal(['conflist: 1 pending'])
  })
})
