/**
 * The signatures of a release, by cosign itself: the commands that a release closes with, and those by which docs/image.md has users verify it.
 * A tier of its own, by `npm test -- cosign`: cosign takes minutes to compile.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { type Release, writeChecksums, writeSignatures } from '../../deploy/release/artifacts.ts'
import { buildImages } from '../../deploy/release/images.ts'
import { nextSteps } from '../../deploy/release/next-steps.ts'
import { attempt, type CommandResult } from '../../lab/command.ts'
import { buildCosign } from '../../lab/tools/cosign.ts'
import { commandsOf, fencesOf } from '../support/documents.ts'

const VERSION = '9.9.9'

describe('the signatures of a release, as cosign sees them', function () {
  this.timeout(600_000)
  let work: string
  let programs: string
  let registry: ChildProcess
  let release: Release
  let key: KeyObject

  /** In the folder of the release. */
  const sh = (command: string): Promise<CommandResult> =>
    attempt('bash', ['-ec', command], {
      cwd: release.out,
      env: { PATH: `${programs}:${process.env.PATH}`, HOME: work },
    })
  const passes = async (command: string) => {
    const { code, stdout, stderr } = await sh(command)
    expect(code, `${command}\n${stdout}${stderr}`).to.equal(0)
  }
  const fails = async (command: string, why: RegExp) => {
    const { code, stderr } = await sh(command)
    expect(code, command).to.not.equal(0)
    expect(stderr).to.match(why)
  }
  const copyImage = (name: string) =>
    passes(
      `skopeo copy --dest-tls-verify=false --all oci-archive:podroute-${VERSION}.oci.tar docker://${name}`,
    )

  before(async () => {
    programs = await buildCosign()
    work = await mkdtemp(join(tmpdir(), 'podroute-cosign-'))
    const port = await startRegistry()
    key = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
    release = await makeRelease(`localhost:${port}/podroute`)
    await writeKey('cosign.pub', key)
  })
  after(async () => {
    registry?.kill()
    await attempt('umount', ['-R', join(work, 'root')])
    await rm(work, { recursive: true, force: true })
  })

  it('are taken with the image by the commands that the release says last', async () => {
    const [git, ...commands] = nextSteps(release, true).trim().split('\n')
    expect(git).to.match(/^git push/)
    expect(commands).to.have.length(2)
    for (const command of commands) await passes(command.replace('skopeo copy', '$& --dest-tls-verify=false'))
  })

  it('are good to the commands of docs/image.md', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../docs/image.md'), 'utf8')
    const fence = fencesOf(page).find(({ text }) => text.startsWith('cosign verify-blob'))!
    const commands = commandsOf(fence.text)
    expect(commands).to.have.length(3)
    for (const command of commands)
      await passes(command.replace('registry.example/podroute:1.2.3', `${release.image}:${VERSION}`))
  })

  it('are good to what older ones ask for, and to openssl', async () => {
    await passes(
      'cosign verify-blob --key cosign.pub --insecure-ignore-tlog --signature SHA256SUMS.sig SHA256SUMS',
    )
    const older = release.image.replace('podroute', 'older')
    await copyImage(`${older}:1`)
    const files = '--payload image.payload.json --signature image.payload.json.sig'
    await passes(`cosign attach signature ${files} ${older}@${release.images.digest}`)
    await passes(`cosign verify --key cosign.pub --insecure-ignore-tlog ${older}:1`)
    await passes('openssl base64 -d -A -in SHA256SUMS.sig -out SHA256SUMS.der')
    await passes('openssl dgst -sha256 -verify cosign.pub -signature SHA256SUMS.der SHA256SUMS')
  })

  it('are not, of another file, by another key, and where there is none', async () => {
    const blob = 'verify-blob --insecure-ignore-tlog --bundle SHA256SUMS.sigstore.json'
    await passes('echo more > other && cat SHA256SUMS >> other')
    await fails(`cosign ${blob} --key cosign.pub other`, /digest|signature/)
    await writeKey('other.pub', generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)
    await fails(`cosign ${blob} --key other.pub SHA256SUMS`, /signature/)
    const image = `${release.image}:${VERSION}`
    await fails(`cosign verify --insecure-ignore-tlog --key other.pub ${image}`, /signature/)
    const unsigned = `${release.image.replace('podroute', 'unsigned')}:1`
    await copyImage(unsigned)
    await fails(`cosign verify --insecure-ignore-tlog --key cosign.pub ${unsigned}`, /no signatures found/)
  })

  /** @returns its port, which it says first */
  async function startRegistry(): Promise<string> {
    registry = spawn(join(programs, 'crane'), ['registry', 'serve', '--address', '127.0.0.1:0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [line] = (await once(createInterface(registry.stderr!), 'line')) as [string]
    return line.trim().split(' ').at(-1)!
  }

  /** Of images without programs, which need no emulation. */
  async function makeRelease(image: string): Promise<Release> {
    const [source, out] = [join(work, 'source'), join(work, 'out')]
    await mkdir(join(source, 'deploy'), { recursive: true })
    await mkdir(out)
    await writeFile(join(source, '.dockerignore'), '')
    await writeFile(
      join(source, 'deploy/Dockerfile'),
      'FROM scratch\nARG TARGETARCH\nLABEL architecture=$TARGETARCH\nCOPY . /\n',
    )
    const images = buildImages({
      ...{ name: `${image}:${VERSION}`, out: join(work, 'images'), build: [], source },
      buildah: ['--root', join(work, 'root'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'],
    })
    await copyFile(images.index, join(out, `podroute-${VERSION}.oci.tar`))
    const made: Release = { version: VERSION, image, images, out, created: new Date() }
    writeChecksums(out)
    writeSignatures(made, key)
    return made
  }

  async function writeKey(name: string, of: KeyObject): Promise<void> {
    const pem = createPublicKey(of.export({ type: 'pkcs8', format: 'pem' })).export({
      type: 'spki',
      format: 'pem',
    })
    await writeFile(join(release.out, name), pem)
  }
})
