import { expect } from 'chai'
import { problemText } from './problem.ts'
import { parseServiceCidr } from './service-cidr.ts'

describe('ServiceCIDR', () => {
  it('keeps the ranges of both families in canonical form', () => {
    const { ranges, problems } = parseServiceCidr({ cidrs: ['10.96.0.7/16', 'FD10:96::/112'] })
    expect(ranges.map(({ text }) => text)).to.deep.equal(['10.96.0.0/16', 'fd10:96::/112'])
    expect(problems).to.deep.equal([])
  })

  it('skips what is wrong and names it, keeping the rest', () => {
    const { ranges, problems } = parseServiceCidr({ cidrs: ['::/0', 'nonsense', '10.96.0.0/16'] })
    expect(ranges.map(({ text }) => text)).to.deep.equal(['10.96.0.0/16'])
    expect(problems.map(problemText)).to.deep.equal([
      'spec.cidrs[0]: the whole address space: ::/0',
      'spec.cidrs[1]: not a prefix: nonsense',
    ])
  })
})
