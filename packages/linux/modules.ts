/** Loads kernel modules from the host's files where they can be read; else the kernel starts the host's modprobe, when asked for a network device of that name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hasCode } from './errors.ts'
import { askHost, capabilitiesOf, LONGEST_REQUEST, type ModuleOutcome, whyMissing } from './missing-module.ts'
import { loadFlags, type ModuleHost, moduleFolder, pathsToLoad } from './module-files.ts'
import { AF_INET, close, finitModuleAsync, ioctlAsync, O_RDONLY, open, SOCK_DGRAM, socket } from './sys.ts'

const SIOCGIFFLAGS = 0x8913
/** struct ifreq: a name of 16 bytes, then a union of 24. */
const IFREQ_LENGTH = 40

/**
 * Has the kernel load a module; `reason` says what to do where it cannot. SIOCGIFFLAGS on a device that does not exist makes the
 * kernel call request_module(name) for callers with CAP_SYS_MODULE (net/core/dev_ioctl.c, dev_load), which runs the host's
 * modprobe even when the caller lives in a container.
 * @param name at most 15 characters
 */
export async function loadModule(name: string): Promise<ModuleOutcome> {
  if (isLoaded(name)) return { ok: true }
  if (name.length > LONGEST_REQUEST) return { ok: false, reason: askHost(name) }
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

/** Failures are not reported: the caller checks which modules are loaded afterwards. */
async function loadFiles(names: readonly string[]): Promise<void> {
  for (const path of pathsToLoad(names, release(), HOST)) await loadFile(path).catch(() => undefined)
}

async function loadFile(path: string): Promise<void> {
  const fd = open(path, O_RDONLY)
  try {
    await finitModuleAsync(fd, loadFlags(path))
  } finally {
    close(fd)
  }
}

const HOST: ModuleHost = {
  list(folder) {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  },
  read(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  },
  isLoaded,
}

/** Loaded or built in. */
export function isLoaded(name: string): boolean {
  return existsSync(moduleFolder(name))
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

function reasonFor(name: string): string {
  const capabilities = capabilitiesOf(readFileSync('/proc/self/status', 'utf8'))
  return whyMissing(name, { takesModules: existsSync('/proc/modules'), capabilities })
}
