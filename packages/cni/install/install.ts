// `install DIR [--force]`: puts the executable and its names into the directory of the host's CNI plugins.

import { messageOf } from '../errors.ts'
import { codeOf, type System, unless } from '../system.ts'

export const PLUGIN_NAMES = ['bridge', 'host-local', 'loopback', 'portmap'] as const

const EXECUTABLE = 'podroute-cni'
const SELF = '/proc/self/exe'
const EXECUTABLE_MODE = 0o755
/** In the usage text of every build (native/main.c): how a file is known to be ours. */
const MARK = 'usage: podroute-cni install DIR [--force]'
/** Beside a plugin that took the place of somebody else's: that one, which `podroute cleanup` puts back. */
const BEFORE = '.before-podroute'

/** Whether the file at the path may be replaced: there is none, or it is ours. */
function isOurs(system: System, path: string): boolean {
  const text = unless(['ENOENT'], () => system.readFile(path))
  return text === undefined || text.includes(MARK)
}

/** Makes `path` the new file in one step: a plugin that runs keeps its old one, one that starts finds either. */
function replace(system: System, path: string, make: (temporary: string) => void): void {
  const temporary = `${path}.podroute-new`
  unless(['ENOENT'], () => system.remove(temporary))
  try {
    make(temporary)
    system.rename(temporary, path)
  } catch (error) {
    unless(['ENOENT'], () => system.remove(temporary))
    throw error
  }
}

function sameFile(system: System, a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => unless(['ENOENT'], () => system.status(path)))
  return (
    first !== undefined &&
    second !== undefined &&
    first.inode === second.inode &&
    first.device === second.device
  )
}

/** Under one more name, so that a plugin is there at every moment. Of two the later one stays: a package has been upgraded. */
function keep(system: System, path: string): void {
  replace(system, `${path}${BEFORE}`, (temporary) => system.link(path, temporary))
}

/** Installs everything, or refuses before touching anything. @returns the files of others */
function installInto(system: System, directory: string, force: boolean): string[] {
  const paths = [EXECUTABLE, ...PLUGIN_NAMES].map((name) => `${directory}/${name}`)
  const foreign = paths.filter((path) => !isOurs(system, path))
  if (foreign.length > 0 && !force) return foreign
  for (const path of foreign) keep(system, path)
  const [executable, ...links] = paths as [string, ...string[]]
  replace(system, executable, (temporary) => system.copyFile(SELF, temporary, EXECUTABLE_MODE))
  for (const path of links) {
    // rename() does nothing when both names are one file already, and would leave the temporary name.
    if (sameFile(system, executable, path)) continue
    replace(system, path, (temporary) => system.link(executable, temporary))
  }
  system.synchronize(directory)
  return foreign
}

/** @returns the exit status: 0 installed, 1 refused or failed, 2 wrong usage */
export function install(system: System, args: readonly string[]): number {
  const force = args.includes('--force')
  const [directory, ...rest] = args.filter((arg) => arg !== '--force')
  if (directory === undefined || rest.length > 0 || directory.startsWith('-')) {
    system.writeError('usage: podroute-cni install DIR [--force]\n')
    return 2
  }
  try {
    const foreign = installInto(system, directory, force)
    if (foreign.length > 0 && !force) {
      for (const path of foreign)
        system.writeError(
          `podroute-cni: ${path} is not ours; --force replaces it, and keeps it as ${path}${BEFORE}\n`,
        )
      return 1
    }
    for (const path of foreign) system.writeOutput(`${path} was not ours: it is ${path}${BEFORE} now\n`)
    system.writeOutput(`installed ${[EXECUTABLE, ...PLUGIN_NAMES].join(', ')} in ${directory}\n`)
    return 0
  } catch (error) {
    system.writeError(`podroute-cni: ${codeOf(error) ?? 'failed'}: ${messageOf(error)}\n`)
    return 1
  }
}
