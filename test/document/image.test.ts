/** What the image holds, and how much of it there is: docs/image.md. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { SpdxDocument } from '../../deploy/sbom.ts'
import { DEBIAN } from '../../deploy/shipped.ts'
import { run } from '../../lab/command.ts'
import { buildPodrouteImage } from '../../lab/images/podroute.ts'
import { faultsOf } from '../support/spdx.ts'
import { IMAGE_LIMIT } from './image-limit.ts'

const PAGE = join(import.meta.dirname, '../../docs/image.md')
/** Files from here on have a line of their own in the page. */
const LARGE = 500_000

describe('the image', () => {
  let directory: string
  let archive: string
  before(async function () {
    this.timeout(400_000)
    archive = await buildPodrouteImage()
    directory = await mkdtemp(join(tmpdir(), 'podroute-image-test-'))
    await run('tar', ['-xf', archive, '-C', directory])
  })
  after(() => rm(directory, { recursive: true, force: true }))

  const layers = async () =>
    (await readdir(directory)).filter((name) => name.endsWith('.tar')).map((name) => join(directory, name))

  it('is not larger than 150 MB', async () => {
    const sizes = await Promise.all((await layers()).map(async (layer) => (await stat(layer)).size))
    expect(sizes.reduce((sum, size) => sum + size, 0))
      .to.be.lessThanOrEqual(IMAGE_LIMIT)
      .and.greaterThan(IMAGE_LIMIT / 2)
  })

  it('has its bill of materials beside it, with the licence of every package that it holds', async () => {
    const sbom = JSON.parse(await readFile(join(archive, '../podroute.spdx.json'), 'utf8')) as SpdxDocument
    expect(faultsOf(sbom)).to.deep.equal([])
    const names = sbom.packages.map(({ name }) => name)
    expect(names).to.include.members(['podroute', 'Node.js', 'libc6', 'nftables', 'koffi'])
    // Each that is listed is there: THIRD-PARTY.md is made of the same list.
    expect(names).to.include.members(Object.keys(DEBIAN))
    const without = sbom.packages.filter(({ licenseDeclared }) => licenseDeclared === 'NOASSERTION')
    expect(without.map(({ name }) => name)).to.deep.equal([])
  })

  it('has no large file that docs/image.md does not give a reason for', async () => {
    const page = await readFile(PAGE, 'utf8')
    const lists = await Promise.all((await layers()).map((layer) => run('tar', ['-tvf', layer])))
    const large = lists
      .join('\n')
      .split('\n')
      .map((line) => /^-\S+ +\S+ +(\d+) \S+ \S+ (.*)$/.exec(line))
      .flatMap((found) => (Number(found?.[1]) >= LARGE ? [found?.[2]?.split('/').at(-1) ?? ''] : []))
    expect(large).to.include('node')
    expect(large.filter((name) => !page.includes(name))).to.deep.equal([])
  })
})
