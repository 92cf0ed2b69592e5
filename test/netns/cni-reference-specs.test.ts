import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildReferenceSpecs, type Suite } from '../../lab/reference-specs/build.ts'
import { buildReferencePlugins } from '../../lab/tools/reference-plugins.ts'
import { buildPlugins } from './cni-world.ts'

const SUITE_TIMEOUT_MS = 250_000

/** How many specs of each suite the reference's own executable passes at least, here where there are no VLANs on bridges. */
const AT_LEAST: Readonly<Record<Suite, number>> = { bridge: 200, 'host-local': 70, loopback: 14 }

/** Specs that ours are not meant to pass, and why. */
const ON_PURPOSE: Readonly<Record<string, RegExp>> = {
  'ipMasq takes nftables where nothing is asked for': /ipMasq rules with ipMasqBackend ""$/,
  'an ADD that fails leaves no bridge': /\[0\.[12]\.0\] \(3\) configures and deconfigures a bridge and veth/,
  'a container’s interface that is to stay down is never up, and the bridge has no link-local address yet':
    /should set the container veth peer state down$/,
}

interface Spec {
  readonly LeafNodeType: string
  readonly LeafNodeText: string
  readonly State: string
  readonly Failure?: { readonly Message: string }
}

const hasPassed = (spec: Spec) => spec.State === 'passed'

describe('the reference plugins’ own specs', function () {
  this.timeout(600_000)
  let plugins = ''
  let reference = ''
  let specs = ''
  const root = mkdtempSync(join(tmpdir(), 'podroute-specs-'))
  before(async () => {
    plugins = buildPlugins()
    reference = await buildReferencePlugins()
    specs = await buildReferenceSpecs()
  })
  after(() => {
    for (const directory of [plugins, root]) rmSync(directory, { recursive: true, force: true })
  })

  /** The specs by their names, which some share. */
  function run(suite: Suite, directory: string): Map<string, Spec[]> {
    const report = join(root, 'report.json')
    const result = spawnSync(join(specs, `${suite}.test`), [`--ginkgo.json-report=${report}`], {
      cwd: root,
      env: {
        PATH: `${directory}:${process.env.PATH}`,
        PLUGIN_UNDER_TEST: join(directory, suite),
      },
      encoding: 'utf8',
      timeout: SUITE_TIMEOUT_MS,
      maxBuffer: 1 << 28,
    })
    if (result.status === null) throw new Error(`${suite} ended by ${result.signal}`)
    const [{ SpecReports }] = JSON.parse(readFileSync(report, 'utf8')) as [{ SpecReports: Spec[] }]
    return Map.groupBy(
      SpecReports.filter(({ LeafNodeType }) => LeafNodeType === 'It'),
      ({ LeafNodeText }) => LeafNodeText,
    )
  }

  for (const [suite, count] of Object.entries(AT_LEAST) as [Suite, number][])
    it(`${suite}: what its own executable passes ours passes`, () => {
      const theirs = [...run(suite, reference)].filter(([, same]) => same.every(hasPassed))
      expect(theirs.length).to.be.at.least(count)
      const ours = run(suite, plugins)
      const meant = (name: string) => Object.values(ON_PURPOSE).some((pattern) => pattern.test(name))
      const failed = theirs
        .flatMap(([name]) => ours.get(name)!)
        .filter((spec) => !hasPassed(spec) && !meant(spec.LeafNodeText))
      expect(failed.map((spec) => `${spec.LeafNodeText}: ${spec.Failure?.Message}`)).to.deep.equal([])
    })
})
