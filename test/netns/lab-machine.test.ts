import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { buildTools } from '../../lab/tools/build.ts'

/** What the program that starts a machine says when `script` is the machine, once both have ended. */
async function startMachine(socket: string, script: string): Promise<string> {
  const child = spawn(await buildTools(), ['machine', socket, 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // The machine inherits standard error: it is open for as long as one of them lives.
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  expect(code).to.equal(1)
  return said
}

describe('the program that starts a machine of the lab, and the machine with it', function () {
  this.timeout(20_000)

  it('end when nobody could reach the machine', async () => {
    const said = await startMachine('/nonexistent/agent.sock', `printf '\\026' >&3; exec sleep 60`)
    expect(said).to.include('/nonexistent/agent.sock')
  })

  it('end when its serial line does not start as it should', async () => {
    expect(await startMachine('/nonexistent/agent.sock', 'printf x >&3; exec sleep 60')).to.include('0x78')
  })
})
