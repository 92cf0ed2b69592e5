import { ApiStatusError } from '@podroute/cluster/errors.ts'
import type { ClusterNetworkPolicyObject } from '@podroute/cluster/objects/cluster-network-policy.ts'
import { ClusterState } from '@podroute/cluster/state.ts'
import { silent } from '@podroute/reconcile/log.ts'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import { PolicyStatuses } from './policy-statuses.ts'

const NAME = 'admin'
const rule = (to: object) => ({ action: 'Accept', to: [to] })
const FINE = rule({ namespaces: {} })
const NAMES = rule({ domainNames: ['example.org'] })

/** Some agents of one cluster, whose API server applies what they write. */
function agents(...moments: number[]) {
  const state = new ClusterState()
  const clock = new ManualClock()
  const writes: object[] = []
  let object: ClusterNetworkPolicyObject = {}
  let refusal: Error | undefined
  const set = (change: ClusterNetworkPolicyObject) => {
    object = { ...object, ...change }
    state.set('clusternetworkpolicies', NAME, object)
  }
  const client = async () => ({
    async patchJson(path: string, patch: unknown) {
      const { body } = patch as { body: { status: ClusterNetworkPolicyObject['status'] } }
      writes.push({ path, ...body.status })
      if (refusal) throw refusal
      set({ status: body.status })
    },
  })
  const all = moments.map((moment) => {
    const policies = state.clusterNetworkPolicies
    const wall = () => new Date(1_800_000_000_000 + clock.now())
    const one = new PolicyStatuses({ client, policies, clock, wall, random: () => moment, log: silent })
    state.subscribe('clusternetworkpolicies', {
      changed: (name, _before, policy) => one.changed(name, policy),
      synced() {},
    })
    return one
  })
  const policy = (generation: number, ...egress: object[]) =>
    set({
      metadata: { uid: 'u-1', generation },
      spec: { tier: 'Admin', priority: 1, subject: { namespaces: {} }, egress },
    } as ClusterNetworkPolicyObject)
  const pass = async (milliseconds: number) => {
    clock.advance(milliseconds)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const refuse = (error: Error | undefined) => {
    refusal = error
  }
  return { all, writes, policy, set, pass, refuse, state }
}

describe('the status of ClusterNetworkPolicies', () => {
  it('is written once by all agents together, and again only when the policy changes', async () => {
    const { writes, policy, pass } = agents(0.9, 0.1, 0.5)
    policy(1, FINE)
    await pass(500)
    await pass(10_000)
    const condition = { type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 1 }
    expect(writes).to.deep.equal([
      {
        path: '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/admin/status',
        conditions: [
          {
            ...condition,
            message: 'nothing of it is left out',
            lastTransitionTime: '2027-01-15T08:00:00Z',
          },
        ],
      },
    ])
    policy(2, FINE, FINE)
    await pass(500)
    await pass(3_600_000)
    expect(writes).to.have.length(2)
    // True since the first time.
    expect(writes[1]).to.deep.nested.include({
      'conditions[0].observedGeneration': 2,
      'conditions[0].lastTransitionTime': '2027-01-15T08:00:00Z',
    })
  })

  it('says that domain names are not enforced, and no more once they are gone', async () => {
    const { writes, policy, pass } = agents(0)
    policy(1, NAMES)
    await pass(1)
    expect(writes[0]).to.deep.nested.include({
      'conditions[0].status': 'False',
      'conditions[0].reason': 'InvalidField',
      'conditions[0].message':
        'these fields cannot be used and allow nothing: spec.egress[0].to[0]: domain names are not supported',
    })
    policy(2, FINE)
    await pass(1)
    expect(writes[1]).to.deep.nested.include({ 'conditions[0].status': 'True' })
  })

  it('is left for a while where another agent says something else of the same object', async () => {
    const { writes, policy, set, pass } = agents(0)
    policy(1, FINE)
    const other = { type: 'Accepted', status: 'False', reason: 'Odd', message: 'odd', observedGeneration: 1 }
    set({ status: { conditions: [other] } })
    await pass(599_000)
    expect(writes).to.have.length(0)
    await pass(2000)
    expect(writes).to.have.length(1)
  })

  it('is tried again where the API refuses it, and not of an object that is gone', async () => {
    const { all, writes, policy, pass, refuse, state } = agents(0)
    refuse(new ApiStatusError(403, 'forbidden'))
    policy(1, FINE)
    await pass(1)
    await pass(30_000)
    expect(writes).to.have.length(1)
    refuse(undefined)
    await pass(30_000)
    expect(writes).to.have.length(2)
    policy(2, FINE)
    state.delete('clusternetworkpolicies', NAME)
    await pass(120_000)
    expect(writes).to.have.length(2)
    policy(3, FINE)
    all[0]![Symbol.dispose]()
    await pass(120_000)
    expect(writes).to.have.length(2)
  })
})
