// Kernel modules: what @podroute/linux/modules.ts does in Node.js, one call after the other.

import {
  askHost,
  capabilitiesOf,
  LONGEST_REQUEST,
  type ModuleOutcome,
  whyMissing,
} from '@podroute/linux/missing-module.ts'
import { loadFlags, type ModuleHost, moduleFolder, pathsToLoad } from '@podroute/linux/module-files.ts'
import { type System, unless } from '../system.ts'

/** Whatever keeps it from being read or done. */
function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch {
    return otherwise
  }
}

const exists = (system: System, path: string) => attempt(() => system.status(path), undefined) !== undefined

const hostOf = (system: System): ModuleHost => ({
  list: (folder) => attempt(() => system.list(folder), []),
  read: (path) => attempt(() => system.readFile(path), ''),
  isLoaded: (name) => exists(system, moduleFolder(name)),
})

/** Has the kernel load modules, from the host's files where they can be read, else by the host's modprobe; says of each what became of it. */
export function loadModules(system: System, names: readonly string[]): ReadonlyMap<string, ModuleOutcome> {
  const host = hostOf(system)
  const missing = names.filter((name) => !host.isLoaded(name))
  if (missing.length > 0) {
    const release = system.readFile('/proc/sys/kernel/osrelease').trim()
    for (const path of pathsToLoad(missing, release, host))
      attempt(() => system.loadModule(path, loadFlags(path)), undefined)
  }
  return new Map(names.map((name) => [name, loadOne(system, name, host)]))
}

function loadOne(system: System, name: string, host: ModuleHost): ModuleOutcome {
  if (host.isLoaded(name)) return { ok: true }
  if (name.length > LONGEST_REQUEST) return { ok: false, reason: askHost(name) }
  // There is no device of a module's name.
  unless(['ENODEV'], () => system.requestModule(name))
  if (host.isLoaded(name)) return { ok: true }
  const capabilities = capabilitiesOf(system.readFile('/proc/self/status'))
  return {
    ok: false,
    reason: whyMissing(name, { takesModules: exists(system, '/proc/modules'), capabilities }),
  }
}
