import { expect } from 'chai'
import { parseAsn, parseClusterId, readAnnotated } from './role.ts'

describe('annotations of a Node', () => {
  it('take a cluster ID as a number or in dotted form (A19)', () => {
    for (const text of ['42', '0.0.0.42']) expect(parseClusterId(text), text).to.equal(42)
    expect(parseClusterId('192.0.2.1')).to.equal(0xc0000201)
    expect(parseClusterId('4294967295')).to.equal(0xffffffff)
    for (const text of [
      '',
      '0',
      '0.0.0.0',
      'cluster-a',
      '-1',
      '4294967296',
      '1.2.3',
      '1.2.3.256',
      '042',
      '4 2',
    ])
      expect(parseClusterId(text), text).to.equal(undefined)
  })

  it('take an AS number that is not reserved', () => {
    expect(parseAsn('64601')).to.equal(64601)
    expect(parseAsn('4200000000')).to.equal(4200000000)
    for (const text of ['0', '23456', '65535', '4294967295', 'AS1', '1.5', ''])
      expect(parseAsn(text), text).to.equal(undefined)
  })

  it('are ours before those of kube-router, and a node with both is a server', () => {
    const { annotated } = readAnnotated({
      'kube-router.io/rr.server': '7',
      'podroute.io/rr.server': '0.0.0.42',
      'kube-router.io/rr.client': '42',
      'kube-router.io/node.asn': '64601',
    })
    expect(annotated).to.deep.equal({ role: { kind: 'server', cluster: 42 }, asn: 64601 })
  })

  it('keep what was valid before, and say what is not and what it should be', () => {
    const { annotated: before } = readAnnotated({
      'podroute.io/rr.client': '42',
      'podroute.io/node.asn': '64601',
    })
    const wrong = { 'podroute.io/rr.client': 'cluster-a', 'podroute.io/node.asn': '0' }
    const { annotated, problems } = readAnnotated(wrong, before)
    expect(annotated).to.deep.equal(before)
    expect(problems.map(({ name, problem }) => `${name}: ${problem}`)).to.deep.equal([
      'podroute.io/rr.client: "cluster-a" is no cluster ID such as 42 or 0.0.0.42',
      'podroute.io/node.asn: "0" is no AS number from 1 to 4294967294 that is not reserved',
    ])
    expect(readAnnotated({}, before).annotated).to.deep.equal({ role: { kind: 'none' }, asn: undefined })
  })
})
