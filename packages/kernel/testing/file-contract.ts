/** The contract of files: it runs on the fake ones and on a real file system. */
import { expect } from 'chai'
import { FileResource } from '../files/file-resource.ts'
import type { FilesApi } from '../kernel.ts'

export interface ContractFiles extends Partial<AsyncDisposable> {
  readonly files: FilesApi
  /** A folder with nothing in it. */
  readonly folder: string
  /** Paths of the files below that folder, sorted. */
  paths(): Promise<readonly string[]>
  /** Permission bits. */
  modeOf(path: string): Promise<number | undefined>
}

/** @param open makes them anew for each test */
export function describeFiles(name: string, open: () => ContractFiles | Promise<ContractFiles>): void {
  describe(name, () => {
    let tested: ContractFiles
    let path: string
    beforeEach(async () => {
      tested = await open()
      path = `${tested.folder}/net.d/10-toys.conflist`
    })
    afterEach(() => tested[Symbol.asyncDispose]?.())

    const codeOf = (work: Promise<unknown>) => work.then(String, (error) => error.code)

    it('are not there before they are written, nor after they are removed', async () => {
      const { files } = tested
      expect(await files.read(path)).to.equal(undefined)
      await files.write(path, 'text\n', 0o600)
      await files.remove(path)
      expect(await files.read(path)).to.equal(undefined)
      await files.remove(path)
      expect(await tested.paths()).to.deep.equal([])
    })

    it('are written whole, over what was there, with their mode whatever the umask is, and nothing beside them', async () => {
      const umask = process.umask(0o077)
      try {
        for (const [text, mode] of [
          ['a long first text\n', 0o600],
          ['short\n', 0o644],
        ] as const) {
          await tested.files.write(path, text, mode)
          expect(await tested.files.read(path)).to.equal(text)
          expect(await tested.modeOf(path)).to.equal(mode)
          expect(await tested.paths()).to.deep.equal([path])
        }
      } finally {
        process.umask(umask)
      }
    })

    it('have another revision whenever they are written', async () => {
      const { files } = tested
      expect(await files.revision(path)).to.equal(undefined)
      await files.write(path, 'text\n', 0o600)
      const first = await files.revision(path)
      expect(first).to.equal(await files.revision(path))
      await files.write(path, 'texts\n', 0o600)
      expect(await files.revision(path)).to.not.be.oneOf([undefined, first])
      await files.remove(path)
      expect(await files.revision(path)).to.equal(undefined)
    })

    it('refuse what is a folder, and what lies below a file', async () => {
      const { files, folder } = tested
      await files.write(path, 'text\n', 0o600)
      for (const work of [files.read(folder), files.write(`${folder}/net.d`, 'x', 0o600)])
        expect(await codeOf(work)).to.equal('EISDIR')
      // Node's rm has a code of its own.
      expect(await codeOf(files.remove(`${folder}/net.d`))).to.be.oneOf(['EISDIR', 'ERR_FS_EISDIR'])
      expect(await codeOf(files.read(`${path}/below`))).to.equal('ENOTDIR')
      expect(await codeOf(files.write(`${path}/below`, 'x', 0o600))).to.be.oneOf(['ENOTDIR', 'EEXIST'])
      expect(await tested.paths()).to.deep.equal([path])
      expect(await files.read(path)).to.equal('text\n')
    })

    it('are a Resource of one path: another one is not looked at', async () => {
      const wanted = { path }
      const resource = new FileResource(tested.files, { name: 'toys', mode: 0o644, path: () => wanted.path })
      const listed = async () => {
        const found: (readonly [string, string])[] = []
        for await (const portion of resource.list()) found.push(...portion)
        return found
      }
      expect(await listed()).to.deep.equal([])
      expect(await resource.apply([{ kind: 'add', key: path, value: 'text' }])).to.deep.equal([{ ok: true }])
      expect(await listed()).to.deep.equal([[path, 'text']])
      wanted.path = `${tested.folder}/other`
      expect(await listed()).to.deep.equal([])
      const [failed, removed] = await resource.apply([
        { kind: 'add', key: `${path}/below`, value: 'text' },
        { kind: 'remove', key: path, previous: 'text' },
      ])
      expect([failed?.ok, removed?.ok]).to.deep.equal([false, true])
      expect(await tested.paths()).to.deep.equal([])
    })
  })
}
