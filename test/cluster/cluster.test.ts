/** The cluster tier: one lab, started by the command that users run, walked through, hurt, and stopped. */
import { expect } from 'chai'
import { checklist } from './checklist.ts'
import { faults } from './faults.ts'
import { killed } from './hitless.ts'
import { hostile } from './hostile.ts'
import { lab } from './lab.ts'
import { liveConfig } from './live-config.ts'
import { nothingLeft } from './nothing-left.ts'
import { kubectlPlugin } from './plugin.ts'
import { privileges } from './privileges.ts'
import { restarts } from './restart.ts'
import { serviceAddresses } from './service-addresses.ts'
import { upstream } from './upstream.ts'
import { walkThrough } from './walk-through.ts'

describe('the lab', function () {
  this.timeout(300_000)

  before('npm run lab', async function () {
    this.timeout(900_000)
    const { code, output } = await lab('up', '--e2e')
    expect(code, output.slice(-2000)).to.equal(0)
  })

  walkThrough()
  privileges()
  kubectlPlugin()
  checklist()
  liveConfig()
  faults()
  hostile()
  restarts()
  killed()
  serviceAddresses()
  upstream()
  nothingLeft()

  after('npm run lab -- down', async () => {
    await lab('down')
  })
})
