/** Images of both architectures by one command, with buildah: of a Dockerfile that runs nothing, which needs no emulation. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildImages } from '../../deploy/release/images.ts'
import { attempt, run } from '../../lab/command.ts'

interface Config {
  readonly architecture: string
  readonly os: string
}

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly platform?: Config }[]
}

describe('npm run images', function () {
  this.timeout(120_000)
  let work: string
  let store: readonly string[]

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'podroute-images-test-'))
    store = ['--root', join(work, 'root'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs']
    await mkdir(join(work, 'source/deploy'), { recursive: true })
    await writeFile(join(work, 'source/.dockerignore'), 'hidden\n')
    await writeFile(join(work, 'source/file'), 'shown')
    await writeFile(join(work, 'source/hidden'), 'not shown')
    await writeFile(
      join(work, 'source/deploy/Dockerfile'),
      'FROM scratch\nARG TARGETARCH\nLABEL architecture=$TARGETARCH\nCOPY . /\n',
    )
  })
  after(async () => {
    await attempt('umount', ['-R', join(work, 'root')])
    await rm(work, { recursive: true, force: true })
  })

  const from = async (archive: string, path: string) => run('tar', ['-xOf', archive, path])

  it('makes an archive of each, and one of both whose digest it tells', async () => {
    const out = join(work, 'images')
    const options = {
      name: 'localhost/podroute:9.9.9',
      out,
      build: [],
      buildah: store,
      source: join(work, 'source'),
    }
    buildImages(options)
    // Again, in the same store: the index of before is not added to.
    const { archives, index, digest } = buildImages(options)

    for (const [architecture, archive] of Object.entries(archives)) {
      const [manifest] = JSON.parse(await from(archive, 'manifest.json')) as [
        { Config: string; Layers: string[]; RepoTags: string[] },
      ]
      expect(manifest.RepoTags).to.deep.equal(['localhost/podroute:9.9.9'])
      const config = JSON.parse(await from(archive, manifest.Config)) as Config
      expect(config).to.include({ os: 'linux', architecture })
      await run('tar', ['-xf', archive, '-C', work, manifest.Layers[0]!])
      const files = (await run('tar', ['-tf', join(work, manifest.Layers[0]!)])).split('\n')
      expect(files).to.include('file').and.not.to.include('hidden')
    }
    const blob = async (name: string) => from(index, `blobs/sha256/${name.replace('sha256:', '')}`)
    const [list] = (JSON.parse(await from(index, 'index.json')) as Index).manifests
    expect(list?.digest).to.equal(digest)
    const text = await blob(digest)
    expect(`sha256:${createHash('sha256').update(text).digest('hex')}`).to.equal(digest)
    const platforms = (JSON.parse(text) as Index).manifests.map(({ platform }) => platform?.architecture)
    expect(platforms).to.have.members(['amd64', 'arm64'])
    expect(await readFile(join(out, 'podroute.digest'), 'utf8')).to.contain(digest)
  })
})
