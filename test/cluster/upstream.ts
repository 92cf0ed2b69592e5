/** A few of upstream Kubernetes' own end-to-end tests; `npm run e2e` runs all that concern podroute. */
import { join } from 'node:path'
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { STATE } from '../../lab/state.ts'
import { startDns } from '../../lab/upstream/dns.ts'
import { buildUpstream } from '../../lab/upstream/programs.ts'
import { CHECKLIST } from '../checklist.ts'
import { focusOn, impossible, SHORT, SHORT_NETPOL } from '../e2e/cases.ts'
import type { Results } from '../e2e/report.ts'
import { runSuite } from '../e2e/suite.ts'

const TITLES = [...SHORT, ...SHORT_NETPOL]

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
        focus: focusOn(TITLES),
        skip: [],
        processes: PROCESSES,
        directory: join(STATE, 'e2e'),
        onCase: (line) => void process.stdout.write(`      ${line}\n`),
      })
      process.stdout.write(`      took ${Math.round((performance.now() - started) / 1000)} s\n`)
    })

    it('run without trouble outside of the cases, each once', () => {
      expect(results.failures).to.deep.equal([])
      expect(results.cases).to.have.length(TITLES.length)
    })

    it('are there, and can run, wherever the checklist names them', async () => {
      const listing = await run(join(await buildUpstream(), 'e2e.test'), ['--list-tests'])
      const names = listing.split('\n').flatMap((line) => line.split('[sig-network] ')[1] ?? [])
      const wanted = CHECKLIST.flatMap((line) => line.upstream)
      expect(wanted.filter((title) => !names.some((name) => name.startsWith(title)))).to.deep.equal([])
      expect(wanted.filter(impossible)).to.deep.equal([])
    })

    for (const title of TITLES) {
      it(title, () => {
        const found = results.cases.find(({ name }) => name.startsWith(`[sig-network] ${title}`))
        expect(found?.outcome, found?.reason ?? 'it did not run').to.equal('passed')
      })
    }
  })
}
