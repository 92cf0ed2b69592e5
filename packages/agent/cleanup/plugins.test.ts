import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ownPlugins, removeOwn, wasReplaced } from './plugins.ts'

const OURS = 'ELF usage: podroute-cni install DIR [--force]'
const FOLDER = '/opt/cni/bin'

describe('the plugins that cleanup takes away', () => {
  let root: string
  const at = (name: string) => join(root, FOLDER, name)
  const put = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text)
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'podroute-plugins-'))
    mkdirSync(join(root, FOLDER), { recursive: true })
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('are ours, and the others stay', () => {
    put({ bridge: OURS, 'podroute-cni': OURS, flannel: 'theirs' })
    expect([...ownPlugins(root, FOLDER)].sort()).to.deep.equal([`${FOLDER}/bridge`, `${FOLDER}/podroute-cni`])
    removeOwn(at('bridge'))
    expect(readdirSync(join(root, FOLDER)).sort()).to.deep.equal(['flannel', 'podroute-cni'])
    expect(ownPlugins(root, '/nowhere')).to.deep.equal([])
  })

  it('give back the place of those that were there before', () => {
    put({ bridge: OURS, 'bridge.before-podroute': 'theirs' })
    expect(ownPlugins(root, FOLDER)).to.deep.equal([`${FOLDER}/bridge`])
    expect(wasReplaced(at('bridge'))).to.equal(true)
    removeOwn(at('bridge'))
    expect(readdirSync(join(root, FOLDER))).to.deep.equal(['bridge'])
    expect(readFileSync(at('bridge'), 'utf8')).to.equal('theirs')
    expect(ownPlugins(root, FOLDER)).to.deep.equal([])
  })

  it('leave one that a package has put there since, and what was kept of its former version goes', () => {
    put({ bridge: 'theirs, newer', 'bridge.before-podroute': 'theirs' })
    expect(ownPlugins(root, FOLDER)).to.deep.equal([`${FOLDER}/bridge.before-podroute`])
    removeOwn(at('bridge.before-podroute'))
    expect(readFileSync(at('bridge'), 'utf8')).to.equal('theirs, newer')
    expect(readdirSync(join(root, FOLDER))).to.deep.equal(['bridge'])
  })
})
