/** A few of upstream Kubernetes' own end-to-end tests; `npm run e2e` runs all that concern podroute. */
import { join } from 'node:path'
import { expect } from 'chai'
import { STATE } from '../../lab/state.ts'
import { startDns } from '../../lab/upstream/dns.ts'
import { focusOn, SHORT } from '../e2e/cases.ts'
import type { Results } from '../e2e/report.ts'
import { runSuite } from '../e2e/suite.ts'

/** Cases at the same time. */
const PROCESSES = 3

export function upstream(): void {
  describe('upstream’s end-to-end tests', () => {
    let results: Results = { cases: [], failures: [] }

    before('run them', async function () {
      this.timeout(600_000)
      const started = performance.now()
      await startDns()
      results = await runSuite({
        focus: focusOn(SHORT),
        skip: [],
        processes: PROCESSES,
        directory: join(STATE, 'e2e'),
        onCase: (line) => void process.stdout.write(`      ${line}\n`),
      })
      process.stdout.write(`      took ${Math.round((performance.now() - started) / 1000)} s\n`)
    })

    it('run without trouble outside of the cases, each once', () => {
      expect(results.failures).to.deep.equal([])
      expect(results.cases).to.have.length(SHORT.length)
    })

    for (const title of SHORT) {
      it(title, () => {
        const found = results.cases.find(({ name }) => name.startsWith(`[sig-network] ${title}`))
        expect(found?.outcome, found?.reason ?? 'it did not run').to.equal('passed')
      })
    }
  })
}
