/** Loads kernel modules from the host's files where they can be read; else the kernel starts the host's modprobe, when asked for a network device of that name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasCode } from './errors.ts'
import { configuredModules, filesToLoad } from './module-files.ts'
import { AF_INET, close, finitModuleAsync, ioctlAsync, O_RDONLY, open, SOCK_DGRAM, socket } from './sys.ts'

const SIOCGIFFLAGS = 0x8913
/** struct ifreq: a name of 16 bytes, then a union of 24. */
const IFREQ_LENGTH = 40
const NAME_LENGTH = 15

export type ModuleOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/**
 * Has the kernel load a module; `reason` says what to do where it cannot. SIOCGIFFLAGS on a device that does not exist makes the
 * kernel call request_module(name) for callers with CAP_SYS_MODULE (net/core/dev_ioctl.c, dev_load), which runs the host's
 * modprobe even when the caller lives in a container.
 * @param name at most 15 characters
 */
export async function loadModule(name: string): Promise<ModuleOutcome> {
  if (isLoaded(name)) return { ok: true }
  if (name.length > NAME_LENGTH) return { ok: false, reason: `load it on the host: modprobe ${name}` }
  await requestModule(name)
  return isLoaded(name) ? { ok: true } : { ok: false, reason: reasonFor(name) }
}

/**
 * Has the kernel load several. The kernel starts modprobe twice for each that it is asked for, 2.5 s for ours where the processor is
 * emulated: with the host's /lib/modules they are loaded here. What is not is asked for one by one; see `loadModule`.
 */
export async function loadModules(names: readonly string[]): Promise<ReadonlyMap<string, ModuleOutcome>> {
  const missing = names.filter((name) => !isLoaded(name))
  if (missing.length > 0) await loadFiles(missing)
  const outcomes = new Map<string, ModuleOutcome>()
  for (const name of names) outcomes.set(name, await loadModule(name))
  return outcomes
}

/** Release of the running kernel. In a start-up snapshot `os.release` returns that of the build machine. */
function release(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
}

const MODULES = '/lib/modules'
/** Where modprobe.d(5) has its lines. In a container the host's /etc is mounted; what a distribution forbids is there. */
const CONFIGURATION = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((at) => `${at}/modprobe.d`)
const MODULE_INIT_COMPRESSED_FILE = 4

/** Failures are not reported: the caller checks which modules are loaded afterwards. */
async function loadFiles(names: readonly string[]): Promise<void> {
  const folder = join(MODULES, release())
  const configuration = [join(folder, 'modules.softdep'), ...CONFIGURATION.flatMap(filesOf)].map(textOf)
  const files = filesToLoad(names, textOf(join(folder, 'modules.dep')), {
    configured: configuredModules(configuration.join('\n')),
    loaded: isLoaded,
  })
  for (const file of files) await loadFile(join(folder, file)).catch(() => undefined)
}

async function loadFile(path: string): Promise<void> {
  const fd = open(path, O_RDONLY)
  try {
    await finitModuleAsync(fd, path.endsWith('.ko') ? 0 : MODULE_INIT_COMPRESSED_FILE)
  } finally {
    close(fd)
  }
}

/** None where there is no such folder. */
function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Empty where it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Loaded or built in. Modules without parameters of their own have no /sys/module entry when they are built in. */
export function isLoaded(name: string): boolean {
  return existsSync(`/sys/module/${name.replaceAll('-', '_')}`)
}

async function requestModule(name: string): Promise<void> {
  const request = new Uint8Array(IFREQ_LENGTH)
  request.set(new TextEncoder().encode(name))
  const fd = socket(AF_INET, SOCK_DGRAM, 0)
  try {
    await ioctlAsync(fd, SIOCGIFFLAGS, request)
  } catch (error) {
    // ENODEV is expected: there is no device of a module's name.
    if (!hasCode(error, 'ENODEV')) throw error
  } finally {
    close(fd)
  }
}

const CAP_SYS_MODULE = 16
/** The agent itself has no such right. */
const LOADER = 'prepare-node, with SYS_MODULE, starts before each agent'

/** What is known of this process and its kernel. */
export interface ModuleRights {
  /** Whether the kernel takes modules at all. */
  readonly takesModules: boolean
  /** CapEff of /proc/self/status, hexadecimal. */
  readonly capabilities: string
}

function reasonFor(name: string): string {
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return whyMissing(name, { takesModules: existsSync('/proc/modules'), capabilities })
}

/** Why a module is not there, and what to do. Pure. */
export function whyMissing(name: string, { takesModules, capabilities }: ModuleRights): string {
  if (!takesModules) return `this kernel takes no modules and was built without ${name}`
  const allowed = (BigInt(`0x${capabilities}`) >> BigInt(CAP_SYS_MODULE)) & 1n
  if (!allowed)
    return `load it on the host, modprobe ${name}, or let the init container of podroute.yaml do it: ${LOADER}`
  return `the host has no module ${name} for this kernel, or forbids it: try modprobe ${name} there`
}
