import { expect } from 'chai'
import { makeEvent, regardingNode, type Statement } from './event.ts'

const REPORTER = { controller: 'podroute.io/agent', instance: 'node-1' }
const NOW = new Date('2026-01-02T03:04:05.678Z')
const statement: Statement = {
  regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u-1' },
  reason: 'AddressRefused',
  note: 'not served: 192.0.2.1',
  type: 'Warning',
  action: 'ProxyService',
}

describe('makeEvent', () => {
  it('says who says what about which object, and when', () => {
    expect(makeEvent(statement, REPORTER, NOW)).to.deep.equal({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: 'web-', namespace: 'shop' },
      eventTime: '2026-01-02T03:04:05.678000Z',
      ...statement,
      reportingController: 'podroute.io/agent',
      reportingInstance: 'node-1',
    })
  })

  it('says how often something like it happened', () => {
    const series = { count: 12, lastObservedTime: '2026-01-02T03:04:05.678000Z' }
    expect(makeEvent(statement, REPORTER, NOW, 12).series).to.deep.equal(series)
  })

  it('keeps what is about a Node in the namespace `default`', () => {
    const event = makeEvent({ ...statement, regarding: regardingNode('node-1') }, REPORTER, NOW)
    expect(event.metadata).to.deep.equal({ generateName: 'node-1-', namespace: 'default' })
  })

  it('stays within what the API takes', () => {
    const regarding = { ...statement.regarding, name: `${'x'.repeat(48)}.${'x'.repeat(204)}` }
    const event = makeEvent({ ...statement, regarding, note: 'y'.repeat(5000) }, REPORTER, NOW)
    expect(event.note).to.equal('y'.repeat(1024))
    const euros = makeEvent({ ...statement, note: '€'.repeat(5000) }, REPORTER, NOW).note
    expect([euros, Buffer.byteLength(euros)]).to.deep.equal(['€'.repeat(341), 1023])
    const long = { ...REPORTER, instance: 'n'.repeat(253) }
    expect(makeEvent(statement, long, NOW).reportingInstance).to.equal('n'.repeat(128))
    expect(event.metadata.generateName).to.match(/^x{48}\.x-$/)
    expect(event.regarding.name).to.have.length(253)
  })
})
