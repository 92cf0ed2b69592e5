/** The dashboard, as the types that Grafana publishes have dashboards. */
import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { DASHBOARD } from '../../deploy/observability/dashboard.ts'
import { attempt } from '../../lab/command.ts'
import { buildGrafanaCheck } from '../../lab/tools/grafana.ts'

describe('the dashboard for Grafana', function () {
  // The program is built where it is not there yet.
  this.timeout(600_000)
  let check: string
  before(async () => {
    check = await buildGrafanaCheck()
  })
  const problemsOf = async (input: string) => {
    const { code, stderr } = await attempt(check, [], { input })
    return code === 0 ? '' : stderr.trim()
  }

  it('has every key that Grafana needs, none that it does not know, and each of the right type', async () => {
    expect(await problemsOf(await readFile(DASHBOARD, 'utf8'))).to.equal('')
  })

  it('would not be taken with a key that nobody knows, nor without a type of a panel', async () => {
    const [row, panel, ...others] = JSON.parse(await readFile(DASHBOARD, 'utf8')).panels
    const withPanel = async (one: object) =>
      JSON.stringify({ ...JSON.parse(await readFile(DASHBOARD, 'utf8')), panels: [row, one, ...others] })
    expect(await problemsOf(await withPanel({ ...panel, colour: 'red' }))).to.include('colour')
    expect(await problemsOf(await withPanel({ ...panel, type: undefined }))).to.include('type')
  })
})
