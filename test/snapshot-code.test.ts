/** A snapshot with the code of few of Node.js's modules is smaller, and starts all the same. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { keepCodeOf, LOADED_AT_START } from '../deploy/snapshot-code.ts'

/** Loads modules with code and without it, in a thread of its own, too. */
const PROGRAM = `
process.getBuiltinModule('v8').startupSnapshot.setDeserializeMainFunction(() => {
  const loaded = ['https', 'cluster', 'readline'].map((name) => typeof process.getBuiltinModule(name))
  const { Worker } = process.getBuiltinModule('worker_threads')
  const worker = new Worker("require('worker_threads').parentPort.postMessage(typeof require('dgram'))", { eval: true, execArgv: [] })
  worker.on('message', (inThread) => console.log(JSON.stringify([...loaded, inThread])))
})
`

describe('the code of Node.js in the startup snapshot', () => {
  let directory: string
  let blob: string
  before(function () {
    this.timeout(60_000)
    directory = mkdtempSync(join(tmpdir(), 'podroute-code-'))
    blob = join(directory, 'program.blob')
    const program = join(directory, 'program.cjs')
    writeFileSync(program, PROGRAM)
    execFileSync(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', program])
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  it('goes, but for what a start loads: it starts from the rest, threads too', () => {
    const whole = readFileSync(blob)
    const kept = keepCodeOf(LOADED_AT_START, whole)
    expect(kept.length).to.be.below(whole.length - 3_000_000)
    const smaller = join(directory, 'smaller.blob')
    writeFileSync(smaller, kept)
    const args = [`--snapshot-blob=${smaller}`, 'program']
    const said = execFileSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()
    expect(JSON.parse(said)).to.deep.equal(['object', 'object', 'object', 'object'])
  })

  it('is that of the modules that are named', () => {
    const whole = readFileSync(blob)
    expect(() => keepCodeOf(['no/such/module'], whole)).to.throw(RangeError, 'no module no/such/module')
    expect(keepCodeOf([], whole).length).to.be.below(keepCodeOf(LOADED_AT_START, whole).length)
  })

  it('is looked for in vain where there is none, or more behind it', () => {
    const whole = readFileSync(blob)
    expect(() => keepCodeOf([], Buffer.alloc(1000))).to.throw(RangeError, 'no code of modules')
    expect(() => keepCodeOf([], Buffer.concat([whole, Buffer.from('more')]))).to.throw(RangeError)
  })
})
