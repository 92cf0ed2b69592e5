/** What is installed is what was looked at: pinned, with its hash, under licences that are known. */
import { globSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { thirdParty } from '../deploy/third-party.ts'

/** Those that what ships may be under. */
const LICENCES = ['MIT', 'Apache-2.0', 'ISC', 'PSF-2.0', 'Unlicense', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly license?: string
  readonly link?: boolean
  readonly dev?: boolean
}

type Manifest = Readonly<
  Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>> | undefined>
>

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.startsWith('node_modules/') && !link,
)

describe('dependencies', () => {
  it('are pinned to one version each, with the hash of what is installed', () => {
    expect(installed.length).to.be.above(50)
    const loose = installed
      .filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? ''))
      .map(([path]) => path)
    expect(loose).to.deep.equal([])
    for (const file of ['package.json', ...globSync('packages/*/package.json')]) {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as Manifest
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
        if (!name.startsWith('@podroute/')) expect(version, `${file}: ${name}`).to.match(/^\d+\.\d+\.\d+$/)
    }
  })

  it('that ship are under licences that let them', () => {
    const odd = installed.filter(([, { dev, license = '' }]) => !dev && !LICENCES.includes(license))
    expect(odd.map(([path, { license }]) => `${path}: ${license}`)).to.deep.equal([])
  })

  it('are listed with their licences', () => {
    expect(readFileSync('THIRD-PARTY.md', 'utf8'), 'npm run third-party').to.equal(thirdParty())
  })
})
