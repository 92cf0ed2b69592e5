/**
 * What of others ships with podroute, and under which licences: `node deploy/third-party.ts` writes THIRD-PARTY.md, `--check` says whether
 * it is as it would be written. What only builds or tests is not in it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const FILE = join(ROOT, 'THIRD-PARTY.md')

/** Of the image, beside what npm installs: see Dockerfile and packages/cni/sysroot.ts. */
const PROGRAMS = [
  ['Node.js', '`/usr/local/bin/node`', 'MIT, and those of its own parts (LICENSE of Node.js)'],
  ['QuickJS', 'in the CNI plugins', 'MIT'],
  ['musl', 'in the CNI plugins', 'MIT'],
  ['nftables, libnftables, libnftnl, libmnl', 'Debian', 'GPL-2.0-only, GPL-2.0-or-later, LGPL-2.1-or-later'],
  ['busybox', 'Debian', 'GPL-2.0-only'],
  [
    'glibc, libstdc++, and the libraries that these programs load',
    'Debian',
    'LGPL-2.1-or-later, GPL-3.0 with the GCC exception',
  ],
  ['ca-certificates', 'Debian', 'MPL-2.0'],
] as const

interface LockedPackage {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
  readonly link?: boolean
  readonly os?: readonly string[]
}

function locked(): [name: string, entry: LockedPackage][] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  return Object.entries(packages).flatMap(([path, entry]) => {
    const name = path.split('node_modules/').at(-1) ?? ''
    const ships = path.startsWith('node_modules/') && !entry.dev && !entry.link
    return ships && (entry.os?.includes('linux') ?? true) ? [[name, entry] as [string, LockedPackage]] : []
  })
}

export function thirdParty(): string {
  const packages = locked().map(
    ([name, { version, license }]) => `- ${name} ${version}: ${license ?? 'not said'}`,
  )
  const programs = PROGRAMS.map(([what, where, licence]) => `- ${what} (${where}): ${licence}`)
  return `# What of others ships with podroute

Written by \`npm run third-party\`; a test holds it to \`package-lock.json\`. podroute itself is under the Apache License 2.0 (LICENSE).

## In the image

${programs.join('\n')}

## From npm

What the agent and the command line may be bundled from; the bundles hold the part that they use.

${[...new Set(packages)].sort().join('\n')}
`
}

function main(): number {
  const text = thirdParty()
  if (!process.argv.includes('--check')) {
    writeFileSync(FILE, text)
    return 0
  }
  if (readFileSync(FILE, 'utf8') === text) return 0
  process.stderr.write('THIRD-PARTY.md is not what package-lock.json says: npm run third-party\n')
  return 1
}

if (import.meta.main) process.exitCode = main()
