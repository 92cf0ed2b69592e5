// What the image's first stage makes, made here: the same `deploy/build.ts`, when its sources have changed.

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { cached, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'
import { fetchPackage, type NpmPackage } from '../tools/npm-package.ts'
import { buildBase } from './base.ts'
import { type Architecture, emulator, MACHINE } from './emulated.ts'

export const REPOSITORY = join(import.meta.dirname, '..', '..')

const IGNORED = new Set(['node_modules', 'dist', '.build', 'testing'])

/** Those outside of the packages. The DaemonSet says with which options the agent's snapshot is made. */
const SINGLE = [
  ...['package.json', 'package-lock.json'],
  ...['build', 'manifest', 'plugins'].map((name) => `deploy/${name}.ts`),
  'deploy/podroute.yaml',
]

/** Files that decide what the build makes. */
async function sources(): Promise<string[]> {
  const found = SINGLE.map((name) => join(REPOSITORY, name))
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!IGNORED.has(entry.name)) await walk(path)
      } else if (entry.isFile() && !entry.name.endsWith('.test.ts')) found.push(path)
    }
  }
  await walk(join(REPOSITORY, 'packages'))
  return found
}

export interface Dist {
  /** Holds dist/ and usr/local/bin/node, as the image's build stage does. */
  readonly directory: string
  readonly key: string
}

export async function buildDist(architecture: Architecture = MACHINE): Promise<Dist> {
  const script = join(REPOSITORY, 'deploy', 'build.ts')
  if (!existsSync(script))
    throw new LabError('missing-prerequisite', `${relative(REPOSITORY, script)} is missing`)
  const other = architecture === MACHINE ? [] : [architecture]
  const key = fingerprintFiles(REPOSITORY, await sources(), [process.version, 'strip', ...other])
  const { directory } = await cached('dist', key, (into) =>
    architecture === MACHINE ? makeDist(into, script) : makeForeignDist(into, script, architecture),
  )
  return { directory, key }
}

async function makeDist(into: string, script: string): Promise<void> {
  await run(process.execPath, [script, '--out', join(into, 'dist')], { cwd: REPOSITORY })
  await run('strip', ['-o', await nodePath(into), process.execPath])
}

/** What npm would install on a machine of the architecture. */
const FOREIGN: Readonly<Partial<Record<Architecture, { readonly node: string; readonly triplet: string }>>> =
  {
    arm64: {
      node: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
      triplet: 'aarch64-linux-gnu',
    },
  }

/** But for the snapshot, whose Node.js is emulated, all is made by this machine's programs. */
async function makeForeignDist(into: string, script: string, architecture: Architecture): Promise<void> {
  const foreign = FOREIGN[architecture]
  if (foreign === undefined)
    throw new LabError('bad-usage', `no machine of ${process.arch} builds for ${architecture} yet`)
  const [node, koffi] = await Promise.all([
    fetchPackage('node', {
      ...{ spec: `node-linux-${architecture}@${process.versions.node}`, integrity: foreign.node },
      path: 'bin/node',
    }),
    fetchPackage('koffi', await lockedKoffi(architecture)),
  ])
  const tree = join(into, 'tree')
  await mkdir(tree)
  try {
    const libraries = [`./usr/lib/${foreign.triplet}`, './usr/lib/ld-linux-*', './lib']
    await run('tar', ['-xf', await buildBase(architecture), '-C', tree, '--wildcards', ...libraries])
    const program = join(node, 'bin/node')
    await run(
      process.execPath,
      [
        ...[script, '--out', join(into, 'dist'), '--arch', architecture, '--node', program],
        ...['--emulator', emulator(architecture, tree).join(' '), '--koffi', koffi],
      ],
      { cwd: REPOSITORY },
    )
    await run(`${foreign.triplet}-strip`, ['-o', await nodePath(into), program])
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

/** Of the version in package-lock.json. */
async function lockedKoffi(architecture: Architecture): Promise<NpmPackage> {
  const name = `@koromix/koffi-linux-${architecture}`
  const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>
  }
  const { version, integrity } = packages[`node_modules/${name}`]!
  return { spec: `${name}@${version}`, integrity, path: `linux_${architecture}` }
}

async function nodePath(into: string): Promise<string> {
  const bin = join(into, 'usr', 'local', 'bin')
  await mkdir(bin, { recursive: true })
  return join(bin, 'node')
}
