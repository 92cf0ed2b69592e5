import { expect } from 'chai'
import { readEnd } from './policy-conformance.ts'

describe('the output of the conformance suite', () => {
  it('says of each case and its parts how it ended', () => {
    expect(
      readEnd('    --- PASS: TestConformance/CNPEgressTCP/Should_support_an_allow (1.52s)'),
    ).to.deep.equal({
      ...{ name: 'CNPEgressTCP/Should_support_an_allow', outcome: 'passed', seconds: 1.52, reason: '' },
    })
    expect(readEnd('--- FAIL: TestConformance/CNPPriority (60.00s)')?.outcome).to.equal('failed')
    expect(readEnd('    --- SKIP: TestConformance/CNPNodes (0.00s)')?.outcome).to.equal('could not run')
  })

  it('says it in the form for test2json, too', () => {
    const text = '\x16--- PASS: TestConformance/CNPEgressTCP/Should_support_an_allow (1.52s)'
    expect(readEnd(text)?.name).to.equal('CNPEgressTCP/Should_support_an_allow')
  })

  it('says nothing else', () => {
    for (const line of [
      '=== RUN   TestConformance/CNPPriority',
      '--- FAIL: TestConformance (90.00s)',
      '\x16--- FAIL: TestConformance (90.00s)',
      'PASS',
      '',
    ])
      expect(readEnd(line), line).to.equal(undefined)
  })
})
