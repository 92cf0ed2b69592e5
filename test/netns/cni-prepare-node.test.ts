/** prepare-node of the executable, in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describePrepareNode } from '../../packages/cni/testing/prepare-node-suite.ts'
import { buildPlugins } from './cni-world.ts'

describe('the plugins’ program', () => {
  let plugins = ''
  let folder = ''
  const run = (words: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(join(plugins, 'podroute-cni'), ['prepare-node', ...words], {
      encoding: 'utf8',
    })
    // Of modules the machine that runs this may have any.
    const said = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('module '))
    return { said, status: status ?? -1 }
  }
  before(() => {
    plugins = buildPlugins()
  })
  after(() => rmSync(plugins, { recursive: true, force: true }))
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podroute-prepare-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  describePrepareNode(() => ({
    folder,
    write: (path, text) => writeFileSync(path, text),
    read: (path) => readFileSync(path, 'utf8'),
    list: (path) => readdirSync(path),
    prepare: async (words) => run(words),
  }))

  it('installs itself on the way, and leaves to the agent’s own what it does not understand', () => {
    const [out, kubelet, bin] = ['out', 'kubeconfig', 'bin'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(kubelet, 'clusters: 7')
    expect(run([`--install-cni=${folder}`, out, kubelet])).to.deep.equal({ said: [], status: 2 })
    expect(readdirSync(folder)).to.deep.equal(['kubeconfig'])
    rmSync(kubelet)
    const { said, status } = run([`--install-cni=${folder}`, out, bin])
    expect(said).to.deep.equal([
      `installed podroute-cni, bridge, host-local, loopback, portmap in ${folder}`,
      `there is no ${bin}`,
    ])
    expect(status).to.equal(0)
    expect(readFileSync(join(folder, 'bridge'))).to.deep.equal(readFileSync(join(plugins, 'bridge')))
  })
})
