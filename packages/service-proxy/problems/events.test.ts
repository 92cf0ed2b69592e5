import { makeEvent } from '@podroute/cluster/events/event.ts'
import { expect } from 'chai'
import type { Problem } from '../types.ts'
import { nodeStatement, statementOf } from './events.ts'

const problem: Problem = {
  code: 'ADDRESS_REFUSED',
  kind: 'Service',
  object: 'shop/web',
  uid: 'u-1',
  detail: '192.0.2.1: the address of a node',
}
const REPORTER = { controller: 'podroute.io/agent', instance: 'node-1' }
const NOW = new Date('2026-01-02T03:04:05.678Z')

describe('statementOf', () => {
  it('is about the object, from this node', () => {
    expect(makeEvent(statementOf(problem), REPORTER, NOW)).to.deep.equal({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: 'web-', namespace: 'shop' },
      eventTime: '2026-01-02T03:04:05.678000Z',
      type: 'Warning',
      reason: 'AddressRefused',
      action: 'ProxyService',
      note: 'not served: 192.0.2.1: the address of a node',
      reportingController: 'podroute.io/agent',
      reportingInstance: 'node-1',
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u-1' },
    })
  })

  it('is about the node where it cannot do Services at all', () => {
    const event = makeEvent(nodeStatement('the kernel has no IPVS', 'node-1'), REPORTER, NOW)
    expect(event.metadata).to.deep.equal({ generateName: 'node-1-', namespace: 'default' })
    expect([event.reason, event.note]).to.deep.equal(['ServicesUnavailable', 'the kernel has no IPVS'])
    const node = { apiVersion: 'v1', kind: 'Node', namespace: '', name: 'node-1', uid: 'node-1' }
    expect(event.regarding).to.deep.equal(node)
  })

  it('stays within what the API takes', () => {
    const long = {
      ...problem,
      kind: 'EndpointSlice',
      object: `shop/${'x'.repeat(48)}.${'x'.repeat(204)}`,
      detail: 'y'.repeat(5000),
    } as const
    const event = makeEvent(statementOf(long), REPORTER, NOW)
    expect(event.note.length).to.be.at.most(1024)
    expect(event.metadata.generateName).to.match(/^x{48}\.x-$/)
    expect(event.regarding.name).to.have.length(253)
  })
})
