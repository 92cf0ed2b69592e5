/** Loads kernel modules by our own modprobe where there is one; else the kernel starts the host's, when asked for a network device of that name. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { hasCode } from './errors.ts'
import { AF_INET, close, ioctlAsync, SOCK_DGRAM, socket } from './sys.ts'

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
 * Has the kernel load several. The kernel starts modprobe twice for each that it is asked for: where we have one, with the host's
 * /lib/modules, it is started once for all of them. What it did not load is asked for one by one; see `loadModule`.
 */
export async function loadModules(names: readonly string[]): Promise<ReadonlyMap<string, ModuleOutcome>> {
  const missing = names.filter((name) => !isLoaded(name))
  if (missing.length > 0 && existsSync(`/lib/modules/${release()}/modules.dep`)) await modprobe(missing)
  const outcomes = new Map<string, ModuleOutcome>()
  for (const name of names) outcomes.set(name, await loadModule(name))
  return outcomes
}

/** Release of the running kernel. In a start-up snapshot `os.release` returns that of the build machine. */
function release(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
}

/** Milliseconds. */
const MODPROBE_TIMEOUT = 30_000

/** Failures are not reported: the caller checks which modules are loaded afterwards. */
function modprobe(names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    execFile('modprobe', ['-a', '-q', ...names], { timeout: MODPROBE_TIMEOUT }, () => resolve())
  })
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
