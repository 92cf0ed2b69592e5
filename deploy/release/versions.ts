/** The version as the packages, the lock file and the chart name it. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Major, minor and patch, and a suffix for what is tried before it counts. */
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/

export function isVersion(text: string): boolean {
  return VERSION.test(text)
}

/** Whether `a` comes after `b`; a version with a suffix comes before the one without. */
export function isLater(a: string, b: string): boolean {
  const [, ...left] = VERSION.exec(a)!
  const [, ...right] = VERSION.exec(b)!
  for (let index = 0; index < 3; index++) {
    const difference = Number(left[index]) - Number(right[index])
    if (difference !== 0) return difference > 0
  }
  if (left[3] === right[3]) return false
  if (left[3] === undefined || right[3] === undefined) return left[3] === undefined
  return left[3].localeCompare(right[3], 'en', { numeric: true }) > 0
}

/** As npm writes it: other tools find no difference but the version's. */
const json = (value: object) => `${JSON.stringify(value, undefined, 2)}\n`

interface Lock {
  version: string
  readonly packages: Readonly<Record<string, { version?: string }>>
}

function lockFile(text: string, version: string): string {
  const lock = JSON.parse(text) as Lock
  lock.version = version
  for (const [path, entry] of Object.entries(lock.packages))
    if (path === '' || path.startsWith('packages/')) entry.version = version
  return json(lock)
}

const manifest = (text: string, version: string) => json({ ...(JSON.parse(text) as object), version })

function chart(text: string, version: string): string {
  return text
    .replace(/^version: .*$/m, `version: ${version}`)
    .replace(/^appVersion: .*$/m, `appVersion: ${version}`)
}

/** Files of the repository at `top` that name the version, with the new one in them. */
export function withVersion(top: string, version: string): Readonly<Record<string, string>> {
  const made = (path: string, make: (text: string, version: string) => string) =>
    [path, make(readFileSync(join(top, path), 'utf8'), version)] as const
  const packages = globSync('packages/*/package.json', { cwd: top }).sort()
  return Object.fromEntries([
    ...['package.json', ...packages].map((path) => made(path, manifest)),
    made('package-lock.json', lockFile),
    made('deploy/helm/podroute/Chart.yaml', chart),
  ])
}
