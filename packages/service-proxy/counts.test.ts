import { expect } from 'chai'
import { countServices } from './counts.ts'
import type { Frontend } from './plan/frontend.ts'

describe('counts of Services', () => {
  it('hold those of which a port leads nowhere, and problems by their codes', () => {
    const frontend = (endpoints: number) =>
      ({ destinations: Array(endpoints).fill({}) }) as unknown as Frontend
    const frontends = new Map([
      ['default/both', [frontend(2), frontend(0)]],
      ['default/good', [frontend(1)]],
    ])
    const counts = countServices({
      services: ['default/both', 'default/good', 'default/headless'].map((key) => ({ key })),
      frontends: { of: (key) => frontends.get(key) ?? [] },
      problems: [{ code: 'CONFLICT' }, { code: 'ADDRESS_REFUSED' }, { code: 'CONFLICT' }],
      servers: 3,
    })
    expect(counts).to.deep.equal({
      ...{ services: 3, withoutEndpoints: 1, servers: 3 },
      problems: new Map([
        ['CONFLICT', 2],
        ['ADDRESS_REFUSED', 1],
      ]),
    })
  })
})
