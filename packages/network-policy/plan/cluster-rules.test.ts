import type { ClusterNetworkPolicyObject } from '@podroute/cluster/objects/cluster-network-policy.ts'
import { parseClusterNetworkPolicy } from '@podroute/cluster/objects/parse-cluster-network-policy.ts'
import { expect } from 'chai'
import { startNode } from '../testing/started-node.ts'

type Spec = NonNullable<ClusterNetworkPolicyObject['spec']>

const [WEB, OTHER, OUTSIDE] = ['10.244.1.2', '10.244.1.3', '203.0.113.5']
const EVERYBODY = { namespaces: {} }

async function start() {
  const node = await startNode()
  node.state.subscribe('clusternetworkpolicies', {
    changed: () => node.enforcement.clusterChanged(),
    synced() {},
  })
  node.pod('web', 'web', WEB)
  node.pod('other', 'other', OTHER)
  const cluster = (name: string, spec: Partial<Spec>) =>
    node.state.set('clusternetworkpolicies', name, {
      spec: { tier: 'Admin', priority: 10, subject: EVERYBODY, ...spec },
    })
  const becomes = async () => {
    expect((await node.flush()).failed).to.equal(0)
    expect([...node.enforcement.pending()]).to.deep.equal([])
  }
  return { ...node, cluster, becomes }
}

describe('policies of the cluster', () => {
  it('of the tier Admin decide before NetworkPolicies, in the order of their priority', async () => {
    const { cluster, policy, may, becomes, state } = await start()
    policy('deny', { podSelector: {} })
    cluster('accept', { ingress: [{ action: 'Accept', from: [EVERYBODY] }] })
    await becomes()
    expect([may(OTHER, WEB), may(OUTSIDE, WEB)]).to.deep.equal([true, false])
    cluster('deny', {
      priority: 5,
      ingress: [
        { action: 'Deny', from: [EVERYBODY], protocols: [{ tcp: { destinationPort: { number: 80 } } }] },
      ],
    })
    await becomes()
    expect([may(OTHER, WEB), may(OTHER, WEB, 81)]).to.deep.equal([false, true])
    cluster('pass', { priority: 1, ingress: [{ action: 'Pass', from: [EVERYBODY] }] })
    await becomes()
    expect([may(OTHER, WEB), may(OTHER, WEB, 81)], 'the NetworkPolicy decides').to.deep.equal([false, false])
    state.delete('networkpolicies', 'shop/deny')
    await becomes()
    expect([may(OTHER, WEB), may(OUTSIDE, WEB)], 'nobody denies').to.deep.equal([true, true])
  })

  it('of the tier Baseline decide where no NetworkPolicy isolates', async () => {
    const { cluster, policy, may, becomes } = await start()
    cluster('base', { tier: 'Baseline', ingress: [{ action: 'Deny', from: [EVERYBODY] }] })
    await becomes()
    expect([may(OTHER, WEB), may(OUTSIDE, WEB)]).to.deep.equal([false, true])
    policy('own', { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] })
    await becomes()
    expect([may(OTHER, WEB), may(OUTSIDE, WEB)]).to.deep.equal([true, false])
  })

  it('judge a pod that reaches itself, as NetworkPolicies do not', async () => {
    const { cluster, policy, may, becomes } = await start()
    policy('deny', { podSelector: {} })
    await becomes()
    expect(may(WEB, WEB)).to.equal(true)
    cluster('deny', { ingress: [{ action: 'Deny', from: [EVERYBODY] }] })
    await becomes()
    expect(may(WEB, WEB)).to.equal(false)
  })

  it('know nodes by their labels and addresses, as they are now', async () => {
    const { cluster, may, becomes, state, enforcement } = await start()
    const node = (labels: Record<string, string>, address: string) => {
      state.set('nodes', 'n', { name: 'n', podCIDRs: [], internalIPs: [address], ready: true, labels })
      enforcement.clusterChanged()
    }
    const nodes = { matchLabels: { role: 'control' } }
    cluster('nodes', { egress: [{ action: 'Deny', to: [{ nodes }] }] })
    node({ role: 'control' }, '192.0.2.1')
    await becomes()
    expect([may(WEB, '192.0.2.1'), may(WEB, '192.0.2.2')]).to.deep.equal([false, true])
    node({ role: 'control' }, '192.0.2.2')
    await becomes()
    expect([may(WEB, '192.0.2.1'), may(WEB, '192.0.2.2')]).to.deep.equal([true, false])
    node({}, '192.0.2.2')
    await becomes()
    expect(may(WEB, '192.0.2.2')).to.equal(true)
  })

  it('judge what a pod sends to its own node, as NetworkPolicies do not', async () => {
    const { cluster, policy, may, mayToNode, becomes, state, kernel } = await start()
    const NODE = '192.0.2.1'
    const tries = () => [mayToNode(WEB, NODE), mayToNode(WEB, NODE, 81)]
    const chains = () => [...(kernel.nft.tables.get('inet podroute-network-policy')?.chains.keys() ?? [])]
    policy('deny', { podSelector: {}, policyTypes: ['Egress'] })
    await becomes()
    expect([may(WEB, NODE), ...tries()]).to.deep.equal([false, true, true])
    expect(chains(), 'nothing that the node gets comes by').to.not.include('judge-node')
    const protocols = [{ tcp: { destinationPort: { number: 80 } } }]
    cluster('admin', { egress: [{ action: 'Deny', to: [{ networks: ['192.0.2.0/24'] }], protocols }] })
    await becomes()
    expect(tries()).to.deep.equal([false, true])
    cluster('base', { tier: 'Baseline', egress: [{ action: 'Deny', to: [{ networks: ['192.0.2.0/24'] }] }] })
    await becomes()
    expect(tries(), 'a NetworkPolicy isolates').to.deep.equal([false, true])
    state.delete('networkpolicies', 'shop/deny')
    await becomes()
    expect(tries(), 'none does').to.deep.equal([false, false])
    cluster('admin', { egress: [{ action: 'Accept', to: [{ networks: ['192.0.2.0/24'] }], protocols }] })
    await becomes()
    expect(tries()).to.deep.equal([true, false])
    for (const name of ['admin', 'base']) state.delete('clusternetworkpolicies', name)
    await becomes()
    expect(chains()).to.deep.equal([])
  })

  it('fail closed where they say what is not known', () => {
    const parse = (...egress: NonNullable<Spec['egress']>) =>
      parseClusterNetworkPolicy({ spec: { tier: 'Admin', priority: 1, subject: EVERYBODY, egress } }, 'p')
    const DENY_ALL = { action: 'deny', peers: undefined, ports: undefined }
    const to = [{ networks: ['10.0.0.0/8'] }]
    for (const action of ['Deny', 'Pass', 'Other'])
      for (const rule of [
        { action, to: [{}] },
        { action, to: [] },
        { action, to, protocols: [{}] },
      ])
        expect(parse(rule).egress, JSON.stringify(rule)).to.deep.equal([DENY_ALL])
    const names = parse({ action: 'Accept', to: [{ domainNames: ['*.example.org'] }, ...to] })
    expect(names.egress[0]!.peers).to.have.length(1)
    expect(names.problems).to.deep.equal([
      { path: 'spec.egress[0].to[0]', reason: 'domain names are not supported' },
    ])
    expect(parse({ action: 'Accept', to: [{ networks: ['junk'] }] }).egress[0]!.peers).to.deep.equal([])
    expect(parse({ action: 'Deny', to: [{ networks: ['junk'] }] }).egress).to.deep.equal([DENY_ALL])
    expect(parseClusterNetworkPolicy({ spec: { tier: 'X' } }, 'p').problems).to.have.length(2)
  })
})
