/** Why a kernel module is not there, and what to do. Pure. */

export type ModuleOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string }

const CAP_SYS_MODULE = 16
/** The kernel takes a module's name for a network device's, which has no more characters (IFNAMSIZ). */
export const LONGEST_REQUEST = 15
/** The agent itself has no such right. */
const LOADER = 'prepare-node, with SYS_MODULE, starts before each agent'

/** What is known of this process and its kernel. */
export interface ModuleRights {
  /** Whether the kernel takes modules at all. */
  readonly takesModules: boolean
  /** CapEff of /proc/self/status, hexadecimal. */
  readonly capabilities: string
}

/** Of a module whose name is too long to ask the kernel for it. */
export const askHost = (name: string): string => `load it on the host: modprobe ${name}`

/** @param status text of /proc/self/status */
export function capabilitiesOf(status: string): string {
  const line = status.split('\n').find((one) => one.startsWith('CapEff:'))
  return line?.slice(line.indexOf(':') + 1).trim() || '0'
}

export function whyMissing(name: string, { takesModules, capabilities }: ModuleRights): string {
  if (!takesModules) return `this kernel takes no modules and was built without ${name}`
  // Of 64 bits the last 32 can be told without a BigInt.
  const allowed = (Number.parseInt(capabilities.slice(-8), 16) >>> CAP_SYS_MODULE) & 1
  if (!allowed)
    return `load it on the host, modprobe ${name}, or let the init container of podroute.yaml do it: ${LOADER}`
  return `the host has no module ${name} for this kernel, or forbids it: try modprobe ${name} there`
}
