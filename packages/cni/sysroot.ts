// The QuickJS compiler and a libc to link against: the machine's own, or Debian trixie's packages unpacked into a cache.

import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

export type Architecture = 'amd64' | 'arm64'

export interface Toolchain {
  /** Command line of the bytecode compiler, without arguments. */
  readonly qjsc: readonly string[]
  /** Command line of the C compiler with what finds headers and libraries. */
  readonly cc: readonly string[]
  /** What the C compiler links. */
  readonly libraries: readonly string[]
}

const SUITE = 'trixie'
const PACKAGES = ['quickjs', 'libquickjs', 'libc6', 'libc6-dev', 'linux-libc-dev']
const TRIPLETS: Record<Architecture, string> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const LOADERS: Record<Architecture, string> = {
  amd64: 'ld-linux-x86-64.so.2',
  arm64: 'ld-linux-aarch64.so.1',
}

export const machineArchitecture = (): Architecture => (process.arch === 'arm64' ? 'arm64' : 'amd64')

export const cacheDirectory = (): string =>
  process.env.PODROUTE_CACHE ?? join(homedir(), '.cache', 'podroute')

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)))
}

/** Runs a program and returns what it printed. @throws Error that names the program and its last words. */
function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').slice(-5).join('\n')
    throw new Error(`${program} failed: ${said || error}`, { cause: error })
  }
}

/** The Debian mirror that this machine uses. */
function mirror(): string {
  const sites = output('apt-get', [
    'indextargets',
    '--format',
    '$(SITE)',
    'Origin: Debian',
    'Component: main',
  ])
  const site = sites.split('\n').find((line) => line !== '' && !line.includes('security'))
  if (site !== undefined) return site
  throw new Error(
    `no Debian mirror in this machine's apt configuration: install quickjs and libquickjs (Debian ${SUITE})`,
  )
}

/** apt's options for a state of its own, so that the machine's sources stay as they are. Signatures are checked by apt with the machine's keys. */
function aptOptions(root: string, architecture: Architecture): string[] {
  for (const directory of ['state/lists/partial', 'cache/archives/partial', 'etc'])
    mkdirSync(join(root, directory), { recursive: true })
  writeFileSync(join(root, 'etc/sources.list'), `deb ${mirror()} ${SUITE} main\n`)
  writeFileSync(join(root, 'state/status'), '')
  return [
    `Dir::State=${root}/state`,
    `Dir::State::status=${root}/state/status`,
    `Dir::Cache=${root}/cache`,
    `Dir::Etc::sourcelist=${root}/etc/sources.list`,
    'Dir::Etc::sourceparts=-',
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
}

/** Downloads and unpacks the packages; returns the directory, keyed by the compiler's version. */
function fetchSysroot(architecture: Architecture): string {
  const cache = cacheDirectory()
  mkdirSync(cache, { recursive: true })
  const root = mkdtempSync(join(cache, 'sysroot-'))
  const options = aptOptions(root, architecture)
  output('apt-get', [...options, 'update', '--error-on=any'])
  const debs = join(root, 'debs')
  mkdirSync(debs)
  const urls = ['download', ...PACKAGES]
  execFileSync('apt-get', [...options, '-qq', ...urls], { cwd: debs, stdio: ['ignore', 'ignore', 'inherit'] })
  const unpacked = join(root, 'root')
  for (const deb of readdirSync(debs)) output('dpkg', ['-x', join(debs, deb), unpacked])
  const version = /^quickjs_([^_]+)_/m.exec(readdirSync(debs).join('\n'))?.[1]
  if (version === undefined) throw new Error('the quickjs package was not downloaded')
  const target = join(cache, `quickjs-${SUITE}-${architecture}-${version}`)
  if (!existsSync(target)) renameSync(unpacked, target)
  execFileSync('rm', ['-rf', root])
  return target
}

/** The unpacked packages; fetched when the cache has none. */
function sysroot(architecture: Architecture): string {
  const cached = globSync(join(cacheDirectory(), `quickjs-${SUITE}-${architecture}-*`)).sort()
  return cached.at(-1) ?? fetchSysroot(architecture)
}

const compiler = (architecture: Architecture) =>
  architecture === machineArchitecture() ? 'gcc' : `${TRIPLETS[architecture].replace('-linux', '-linux')}-gcc`

function crossToolchain(architecture: Architecture): Toolchain {
  const triplet = TRIPLETS[architecture]
  const root = sysroot(architecture)
  // The bytecode compiler runs here, whatever the target; bytecode is the same on every little-endian machine.
  const here = machineArchitecture()
  const tools = here === architecture ? root : sysroot(here)
  const libraries = join(tools, 'usr/lib', TRIPLETS[here])
  const cc = compiler(architecture)
  if (!onPath(cc))
    throw new Error(
      `${cc} is missing: install gcc${here === architecture ? '' : `-${triplet.replace('_', '-')}`}`,
    )
  return {
    qjsc: [join(libraries, LOADERS[here]), '--library-path', libraries, join(tools, 'usr/bin/qjsc')],
    cc: [cc, `--sysroot=${root}`, '-B', `${root}/usr/lib/${triplet}`, `-L${root}/usr/lib/${triplet}/quickjs`],
    libraries: [
      '-nodefaultlibs',
      '-Wl,--start-group',
      '-lquickjs',
      '-lc',
      '-lgcc',
      '-lgcc_eh',
      '-lm',
      '-Wl,--end-group',
    ],
  }
}

/** The machine's own compiler where it has one, else the cached packages. */
export function toolchain(architecture: Architecture): Toolchain {
  if (architecture !== machineArchitecture() || !onPath('qjsc')) return crossToolchain(architecture)
  return {
    qjsc: ['qjsc'],
    cc: ['gcc', `-L/usr/lib/${TRIPLETS[architecture]}/quickjs`],
    libraries: ['-lquickjs', '-lm'],
  }
}
