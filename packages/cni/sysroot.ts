// The QuickJS compiler and a libc to link against: Debian trixie's packages, unpacked into a cache.

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
  /** What the C compiler links, last on its command line. */
  readonly libraries: readonly string[]
  /** Command line that runs the target's programs here; empty where the machine itself does. */
  readonly run: readonly string[]
}

const SUITE = 'trixie'
/** libc6 is for the compiler itself. musl's start is 0.3 ms shorter than glibc's, which asks the processor what it can do. */
const PACKAGES = ['quickjs', 'libquickjs', 'libc6', 'musl-dev', 'linux-libc-dev']
const TRIPLETS: Record<Architecture, string> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const EMULATORS: Record<Architecture, string> = {
  amd64: 'qemu-x86_64-static',
  arm64: 'qemu-aarch64-static',
}
const LOADERS: Record<Architecture, string> = {
  amd64: 'ld-linux-x86-64.so.2',
  arm64: 'ld-linux-aarch64.so.1',
}

export const machineArchitecture = (): Architecture => (process.arch === 'arm64' ? 'arm64' : 'amd64')

const cacheDirectory = (): string => process.env.PODROUTE_CACHE ?? join(homedir(), '.cache', 'podroute')

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
  throw new Error(`no Debian mirror in this machine's apt configuration: QuickJS comes from Debian ${SUITE}`)
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

const prefixOf = (architecture: Architecture) => `cni-sysroot-${SUITE}-${architecture}`

function versionOf(name: string, debs: readonly string[]): string {
  const file = debs.find((deb) => deb.startsWith(`${name}_`))
  if (file === undefined) throw new Error(`the package ${name} was not downloaded`)
  return file.split('_')[1]!
}

/** Downloads and unpacks the packages; returns the directory, which carries the versions in its name. */
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
  const versions = ['quickjs', 'musl-dev'].map((name) => versionOf(name, readdirSync(debs)))
  const target = join(cache, [prefixOf(architecture), ...versions].join('-'))
  if (!existsSync(target)) renameSync(unpacked, target)
  execFileSync('rm', ['-rf', root])
  return target
}

/** The unpacked packages; fetched when the cache has none. */
function sysroot(architecture: Architecture): string {
  const cached = globSync(join(cacheDirectory(), `${prefixOf(architecture)}-*`)).sort()
  return cached.at(-1) ?? fetchSysroot(architecture)
}

/** @throws Error that names the Debian package to install */
function need(program: string, debianPackage: string): string {
  if (onPath(program)) return program
  throw new Error(`${program} is missing: install ${debianPackage}`)
}

function compiler(architecture: Architecture): string {
  if (architecture === machineArchitecture()) return need('gcc', 'gcc')
  const triplet = TRIPLETS[architecture]
  return need(`${triplet}-gcc`, `gcc-${triplet.replace('_', '-')}`)
}

const emulator = (architecture: Architecture) =>
  architecture === machineArchitecture() ? [] : [need(EMULATORS[architecture], 'qemu-user-static')]

/** Headers and libraries of musl and QuickJS, and nothing of the machine's own. */
function compilation(root: string, triplet: string): { flags: string[]; libraries: string[] } {
  const musl = triplet.replace('gnu', 'musl')
  const headers = ['-isystem', `${root}/usr/include/${musl}`, '-idirafter', `${root}/usr/include`]
  const library = (name: string) => `${root}/usr/lib/${musl}/${name}`
  return {
    flags: ['-static', '-no-pie', '-nostdinc', ...headers, '-idirafter', `${root}/usr/include/${triplet}`],
    libraries: [
      '-nostdlib',
      library('crt1.o'),
      library('crti.o'),
      `${root}/usr/lib/${triplet}/quickjs/libquickjs.a`,
      '-Wl,--start-group',
      library('libc.a'),
      '-lgcc',
      '-Wl,--end-group',
      library('crtn.o'),
    ],
  }
}

export function toolchain(architecture: Architecture): Toolchain {
  const root = sysroot(architecture)
  // The bytecode compiler runs here, whatever the target; bytecode is the same on every little-endian machine.
  const here = machineArchitecture()
  const tools = here === architecture ? root : sysroot(here)
  const loaded = join(tools, 'usr/lib', TRIPLETS[here])
  const { flags, libraries } = compilation(root, TRIPLETS[architecture])
  return {
    qjsc: [join(loaded, LOADERS[here]), '--library-path', loaded, join(tools, 'usr/bin/qjsc')],
    cc: [compiler(architecture), ...flags],
    libraries,
    run: emulator(architecture),
  }
}
