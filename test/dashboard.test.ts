import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { DASHBOARD, dashboard } from '../deploy/observability/dashboard.ts'

describe('deploy/observability/dashboard.json', () => {
  it('is what node deploy/observability/dashboard.ts makes', () => {
    expect(JSON.parse(readFileSync(DASHBOARD, 'utf8'))).to.deep.equal(JSON.parse(JSON.stringify(dashboard())))
  })
})
