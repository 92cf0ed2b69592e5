import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { machineTime, timeBetween } from './machine-time.ts'

describe('the time that a machine takes', () => {
  it('is that of its processes and of those that they started, while they work and not while they are stopped', async () => {
    const work = 'while :; do :; done & echo $!; wait'
    const child = spawn('bash', ['-c', work], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const [data] = (await once(child.stdout, 'data')) as [Buffer]
      const worker = Number(data.toString())
      const start = machineTime([child.pid!])
      while (timeBetween(start, machineTime([child.pid!])) < 50) await new Promise(setImmediate)
      process.kill(worker, 'SIGSTOP')
      const stopped = machineTime([child.pid!])
      expect(timeBetween(start, stopped)).to.be.at.least(50)
      process.kill(worker, 'SIGKILL')
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('counts a thread that began meanwhile from zero, and forgets one that ended', () => {
    const before = new Map([
      ['1', 10],
      ['2', 5],
    ])
    expect(timeBetween(before, new Map([['1', 12], ['3', 4]]))).to.equal(6) // biome-ignore format: short
  })
})
