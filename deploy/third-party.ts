/**
 * What of others ships with podroute, and under which licences: `node deploy/third-party.ts` writes THIRD-PARTY.md, `--check` says whether
 * it is as it would be written. What only builds or tests is not in it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DEBIAN, lockedPackages, PROGRAMS } from './shipped.ts'

const ROOT = resolve(import.meta.dirname, '..')
const FILE = join(ROOT, 'THIRD-PARTY.md')

export function thirdParty(): string {
  const packages = lockedPackages().map(
    ([name, { version, license }]) => `- ${name} ${version}: ${license ?? 'not said'}`,
  )
  const programs = PROGRAMS.map(({ name, where, licence }) => `- ${name} (${where}): ${licence}`)
  const debian = Object.entries(DEBIAN).map(([name, licence]) => `- ${name}: ${licence}`)
  return `# What of others ships with podroute

Written by \`npm run third-party\`; a test holds it to \`package-lock.json\`. podroute itself is under the Apache License 2.0 (LICENSE).

## In the image

${programs.join('\n')}

Node.js has parts of others under licences of their own: LICENSE of Node.js.

## From Debian

Packages that files of the image are from.

${debian.join('\n')}

## From npm

What the agent and the command line may be bundled from; the bundles hold the part that they use.

${packages.join('\n')}
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
