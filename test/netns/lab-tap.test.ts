import { expect } from 'chai'
import { run } from '../../lab/command.ts'

describe('the tap of a machine of the lab', () => {
  it('loses no frame of 4,000 connections that follow each other', async function () {
    this.timeout(180_000)
    const program = new URL('lab-tap-machine.ts', import.meta.url).pathname
    const twice = JSON.parse(await run('unshare', ['--net', process.execPath, program])) as number[]
    expect(twice.at(-1), `segments sent twice: ${twice.join(', ')}`).to.equal(0)
  })
})
