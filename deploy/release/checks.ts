/** What has to be so before a version is made; each throws an Error that says what to do. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditOf, signaturesOf } from './audit.ts'
import { section, UNRELEASED } from './changelog.ts'
import { attempt, output, say, shown, TOP } from './command.ts'
import { isLater, isVersion } from './versions.ts'

const BRANCH = 'main'
/** npm tries for minutes else where there is no way to the registry. */
const ONCE = ['--fetch-retries=0', '--fetch-timeout=60000']

export const tagOf = (version: string): string => `v${version}`

function hasTag(version: string): boolean {
  return output('git', 'tag', '--list', tagOf(version)) !== ''
}

/** The version is new: later than the one in package.json, or that one where it was never released. */
export function checkVersion(version: string): void {
  if (!isVersion(version)) throw new Error(`"${version}" is no version: X.Y.Z, or X.Y.Z-rc.1`)
  if (hasTag(version)) throw new Error(`the tag ${tagOf(version)} is there already: choose the next version`)
  const { version: current } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as {
    version: string
  }
  const neverReleased = version === current
  if (!neverReleased && !isLater(version, current))
    throw new Error(`${version} is not later than ${current}, which package.json has`)
}

interface Options {
  readonly image: string
  readonly images?: string | undefined
  readonly local: boolean
  readonly build: readonly string[]
}

/** What would fail, or be ignored in silence, once the images are built. */
export function checkOptions({ image, images, local, build }: Options): void {
  if (/@|:[^/]*$/.test(image))
    throw new Error(`--image ${image}: give the name alone, the version becomes its tag`)
  const ways = [images !== undefined && '--images', local && '--local', build.length > 0 && '--build']
  const given = ways.filter((way) => way !== false)
  if (given.length > 1) throw new Error(`${given.join(' and ')}: choose one way to the images`)
}

/** A commit and a tag need a name, which git asks for at the end only. */
function checkIdentity(): void {
  if (attempt('git', ['var', 'GIT_COMMITTER_IDENT']).code === 0) return
  throw new Error('git does not know who commits: git config user.name NAME, git config user.email ADDRESS')
}

export function checkTree(): void {
  checkIdentity()
  const branch = output('git', 'rev-parse', '--abbrev-ref', 'HEAD')
  if (branch !== BRANCH)
    throw new Error(`releases are made on ${BRANCH}, this is ${branch}: git switch ${BRANCH}`)
  const changed = output('git', 'status', '--porcelain')
  if (changed !== '')
    throw new Error(`the tree has changes: commit them, or put them away (git stash)\n${changed}`)
}

export function checkChangelog(): void {
  const text = readFileSync(join(TOP, 'CHANGELOG.md'), 'utf8')
  if (!section(text, UNRELEASED))
    throw new Error(`CHANGELOG.md says nothing below "## ${UNRELEASED}": write there what users can see`)
}

/** Lint and types, the list of licences, and what npm's registry knows of the packages. */
export function checkContents(): void {
  shown('npm', 'run', '--silent', 'check')
  shown(process.execPath, join(import.meta.dirname, '../third-party.ts'), '--check')
  checkVulnerabilities()
  checkSignatures()
}

/** A registry that does not tell (mirrors answer 405) is no reason against a release, and is told. */
function checkVulnerabilities(): void {
  const { stdout, stderr } = attempt('npm', ['audit', '--json', ...ONCE])
  const audit = auditOf(stdout, stderr)
  if (audit.kind === 'vulnerable')
    throw new Error(`npm audit knows vulnerabilities of ${audit.packages.join(', ')}: npm audit says more`)
  if (audit.kind === 'refused')
    say(`WARNING: npm audit: ${audit.reason}: nobody has looked for known vulnerabilities`)
}

/** Of the registry, over what is installed. */
function checkSignatures(): void {
  const { stdout, stderr } = attempt('npm', ['audit', 'signatures', '--json', ...ONCE])
  const audit = signaturesOf(stdout, stderr)
  if (audit.kind === 'vulnerable')
    throw new Error(`these packages are not as the registry signed them: ${audit.packages.join(', ')}`)
  if (audit.kind === 'refused')
    say(`WARNING: npm audit signatures: ${audit.reason}: the packages' signatures are not checked`)
}
