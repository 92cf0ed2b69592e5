import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { PLUGIN_NAMES } from '../../packages/cni/install/install.ts'
import { randomFrom } from './cni-script.ts'
import { buildPlugins } from './cni-world.ts'

const NAMES = ['podroute-cni', ...PLUGIN_NAMES].sort()
const KILLS = 40

describe('podroute-cni install', () => {
  let plugins = ''
  let target = ''
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    target = mkdtempSync(join(tmpdir(), 'podroute-cni-install-'))
  })
  afterEach(() => rmSync(target, { recursive: true, force: true }))

  const install = (...args: string[]) =>
    spawnSync(join(plugins, 'podroute-cni'), ['install', ...args], { encoding: 'utf8' })
  const version = (name: string) =>
    spawnSync(join(target, name), [], { env: { CNI_COMMAND: 'VERSION' }, encoding: 'utf8', timeout: 5000 })
  const inode = (name: string) => statSync(join(target, name)).ino

  it('puts one executable under all names', () => {
    const result = install(target)
    expect(result.status, result.stderr).to.equal(0)
    expect(result.stdout).to.match(/installed podroute-cni, bridge/)
    expect(readdirSync(target).sort()).to.deep.equal(NAMES)
    expect(new Set(NAMES.map(inode)).size).to.equal(1)
    expect(statSync(join(target, 'bridge')).mode & 0o777).to.equal(0o755)
    for (const name of PLUGIN_NAMES) expect(JSON.parse(version(name).stdout).cniVersion).to.equal('1.1.0')
  })

  it('replaces its own older files, also while one runs', async () => {
    install(target)
    const old = inode('bridge')
    const running = spawn(join(target, 'host-local'), [], {
      env: {
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: '/x',
        CNI_IFNAME: 'eth0',
        CNI_PATH: target,
      },
    })
    let output = ''
    running.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    running.stdin.write('{"cniVersion":')
    expect(install(target).status).to.equal(0)
    expect(inode('bridge')).not.to.equal(old)
    expect(new Set(NAMES.map(inode)).size).to.equal(1)
    running.stdin.end('"1.0.0","name":"n","type":"host-local"}')
    const [status] = await once(running, 'close')
    expect(status, 'the old one goes on').to.equal(1)
    expect(JSON.parse(output)).to.include({ cniVersion: '1.0.0', code: 999 })
  })

  it('leaves somebody else’s plugins alone unless told to replace them', () => {
    writeFileSync(join(target, 'loopback'), 'somebody else’s', { mode: 0o755 })
    const refused = install(target)
    expect(refused.status).to.equal(1)
    expect(refused.stderr).to.match(
      /loopback is not ours; --force replaces it, and keeps it as .*before-podroute/,
    )
    expect(readdirSync(target)).to.deep.equal(['loopback'])
    expect(readFileSync(join(target, 'loopback'), 'utf8')).to.equal('somebody else’s')
    const forced = install(target, '--force')
    expect(forced.status).to.equal(0)
    expect(forced.stdout).to.match(/loopback was not ours: it is .*loopback.before-podroute now/)
    expect(readdirSync(target).sort()).to.deep.equal([...NAMES, 'loopback.before-podroute'].sort())
    expect(version('loopback').status).to.equal(0)
  })

  it('keeps what it replaces, of two the later one, and its own never', () => {
    const kept = join(target, 'loopback.before-podroute')
    for (const text of ['1.7.1', '1.9.1']) {
      rmSync(join(target, 'loopback'), { force: true })
      writeFileSync(join(target, 'loopback'), text, { mode: 0o755 })
      for (let i = 0; i < 2; i++) expect(install(target, '--force').status).to.equal(0)
      expect(readFileSync(kept, 'utf8')).to.equal(text)
      expect(statSync(kept).mode & 0o777).to.equal(0o755)
      expect(version('loopback').status).to.equal(0)
    }
    expect(readdirSync(target).sort()).to.deep.equal([...NAMES, 'loopback.before-podroute'].sort())
  })

  it(`killed at ${KILLS} random moments: every name is absent or whole, and the next run finishes`, () => {
    const seed = Date.now() % 1_000_000
    console.log(`      seed ${seed}`)
    const random = randomFrom(seed)
    for (let i = 0; i < KILLS; i++) {
      const delay = (random() * 0.012).toFixed(6)
      spawnSync('timeout', ['-s', 'KILL', delay, join(plugins, 'podroute-cni'), 'install', target])
      for (const name of readdirSync(target).filter((file) => NAMES.includes(file)))
        expect(statSync(join(target, name)).size, name).to.equal(statSync(join(plugins, name)).size)
      if (i % 4 === 3) {
        expect(install(target).status).to.equal(0)
        expect(readdirSync(target).sort()).to.deep.equal(NAMES)
        for (const name of PLUGIN_NAMES) rmSync(join(target, name))
      }
    }
  })

  it('answers wrong use with its usage, and a directory that is not there with an error', () => {
    expect(install().status).to.equal(2)
    expect(install('a', 'b').stderr).to.match(/usage: podroute-cni install DIR/)
    const missing = install(join(target, 'missing'))
    expect(missing.status).to.equal(1)
    expect(missing.stderr).to.match(/ENOENT|No such file/)
  })

  it('runs from where it may not write, as from an image', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'podroute-cni-image-'))
    copyFileSync(join(plugins, 'podroute-cni'), join(elsewhere, 'podroute-cni'))
    chmodSync(elsewhere, 0o555)
    const result = spawnSync(join(elsewhere, 'podroute-cni'), ['install', target], { encoding: 'utf8' })
    expect(result.status, result.stderr).to.equal(0)
    rmSync(elsewhere, { recursive: true, force: true })
  })
})
