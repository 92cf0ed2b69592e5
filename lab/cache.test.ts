import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { cached, fingerprint } from './cache.ts'

describe('the cache', () => {
  let directory = ''
  const before = process.env.PODROUTE_CACHE

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podroute-cache-test-'))
    process.env.PODROUTE_CACHE = directory
  })

  afterEach(async () => {
    if (before === undefined) delete process.env.PODROUTE_CACHE
    else process.env.PODROUTE_CACHE = before
    await rm(directory, { recursive: true })
  })

  it('makes an entry once', async () => {
    let made = 0
    const make = async (into: string) => {
      made++
      await writeFile(join(into, 'file'), 'x')
    }
    const first = await cached('kind', 'key', make)
    const second = await cached('kind', 'key', make)
    expect(first).to.deep.equal({ directory: join(directory, 'kind', 'key'), made: true })
    expect(second.made).to.equal(false)
    expect(made).to.equal(1)
    expect(await readdir(first.directory)).to.deep.equal(['file'])
  })

  it('keeps nothing of an entry whose making failed', async () => {
    const failing = cached('kind', 'key', async (into) => {
      await writeFile(join(into, 'half'), 'x')
      throw new Error('interrupted')
    })
    expect(await failing.catch((error: Error) => error.message)).to.equal('interrupted')
    expect(await readdir(join(directory, 'kind'))).to.deep.equal([])
  })

  it('removes the oldest entries beyond the number to keep', async () => {
    for (const key of ['a', 'b', 'c']) await cached('kind', key, async () => {}, 1)
    expect(await readdir(join(directory, 'kind'))).to.deep.equal(['c'])
  })

  it('names texts so that their borders count', () => {
    expect(fingerprint(['ab', 'c'])).to.not.equal(fingerprint(['a', 'bc']))
  })
})
