import { expect } from 'chai'
import { nodesPage } from './pages.ts'
import type { KeyReport } from './status.ts'

const report = (more: Partial<KeyReport>): KeyReport => ({
  ...{ name: 'node-2', kind: 'node', podCIDRs: ['10.244.2.0/24'], addresses: ['172.30.0.12'] },
  ...{ state: 'in-place', for: 90_000, reasons: [] },
  ...more,
})
const rowOf = (more: Partial<KeyReport>) => {
  const page = nodesPage(() => [report(more)])
  return page.tables(page.data())[0]?.rows[0]
}

describe('podroute nodes', () => {
  it('shows each Node with since when it is reached', () => {
    expect(rowOf({})).to.deep.equal([
      'node-2',
      'node',
      '10.244.2.0/24',
      '172.30.0.12',
      'in-place',
      '1m30s',
      '',
    ])
  })

  it('shows every reason why one is not', () => {
    const reasons = ['no BGP session with 172.30.0.12', '10.244.2.0/24 is kept from before']
    expect(rowOf({ state: 'pending', for: undefined, reasons })?.slice(4)).to.deep.equal([
      'pending',
      '',
      'no BGP session with 172.30.0.12; 10.244.2.0/24 is kept from before',
    ])
  })
})
