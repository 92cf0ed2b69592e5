/** The bill of materials, of package-lock.json as it is and of made-up packages of Debian; that of a real image is in test/document/image.test.ts. */
import { expect } from 'chai'
import { billOfMaterials, debianPackage, type SpdxDocument } from '../deploy/sbom.ts'
import { lockedPackages } from '../deploy/shipped.ts'
import { thirdParty } from '../deploy/third-party.ts'
import { faultsOf } from './support/spdx.ts'

const STATUS = `Package: libstdc++6
Status: install ok installed
Architecture: arm64
Version: 14.2.0-19
Description: GNU Standard C++ Library v3
`
const make = (): SpdxDocument =>
  billOfMaterials({
    ...{ version: '1.2.3', node: '24.0.0', npm: lockedPackages(), debian: [debianPackage(STATUS)] },
    created: new Date('2026-01-02T03:04:05.678Z'),
  })

describe('the bill of materials', () => {
  it('is a document of SPDX 2.3', () => {
    expect(faultsOf(make())).to.deep.equal([])
    expect(make().creationInfo.created).to.equal('2026-01-02T03:04:05Z')
  })

  it('would not be taken for one with a licence that is a sentence, or the same package twice', () => {
    const document = make()
    const [first, ...others] = document.packages
    if (first === undefined) throw new Error('it is empty')
    const odd = { ...first, licenseDeclared: 'see LICENSE, or ask' }
    expect(faultsOf({ ...document, packages: [odd, ...others] })).to.deep.equal([
      `${first.SPDXID}: licenseDeclared`,
    ])
    expect(faultsOf({ ...document, packages: [first, ...document.packages] })).to.deep.equal([
      'each SPDXID once',
    ])
  })

  it('names packages as scanners do, with their hashes', () => {
    const purls = make().packages.flatMap(({ externalRefs }) => externalRefs?.[0]?.referenceLocator ?? [])
    expect(purls).to.include.members([
      'pkg:generic/node@24.0.0',
      'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=arm64',
    ])
    const client = make().packages.find(({ name }) => name === '@kubernetes/client-node')
    expect(client?.externalRefs?.[0]?.referenceLocator).to.match(/^pkg:npm\/%40kubernetes\/client-node@\d/)
    expect(client?.checksums?.[0]?.algorithm).to.equal('SHA512')
  })

  it('says of each the licence that THIRD-PARTY.md says', () => {
    const lines = thirdParty().split('\n')
    for (const { SPDXID, name, versionInfo, licenseDeclared } of make().packages) {
      if (name === 'podroute') continue
      const line = SPDXID.startsWith('SPDXRef-npm-') ? `- ${name} ${versionInfo}: ` : `- ${name}`
      const found = lines.filter((one) => one.startsWith(line) && one.endsWith(`: ${licenseDeclared}`))
      expect(found, name).to.have.length.above(0)
    }
  })

  it('says so where a package of the image has no licence in the list', () => {
    const unknown = { name: 'new', version: '1', architecture: 'all' }
    const { packages } = billOfMaterials({
      ...{ version: '1', node: '1', npm: [], debian: [unknown] },
      created: new Date(0),
    })
    expect(packages.find(({ name }) => name === 'new')?.licenseDeclared).to.equal('NOASSERTION')
  })
})
