import { parseSlice } from '@podroute/cluster/objects/parse-slice.ts'
import { expect } from 'chai'
import { testService } from '../testing/fake-services.ts'
import { servedByRule } from './by-rule.ts'

type Conditions = { ready?: boolean; serving?: boolean; terminating?: boolean }

const slice = (...endpoints: readonly (readonly [string, string, Conditions?])[]) =>
  parseSlice({
    metadata: { namespace: 'shop', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    ...{ addressType: 'IPv4', ports: [{ port: 80 }] },
    endpoints: endpoints.map(([address, nodeName, conditions = {}]) => ({
      ...{ addresses: [address], nodeName, conditions },
    })),
  })!

describe('what another proxy serves at an address', () => {
  const facts = {
    nodeName: 'here',
    zone: '',
    isTaken: (a: string) => a === '198.51.100.9',
    isAllowed: () => true,
  }
  const answers = (policy: string, ...slices: Parameters<typeof servedByRule>[1]) =>
    servedByRule(
      testService('web', { externalTrafficPolicy: policy, externalIPs: ['198.51.100.9', '198.51.100.10'] }),
      slices,
      facts,
    ).map(({ address, answer }) => `${address} ${answer}`)

  it('follows the rule of our own: ready ones, else those that still serve while they terminate', () => {
    const leaving = { ready: false, serving: true, terminating: true }
    expect(answers('Local', slice(['10.244.1.2', 'here'], ['10.244.2.2', 'there']))).to.include(
      '198.51.100.10 serving',
    )
    expect(answers('Local', slice(['10.244.2.2', 'there']))).to.deep.equal([
      ...['10.96.0.9 serving', '198.51.100.10 none'],
    ])
    expect(answers('Local', slice(['10.244.1.2', 'here', leaving]))).to.include('198.51.100.10 leaving')
    expect(answers('Cluster', slice(['10.244.1.2', 'here', { ready: false }]))).to.include(
      '198.51.100.10 none',
    )
  })

  it('is nothing at an address that somebody has, nor at one that Services may not have', () => {
    const service = testService('web', { externalIPs: ['198.51.100.10'] })
    const found = servedByRule(service, [], { ...facts, isAllowed: () => false })
    expect(found.map(({ kind }) => kind)).to.deep.equal(['cluster-ip'])
  })
})
