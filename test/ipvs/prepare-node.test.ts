/** Kernel modules that prepare-node of the CNI plugins' program loads, on a kernel that has some as files. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLoaded } from '@podroute/linux/modules.ts'
import { expect } from 'chai'
import { buildPlugins } from '../netns/cni-world.ts'

const MODULE = 'ip_vs_rr'
const HELPER = '/proc/sys/kernel/modprobe'
const FORBIDDEN = '/run/modprobe.d/prepare-node-test.conf'

describe('prepare-node of the plugins’ program', () => {
  const helper = readFileSync(HELPER, 'utf8')
  let plugins = ''
  let out = ''
  const prepare = () => {
    const args = ['prepare-node', out]
    const { status, stdout, stderr } = spawnSync(join(plugins, 'podroute-cni'), args, { encoding: 'utf8' })
    return { status, said: `${stdout}${stderr}`.split('\n').filter((line) => line.includes(MODULE)) }
  }
  before(() => {
    plugins = buildPlugins()
    out = mkdtempSync(join(tmpdir(), 'podroute-prepare-'))
  })
  beforeEach(() => {
    execFileSync('modprobe', ['-r', MODULE])
    expect(isLoaded(MODULE)).to.equal(false)
  })
  afterEach(() => {
    writeFileSync(HELPER, helper)
    rmSync(FORBIDDEN, { force: true })
  })
  after(() => {
    for (const folder of [plugins, out]) rmSync(folder, { recursive: true, force: true })
  })

  it('loads modules from the files of the host, where the kernel has no modprobe to start', () => {
    writeFileSync(HELPER, '/nowhere')
    expect(prepare()).to.deep.equal({ status: 0, said: [] })
    expect(isLoaded(MODULE)).to.equal(true)
  })

  it('has the host’s modprobe load what modprobe.d says something about', () => {
    mkdirSync('/run/modprobe.d', { recursive: true })
    writeFileSync(FORBIDDEN, `install ${MODULE} /bin/false\n`)
    const { status, said } = prepare()
    expect([status, isLoaded(MODULE)]).to.deep.equal([0, false])
    expect(said.join()).to.include(`module ${MODULE} is not loaded: the host has no module ${MODULE}`)
    writeFileSync(FORBIDDEN, `options ${MODULE}\n`)
    expect(prepare()).to.deep.equal({ status: 0, said: [] })
    expect(isLoaded(MODULE)).to.equal(true)
  })
})
