/** The image for arm64, built on a machine of another architecture, and its programs under an emulator. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { SpdxDocument } from '../../deploy/sbom.ts'
import { type CommandOptions, run } from '../../lab/command.ts'
import { emulated } from '../../lab/images/emulated.ts'
import { buildImageFor } from '../../lab/images/other-architecture.ts'
import { faultsOf } from '../support/spdx.ts'

/** Bytes of all layers, unpacked. */
const LIMIT = 150_000_000

describe('the image for arm64', function () {
  this.timeout(300_000)
  let archive: string
  let work: string
  let tree: string

  before(async function () {
    this.timeout(1_200_000)
    archive = await buildImageFor('arm64')
    work = await mkdtemp(join(tmpdir(), 'podroute-arm64-'))
    tree = join(work, 'tree')
    await run('mkdir', [tree])
    await run('tar', ['-xf', archive, '-C', work])
    for (const layer of await layers()) await run('tar', ['-xf', layer, '-C', tree])
  })
  after(() => rm(work, { recursive: true, force: true }))

  const manifest = async () =>
    (
      JSON.parse(await readFile(join(work, 'manifest.json'), 'utf8')) as [
        { readonly Config: string; readonly Layers: readonly string[] },
      ]
    )[0]
  const layers = async () => (await manifest()).Layers.map((layer) => join(work, layer))

  /** In the image's root. */
  function inImage(command: readonly string[], options: CommandOptions = {}): Promise<string> {
    const [program, ...before] = emulated('arm64', 'chroot')
    return run(program, [...before, tree, ...command], options)
  }

  it('is for arm64, and not larger than 150 MB', async () => {
    const config = JSON.parse(await readFile(join(work, (await manifest()).Config), 'utf8')) as object
    expect(config).to.include({ os: 'linux', architecture: 'arm64' })
    const sizes = await Promise.all((await layers()).map(async (layer) => (await stat(layer)).size))
    const size = sizes.reduce((sum, each) => sum + each, 0)
    process.stdout.write(`      ${(size / 1e6).toFixed(1)} MB\n`)
    expect(size)
      .to.be.lessThanOrEqual(LIMIT)
      .and.greaterThan(LIMIT / 2)
  })

  it('has its bill of materials beside it, of packages for arm64', async () => {
    const sbom = JSON.parse(await readFile(join(archive, '../podroute.spdx.json'), 'utf8')) as SpdxDocument
    expect(faultsOf(sbom)).to.deep.equal([])
    const libc = sbom.packages.find(({ name }) => name === 'libc6')
    expect(libc?.externalRefs?.[0]?.referenceLocator).to.match(/[?&]arch=arm64/)
  })

  it('has a command line, an agent in its snapshot, nft and plugins that start', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
    expect(await inImage(['/usr/local/bin/podroute', '--version'])).to.contain(version)
    const { config } = JSON.parse(await readFile(join(work, (await manifest()).Config), 'utf8')) as {
      config: { readonly Entrypoint: readonly string[] }
    }
    expect(await inImage([...config.Entrypoint, '--version'])).to.contain(version)
    // QEMU knows no netlink of netfilter: nft does not start, but has its libraries.
    const libraries = await inImage(['/lib/ld-linux-aarch64.so.1', '--list', '/usr/sbin/nft'])
    expect(libraries).to.contain('libnftables.so.1 => /').and.not.to.contain('not found')
    expect(await readdir(join(tree, 'opt/podroute/koffi'))).to.deep.equal(['linux_arm64'])
    await inImage(['/opt/podroute/cni/podroute-cni', 'install', '/tmp'])
    const asked = {
      env: { CNI_COMMAND: 'VERSION' },
      input: '{"cniVersion":"1.0.0","name":"x","type":"bridge"}',
    }
    for (const plugin of (await readdir(join(tree, 'tmp'))).filter((name) => name !== 'podroute-cni'))
      expect(await inImage([`/tmp/${plugin}`], asked), plugin).to.contain('supportedVersions')
    expect(await readdir(join(tree, 'tmp'))).to.have.length.greaterThan(1)
  })
})
