// `install DIR [--force]`: puts the executable and its names into the directory of the host's CNI plugins.

import { messageOf } from '../errors.ts'
import { codeOf, type System, unless } from '../system.ts'

export const PLUGIN_NAMES = ['bridge', 'host-local', 'loopback', 'portmap'] as const

const EXECUTABLE = 'podroute-cni'
const SELF = '/proc/self/exe'
const EXECUTABLE_MODE = 0o755
/** In the usage text of every build (native/main.c): how a file is known to be ours. */
const MARK = 'usage: podroute-cni install DIR [--force]'

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

/** Installs everything, or refuses before touching anything. */
function installInto(system: System, directory: string, force: boolean): string[] {
  const paths = [EXECUTABLE, ...PLUGIN_NAMES].map((name) => `${directory}/${name}`)
  const foreign = force ? [] : paths.filter((path) => !isOurs(system, path))
  if (foreign.length > 0) return foreign
  const [executable, ...links] = paths as [string, ...string[]]
  replace(system, executable, (temporary) => system.copyFile(SELF, temporary, EXECUTABLE_MODE))
  for (const path of links) {
    // rename() does nothing when both names are one file already, and would leave the temporary name.
    if (sameFile(system, executable, path)) continue
    replace(system, path, (temporary) => system.link(executable, temporary))
  }
  system.synchronize(directory)
  return []
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
    for (const path of foreign) system.writeError(`podroute-cni: ${path} is not ours; --force replaces it\n`)
    if (foreign.length === 0)
      system.writeOutput(`installed ${[EXECUTABLE, ...PLUGIN_NAMES].join(', ')} in ${directory}\n`)
    return foreign.length === 0 ? 0 : 1
  } catch (error) {
    system.writeError(`podroute-cni: ${codeOf(error) ?? 'failed'}: ${messageOf(error)}\n`)
    return 1
  }
}
