/** Addresses of Services at the lab's router: a lab of its own, by `npm test -- service-addresses`. */
import { expect } from 'chai'
import { lab } from '../cluster/lab.ts'
import { serviceAddresses, servicesThroughUpgrades } from '../cluster/service-addresses.ts'

describe('the lab, with addresses of Services at its router', function () {
  this.timeout(300_000)

  before('npm run lab', async function () {
    this.timeout(900_000)
    const { code, output } = await lab('up')
    expect(code, output.slice(-2000)).to.equal(0)
  })

  serviceAddresses()
  servicesThroughUpgrades()

  after('npm run lab -- down', async () => {
    await lab('down')
  })
})
