import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildSync } from 'esbuild'
import { BgpConfigError, BgpError } from '../errors.ts'
import { Bfd, type BfdDown, type BfdOptions } from './bfd.ts'

// Loopback addresses of this process's own.
const address = (last: number) => `127.${10 + (process.pid % 200)}.84.${last}`
const A = address(1)
const B = address(2)
const FAST = { desiredMinTx: 100, requiredMinRx: 100, detectMultiplier: 5 }

const open: Bfd[] = []

function make(options: BfdOptions = {}): Bfd {
  const bfd = new Bfd(options)
  open.push(bfd)
  return bfd
}

const isUp = (bfd: Bfd) => new Promise<string>((resolve) => bfd.once('up', resolve))
const isDown = (bfd: Bfd) => new Promise<BfdDown>((resolve) => bfd.once('down', resolve))

async function pair(options: BfdOptions = {}): Promise<{ a: Bfd; b: Bfd }> {
  const a = make(options)
  const b = make(options)
  a.addSession({ ...FAST, local: A, peer: B })
  b.addSession({ ...FAST, local: B, peer: A })
  expect(await Promise.all([isUp(a), isUp(b)])).to.deep.equal([B, A])
  return { a, b }
}

describe('Bfd', function () {
  this.timeout(20_000)

  afterEach(() => Promise.all(open.splice(0).map((bfd) => bfd.close())))

  it('brings a session up over real sockets and shows it', async () => {
    const { a } = await pair()
    expect(a.isUp(B)).to.equal(true)
    const { sessions } = await a.snapshot()
    expect(sessions[0]).to.deep.include({ peer: B, local: A, state: 'up', problem: undefined })
  })

  it('tells that the neighbour closed, which is no failure of the path (A13)', async () => {
    const { a, b } = await pair()
    const down = isDown(a)
    await b.close()
    expect(await down).to.deep.include({ peer: B, reason: 'neighbor-admin-down' })
    expect(a.isUp(B)).to.equal(false)
  })

  it('keeps sessions up while the main thread does nothing else for a second (A13)', async () => {
    const { a, b } = await pair()
    const downs: BfdDown[] = []
    for (const bfd of [a, b]) bfd.on('down', (down) => void downs.push(down))
    const end = performance.now() + 1000
    while (performance.now() < end);
    const { sessions } = await a.snapshot()
    expect(sessions[0]!.counters).to.include({ ups: 1, downs: 0 })
    expect(sessions[0]!.age).to.be.greaterThan(900)
    expect(downs).to.deep.equal([])
  })

  it('changes timers and the administrative state of a session', async () => {
    const { a, b } = await pair()
    a.updateSession(B, { desiredMinTx: 200, detectMultiplier: 10 })
    const down = isDown(b)
    a.updateSession(B, { adminDown: true })
    expect((await down).reason).to.equal('neighbor-admin-down')
    const up = isUp(b)
    a.updateSession(B, { adminDown: false })
    expect(await up).to.equal(A)
    const { sessions } = await b.snapshot()
    expect(sessions[0]!.remote).to.include({ detectMultiplier: 10 })
  })

  it('removes a session without an event and lets it be added again', async () => {
    const { a, b } = await pair()
    const down = isDown(b)
    a.on('down', () => expect.fail('a removed session said something'))
    a.removeSession(B)
    expect((await down).reason).to.equal('neighbor-admin-down')
    expect(a.isUp(B)).to.equal(undefined)
    const up = isUp(a)
    a.addSession({ ...FAST, local: A, peer: B })
    expect(await up).to.equal(B)
  })

  it('refuses a second session with a peer, sessions that it does not know, and work after its end', async () => {
    const bfd = make()
    bfd.addSession({ local: A, peer: B })
    expect(() => bfd.addSession({ local: A, peer: B })).to.throw(
      BgpConfigError,
      'peer: has a session already',
    )
    expect(() => bfd.removeSession('10.0.0.9'))
      .to.throw(BgpError)
      .with.property('code', 'unknown-peer')
    await bfd.close()
    expect(() => bfd.addSession({ local: A, peer: B }))
      .to.throw(BgpError)
      .with.property('code', 'closed')
    expect(await bfd.snapshot()).to.deep.equal({ sessions: [], discards: {} })
  })

  it('tells of an address that it cannot bind', async () => {
    const bfd = make()
    const problem = new Promise<{ peer: string; message: string }>((resolve) => bfd.once('problem', resolve))
    bfd.addSession({ local: '192.0.2.77', peer: '192.0.2.78' })
    expect(await problem).to.deep.include({ peer: '192.0.2.78' })
    expect((await problem).message).to.match(/EADDRNOTAVAIL/)
  })

  it('asks the edge for sockets where it is given the means, and tells what the edge says', async () => {
    const requests: unknown[] = []
    const bfd = make({
      openSocket: (request) => {
        requests.push(request)
        throw Object.assign(new Error('no such device'), { code: 'ENODEV' })
      },
    })
    const problem = new Promise<{ message: string }>((resolve) => bfd.once('problem', resolve))
    bfd.addSession({ local: A, peer: B })
    expect((await problem).message).to.equal('no such device')
    expect(requests).to.deep.equal([{ role: 'receive', local: A, port: 3784 }])
  })

  it('starts its sessions anew when its thread dies, and says that this is no failure of the path', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bfd-mortal-'))
    try {
      const mark = join(directory, 'die')
      const worker = join(directory, 'worker.mjs')
      writeFileSync(
        worker,
        `import { existsSync, rmSync } from 'node:fs'
         import '${new URL('./worker.ts', import.meta.url)}'
         setInterval(() => {
           if (!existsSync('${mark}')) return
           rmSync('${mark}')
           throw new Error('killed by the test')
         }, 20).unref()`,
      )
      const a = make({ worker })
      const b = make()
      a.addSession({ ...FAST, local: A, peer: B })
      b.addSession({ ...FAST, local: B, peer: A })
      await isUp(a)
      const down = isDown(a)
      writeFileSync(mark, '')
      expect(await down).to.deep.include({ peer: B, reason: 'thread-ended' })
      expect(await isUp(a)).to.equal(B)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('runs from a bundle, too', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'bfd-bundle-'))
    try {
      const outfile = join(directory, 'bfd-worker.mjs')
      buildSync({
        entryPoints: [new URL('./worker.ts', import.meta.url).pathname],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
      })
      const { a } = await pair({ worker: outfile })
      expect(a.isUp(B)).to.equal(true)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
