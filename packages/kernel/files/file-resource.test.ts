/** A file as a Resource, on a real file system. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listed } from '@podroute/reconcile/testing/contract.ts'
import { expect } from 'chai'
import { FileResource } from './file-resource.ts'

describe('a file', () => {
  let directory: string
  let path: string
  const resource = () => new FileResource({ name: 'conflist', mode: 0o644, path: () => path })
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podroute-'))
    path = join(directory, 'net.d', '10-podroute.conflist')
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('is written whole, read by all, with nothing left beside it, and never to another path', async () => {
    const file = resource()
    expect([...(await listed(file))]).to.deep.equal([])
    const umask = process.umask(0o077)
    for (const value of ['a long first text\n', 'short\n']) {
      expect(await file.apply([{ kind: 'add', key: path, value }])).to.deep.equal([{ ok: true }])
      expect(await readFile(path, 'utf8')).to.equal(value)
      expect([...(await listed(file))]).to.deep.equal([[path, value]])
    }
    process.umask(umask)
    expect(await readdir(join(directory, 'net.d'))).to.deep.equal(['10-podroute.conflist'])
    expect((await stat(path)).mode & 0o777).to.equal(0o644)
    await file.apply([{ kind: 'remove', key: path, previous: 'short\n' }])
    expect(await readdir(join(directory, 'net.d'))).to.deep.equal([])
  })

  it('fails where it cannot be written, and says why', async () => {
    await writeFile(join(directory, 'net.d'), '')
    const [outcome] = await resource().apply([{ kind: 'add', key: path, value: 'x' }])
    expect(outcome).to.deep.include({ ok: false })
    expect((outcome as { error: NodeJS.ErrnoException }).error.code).to.be.oneOf(['EEXIST', 'ENOTDIR'])
  })
})
