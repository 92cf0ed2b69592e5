import { globSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import {
  EFFECTS,
  FEATURE_LIST,
  FEATURE_MAY_IMPORT,
  featuresIn,
  LARGEST_FOLDER,
  LIBRARY,
  MAY_IMPORT,
  UNUSED_YET,
} from './support/architecture.ts'
import { exportsOf } from './support/exports.ts'
import { circlesOf, importGraph, importsIn } from './support/import-graph.ts'

interface Import {
  readonly file: string
  readonly package: string
  readonly target: string
}

const isTest = (file: string) => /\.test\.ts$|\/testing\/|\/examples\/|\/build\.ts$/.test(file)
const sources = globSync('packages/*/**/*.ts', { exclude: (path) => path.includes('node_modules') })
function importsOf(file: string): Import[] {
  const targets = importsIn(readFileSync(file, 'utf8'))
  return targets.map((target) => ({ file, package: file.split('/')[1]!, target }))
}

const FEATURES = featuresIn(sources)
const mayImport = (from: string) => (FEATURES.includes(from) ? FEATURE_MAY_IMPORT : MAY_IMPORT[from])
const imports = sources.filter((file) => !isTest(file)).flatMap(importsOf)

function packageOf(target: string): string | undefined {
  if (target.startsWith('bgp-speaker-ts')) return 'bgp-speaker-ts'
  return /^@podroute\/([^/]+)/.exec(target)?.[1]
}

describe('architecture', () => {
  it('reads the sources of every package', () => {
    expect(new Set(imports.map((i) => i.package))).to.have.all.keys(...Object.keys(MAY_IMPORT), ...FEATURES)
  })

  it('lets dependencies between packages point down only', () => {
    const upward = imports
      .filter((i) => packageOf(i.target) !== undefined && packageOf(i.target) !== i.package)
      .filter((i) => !mayImport(i.package)?.includes(packageOf(i.target)!))
      .filter((i) => i.file !== FEATURE_LIST)
    expect(upward.map((i) => `${i.file} imports ${i.target}`)).to.deep.equal([])
  })

  it('names no feature in the agent, the command line and the build, but for the list of features', () => {
    const files = [...sources.filter((file) => /^packages\/(agent|cli)\//.test(file)), 'deploy/build.ts']
    const named = files
      .filter((file) => !isTest(file) && file !== FEATURE_LIST)
      .filter((file) => FEATURES.some((feature) => namesOf(feature).test(readFileSync(file, 'utf8'))))
    expect(named).to.deep.equal([])
  })

  it('has every feature in the list: a folder and a line', () => {
    const listed = imports.filter(({ file }) => file === FEATURE_LIST).map(({ target }) => packageOf(target))
    expect(listed.filter((name) => name !== 'feature')).to.have.members(FEATURES)
    expect(FEATURES).to.include.members(['pod-network', 'service-proxy'])
    expect(
      featuresIn([...sources, 'packages/toy/feature.ts', 'packages/toy/other/feature.ts']),
    ).to.deep.equal([...FEATURES, 'toy'].sort())
  })

  it('never reaches into another package by a relative path', () => {
    const across = imports.filter((i) => /^(\.\.\/)+(packages\/)?[\w-]+\//.test(i.target) && leaves(i))
    expect(across.map((i) => `${i.file} imports ${i.target}`)).to.deep.equal([])
  })

  it('keeps sockets, files and processes in the files that are named as effects', () => {
    const hidden = imports
      .filter((i) =>
        /^(node:)?(net|tls|dgram|http|https|fs|fs\/promises|child_process|worker_threads)$|^koffi$/.test(
          i.target,
        ),
      )
      .filter((i) => !EFFECTS.some((pattern) => pattern.test(i.file)))
    expect(hidden.map((i) => `${i.file} imports ${i.target}`)).to.deep.equal([])
  })

  it('has no circle of imports, of types neither', () => {
    expect(circlesOf(importGraph(sources))).to.deep.equal([])
  })

  it('finds circles, also of one file and of types only', () => {
    const graph = new Map([
      ['a.ts', ['b.ts', 'd.ts']],
      ['b.ts', ['c.ts']],
      ['c.ts', ['a.ts']],
      ['d.ts', ['e.ts']],
      ['e.ts', ['e.ts']],
      ['f.ts', ['a.ts', 'e.ts']],
    ])
    expect(circlesOf(graph)).to.deep.equal([['e.ts'], ['a.ts', 'b.ts', 'c.ts']])
    expect(
      importsIn("import type { A } from './a.ts'\nexport * from 'b.ts'\nvoid import('c.ts')\n"),
    ).to.deep.equal(['./a.ts', 'b.ts', 'c.ts'])
  })

  it('exports nothing that no other file imports, and nothing that only tests use', () => {
    const isProduct = (file: string) => !/\.test\.ts$|\/testing\/|\/examples\/|^test\//.test(file)
    const others = globSync('{test,lab,deploy}/**/*.ts', { exclude: (path) => path.includes('node_modules') })
    const exported = exportsOf([...sources, ...others]).filter(
      ({ file }) => isProduct(file) && file.startsWith('packages/') && !LIBRARY.test(file),
    )
    const named = (found: typeof exported) => found.map(({ file, name }) => `${file} ${name}`)
    expect(named(exported.filter((e) => e.isValue && e.importers.length === 0))).to.deep.equal([])
    const unused = exported.filter((e) => !e.usedInFile && !e.importers.some(isProduct))
    expect(named(unused)).to.have.members(UNUSED_YET)
  })

  it('has no folder that nobody can survey', () => {
    const sizes = new Map<string, number>()
    for (const file of sources.filter((name) => !isTest(name))) {
      const folder = dirname(file)
      sizes.set(folder, (sizes.get(folder) ?? 0) + 1)
    }
    const large = [...sizes].filter(([, files]) => files > LARGEST_FOLDER)
    expect(large.map(([folder, files]) => `${folder}: ${files} files`)).to.deep.equal([])
  })
})

function leaves(i: Import): boolean {
  const depth = i.file.split('/').length - 3
  const up = (i.target.match(/\.\.\//g) ?? []).length
  return up > depth
}

/** `pod-network` in any spelling: as a package, a class, a key of the configuration, or words. */
function namesOf(feature: string): RegExp {
  return new RegExp(feature.replace('-', '[-_ ]?'), 'i')
}
