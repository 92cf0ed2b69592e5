import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { pagesOf, releaseProgram, releaseSnapshot, snapshotPages } from './snapshot-pages.ts'

/** Releases the snapshot that it was started from, and then starts a thread, which is made of it as well. */
const PROGRAM = `
const { createRequire } = process.getBuiltinModule('module')
const fs = process.getBuiltinModule('fs')
const anonymous = () => Number(/^RssAnon:\\s+(\\d+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
globalThis.ballast = Array.from({ length: 50_000 }, (_, index) => 'text ' + index)
process.getBuiltinModule('v8').startupSnapshot.setDeserializeMainFunction(() => {
  const [, , module, blob] = process.argv
  const { releaseSnapshot } = createRequire(module)(module)
  // The heap's pages for what lives shortly are in use before it is measured.
  for (let warm = 0; warm < 500; warm++) anonymous()
  const before = anonymous()
  const released = releaseSnapshot(blob)
  const saved = before - anonymous()
  const { Worker } = process.getBuiltinModule('worker_threads')
  const worker = new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true, execArgv: [] })
  worker.on('message', (answer) => console.log(JSON.stringify({ released, saved, answer, last: ballast.at(-1) })))
})
`

describe('the memory of the startup snapshot', () => {
  let directory: string
  let blob: string
  before(function () {
    this.timeout(60_000)
    directory = mkdtempSync(join(tmpdir(), 'podroute-snapshot-'))
    blob = join(directory, 'program.blob')
    const program = join(directory, 'program.cjs')
    writeFileSync(program, PROGRAM)
    execFileSync(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', program])
    writeFileSync(pagesOf(blob), snapshotPages(readFileSync(blob), process.versions.v8))
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  const run = () => {
    const module = join(import.meta.dirname, 'snapshot-pages.ts')
    const args = [`--snapshot-blob=${blob}`, 'program', module, blob]
    return JSON.parse(
      execFileSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    )
  }

  it('is given back, and what is in it is there all the same, also for threads that start later', () => {
    const { released, saved, answer, last } = run()
    expect(released)
      .to.be.above(1_000_000)
      .and.equal(readFileSync(pagesOf(blob)).length)
    expect(saved).to.be.above(released * 0.9)
    expect([answer, last]).to.deep.equal([42, 'text 49999'])
  })

  it('stays from where on the file has anything else', () => {
    const pages = readFileSync(pagesOf(blob))
    const other = Buffer.from(pages)
    other[1_500_000]! ^= 1
    writeFileSync(pagesOf(blob), other)
    try {
      expect(run()).to.include({ released: 1 << 20, answer: 42, last: 'text 49999' })
    } finally {
      writeFileSync(pagesOf(blob), pages)
    }
  })

  it('is nothing where the agent was started from its sources', () => {
    expect(releaseSnapshot(undefined)).to.equal(0)
  })

  it('is not looked for in a file that Node.js lays out in another way: the build says so', () => {
    expect(() => snapshotPages(Buffer.alloc(100_000), process.versions.v8)).to.throw(RangeError)
    expect(() => snapshotPages(readFileSync(blob), 'no such version')).to.throw(/snapshot-pages/)
  })
})

describe('the pages of Node.js itself', () => {
  const ofFiles = () => Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

  it('are given back, and come again where they are used', () => {
    const before = ofFiles()
    releaseProgram()
    expect(ofFiles()).to.be.below(before - 10_000)
    expect(JSON.parse('[1, "two"]')).to.deep.equal([1, 'two'])
  })
})
