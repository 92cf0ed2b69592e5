/**
 * The image's bill of materials (SPDX 2.3, JSON): node deploy/sbom.ts --image ARCHIVE --out FILE
 * ARCHIVE is what `docker save` writes. What is from Debian is read from it, what is from npm from package-lock.json.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DEBIAN, type LockedPackage, lockedPackages, PROGRAMS } from './shipped.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** What collect.sh writes into the image: packages of Debian, and the version of Node.js. */
const STATUS = /^(?:\.\/)?var\/lib\/dpkg\/status\.d\/[^/]+$/
const NODE_VERSION = /^(?:\.\/)?usr\/local\/share\/node-version$/

export interface SpdxPackage {
  readonly SPDXID: string
  readonly name: string
  readonly versionInfo: string
  readonly downloadLocation: string
  readonly filesAnalyzed: false
  readonly licenseConcluded: string
  readonly licenseDeclared: string
  readonly copyrightText: 'NOASSERTION'
  readonly supplier: string
  readonly checksums?: readonly { readonly algorithm: 'SHA512'; readonly checksumValue: string }[]
  readonly externalRefs?: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER'
    readonly referenceType: 'purl'
    readonly referenceLocator: string
  }[]
}

export interface SpdxDocument {
  readonly spdxVersion: 'SPDX-2.3'
  readonly dataLicense: 'CC0-1.0'
  readonly SPDXID: 'SPDXRef-DOCUMENT'
  readonly name: string
  readonly documentNamespace: string
  readonly creationInfo: { readonly created: string; readonly creators: readonly string[] }
  readonly packages: readonly SpdxPackage[]
  readonly relationships: readonly {
    readonly spdxElementId: string
    readonly relationshipType: 'DESCRIBES' | 'CONTAINS'
    readonly relatedSpdxElement: string
  }[]
}

interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

interface Ingredients {
  readonly version: string
  /** Of the image's Node.js, without "v". */
  readonly node: string
  readonly debian: readonly DebianPackage[]
  readonly npm: readonly (readonly [name: string, entry: LockedPackage])[]
  readonly created: Date
}

/** Fields of what `dpkg -s` prints. @throws Error when there is no such field */
export function debianPackage(status: string): DebianPackage {
  const field = (name: string) => {
    const value = new RegExp(`^${name}: (.+)$`, 'm').exec(status)?.[1]
    if (value === undefined) throw new Error(`no ${name} in ${status.slice(0, 80)}`)
    return value
  }
  return { name: field('Package'), version: field('Version'), architecture: field('Architecture') }
}

function entry(
  origin: string,
  name: string,
  { version, licence, url, purl, integrity, supplier }: Readonly<Record<string, string | undefined>>,
): SpdxPackage {
  const checksum = integrity && Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex')
  return {
    // Letters, numbers, "." and "-" only.
    SPDXID: `SPDXRef-${origin}-${`${name}-${version}`.replace(/[^A-Za-z0-9.]+/g, '-')}`,
    name,
    versionInfo: version ?? 'NOASSERTION',
    downloadLocation: url ?? 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: licence ?? 'NOASSERTION',
    licenseDeclared: licence ?? 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    supplier: supplier ?? 'NOASSERTION',
    ...(checksum && { checksums: [{ algorithm: 'SHA512', checksumValue: checksum }] }),
    ...(purl && {
      externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    }),
  }
}

function contents({ node, debian, npm }: Ingredients): SpdxPackage[] {
  const programs = PROGRAMS.map(({ name, licence }) => {
    const isNode = name === 'Node.js'
    const details = isNode && {
      version: node,
      url: `https://nodejs.org/dist/v${node}/`,
      purl: `pkg:generic/node@${node}`,
    }
    return entry('program', name, { licence, ...details })
  })
  const fromDebian = debian.map(({ name, version, architecture }) =>
    entry('debian', name, {
      version,
      // An unknown one is not guessed: a test asks for its line in shipped.ts.
      licence: DEBIAN[name],
      supplier: 'Organization: Debian',
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`,
    }),
  )
  const fromNpm = npm.map(([name, { version = '', license, resolved, integrity }]) =>
    entry('npm', name, {
      ...{ version, integrity, licence: license, url: resolved },
      purl: `pkg:npm/${name.replace(/^@/, '%40')}@${version}`,
    }),
  )
  return [...programs, ...fromDebian, ...fromNpm]
}

/** Pure: the same ingredients, the same document. */
export function billOfMaterials(ingredients: Ingredients): SpdxDocument {
  const { version, created } = ingredients
  const own = entry('own', 'podroute', { version, licence: 'Apache-2.0' })
  const parts = contents(ingredients)
  const digest = createHash('sha256')
    .update(JSON.stringify([own, parts]))
    .digest('hex')
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `podroute-${version}`,
    documentNamespace: `https://spdx.org/spdxdocs/podroute-${version}-${digest}`,
    creationInfo: {
      created: created.toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: podroute-sbom-${version}`],
    },
    packages: [own, ...parts],
    relationships: [
      {
        spdxElementId: 'SPDXRef-DOCUMENT',
        relationshipType: 'DESCRIBES',
        relatedSpdxElement: own.SPDXID,
      },
      ...parts.map(({ SPDXID }) => ({
        spdxElementId: own.SPDXID,
        relationshipType: 'CONTAINS' as const,
        relatedSpdxElement: SPDXID,
      })),
    ],
  }
}

const tar = (args: readonly string[], input?: Buffer): Buffer =>
  execFileSync('tar', args, { input, maxBuffer: 2 ** 30, stdio: ['pipe', 'pipe', 'inherit'] })

/** Files of an image's layers whose path is like `pattern`. */
function filesOf(archive: string, pattern: RegExp): string[] {
  const [manifest] = JSON.parse(tar(['-xOf', archive, 'manifest.json']).toString()) as [{ Layers: string[] }]
  return manifest.Layers.flatMap((name) => {
    const layer = tar(['-xOf', archive, name])
    const paths = tar(['-tf', '-'], layer).toString().split('\n')
    return paths
      .filter((path) => pattern.test(path))
      .map((path) => tar(['-xOf', '-', path], layer).toString())
  })
}

/** @throws Error where collect.sh did not write what it writes */
function expectFiles(archive: string, pattern: RegExp, path: string): string[] {
  const found = filesOf(archive, pattern)
  if (found.length === 0) throw new Error(`${archive} has no ${path}: deploy/collect.sh writes it`)
  return found
}

const debianPackagesOf = (archive: string): DebianPackage[] =>
  expectFiles(archive, STATUS, '/var/lib/dpkg/status.d')
    .map(debianPackage)
    .sort((a, b) => (a.name < b.name ? -1 : 1))

const nodeVersionOf = (archive: string): string =>
  expectFiles(archive, NODE_VERSION, '/usr/local/share/node-version')[0]!.trim().replace(/^v/, '')

/** SOURCE_DATE_EPOCH, as reproducible builds have it, or now. */
function timeOf({ SOURCE_DATE_EPOCH: epoch }: NodeJS.ProcessEnv): Date {
  return epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)
}

/** Writes the document of an image. */
export function writeBillOfMaterials(archive: string, out: string, created = timeOf(process.env)): void {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const document = billOfMaterials({
    ...{ version, created, npm: lockedPackages() },
    ...{ node: nodeVersionOf(archive), debian: debianPackagesOf(archive) },
  })
  writeFileSync(out, `${JSON.stringify(document, undefined, 2)}\n`)
}

function main(): number {
  const { values } = parseArgs({ options: { image: { type: 'string' }, out: { type: 'string' } } })
  if (values.image === undefined || values.out === undefined) {
    process.stderr.write('usage: node deploy/sbom.ts --image ARCHIVE --out FILE\n')
    return 1
  }
  writeBillOfMaterials(values.image, values.out)
  return 0
}

if (import.meta.main) process.exitCode = main()
