/** `npm run release` in a throw-away repository with made-up images; npm is a script that writes down how it was called. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { readKey } from '../deploy/release/signature.ts'
import type { SpdxDocument } from '../deploy/sbom.ts'
import { renameImage } from '../lab/images/archive.ts'
import { faultsOf } from './support/spdx.ts'

const TOP = join(import.meta.dirname, '..')
const CURRENT = (JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { version: string }).version
const NEXT = '99.1.0'
const DIGEST = `sha256:${'ab'.repeat(32)}`
const REFUSED = '{"message":"405 Method Not Allowed"}'
const IDENTITY = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
  [`GIT_${who}_NAME`, 'test'],
  [`GIT_${who}_EMAIL`, 'test@example.com'],
])

describe('npm run release', function () {
  // A case starts some thirty programs.
  this.timeout(60_000)
  let work: string
  let top: string
  const identity: Record<string, string> = Object.fromEntries(IDENTITY)

  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', top, ...args], { encoding: 'utf8', env: environment() }).trim()
  const environment = () => ({
    ...process.env,
    ...identity,
    GIT_CONFIG_GLOBAL: '/dev/null',
    PATH: `${join(work, 'bin')}:${process.env.PATH}`,
  })
  const read = (path: string) => readFileSync(join(top, path), 'utf8')
  const archives = () => join(work, 'images')

  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'podroute-release-test-'))
    top = join(work, 'repository')
    const names = ['packages', 'deploy', 'lab', 'CHANGELOG.md', 'THIRD-PARTY.md']
    for (const name of [...names, 'package.json', 'package-lock.json', '.gitignore'])
      cpSync(join(TOP, name), join(top, name), {
        recursive: true,
        filter: (path) => !['node_modules', 'dist', '.build'].includes(basename(path)),
      })
    symlinkSync(join(TOP, 'node_modules'), join(top, 'node_modules'))
    writeFileSync(join(top, '.gitignore'), 'node_modules\ndist/\n')
    mkdirSync(join(work, 'bin'))
    await makeImages()
    audit(REFUSED)
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-q', '-m', 'Beginning')
  })
  after(() => rmSync(work, { recursive: true, force: true }))

  /** npm's answers to `npm audit --json`; all else passes. */
  function audit(report: string): void {
    const script = `#!/bin/sh\necho "$@" >> ${work}/npm-calls\ncase "$*" in "audit"*) echo '${report}'; exit 1;; esac\n`
    writeFileSync(join(work, 'bin/npm'), script)
    chmodSync(join(work, 'bin/npm'), 0o755)
  }

  /** Archives as `docker save` writes them, with one layer, under the name that --local gives them. */
  async function makeImages(): Promise<void> {
    mkdirSync(archives())
    for (const architecture of ['amd64', 'arm64']) {
      const folder = join(work, architecture)
      mkdirSync(join(folder, 'root/var/lib/dpkg/status.d'), { recursive: true })
      mkdirSync(join(folder, 'root/usr/local/share'), { recursive: true })
      const status = `Package: libc6\nArchitecture: ${architecture}\nVersion: 2.41-12\n`
      writeFileSync(join(folder, 'root/var/lib/dpkg/status.d/libc6'), status)
      writeFileSync(join(folder, 'root/usr/local/share/node-version'), 'v24.1.2\n')
      execFileSync('tar', ['-C', join(folder, 'root'), '-cf', join(folder, 'layer.tar'), '.'])
      writeFileSync(join(folder, 'manifest.json'), JSON.stringify([{ Layers: ['layer.tar'] }]))
      const archive = join(folder, 'built.tar')
      execFileSync('tar', ['-C', folder, '-cf', archive, 'manifest.json', 'layer.tar'])
      await renameImage(archive, 'localhost/podroute:9', join(archives(), `podroute-${architecture}.tar`))
    }
    writeFileSync(join(archives(), 'podroute.oci.tar'), 'both')
    writeFileSync(join(archives(), 'podroute.digest'), `${DIGEST}\n`)
  }

  function release(...args: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(top, 'deploy/release/main.ts'), ...args],
      {
        ...{ cwd: top, encoding: 'utf8', env: environment() },
      },
    )
    return { status, stdout, stderr }
  }

  it('says how it is used', () => {
    const { status, stdout } = release('--help')
    expect(status).to.equal(0)
    expect(stdout).to.match(/^usage: npm run release -- X\.Y\.Z/)
  })

  it('changes nothing in a dry run, and tells what the registry refuses', () => {
    const { status, stderr } = release(NEXT, '--dry-run')
    expect(status, stderr).to.equal(0)
    expect(stderr).to.contain('WARNING: npm audit: 405 Method Not Allowed')
    expect(stderr).to.contain('all checks pass').and.to.contain('deploy/helm/podroute/Chart.yaml')
    expect([git('status', '--porcelain'), git('tag')]).to.deep.equal(['', ''])
    expect(readFileSync(join(work, 'npm-calls'), 'utf8')).to.contain('run --silent check')
  })

  it('refuses what is no release, and says why', () => {
    const refusal = (...args: readonly string[]) => {
      const { status, stderr } = release(...args)
      expect(status).to.equal(1)
      return stderr
    }
    expect(refusal()).to.contain('give one version')
    expect(refusal('1.2')).to.contain('"1.2" is no version')
    expect(refusal('0.0.1')).to.contain(`0.0.1 is not later than ${CURRENT}`)
    expect(refusal(NEXT, '--image', 'registry.example:5000/podroute:1')).to.contain('give the name alone')
    expect(refusal(NEXT, '--local', '--images', work)).to.contain('--images and --local: choose one way')
    git('config', 'user.useConfigOnly', 'true')
    for (const name of Object.keys(Object.fromEntries(IDENTITY))) delete identity[name]
    expect(refusal(NEXT)).to.contain('git config user.name NAME')
    Object.assign(identity, Object.fromEntries(IDENTITY))
    git('config', '--unset', 'user.useConfigOnly')
    git('switch', '-q', '-c', 'other')
    expect(refusal(NEXT)).to.contain('releases are made on main')
    git('switch', '-q', 'main')
    writeFileSync(join(top, 'new'), '')
    expect(refusal(NEXT)).to.contain('the tree has changes').and.to.contain('?? new')
    rmSync(join(top, 'new'))
    git('tag', `v${NEXT}`)
    expect(refusal(NEXT)).to.contain('the tag v99.1.0 is there already')
    git('tag', '-d', `v${NEXT}`)
    audit('{"auditReportVersion":2,"vulnerabilities":{"left-pad":{"severity":"high"}}}')
    expect(refusal(NEXT)).to.contain('npm audit knows vulnerabilities of left-pad (high)')
    audit(REFUSED)
  })

  it('says which keys it takes', () => {
    const encrypted = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' },
    }).privateKey
    const ofEdwards = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }).privateKey
    const path = join(work, 'other.pem')
    const reading = (text: string, password?: string) => () => {
      writeFileSync(path, text)
      return readKey(path, password).asymmetricKeyType
    }
    expect(reading(encrypted, 'right')()).to.equal('ec')
    expect(reading(encrypted, 'wrong')).to.throw('$COSIGN_PASSWORD is not its password')
    expect(reading(encrypted)).to.throw('$COSIGN_PASSWORD is not its password')
    expect(reading(ofEdwards)).to.throw('cosign wants one of ECDSA')
    expect(reading('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----')).to.throw('cosign import-key-pair')
  })

  it('leaves tree and folder as they were where it fails on the way, the tag the last of it', () => {
    const failure = (...args: readonly string[]) => {
      const { status, stderr } = release(NEXT, ...args)
      expect(status).to.equal(1)
      expect([git('status', '--porcelain'), git('tag'), git('log', '--format=%s')]).to.deep.equal([
        ...['', '', 'Beginning'],
      ])
      expect(readdirSync(join(top, 'dist/release', NEXT))).to.deep.equal([])
      return stderr
    }
    expect(failure('--images', work)).to.contain('podroute.digest')
    git('config', 'tag.gpgSign', 'true')
    git('config', 'gpg.program', 'false')
    const said = failure('--images', archives())
    expect(said).to.contain('git tag').and.to.contain('nothing is committed or tagged')
    git('config', '--unset', 'tag.gpgSign')
  })

  it('writes the version, its files, signatures that the public key verifies, commit and tag', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    writeFileSync(join(work, 'key.pem'), privateKey)
    const options = [
      '--images',
      archives(),
      '--key',
      join(work, 'key.pem'),
      '--image',
      'registry.example/podroute',
    ]
    const { status, stdout, stderr } = release(NEXT, ...options)
    expect(status, stderr).to.equal(0)
    expect(stdout).to.contain(`git push origin main v${NEXT}`)

    expect(git('cat-file', '-t', `v${NEXT}`)).to.equal('tag')
    expect(git('log', '-1', '--format=%s')).to.equal(`Release ${NEXT}`)
    expect(git('status', '--porcelain')).to.equal('')
    expectVersions()

    const out = join(top, 'dist/release', NEXT)
    expect(readdirSync(out)).to.have.members([
      ...[
        'podroute.yaml',
        `podroute-${NEXT}.tgz`,
        'kubectl-podroute',
        'THIRD-PARTY.md',
        `podroute-${NEXT}.oci.tar`,
      ],
      ...['amd64', 'arm64'].flatMap((a) => [`podroute-${NEXT}-${a}.tar`, `podroute-${NEXT}-${a}.spdx.json`]),
      ...['SHA256SUMS', 'SHA256SUMS.sig', 'SHA256SUMS.sigstore.json'],
      ...['image.payload.json', 'image.payload.json.sig', 'image.sigstore.json'],
    ])
    execFileSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: out })
    for (const name of ['SHA256SUMS', 'image.payload.json']) {
      const signature = Buffer.from(readFileSync(join(out, `${name}.sig`), 'utf8'), 'base64')
      const signed = readFileSync(join(out, name))
      expect(verify('sha256', signed, createPublicKey(publicKey), signature), name).to.equal(true)
      expect(verify('sha256', Buffer.concat([signed, signed]), publicKey, signature)).to.equal(false)
    }
    expect(readFileSync(join(out, 'image.payload.json'), 'utf8')).to.contain(DIGEST)
    expectBundles(out, publicKey)
    expectContents(out)
  })

  /** As `npm test -- cosign` has cosign itself verify them. */
  function expectBundles(out: string, publicKey: string): void {
    const bundle = (name: string) => JSON.parse(readFileSync(join(out, `${name}.sigstore.json`), 'utf8'))
    const { messageSignature } = bundle('SHA256SUMS')
    const sums = readFileSync(join(out, 'SHA256SUMS'))
    const digest = createHash('sha256').update(sums).digest('base64')
    expect(messageSignature.messageDigest).to.deep.equal({ algorithm: 'SHA2_256', digest })
    expect(verify('sha256', sums, publicKey, Buffer.from(messageSignature.signature, 'base64'))).to.equal(
      true,
    )
    const { payload, payloadType, signatures } = bundle('image').dsseEnvelope
    const statement = Buffer.from(payload, 'base64').toString()
    expect(JSON.parse(statement).subject).to.deep.equal([{ digest: { sha256: 'ab'.repeat(32) } }])
    const signed = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${statement.length} ${statement}`)
    expect(verify('sha256', signed, publicKey, Buffer.from(signatures[0].sig, 'base64'))).to.equal(true)
  }

  function expectVersions(): void {
    const today = new Date().toISOString().slice(0, 4)
    expect(read('CHANGELOG.md')).to.match(
      new RegExp(`^## Not released yet\n\n## ${NEXT} \\(${today}-\\d\\d-\\d\\d\\)\n\n.`, 'm'),
    )
    const chart = read('deploy/helm/podroute/Chart.yaml')
    expect(chart).to.contain(`\nversion: ${NEXT}\n`).and.to.contain(`\nappVersion: ${NEXT}\n`)
    const packages = readdirSync(join(top, 'packages')).map((name) => `packages/${name}`)
    const { version, packages: locked } = JSON.parse(read('package-lock.json')) as {
      version: string
      packages: Record<string, { version?: string }>
    }
    const found = packages.flatMap((folder) => [
      (JSON.parse(read(`${folder}/package.json`)) as { version: string }).version,
      locked[folder]?.version,
    ])
    expect([...new Set([...found, version, locked['']?.version])]).to.deep.equal([NEXT])
    // Nothing but the version has changed.
    const changed = git('diff', '--unified=0', 'HEAD~', '--', 'package.json', 'package-lock.json', 'packages')
    const lines = changed.split('\n').filter((line) => /^[+-](?![+-])/.test(line))
    expect(lines.filter((line) => !/^[+-]\s+"version": "[\d.]+",?$/.test(line))).to.deep.equal([])
  }

  function expectContents(out: string): void {
    const manifest = readFileSync(join(out, 'podroute.yaml'), 'utf8')
    const images = [...manifest.matchAll(/image: (.*)/g)].map(([, image]) => image)
    expect(new Set(images)).to.deep.equal(new Set([`registry.example/podroute:${NEXT}`]))
    const chart = (path: string) =>
      execFileSync('tar', ['-xOzf', join(out, `podroute-${NEXT}.tgz`), `podroute/${path}`], {
        encoding: 'utf8',
      })
    expect(chart('Chart.yaml')).to.contain(`version: ${NEXT}`)
    expect(chart('values.yaml'))
      .to.contain('repository: registry.example/podroute\n')
      .and.to.contain('tag: ""')
    const sbom = JSON.parse(
      readFileSync(join(out, `podroute-${NEXT}-arm64.spdx.json`), 'utf8'),
    ) as SpdxDocument
    expect(faultsOf(sbom)).to.deep.equal([])
    const versions = Object.fromEntries(sbom.packages.map(({ name, versionInfo }) => [name, versionInfo]))
    expect(versions).to.include({ podroute: NEXT, 'Node.js': '24.1.2', libc6: '2.41-12' })
    // Also here, below a package.json of modules.
    const plugin = [join(out, 'kubectl-podroute'), '--version']
    expect(execFileSync(process.execPath, plugin, { encoding: 'utf8' }).trim()).to.equal(NEXT)
  }
})
